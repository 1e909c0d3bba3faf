"""A camera, tracks before it, and plain frames, for tests of what is drawn."""

import numpy as np

from tests.points.track_examples import tracks_of
from videotracks.geometry.camera import Camera
from videotracks.points.tracks import PointTracks

WIDTH, HEIGHT, GREY = 160, 120, 100


def camera(camera_id: str = "cam_00", **others) -> Camera:
    """At the origin, looking along z; a point (x, y, 1) is at pixel (80 + 100 x, 60 + 100 y)."""
    content = {
        "camera_id": camera_id,
        "width": WIDTH,
        "height": HEIGHT,
        "K": np.array([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]]),
        "distortion": np.zeros(0),
        "fisheye": False,
        "R": np.eye(3),
        "t": np.zeros(3),
    }
    return Camera(**{**content, **others})


def at_pixels(pixels, **others) -> PointTracks:
    """Tracks that the camera sees at ``pixels`` [T, N, 2], 1 m before it; all asked for in frame 0 at their place."""
    pixels = np.asarray(pixels, "f8")
    points = np.concatenate([(pixels - [80, 60]) / 100, np.ones((*pixels.shape[:2], 1))], axis=2)
    asked = np.column_stack([np.zeros(pixels.shape[1]), points[0]]).astype("f4")
    return tracks_of(points, **{"views": 1, "query_points": asked, **others})


def moving_right(frames: int, step_px: float = 6.0, rows=(60.0,), left: float = 20.0, **others) -> PointTracks:
    """One track per row, that moves to the right."""
    x = left + step_px * np.arange(frames)
    return at_pixels(np.stack([np.column_stack([x, np.full(frames, y)]) for y in rows], axis=1), **others)


def grey(count: int) -> list[np.ndarray]:
    """Frames u8[H, W, 3] of one grey."""
    return [np.full((HEIGHT, WIDTH, 3), GREY, np.uint8) for _ in range(count)]


class GreyViews:
    """Views of plain frames that note which were asked for."""

    def __init__(self, cameras, frame_count: int, fps: float = 30.0) -> None:
        self.cameras, self.frame_count, self.fps = cameras, frame_count, fps
        self.asked: list[tuple[int, int]] = []

    def camera(self, view: int, t: int) -> Camera:
        return self.cameras[view]

    def rgb(self, view: int, t: int) -> np.ndarray:
        self.asked.append((view, t))
        camera = self.cameras[view]
        return np.full((camera.height, camera.width, 3), GREY, np.uint8)

    def depth(self, view: int, t: int) -> None:
        return None
