"""Points of the world from the pixels that several cameras saw them at."""

from collections.abc import Sequence

import numpy as np

from videotracks.geometry.camera import Camera

#: Points solved at a time: what is made of them stays in the cache, and memory does not grow with their number.
_CHUNK = 1 << 13
#: Third singular value beside the first: below it the rays are one line, and do not say where on it the point lies.
_ONE_LINE = 1e-9


def triangulate(
    cameras: Sequence[Camera], pixels: np.ndarray, visible: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """The points f8[N, 3] m that V cameras see at ``pixels`` [V, N, 2] where ``visible`` bool[V, N].

    ``weights`` [V, N], 0 and more, say how much each sight counts; without them all count alike. NaN pixels are not
    seen. NaN where fewer than two views see the point, or all along one line. Linear (DLT; Hartley and Zisserman,
    Multiple View Geometry, 12.2), on rays without distortion: exact for exact pixels, a start for ``refine`` else.
    """
    strengths = _strengths(cameras, pixels, visible, weights)
    made = np.full((pixels.shape[1], 3), np.nan)
    settled = np.flatnonzero((strengths > 0).sum(axis=0) >= 2)
    for start in range(0, len(settled), _CHUNK):
        rows = settled[start : start + _CHUNK]
        made[rows] = _solve(cameras, pixels[:, rows], strengths[:, rows])
    return made


def refine(
    cameras: Sequence[Camera],
    points: np.ndarray,
    pixels: np.ndarray,
    visible: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    steps: int = 3,
) -> np.ndarray:
    """``points`` f8[N, 3] moved to where the (weighted) squares of the reprojection errors are least; f8[N, 3].

    Gauss–Newton with distortion; a step that makes a point worse, or leads behind a camera, is not taken. The other
    arguments are those of ``triangulate``.
    """
    strengths = _strengths(cameras, pixels, visible, weights)
    made, whole = points.astype("f8"), np.flatnonzero(np.isfinite(points).all(axis=-1))
    for start in range(0, len(whole), _CHUNK):
        rows = whole[start : start + _CHUNK]
        made[rows] = _descend(cameras, made[rows], pixels[:, rows], strengths[:, rows], steps)
    return made


def reprojection_errors(
    cameras: Sequence[Camera], points: np.ndarray, pixels: np.ndarray, visible: np.ndarray
) -> np.ndarray:
    """Distance in px between ``points`` f8[N, 3] and the ``pixels`` [V, N, 2] that the cameras saw, f8[V, N].

    NaN where a view did not see the point (``visible`` bool[V, N]), infinite where its camera could not have: the
    point is behind it or too far aside.
    """
    errors = np.full(visible.shape, np.nan)
    for camera, here, seen, error in zip(cameras, pixels, visible, errors, strict=True):
        distance = np.linalg.norm(camera.project(points[seen])[0] - here[seen], axis=-1)
        error[seen] = np.where(np.isfinite(distance), distance, np.inf)
    return errors


def _strengths(
    cameras: Sequence[Camera], pixels: np.ndarray, visible: np.ndarray, weights: np.ndarray | None
) -> np.ndarray:
    """How much each sight counts, f8[V, N]; 0 where there is none."""
    if pixels.shape != (*visible.shape, 2) or visible.ndim != 2 or len(cameras) != len(visible):
        raise ValueError(
            f"{len(cameras)} cameras, pixels {pixels.shape}, visible {visible.shape}: [V, N, 2] and [V, N]"
        )
    if weights is not None and (weights.shape != visible.shape or not (weights >= 0).all()):
        raise ValueError(f"weights {weights.shape}: expected {visible.shape}, all 0 and more")
    seen = visible & np.isfinite(pixels).all(axis=-1)
    return seen.astype("f8") if weights is None else np.where(seen, weights, 0.0)


def _solve(cameras: Sequence[Camera], pixels: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """The null vectors of the equations, in coordinates around the cameras and as large as they stand apart."""
    centers = np.array([camera.center for camera in cameras])
    origin, scale = centers.mean(axis=0), np.ptp(centers, axis=0).max() or 1.0
    rows = np.zeros((pixels.shape[1], 2 * len(cameras), 4))
    for view, camera in enumerate(cameras):
        ahead = np.column_stack([camera.R, (camera.R @ origin + camera.t) / scale])
        rays = camera.undistort(pixels[view])
        seen = (strengths[view] > 0) & np.isfinite(rays).all(axis=-1)
        # Divided by the length of the ray, so that a sight at the edge of the picture does not count for more.
        share = np.sqrt(strengths[view, seen]) / np.sqrt(1 + (rays[seen] ** 2).sum(axis=-1))
        equations = rays[seen, :, None] * ahead[2] - ahead[:2]
        rows[seen, 2 * view : 2 * view + 2] = share[:, None, None] * equations
    _, singular, right = np.linalg.svd(rows, full_matrices=False)
    null = right[:, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        points = origin + scale * null[:, :3] / null[:, 3:]
    points[~((singular[:, 2] > _ONE_LINE * singular[:, 0]) & np.isfinite(points).all(axis=-1))] = np.nan
    return points


def _descend(
    cameras: Sequence[Camera], points: np.ndarray, pixels: np.ndarray, strengths: np.ndarray, steps: int
) -> np.ndarray:
    cost, at = _cost(cameras, points, pixels, strengths), np.arange(len(points))
    for _ in range(steps):
        moved = points[at] + _step(cameras, points[at], pixels[:, at], strengths[:, at])
        new = _cost(cameras, moved, pixels[:, at], strengths[:, at])
        better = new < cost
        at, cost = at[better], new[better]
        points[at] = moved[better]
    return points


def _cost(cameras: Sequence[Camera], points: np.ndarray, pixels: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """The weighted sum of squared reprojection errors, f8[N] px²."""
    squares = reprojection_errors(cameras, points, pixels, strengths > 0) ** 2
    return np.where(strengths > 0, strengths * squares, 0).sum(axis=0)


def _step(cameras: Sequence[Camera], points: np.ndarray, pixels: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """The step of Gauss and Newton, f8[N, 3] m; none where the views do not settle it."""
    left, right = np.zeros((len(points), 3, 3)), np.zeros((len(points), 3))
    for camera, here, strength in zip(cameras, pixels, strengths, strict=True):
        seen = np.flatnonzero(strength > 0)
        off = here[seen] - camera.project(points[seen])[0]
        jacobian = camera.projection_jacobian(points[seen])
        scaled = jacobian * strength[seen, None, None]
        left[seen] += np.swapaxes(scaled, -1, -2) @ jacobian
        right[seen] += (np.swapaxes(scaled, -1, -2) @ off[..., None])[..., 0]
    settled = np.isfinite(left).all(axis=(-1, -2)) & (np.linalg.matrix_rank(np.nan_to_num(left), hermitian=True) == 3)
    step = np.zeros_like(points)
    step[settled] = np.linalg.solve(left[settled], right[settled][..., None])[..., 0]
    return step
