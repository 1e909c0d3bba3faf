"""One point of the world from what several views say of it: rays that cross, depths, and how sure each view is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.points.flow.settings import FlowTrackerSettings

#: Pixels: the standard deviation of a point that is followed.
PIXEL_NOISE = 0.5
#: Metres: depth is never better than this.
LEAST_DEPTH_NOISE_M = 0.002


class Fused(NamedTuple):
    """N points as the views see them together."""

    points: np.ndarray  # f8[N, 3] metres, NaN where no view sees them
    settled: np.ndarray  # bool[N]: depth or a second view says how far away they are; else the prediction does
    used: np.ndarray  # bool[V, N]: the views that agree


class Fusion:
    """The cameras, and how far their views may be apart."""

    def __init__(self, cameras: Sequence[Camera], settings: FlowTrackerSettings) -> None:
        self._settings = settings
        self._focal = np.array([np.sqrt(camera.K[0, 0] * camera.K[1, 1]) for camera in cameras])
        self.place(cameras)

    def place(self, cameras: Sequence[Camera]) -> None:
        """The same cameras, where they stand in another frame."""
        self._turns = np.ascontiguousarray([camera.R for camera in cameras])
        self._shifts = np.ascontiguousarray([camera.t for camera in cameras])

    def fuse(self, rays: np.ndarray, depths: np.ndarray, confidence: np.ndarray, expected: np.ndarray) -> Fused:
        """The points that V views see along ``rays`` f8[V, N, 2] (at depth 1), in ``depths`` f8[V, N] m or NaN.

        Least squares of the errors in the picture and of those in depth, each by its variance and the ``confidence``
        f8[V, N], 0 where a view does not see the point, from ``expected`` f8[N, 3] on (NaN: from a view's own depth).
        While a view is further off than the settings allow, the worst one is left out.
        """
        from videotracks.points.flow.fusion_kernels import PRIOR_M, fuse

        weights = np.ascontiguousarray(confidence * (self._focal[:, None] / PIXEL_NOISE) ** 2)
        noise = np.fmax(self._settings.depth_noise_relative * depths, LEAST_DEPTH_NOISE_M)
        depth_weights = np.ascontiguousarray(np.where(np.isfinite(depths), confidence / noise**2, 0))
        limits = np.ascontiguousarray(self._settings.depth_m + self._settings.depth_relative * np.nan_to_num(depths))
        count = weights.shape[1]
        points, settled, errors = np.empty((count, 3)), np.zeros(count, bool), np.zeros_like(weights)
        fuse(
            np.ascontiguousarray(rays),
            np.ascontiguousarray(np.nan_to_num(depths)),
            weights,
            depth_weights,
            limits,
            self._turns,
            self._shifts,
            self._settings.reprojection_px / self._focal,
            1 / PRIOR_M**2,
            np.ascontiguousarray(expected),
            points,
            settled,
            errors,
        )
        return Fused(points, settled, weights > 0)
