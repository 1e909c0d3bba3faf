"""What one view makes of the points: follows them by Lucas–Kanade, and looks for those that it does not see."""

from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.points.flow_tracker_settings import FlowTrackerSettings
from videotracks.points.trackers import Views

#: Frames between two refreshes of the patch of the last good frame: a change of aspect shows, drift does not hide.
REFRESHED_EVERY = 8
#: A patch is kept as good from this correlation with the last one.
GOOD = 0.85
#: Pixels from the frame's border at which a point counts as gone: half of a patch.
BORDER_PX = 4.0
#: Of a search, the best place must beat every other by so much.
UNIQUE_BY = 0.05
#: A lost point is looked for in every so-manieth frame; the points take turns.
LOOKED_EVERY = 2
#: Pixels around a point in which a nearer surface takes over what Lucas–Kanade follows; less than its window, whose
#: middle counts most.
SHADOW_PX = 6
#: Share of the depth from which a nearer surface is another one, and not the same one seen aslant.
SHADOW_STEP = 0.08
#: The eye of Lucas–Kanade: smallest eigenvalue of a window per pixel, below which it shows no corner.
_CORNER = 1e-4


class Sight(NamedTuple):
    """What a view says of N points in one frame."""

    rays: np.ndarray  # f8[N, 2] in the plane at depth 1
    depths: np.ndarray  # f8[N] metres, NaN without
    confidence: np.ndarray  # f8[N], 0 where the point is not seen


