"""Points of the world from 2D tracks in each view, by depth or by triangulation: what the flow tracker fuses, too."""

from collections.abc import Sequence

import numpy as np

from videotracks.points.flow.entries import seen_from
from videotracks.points.flow.fusion import Fusion
from videotracks.points.flow.settings import FlowTrackerSettings
from videotracks.points.flow.surface import Surface
from videotracks.points.flow.tracker import EXPECTED
from videotracks.points.flow.view import ViewFollower
from videotracks.points.hub.windows import Followed
from videotracks.points.trackers import Tracked, Views, cameras_of
from videotracks.points.tracks import VISIBLE_ABOVE
from videotracks.progress import Progress


def seen_at_query(views: Views, asked: np.ndarray, settings: FlowTrackerSettings) -> tuple[np.ndarray, np.ndarray]:
    """Where each view has the points ``asked`` f8[N, 4] in their own frames: f4[V, N, 2] px, seen bool[V, N]."""
    count = len(views.cameras)
    pixels, sees = np.full((count, len(asked), 2), np.nan, "f4"), np.zeros((count, len(asked)), bool)
    followers = [ViewFollower(views, view, 0, settings) for view in range(count)]
    for t in np.unique(asked[:, 0]).astype("i8"):
        rows = np.flatnonzero(asked[:, 0] == t)
        for follower in followers:
            follower.load(int(t))
        pixels[:, rows], sees[:, rows] = seen_from(followers, asked[rows, 1:], settings.entry_correlation)
    return pixels, sees


def lift(
    views: Views, asked: np.ndarray, seen: Sequence[Followed], settings: FlowTrackerSettings, progress: Progress
) -> Tracked:
    """Tracks of the points ``asked`` f8[N, 4] from those ``seen`` in each view, NaN where a view does not have them.

    Where no view sees a point, two that still say where it would be give its place, at visibility 0.25.
    """
    shape = (views.frame_count, len(asked))
    made = Tracked(np.full((*shape, 3), np.nan, "f4"), np.zeros(shape, "f4"))
    fusion, times = Fusion(views.cameras, settings), asked[:, 0]
    for ahead in (True, False):
        last = asked[:, 1:].copy()
        frames = range(shape[0]) if ahead else range(shape[0] - 1, -1, -1)
        for done, t in enumerate(frames, 1):
            rows = np.flatnonzero(times <= t if ahead else times > t)
            if len(rows):
                _lift_frame(views, t, rows, seen, fusion, last, made, settings)
            progress(done if ahead else shape[0] + done, None)
    own = times.astype("i8"), np.arange(len(asked))
    made.tracks[own], made.visibilities[own] = asked[:, 1:], np.maximum(made.visibilities[own], EXPECTED)
    return made


def _lift_frame(
    views: Views,
    t: int,
    rows: np.ndarray,
    seen: Sequence[Followed],
    fusion: Fusion,
    last: np.ndarray,
    made: Tracked,
    settings: FlowTrackerSettings,
) -> None:
    """Write the points ``rows`` i8[M] of frame ``t``; ``last`` f8[N, 3] is where they were, and is moved on."""
    fusion.place(cameras_of(views, t))
    rays, depths, there = _sights(views, t, rows, seen, last, settings)
    visibility = np.array([followed.visibilities[t, rows] for followed in seen])
    sure = np.where(there & (visibility > VISIBLE_ABOVE), visibility, 0).astype("f8")
    fused = fusion.fuse(rays, depths, sure, last[rows])
    right = fused.settled
    made.tracks[t, rows[right]] = fused.points[right]
    made.visibilities[t, rows[right]] = np.where(fused.used, sure, 0).max(axis=0)[right]
    left = np.flatnonzero(~right)
    guess = fusion.fuse(
        rays[:, left], np.full((len(rays), len(left)), np.nan), there[:, left].astype("f8"), last[rows[left]]
    )
    fair = left[guess.settled]
    made.tracks[t, rows[fair]], made.visibilities[t, rows[fair]] = guess.points[guess.settled], EXPECTED
    moved = np.concatenate([np.flatnonzero(right), fair])
    last[rows[moved]] = made.tracks[t, rows[moved]]


def _sights(
    views: Views, t: int, rows: np.ndarray, seen: Sequence[Followed], last: np.ndarray, settings: FlowTrackerSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rays f8[V, M, 2], depths f8[V, M] m or NaN, and where there are any, bool[V, M]."""
    rays, depths, there = [], [], []
    for view, followed in enumerate(seen):
        camera, at = views.camera(view, t), followed.positions[t, rows]
        ray = camera.undistort(at.astype("f8"))
        surface = Surface(camera, views.depth(view, t), settings)
        depths.append(surface.measure(at, camera.project(last[rows])[1])[0])
        rays.append(np.nan_to_num(ray))
        there.append(np.isfinite(ray).all(axis=1))
    return np.array(rays), np.array(depths), np.array(there)
