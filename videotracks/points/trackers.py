"""What a point tracker is: it follows points of the world through synchronised, calibrated views."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath, ViewCamera
from videotracks.progress import Progress, silent


class Views(Protocol):
    """Synchronised frames of calibrated views, and their depth, at the size that is tracked.

    Frame ``t`` of every view is the same moment. A frame may be asked for in any order, and costs a disk read at
    most; memory does not grow with the number of frames.
    """

    @property
    def cameras(self) -> Sequence[Camera]:
        """The cameras, their intrinsics at the size of the frames given here; where they are in the first frame."""

    def camera(self, view: int, t: int) -> Camera:
        """Where a view's camera is in a frame: one of ``cameras`` itself, unless it moves."""

    @property
    def frame_count(self) -> int:
        """How many frames each view has."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    def rgb(self, view: int, t: int) -> np.ndarray:
        """A frame, RGB u8[H, W, 3]; read-only."""

    def depth(self, view: int, t: int) -> np.ndarray | None:
        """Its depth in metres along the camera's axis, f32[H, W], 0 or NaN where unknown; None without any."""


def cameras_of(views: Views, t: int) -> list[Camera]:
    """The cameras of all views as they stand in a frame."""
    return [views.camera(view, t) for view in range(len(views.cameras))]


def paths_of(views: Views) -> list[ViewCamera]:
    """The cameras of all views through all frames."""
    paths: list[ViewCamera] = []
    for view, first in enumerate(views.cameras):
        through = [views.camera(view, t) for t in range(views.frame_count)]
        still = all(camera is first for camera in through)
        poses = [np.array([getattr(camera, name) for camera in through]) for name in ("R", "t")]
        paths.append(first if still else CameraPath(first, *poses))
    return paths


class Tracked(NamedTuple):
    """Points followed through all frames."""

    tracks: np.ndarray  # f32[T, N, 3] world metres; NaN where nothing is known
    visibilities: np.ndarray  # f32[T, N], 0 to 1; visible when above 0.5


class PointTracker(Protocol):
    """A model that follows points."""

    name: str

    def provenance(self) -> dict[str, str]:
        """What runs: backend, weights and their hash, device."""

    def track(self, views: Views, query_points: np.ndarray, progress: Progress = silent) -> Tracked:
        """Follow ``query_points`` f32[N, 4] = (t, x, y, z), frame and world metres, forward and backward in time.

        N may be 0. ``progress`` counts frames. ``ModelError`` where the model cannot take this input.
        """
