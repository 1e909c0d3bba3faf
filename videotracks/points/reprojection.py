"""Points held against what each view saw of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

#: Triangulation is linear; weighing its equations by the depth of the solution before makes it one of pixels
#: (Hartley and Sturm 1997). Twice is enough.
_REWEIGHTED = 2


class CameraModel(Protocol):
    """What is asked of a camera: ``videotracks.geometry`` has such."""

    camera_id: str
    R: np.ndarray
    t: np.ndarray

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points f8[N, 3] to pixels f8[N, 2] and depths f8[N]."""

    def undistort(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels f8[N, 2] to normalised image coordinates f8[N, 2]."""


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


def reprojection_errors(
    cameras: Sequence[CameraModel], points: np.ndarray, pixels: np.ndarray, visible: np.ndarray
) -> np.ndarray:
    """Distance in px between ``points`` f8[M, 3] and the ``pixels`` [V, M, 2] that the cameras saw, f64[V, M].

    NaN where a view did not see the point (``visible`` bool[V, M]), infinite where it lies behind the camera.
    """
    errors = np.full(visible.shape, np.nan)
    for camera, seen, here, error in zip(cameras, visible, pixels, errors, strict=True):
        if seen.any():
            projected, depth = camera.project(points[seen])
            distance = np.linalg.norm(projected - here[seen], axis=1)
            error[seen] = np.where((depth > 0) & np.isfinite(distance), distance, np.inf)
    return errors


def check_against_views(
    points: np.ndarray, visible: np.ndarray, cameras: Sequence[CameraModel], observed: Observations, most_px: float
) -> Reprojected:
    """Mask the visible ``points`` [T, N, 3] that lie more than ``most_px`` from where views saw them.

    Before that, the view that contradicts most is left out and the point triangulated from the others, again and again
    while two are left. Points that no view claims to have seen are not judged.
    """
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
        rows[open_rows] = triangulated(cameras, rows[open_rows], pixels[:, open_rows], used[:, open_rows])
    made = Reprojected(points.astype("f8"), np.zeros(visible.shape, bool), np.zeros(visible.shape, bool))
    made.masked[frames, tracks], made.triangulated[frames, tracks] = masked, moved & ~masked
    made.points[frames[moved & ~masked], tracks[moved & ~masked]] = rows[moved & ~masked]
    return made


def triangulated(cameras: Sequence[CameraModel], near: np.ndarray, pixels: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The points f64[M, 3] that the views ``used`` bool[V, M] see at ``pixels`` [V, M, 2]; two views each, or more.

    ``near`` f64[M, 3] only weighs the equations and sets the origin. What rays do not settle is NaN.
    """
    points, rays = near.copy(), [camera.undistort(seen) for camera, seen in zip(cameras, pixels, strict=True)]
    for _ in range(1 + _REWEIGHTED):
        left, right = np.zeros((len(points), 3, 3)), np.zeros((len(points), 3))
        for camera, ray, use in zip(cameras, rays, used, strict=True):
            local = points @ camera.R.T + camera.t
            weight = use / np.maximum(np.abs(local[:, 2]), np.finfo("f4").eps)
            for axis in range(2):
                row = ray[:, axis : axis + 1] * camera.R[2] - camera.R[axis]
                off = local[:, axis] - ray[:, axis] * local[:, 2]  # what a step must take away
                row, off = row * weight[:, None], off * weight
                left += row[:, :, None] * row[:, None]
                right += row * off[:, None]
        settled = np.abs(np.linalg.det(left)) > np.finfo("f8").tiny
        left[~settled] = np.eye(3)
        points = points + np.linalg.solve(left, right[..., None])[..., 0]
        points[~settled] = np.nan
    return points
