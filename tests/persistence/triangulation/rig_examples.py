"""Things that walk before the cameras of the demonstration rig, and what the views see of them."""

from collections.abc import Sequence

import numpy as np

from videotracks.demo.rig import rig_cameras
from videotracks.geometry.camera import Camera
from videotracks.persistence.crop_tracks import CROP_PX, CropTrack

SIZE = (640, 360)


def cameras(views: int = 3) -> list[Camera]:
    return rig_cameras(views, SIZE)


def way(start: Sequence[float], step: Sequence[float], frames: int = 12) -> np.ndarray:
    """A straight way f8[frames, 3] m."""
    return np.array(start) + np.arange(frames)[:, None] * np.array(step)


#: Two people who pass each other before the rig, and where they are in its world, m.
LEFT = way((-0.8, 8.0, 0.9), (0.12, 0.0, 0.0))
RIGHT = way((0.8, 8.7, 0.9), (-0.12, 0.0, 0.0))


def boxes(camera: Camera, places: np.ndarray, height_m: float = 1.7) -> np.ndarray:
    """Boxes f8[F, 4] px whose middles are exactly where a camera sees ``places``."""
    pixels, depths = camera.project(places)
    half = camera.K[1, 1] * height_m / depths[:, None] * np.array([0.2, 0.5])
    return np.concatenate([pixels - half, pixels + half], axis=1) + 0.5


def track(
    track_id: int, view: int, camera: Camera, places: np.ndarray, frames: slice = slice(None), height_m: float = 1.7
) -> CropTrack:
    numbers = np.arange(len(places))[frames]
    return CropTrack(
        track_id,
        view,
        numbers,
        boxes(camera, places, height_m)[frames].astype("f4"),
        np.ones(len(numbers), "f4"),
        np.zeros((len(numbers), CROP_PX, CROP_PX, 3), "u1"),
    )
