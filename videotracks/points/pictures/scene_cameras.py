"""The cameras of a Rerun scene, and their pictures."""

from typing import TYPE_CHECKING

import numpy as np

from videotracks.errors import RecordingError
from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath, ViewCamera
from videotracks.geometry.rotation import nearest_rotation
from videotracks.points.tracks import PointTracks

if TYPE_CHECKING:
    import rerun as rr


def tracks_cameras(tracks: PointTracks) -> list[ViewCamera]:
    """The cameras that a file of tracks knows of: without distortion, of the size that their centre suggests.

    Of lenses that zoom, what they were in the first frame.
    """
    intrs = tracks.intrs[:, 0] if tracks.intrs.ndim == 4 else tracks.intrs
    cameras: list[ViewCamera] = []
    for camera_id, intr, extr in zip(tracks.camera_ids, intrs.astype("f8"), tracks.extrs.astype("f8"), strict=True):
        width, height = (max(1, round(2 * centre + 1)) for centre in intr[:2, 2].tolist())
        poses = extr.reshape(-1, 3, 4)
        turns = np.array([nearest_rotation(pose[:, :3]) for pose in poses])  # single precision has bent them
        camera = Camera(camera_id, width, height, intr, np.zeros(0), False, turns[0], poses[0, :, 3])
        cameras.append(CameraPath(camera, turns, poses[:, :, 3]) if extr.ndim == 3 else camera)
    return cameras


class ScenePicture:
    """How a camera's pictures get into the scene: smaller, without distortion, as JPEG."""

    def __init__(self, camera: Camera, width_px: int) -> None:
        scale = min(1.0, width_px / camera.width)
        self.width = max(1, round(camera.width * scale))
        self.height = max(1, round(camera.height * scale))
        self._camera, self._maps = camera, None
        # The centre of the first pixel is (0, 0), also in the smaller picture.
        sx, sy = self.width / camera.width, self.height / camera.height
        self.K = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]]) @ camera.K
        if np.any(camera.distortion):
            self._maps = self._undistortion()

    def _undistortion(self) -> tuple[np.ndarray, np.ndarray]:
        import cv2

        make = cv2.fisheye.initUndistortRectifyMap if self._camera.fisheye else cv2.initUndistortRectifyMap
        size = (self.width, self.height)
        return make(self.K, self._camera.distortion, np.eye(3), self.K, size, cv2.CV_16SC2)

    def pinhole(self, depth_m: float) -> "rr.Pinhole":
        """The camera without distortion; its picture hangs ``depth_m`` before it. Rerun's pixels begin at (0, 0)."""
        import rerun as rr

        matrix = self.K + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
        size = [self.width, self.height]
        return rr.Pinhole(
            image_from_camera=matrix, resolution=size, camera_xyz=rr.ViewCoordinates.RDF, image_plane_distance=depth_m
        )

    def pose(self) -> "rr.Transform3D":
        """From the camera to the world."""
        import rerun as rr

        return rr.Transform3D(translation=self._camera.center, mat3x3=self._camera.R.T)

    def jpeg(self, rgb: np.ndarray, quality: int) -> bytes:
        """A frame u8[H, W, 3] of the camera's size; ``RecordingError`` for any other."""
        import cv2

        expected = (self._camera.height, self._camera.width, 3)
        if rgb.shape != expected or rgb.dtype != np.uint8:
            raise RecordingError(
                f"view {self._camera.camera_id}: a frame is {rgb.dtype}{list(rgb.shape)}; the camera's "
                f"u8{list(expected)} expected; correct its size or scale its calibration"
            )
        small = cv2.resize(rgb, (self.width, self.height), interpolation=cv2.INTER_AREA)
        if self._maps is not None:
            small = cv2.remap(small, *self._maps, cv2.INTER_LINEAR)
        made, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not made:
            raise RecordingError(f"a picture of {self.width}×{self.height} px cannot be encoded as JPEG")
        return data.tobytes()


def shown_frames(frame_count: int, views: int, every: int, most: int) -> range:
    """Frames whose pictures are shown: one of ``every``, or fewer: ``most`` in all, but one of each view."""
    of_each = max(1, most // max(views, 1))
    return range(0, frame_count, max(every, -(-frame_count // of_each)))
