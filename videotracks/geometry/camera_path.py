"""A camera that moves: where it stands in each frame, behind what a camera at rest offers, too."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from videotracks.errors import CalibrationError
from videotracks.geometry.camera import Camera
from videotracks.geometry.rotation import are_rotations


@dataclass(frozen=True, slots=True, eq=False)
class CameraPath:
    """A calibrated camera with a pose per frame; ``at(frame)`` is the camera of a frame, as of one at rest.

    ``lens`` says all that does not change; its own pose counts for nothing. ``turns`` f8[T, 3, 3] and ``shifts``
    f8[T, 3] m lead from the world to the camera. ``CalibrationError`` names the frame whose pose is none.
    """

    lens: Camera
    turns: np.ndarray
    shifts: np.ndarray

    def __post_init__(self) -> None:
        turns, shifts = np.array(self.turns, "f8"), np.array(self.shifts, "f8")
        if shifts.shape != (len(turns), 3) or turns.shape != (len(turns), 3, 3) or not len(turns):
            raise CalibrationError(f"poses: shapes {turns.shape} and {shifts.shape}, expected [T, 3, 3] and [T, 3]")
        wrong = ~(np.isfinite(turns).all(axis=(1, 2)) & np.isfinite(shifts).all(axis=1))
        wrong |= ~are_rotations(np.nan_to_num(turns))
        if wrong.any():
            frame = int(wrong.argmax())
            raise CalibrationError(f"{self.camera_id}, frame {frame}: no pose: {turns[frame]}, {shifts[frame]}")
        for name, values in (("turns", turns), ("shifts", shifts)):
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    @property
    def camera_id(self) -> str:
        """The name of the view."""
        return self.lens.camera_id

    @property
    def width(self) -> int:
        """Of the picture, px."""
        return self.lens.width

    @property
    def height(self) -> int:
        """Of the picture, px."""
        return self.lens.height

    @property
    def frame_count(self) -> int:
        """How many frames have a pose."""
        return len(self.turns)

    @property
    def extrinsics(self) -> np.ndarray:
        """[R | t] of each frame from the world to the camera, f8[T, 3, 4]."""
        return np.concatenate([self.turns, self.shifts[:, :, None]], axis=2)

    def at(self, frame: int) -> Camera:
        """The camera of a frame; ``IndexError`` beyond the last."""
        if not 0 <= frame < len(self.turns):
            raise IndexError(f"{self.camera_id}: frame {frame} of {len(self.turns)} with a pose")
        return dataclasses.replace(self.lens, R=self.turns[frame], t=self.shifts[frame])

    def every(self, stride: int, frames: int) -> "CameraPath":
        """The path through ``frames`` frames, each ``stride``-th of this one."""
        chosen = slice(0, (frames - 1) * stride + 1, stride)
        return CameraPath(self.lens, self.turns[chosen], self.shifts[chosen])


#: A calibrated view: a camera at rest, or one that moves. Both have an id, a size and ``at(frame)``.
ViewCamera = Camera | CameraPath


def project_through(camera: ViewCamera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``Camera.project`` of f8[T, N, 3] m, the points of each frame by its own pose: f8[T, N, 2] px, f8[T, N] m."""
    if not isinstance(camera, CameraPath):
        return camera.project(points)
    pixels, depths = np.empty((*points.shape[:2], 2)), np.empty(points.shape[:2])
    for frame, here in enumerate(points):
        pixels[frame], depths[frame] = camera.at(frame).project(here)
    return pixels, depths


def as_seen(camera: ViewCamera, lens: Camera) -> ViewCamera:
    """The same poses behind another lens: that of smaller pictures, say."""
    return CameraPath(lens, camera.turns, camera.shifts) if isinstance(camera, CameraPath) else lens
