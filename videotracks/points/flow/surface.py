"""What the depth map of a frame says of the pixels that are followed in it."""

from functools import cached_property

import numpy as np

from videotracks.errors import ModelError
from videotracks.geometry.camera import Camera
from videotracks.points.flow.settings import FlowTrackerSettings

#: Pixels around a point in which a nearer surface takes over what Lucas–Kanade follows: half of its window.
SHADOW_PX = 6
#: Share of the depth from which a nearer surface is another one, and not the same one seen aslant.
SHADOW_STEP = 0.08


class Surface:
    """The depth map f32[H, W] m of a frame, at its own resolution; 0 and NaN are unknown. None: no depth at all."""

    def __init__(self, camera: Camera, depth: np.ndarray | None, settings: FlowTrackerSettings) -> None:
        if depth is not None and min(depth.shape) < 2:
            raise ModelError(f"view {camera.camera_id}: a depth map of {depth.shape} cells; 2 each way at least")
        self._camera, self._depth, self._settings = camera, depth, settings

    @property
    def known(self) -> bool:
        """Whether there is a depth map."""
        return self._depth is not None

    def measure(self, at: np.ndarray, expected: np.ndarray, slack: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """The surface at pixels ``at`` f4[M, 2], f8[M] m or NaN, and whether it is where it is ``expected`` f8[M].

        Of the four cells around a pixel those are averaged that lie on one surface with the one nearest to what is
        expected: at the edge of an object the others are the background's. Where depth or expectation is unknown,
        there is nothing to disagree with.
        """
        unknown = np.full(len(at), np.nan)
        if self._depth is None:
            return unknown, np.ones(len(at), bool)
        height, width = self._depth.shape
        x = np.clip((np.nan_to_num(at[:, 0]) + 0.5) * (width / self._camera.width) - 0.5, 0, width - 1)
        y = np.clip((np.nan_to_num(at[:, 1]) + 0.5) * (height / self._camera.height) - 0.5, 0, height - 1)
        left, top = np.minimum(x.astype("i8"), width - 2), np.minimum(y.astype("i8"), height - 2)
        right, down = x - left, y - top
        cells = self._depth[top[:, None] + [0, 0, 1, 1], left[:, None] + [0, 1, 0, 1]].astype("f8")
        shares = np.stack([(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down], axis=1)
        cells[~(cells > 0) | ~np.isfinite(cells)] = np.nan
        off = np.abs(cells - expected[:, None])
        off = np.where(np.isfinite(expected)[:, None], off, -shares)
        nearest = cells[np.arange(len(at)), np.argmin(np.where(np.isfinite(cells), off, np.inf), axis=1)]
        limit = slack * (self._settings.depth_m + self._settings.depth_relative * nearest)
        shares = np.where(np.abs(cells - nearest[:, None]) <= limit[:, None], shares + 1e-9, 0)
        with np.errstate(invalid="ignore"):
            depth = (shares * np.nan_to_num(cells)).sum(axis=1) / shares.sum(axis=1)
        return depth, ~(np.abs(depth - expected) > limit)

    def in_shadow(self, at: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """Whether a surface nearer than ``depths`` f8[M] m begins beside pixels ``at`` f4[M, 2]."""
        if self._depth is None:
            return np.zeros(len(at), bool)
        return depths - self._cells(self._nearest, at) > SHADOW_STEP * depths

    def beside_an_edge(self, at: np.ndarray) -> np.ndarray:
        """Whether two surfaces meet within SHADOW_PX of pixels ``at`` f4[M, 2], bool[M]."""
        if self._depth is None:
            return np.zeros(len(at), bool)
        near, far = self._cells(self._nearest, at), self._cells(self._farthest, at)
        return far - near > SHADOW_STEP * near

    def _cells(self, depth: np.ndarray, at: np.ndarray) -> np.ndarray:
        height, width = depth.shape
        x = ((np.nan_to_num(at[:, 0]) + 0.5) * (width / self._camera.width)).astype("i8")
        y = ((np.nan_to_num(at[:, 1]) + 0.5) * (height / self._camera.height)).astype("i8")
        return depth[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]

    @cached_property
    def depth(self) -> np.ndarray:
        """The map, f4[H, W] m, as the kernels take it."""
        return np.ascontiguousarray(self._depth, "f4")

    @cached_property
    def _farthest(self) -> np.ndarray:
        """The greatest depth within SHADOW_PX."""
        import cv2

        return cv2.dilate(np.nan_to_num(self.depth), np.ones((2 * SHADOW_PX + 1,) * 2, "u1"))

    @cached_property
    def _nearest(self) -> np.ndarray:
        """The least depth within SHADOW_PX, infinite where none is known."""
        import cv2

        known = np.where(self.depth > 0, self.depth, np.float32(np.inf))
        return cv2.erode(known, np.ones((2 * SHADOW_PX + 1,) * 2, "u1"))
