"""Where pixels of one frame are in another: Lucas–Kanade over a window, or over one surface in it, there and back."""

from typing import NamedTuple

import numpy as np

from videotracks.points.flow.settings import FlowTrackerSettings
from videotracks.points.flow.surface import Surface

#: Of OpenCV: smallest eigenvalue of a window, per pixel, below which it shows no corner.
_CORNER = 3e-5


class Moment(NamedTuple):
    """What a view sees in a frame."""

    grey: np.ndarray  # u1[H, W]
    surface: Surface


def flow(
    before: Moment,
    now: Moment,
    origin: np.ndarray,
    depths: np.ndarray,
    guess: np.ndarray,
    settings: FlowTrackerSettings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow pixels ``origin`` f4[M, 2] from one moment to another, from ``guess`` f4[M, 2] on.

    Returns the pixels f4[M, 2]; how far from ``origin`` the way back leads from there, f8[M] px, infinite where there
    is none; and which lie beside an edge of depth, bool[M]. Those follow their own surface alone, in ``depths`` f8[M]
    m: the window of another would go with whatever has more of it.
    """
    at, returned_px = _over_window(before, now, origin, guess, settings)
    edges = before.surface.beside_an_edge(origin) & np.isfinite(depths)
    if edges.any():
        start, where = origin[edges], depths[edges]
        # The window's answer is near where its way back leads home; else it is the other surface's.
        begin = np.where((returned_px[edges] <= settings.forward_backward_px)[:, None], at[edges], guess[edges])
        best, least = _over_surface(before, now, start, where, begin, settings)
        back, residuals = _over_surface(now, before, best, now.surface.measure(best, where)[0], start, settings)
        off = np.linalg.norm(back - start, axis=1)
        at[edges] = best
        returned_px[edges] = np.where(np.isfinite(least) & np.isfinite(residuals), off, np.inf)
    return at, returned_px, edges


def _over_window(
    before: Moment, now: Moment, origin: np.ndarray, guess: np.ndarray, settings: FlowTrackerSettings
) -> tuple[np.ndarray, np.ndarray]:
    import cv2

    window, levels, flags = (settings.window_px,) * 2, settings.pyramid_levels, cv2.OPTFLOW_USE_INITIAL_FLOW
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, settings.iterations, 0.03)
    start = np.ascontiguousarray(origin[:, None])
    at, found, _ = cv2.calcOpticalFlowPyrLK(
        before.grey, now.grey, start, guess[:, None].copy(), None, None, window, levels, until, flags, _CORNER
    )
    # From the right place the way back is short: one level will do, and from a wrong one it does not lead home.
    back, returned, _ = cv2.calcOpticalFlowPyrLK(
        now.grey, before.grey, at, start.copy(), None, None, window, 0, until, flags, _CORNER
    )
    off = np.linalg.norm(back[:, 0] - origin, axis=1)
    return at[:, 0], np.where((found[:, 0] == 1) & (returned[:, 0] == 1), off, np.inf)


def _over_surface(
    before: Moment,
    now: Moment,
    at: np.ndarray,
    depths: np.ndarray,
    guess: np.ndarray,
    settings: FlowTrackerSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels f4[M, 2], and residuals f4[M] in grey levels."""
    from videotracks.points.flow.edge_kernels import follow_surface

    found, residuals = np.empty((len(at), 2), "f4"), np.empty(len(at), "f4")
    start, begin = (np.ascontiguousarray(pixels, "f4") for pixels in (at, guess))
    # The plain kernel has no pyramid that comes near first: it takes up to twice the steps.
    half, steps = settings.window_px // 2, 2 * settings.iterations
    follow_surface(
        before.grey, now.grey, before.surface.depth, start, depths.astype("f4"), begin, half, steps, found, residuals
    )
    return found, residuals
