"""Points held against what each view saw of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath, ViewCamera
from videotracks.geometry.triangulation import refine, reprojection_errors, triangulate


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Where V views saw the points: ``pixels`` f4[V, T, N, 2], ``visible`` bool[V, T, N]; else ``ValueError``."""

    pixels: np.ndarray
    visible: np.ndarray

    def __post_init__(self) -> None:
        if self.visible.ndim != 3 or self.pixels.shape != (*self.visible.shape, 2) or self.visible.dtype != bool:
            raise ValueError(
                f"observations: pixels {self.pixels.shape}, visible {self.visible.dtype} {self.visible.shape}; "
                "[V, T, N, 2] and bool [V, T, N] are expected"
            )


class Reprojected(NamedTuple):
    """What is left of points after a look at every view."""

    points: np.ndarray  # f64[T, N, 3], some triangulated anew
    masked: np.ndarray  # bool[T, N] contradicted by too many views
    triangulated: np.ndarray  # bool[T, N] moved, because one view contradicted the others


def check_against_views(
    points: np.ndarray, visible: np.ndarray, cameras: Sequence[ViewCamera], observed: Observations, most_px: float
) -> Reprojected:
    """Mask the visible ``points`` [T, N, 3] that lie more than ``most_px`` from where views saw them.

    Before that, the view that contradicts most is left out and the point triangulated from the others, again and again
    while two are left. Points that no view claims to have seen are not judged.
    """
    spans = each_placed(cameras, len(points))
    parts = [
        _check(
            points[span],
            visible[span],
            placed,
            Observations(observed.pixels[:, span], observed.visible[:, span]),
            most_px,
        )
        for span, placed in spans
    ]
    return Reprojected(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def each_placed(cameras: Sequence[ViewCamera], frames: int) -> list[tuple[slice, list[Camera]]]:
    """Spans of frames through which no camera moves, and the cameras as they stand there: all, or each frame alone."""
    if not any(isinstance(camera, CameraPath) for camera in cameras):
        return [(slice(0, frames), [camera.at(0) for camera in cameras])]
    return [(slice(t, t + 1), [camera.at(t) for camera in cameras]) for t in range(max(frames, 1))]


def _check(
    points: np.ndarray, visible: np.ndarray, cameras: Sequence[Camera], observed: Observations, most_px: float
) -> Reprojected:
    frames, tracks = np.nonzero(visible)
    rows = points[frames, tracks].astype("f8")
    pixels, used = observed.pixels[:, frames, tracks].astype("f8"), observed.visible[:, frames, tracks].copy()
    used &= np.isfinite(pixels).all(axis=-1)
    masked, moved = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    open_rows = np.arange(len(rows))
    while len(open_rows):
        errors = reprojection_errors(cameras, rows[open_rows], pixels[:, open_rows], used[:, open_rows])
        errors = np.where(np.isnan(errors), -1, errors)
        bad = errors.max(axis=0) > most_px
        open_rows, errors = open_rows[bad], errors[:, bad]
        used[errors.argmax(axis=0), open_rows] = False
        lost = used[:, open_rows].sum(axis=0) < 2
        masked[open_rows[lost]] = True
        open_rows = open_rows[~lost]
        moved[open_rows] = True
        seen_at = pixels[:, open_rows], used[:, open_rows]
        rows[open_rows] = refine(cameras, triangulate(cameras, *seen_at), *seen_at)
    made = Reprojected(points.astype("f8"), np.zeros(visible.shape, bool), np.zeros(visible.shape, bool))
    made.masked[frames, tracks], made.triangulated[frames, tracks] = masked, moved & ~masked
    made.points[frames[moved & ~masked], tracks[moved & ~masked]] = rows[moved & ~masked]
    return made
