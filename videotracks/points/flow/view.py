"""What one view makes of the points: follows them by Lucas–Kanade, and looks for those that it does not see."""

from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.points.flow.lucas_kanade import Moment, flow
from videotracks.points.flow.settings import FlowTrackerSettings
from videotracks.points.flow.surface import Surface
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


class Sight(NamedTuple):
    """What a view says of N points in one frame."""

    rays: np.ndarray  # f8[N, 2] in the plane at depth 1
    depths: np.ndarray  # f8[N] metres, NaN without
    confidence: np.ndarray  # f8[N], 0 where the point is not seen


class ViewFollower:
    """One view's points: where they were last, and what they look like."""

    def __init__(self, views: Views, view: int, count: int, settings: FlowTrackerSettings) -> None:
        from videotracks.points.flow.patch_kernels import SIDE

        self.camera: Camera = views.cameras[view]
        self._camera_before = self.camera
        self._views, self._view, self._settings = views, view, settings
        self.at = np.full((count, 2), np.nan, "f4")
        self.followed = np.zeros(count, bool)
        self.known = np.zeros(count, bool)  # has patches to look for it by
        self._first = np.zeros((count, SIDE * SIDE), "f4")
        self._last = np.zeros((count, SIDE * SIDE), "f4")
        self.grey: np.ndarray = np.empty((0, 0), "u1")
        self.surface = Surface(self.camera, None, settings)
        self._depths = np.full(count, np.nan)  # of the surface at each point
        self._before = Moment(self.grey, self.surface)

    def load(self, t: int) -> None:
        """Read frame ``t`` and keep the one before."""
        import cv2

        self._camera_before, self.camera = self.camera, self._views.camera(self._view, t)
        self._before = Moment(self.grey, self.surface)
        self.grey = cv2.cvtColor(self._views.rgb(self._view, t), cv2.COLOR_RGB2GRAY)
        self.surface = Surface(self.camera, self._views.depth(self._view, t), self._settings)

    def follow(self, before: np.ndarray, expected: np.ndarray, t: int) -> Sight:
        """Follow the points of the frame before to this one.

        ``before`` f8[N, 3] is where they were, ``expected`` f8[N, 3] m where they are expected; both may be NaN.
        """
        rows = np.flatnonzero(self.followed)
        sight = self._nothing()
        if not len(rows):
            return sight
        start, depths = self.camera.project(expected[rows])
        moved = np.nan_to_num(start - self._camera_before.project(before[rows])[0])
        guess, now = self.at[rows] + moved.astype("f4"), Moment(self.grey, self.surface)
        at, returned_px, at_edges = flow(self._before, now, self.at[rows], self._depths[rows], guess, self._settings)
        patches = self._patches(at)
        with_last = (patches * self._last[rows]).sum(axis=1)
        alike = np.maximum(with_last, (patches * self._first[rows]).sum(axis=1))
        seen = (returned_px <= self._settings.forward_backward_px) & (alike >= self._settings.least_correlation)
        measured, agrees = self.surface.measure(at, depths, slack=2.0)
        seen &= agrees & self._within(at) & (at_edges | ~self.surface.in_shadow(at, measured))
        good = seen & (with_last >= GOOD) & ((rows + t) % REFRESHED_EVERY == 0)
        self._last[rows[good]] = patches[good]
        self.followed[rows[~seen]] = False
        self.at[rows[seen]], self._depths[rows] = at[seen], measured
        surely = np.exp(-((returned_px / self._settings.forward_backward_px) ** 2)) * np.clip(alike, 0, 1)
        return self._sight(rows[seen], measured[seen], 0.5 + 0.5 * surely[seen])

    def begin(self, rows: np.ndarray, at: np.ndarray, *, afresh: bool) -> Sight:
        """Follow the points ``rows`` i8[M] from ``at`` f[M, 2] on; with new patches where ``afresh``."""
        at = at.astype("f4")
        if afresh:
            self._first[rows] = self._last[rows] = self._patches(at)
            self.known[rows] = True
        self.at[rows], self.followed[rows] = at, True
        self._depths[rows] = self.surface.measure(at, np.full(len(rows), np.nan))[0]
        return self._sight(rows, self._depths[rows], np.full(len(rows), 0.75))

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
        if not self.surface.known:
            return pixels, inside, np.zeros(len(points), bool)
        measured, agrees = self.surface.measure(pixels, depths)
        return pixels, inside, inside & agrees & np.isfinite(measured)

    def look_for(self, rows: np.ndarray, points: np.ndarray, reach_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look for the patches of ``rows`` i8[M] around the projections of ``points`` f8[M, 3].

        Within ``reach_px`` i8[M]; returns where f4[M, 2], and whether that is sure, bool[M].
        """
        from videotracks.points.flow.patch_kernels import search

        pixels, depths = self.camera.project(points)
        pixels = pixels.astype("f4")
        at, scores = np.empty_like(pixels), np.empty((len(rows), 2), "f4")
        search(self.grey, self._last[rows], pixels, reach_px.astype("i8"), at, scores)
        sure = self.known[rows] & (scores[:, 0] >= self._settings.search_correlation)
        sure &= (scores[:, 1] <= scores[:, 0] - UNIQUE_BY) & self._within(at)
        return at, sure & self.surface.measure(at, depths)[1]

    def patches_along(self, pixels: np.ndarray, axes: np.ndarray) -> np.ndarray:
        """Patches f4[M, SIDE²] at ``pixels`` f[M, 2] along ``axes`` f[M, 2, 2] (``describe`` of the kernels)."""
        from videotracks.points.flow.patch_kernels import SIDE, describe

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
