"""Which way is up in a world that nobody described: what a picture of a scene needs to be the right way round."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath, ViewCamera

AXES = "xyz"
#: Places of one camera that moves.
_MOST_STATIONS = 200


class Up(NamedTuple):
    """The axis of the world that points up: 0, 1, 2 for x, y, z; ``sign`` +1 or -1."""

    axis: int
    sign: int

    def __str__(self) -> str:
        return f"{'+' if self.sign > 0 else '-'}{AXES[self.axis]}"

    @property
    def ground(self) -> tuple[int, int]:
        """The two axes of the ground."""
        first, second = (axis for axis in range(3) if axis != self.axis)
        return first, second


def stations(cameras: Iterable[ViewCamera]) -> list[Camera]:
    """Where the cameras stand: those that move in some of their frames, the first and the last among them."""
    placed: list[Camera] = []
    for camera in cameras:
        frames = camera.frame_count if isinstance(camera, CameraPath) else 1
        chosen = np.unique(np.linspace(0, frames - 1, min(frames, _MOST_STATIONS)).round().astype("i8"))
        placed += [camera.at(frame) for frame in chosen.tolist()]
    return placed


def guess_up(cameras: Iterable[Camera]) -> Up:
    """The axis closest to where the cameras, taken together, have their upper edge: people hold cameras upright.

    Without any camera, z. Cameras that look straight down, or lie on their side, mislead it: say that it is a guess.
    """
    mean = -np.sum([camera.R[1] for camera in cameras] or [[0.0, 0.0, -1.0]], axis=0)
    axis = int(np.argmax(np.abs(mean)))
    return Up(axis, 1 if mean[axis] >= 0 else -1)
