"""A real armchair, from five places in a room (RGB-D, hand-held), whose poses are good to some 5 cm."""

import numpy as np
import pytest

from videotracks.geometry.camera import Camera
from videotracks.points.instances.finding import InstanceSettings, find_instances
from videotracks.points.instances.queries import QuerySettings, query_points

#: A pixel of its back in each view; its depth within 0.45 m, above the legs, is the chair.
BACK = [(163, 204), (400, 200), (373, 195), (335, 200), (363, 200)]
ABOVE_LEGS = [215, 230, 255, 270, 270]
K = np.array([[518, 0, 325.5], [0, 519, 253.5], [0, 0, 1.0]])


class Room:
    """The five pictures as views of one moment, and the masks of the chair, whose id differs in each."""

    frame_count, fps, names_shared = 1, 30.0, False

    def __init__(self, folder):
        import cv2
        from scipy.ndimage import label
        from scipy.spatial.transform import Rotation

        self.cameras, self.pictures, self.depths, self.chairs = [], [], [], []
        for number, pose in enumerate(np.loadtxt(folder / "pose.txt"), 1):
            turn = Rotation.from_quat(pose[3:]).as_matrix().T
            camera = Camera(f"cam_{number:02}", 640, 480, K, np.zeros(0), False, turn, -turn @ pose[:3])
            self.cameras.append(camera)
            self.pictures.append(cv2.imread(str(folder / "color" / f"{number}.png"), cv2.IMREAD_COLOR_RGB))
            depth = cv2.imread(str(folder / "depth" / f"{number}.pgm"), cv2.IMREAD_UNCHANGED).astype("f4") / 1000
            x, y = BACK[number - 1]
            near = (np.abs(depth - depth[y, x]) < 0.45) & (depth > 0)
            near[ABOVE_LEGS[number - 1] :] = False
            parts, _ = label(near)
            self.depths.append(depth)
            self.chairs.append(parts == parts[y, x])

    def camera(self, view, t):
        return self.cameras[view]

    def rgb(self, view, t):
        return self.pictures[view]

    def depth(self, view, t):
        return self.depths[view]

    def frames(self, view):
        return [0]

    def mask(self, view, frame):
        return {5 + view: self.chairs[view]}


@pytest.mark.testdata
def test_a_chair_in_five_views_is_one_instance_and_its_points_lie_on_it_in_all(testdata):
    room = Room(testdata / "rgbd")
    found = find_instances(room, room, InstanceSettings())
    assert [one.object_ids[:, 0].tolist() for one in found] == [[5, 6, 7, 8, 9]]
    queries = query_points(room, room, found[0], QuerySettings())
    assert queries.method == "depth"
    assert len(queries.points) == 1000
    for view, camera in enumerate(room.cameras):
        pixels, _ = camera.project(queries.points[queries.views == view, 1:].astype("f8"))
        x, y = np.rint(pixels).astype(int).T
        assert room.chairs[view][y, x].all()
    neighbours = queries.points[queries.views == 3, 1:].astype("f8")
    x, y = np.rint(room.cameras[4].project(neighbours)[0]).astype(int).T
    assert room.chairs[4][y.clip(0, 479), x.clip(0, 639)].mean() > 0.85