class ViewFollower:
    """One view's points: where they were last, and what they look like."""

    def __init__(self, views: Views, view: int, count: int, settings: FlowTrackerSettings) -> None:
        from videotracks.points.flow_tracker_kernels import SIDE

        self.camera: Camera = views.cameras[view]
        self._views, self._view, self._settings = views, view, settings
        self.at = np.full((count, 2), np.nan, "f4")
        self.followed = np.zeros(count, bool)
        self.known = np.zeros(count, bool)  # has patches to look for it by
        self._first = np.zeros((count, SIDE * SIDE), "f4")
        self._last = np.zeros((count, SIDE * SIDE), "f4")
        self.grey = np.empty((0, 0), np.uint8)
        self.depth: np.ndarray | None = None
        self._nearest: np.ndarray | None = None  # of the depths within SHADOW_PX
        self._before = self.grey

    def load(self, t: int) -> None:
        """Read frame ``t`` and keep the one before."""
        import cv2

        self._before = self.grey
        self.grey = cv2.cvtColor(self._views.rgb(self._view, t), cv2.COLOR_RGB2GRAY)
        self.depth = self._views.depth(self._view, t)
        if self.depth is not None:
            side = 2 * SHADOW_PX + 1
            known = np.where(self.depth > 0, self.depth, np.float32(np.inf)).astype("f4", copy=False)
            self._nearest = cv2.erode(known, np.ones((side, side), "u1"))

    def follow(self, before: np.ndarray, expected: np.ndarray, t: int) -> Sight:
        """Follow the points of the frame before to this one.

        ``before`` f8[N, 3] is where they were, ``expected`` f8[N, 3] m where they are expected; both may be NaN.
        """
        rows = np.flatnonzero(self.followed)
        sight = self._nothing()
        if not len(rows):
            return sight
        start, depths = self.camera.project(expected[rows])
        moved = np.nan_to_num(start - self.camera.project(before[rows])[0])
        at, returned_px = self._flow(self.at[rows], self.at[rows] + moved.astype("f4"))
        patches = self._patches(at)
        with_last = (patches * self._last[rows]).sum(axis=1)
        alike = np.maximum(with_last, (patches * self._first[rows]).sum(axis=1))
        seen = (returned_px <= self._settings.forward_backward_px) & (alike >= self._settings.least_correlation)
        measured, agrees = self._depths(at, depths, slack=2.0)
        seen &= agrees & self._within(at) & ~self._in_shadow(at, measured)
        good = seen & (with_last >= GOOD) & ((rows + t) % REFRESHED_EVERY == 0)
        self._last[rows[good]] = patches[good]
        self.followed[rows[~seen]] = False
        self.at[rows[seen]] = at[seen]
        surely = np.exp(-((returned_px / self._settings.forward_backward_px) ** 2)) * np.clip(alike, 0, 1)
        return self._sight(rows[seen], measured[seen], 0.5 + 0.5 * surely[seen])

    def begin(self, rows: np.ndarray, at: np.ndarray, *, afresh: bool) -> Sight:
        """Follow the points ``rows`` i8[M] from ``at`` f[M, 2] on; with new patches where ``afresh``."""
        at = at.astype("f4")
        if afresh:
            self._first[rows] = self._last[rows] = self._patches(at)
            self.known[rows] = True
        self.at[rows], self.followed[rows] = at, True
        return self._sight(rows, self._depths(at, np.full(len(rows), np.nan))[0], np.full(len(rows), 0.75))

    def drop(self, rows: np.ndarray) -> None:
        """Follow the points ``rows`` no further."""
        self.followed[rows] = False

    def on_surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels f4[M, 2] of ``points`` f8[M, 3], which are inside the frame, and which the depth map confirms.

        Both bool[M]; without a depth map none is confirmed.
        """
        pixels, depths = self.camera.project(points)
        pixels = pixels.astype("f4")
        inside = self._within(pixels)
        if self.depth is None:
            return pixels, inside, np.zeros(len(points), bool)
        measured, agrees = self._depths(pixels, depths)
        return pixels, inside, inside & agrees & np.isfinite(measured)

    def look_for(self, rows: np.ndarray, points: np.ndarray, reach_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look for the patches of ``rows`` i8[M] around the projections of ``points`` f8[M, 3].

        Within ``reach_px`` i8[M]; returns where f4[M, 2], and whether that is sure, bool[M].
        """
        from videotracks.points.flow_tracker_kernels import search

        pixels, depths = self.camera.project(points)
        pixels = pixels.astype("f4")
        at, scores = np.empty_like(pixels), np.empty((len(rows), 2), "f4")
        search(self.grey, self._last[rows], pixels, reach_px.astype("i8"), at, scores)
        sure = self.known[rows] & (scores[:, 0] >= self._settings.search_correlation)
        sure &= (scores[:, 1] <= scores[:, 0] - UNIQUE_BY) & self._within(at)
        return at, sure & self._depths(at, depths)[1]

    def patches_along(self, pixels: np.ndarray, axes: np.ndarray) -> np.ndarray:
        """Patches f4[M, SIDE²] at ``pixels`` f[M, 2] along ``axes`` f[M, 2, 2] (``flow_tracker_kernels.describe``)."""
        from videotracks.points.flow_tracker_kernels import SIDE, describe

        patches = np.empty((len(pixels), SIDE * SIDE), "f4")
        describe(self.grey, np.ascontiguousarray(pixels, "f4"), np.ascontiguousarray(axes, "f4"), patches)
        return patches

    def _patches(self, at: np.ndarray) -> np.ndarray:
        return self.patches_along(at, np.eye(2, dtype="f4")[None])

    def _nothing(self) -> Sight:
        count = len(self.at)
        return Sight(np.zeros((count, 2)), np.full(count, np.nan), np.zeros(count))

    def _sight(self, rows: np.ndarray, depths: np.ndarray, confidence: np.ndarray) -> Sight:
        sight = self._nothing()
        sight.rays[rows] = self.camera.undistort(self.at[rows].astype("f8"))
        sight.depths[rows] = depths
        sight.confidence[rows] = np.where(np.isfinite(sight.rays[rows]).all(axis=1), confidence, 0)
        return sight

    def _within(self, pixels: np.ndarray) -> np.ndarray:
        x, y = pixels[:, 0], pixels[:, 1]
        right, bottom = self.camera.width - 1 - BORDER_PX, self.camera.height - 1 - BORDER_PX
        return (x >= BORDER_PX) & (y >= BORDER_PX) & (x <= right) & (y <= bottom)

    def _in_shadow(self, at: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """Whether a surface nearer than ``depths`` f8[M] m begins beside pixels ``at`` f4[M, 2]."""
        if self._nearest is None:
            return np.zeros(len(at), bool)
        height, width = self._nearest.shape
        x = ((np.nan_to_num(at[:, 0]) + 0.5) * (width / self.camera.width)).astype("i8")
        y = ((np.nan_to_num(at[:, 1]) + 0.5) * (height / self.camera.height)).astype("i8")
        nearest = self._nearest[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        return depths - nearest > SHADOW_STEP * depths

    def _flow(self, origin: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels f4[M, 2] in this frame, and how far from ``origin`` f4[M, 2] they return in the one before, px."""
        import cv2

        window, levels = (self._settings.window_px,) * 2, self._settings.pyramid_levels
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, self._settings.iterations, 0.03)
        start = np.ascontiguousarray(origin[:, None])
        flags = cv2.OPTFLOW_USE_INITIAL_FLOW
        at, found, _ = cv2.calcOpticalFlowPyrLK(
            self._before, self.grey, start, guess[:, None].copy(), None, None, window, levels, until, flags, _CORNER
        )
        # From the right place the way back is short: one level will do, and from a wrong one it does not lead home.
        back, returned, _ = cv2.calcOpticalFlowPyrLK(
            self.grey, self._before, at, start.copy(), None, None, window, 0, until, flags, _CORNER
        )
        off = np.linalg.norm(back[:, 0] - origin, axis=1)
        return at[:, 0], np.where((found[:, 0] == 1) & (returned[:, 0] == 1), off, np.inf)

    def _depths(self, at: np.ndarray, expected: np.ndarray, slack: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """The surface at pixels ``at`` f4[M, 2], f8[M] m or NaN, and whether it is where it is ``expected`` f8[M].

        Of the four cells around a pixel those are averaged that lie on one surface with the one nearest to what is
        expected: at the edge of an object the others are the background's. Where depth or expectation is unknown,
        there is nothing to disagree with.
        """
        unknown = np.full(len(at), np.nan)
        if self.depth is None:
            return unknown, np.ones(len(at), bool)
        height, width = self.depth.shape
        x = np.clip((np.nan_to_num(at[:, 0]) + 0.5) * (width / self.camera.width) - 0.5, 0, width - 1)
        y = np.clip((np.nan_to_num(at[:, 1]) + 0.5) * (height / self.camera.height) - 0.5, 0, height - 1)
        left, top = np.minimum(x.astype("i8"), width - 2), np.minimum(y.astype("i8"), height - 2)
        right, down = x - left, y - top
        cells = self.depth[top[:, None] + [0, 0, 1, 1], left[:, None] + [0, 1, 0, 1]].astype("f8")
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
