"""The embedded point tracker: Lucas–Kanade, fused in the world.

Where every view has depth, a point is a small rigid piece of surface, and Lucas and Kanade's method moves it in all
views at once (``rigid_pass.RigidPass``). Else each view follows its pixels by itself, with a way back as the test, and
what they found is lifted by depth or a second view, and fused (``_Pass``).

Sources: Bouguet, "Pyramidal implementation of the Lucas Kanade feature tracker", 2000 (OpenCV's); Kalal, Mikolajczyk
and Matas, "Forward-backward error", ICPR 2010. Each frame is read once forward, and once more backward where points
were asked for after the first frame.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from videotracks.errors import ModelError
from videotracks.points.flow.entries import Wanted, drop_strangers, enter, first_views
from videotracks.points.flow.fusion import Fusion
from videotracks.points.flow.prediction import Prediction
from videotracks.points.flow.rigid_pass import RigidPass
from videotracks.points.flow.settings import FlowTrackerSettings
from videotracks.points.flow.view import Sight, ViewFollower
from videotracks.points.trackers import Tracked, Views
from videotracks.progress import Progress, part_of, silent

#: Views followed at a time; each step lets go of the interpreter's lock.
THREADS = 2
#: Visibility of a point that is expected but not seen: below ``tracks.VISIBLE_ABOVE``.
EXPECTED = 0.25
#: Visibility of a point that its neighbours take to where a view has a surface, though none recognises it: at a flat
#: angle, or beside the edge of something nearer.
ON_SURFACE = 0.6


class FlowPointTracker:
    """Follows points by optical flow, without weights (``trackers.PointTracker``)."""

    name = "flow"

    def __init__(self, settings: FlowTrackerSettings | None = None) -> None:
        self._settings = settings or FlowTrackerSettings()

    def provenance(self) -> dict[str, str]:
        """What runs: backend, OpenCV's version, device."""
        from importlib.metadata import version

        return {"backend": self.name, "opencv": version("opencv-python-headless"), "device": "cpu"}

    def track(self, views: Views, query_points: np.ndarray, progress: Progress = silent) -> Tracked:
        """Follow ``query_points`` f32[N, 4] = (t, x, y, z) through all frames.

        A point that no view sees goes on with its neighbours for a while, at visibility 0.25 (0.6 on a surface), then
        NaN at 0. Frames of two views are asked for at a time, from two threads. ``ModelError``: query points that are
        no such array or lie outside the frames; a single view without depth, which leaves nothing to lift by.
        """
        asked = checked_queries(views, query_points)
        tracks = np.full((views.frame_count, len(asked), 3), np.nan, "f4")
        visibilities = np.zeros(tracks.shape[:2], "f4")
        if len(asked):
            check_liftable(views, asked)
            first, last = int(asked[:, 0].min()), int(asked[:, 0].max())
            total = views.frame_count - first + (last if last else 0)
            ways = [range(first, views.frame_count)] + ([range(last, -1, -1)] if last else [])
            with_depth = all(views.depth(view, first) is not None for view in range(len(views.cameras)))
            follow, done = RigidPass if with_depth else _Pass, 0
            for frames in ways:
                follow(views, asked, self._settings).run(frames, tracks, visibilities, part_of(progress, done, total))
                done += len(frames)
        return Tracked(tracks, visibilities)


def checked_queries(views: Views, query_points: np.ndarray) -> np.ndarray:
    """The query points as f8[N, 4]; ``ModelError`` where they are none, or not of these frames."""
    asked = np.asarray(query_points)
    if asked.ndim != 2 or asked.shape[1] != 4 or asked.dtype.kind not in "fiu":
        raise ModelError(f"query points: {asked.dtype}{list(asked.shape)}; f32[N, 4] = (t, x, y, z) expected")
    asked = asked.astype("f8")
    times = asked[:, 0]
    if not np.isfinite(asked).all() or ((times < 0) | (times >= views.frame_count) | (times % 1 != 0)).any():
        raise ModelError(
            f"query points: whole frames from 0 to {views.frame_count - 1} and finite metres expected; ask for the "
            "points again with the frames that are tracked"
        )
    return asked


def check_liftable(views: Views, asked: np.ndarray) -> None:
    """``ModelError`` where one view alone, and no depth, would have to say how far away points are."""
    if len(views.cameras) < 2 and all(views.depth(0, int(t)) is None for t in np.unique(asked[:, 0])):
        raise ModelError(
            "one view and no depth: nothing says how far away a point is, so there is nothing to lift; give depth "
            "(depth.h5, or a depth model), or a second calibrated view"
        )


class _Pass:
    """One way through the frames, forward or backward."""

    def __init__(self, views: Views, asked: np.ndarray, settings: FlowTrackerSettings) -> None:
        self._settings = settings
        self._times, self._queries = asked[:, 0].astype("i8"), asked[:, 1:]
        self._followers = [ViewFollower(views, view, len(asked), settings) for view in range(len(views.cameras))]
        self._fusion = Fusion(views.cameras, settings)  # as the cameras stand in the frame that is loaded
        self._prediction = Prediction(len(asked), settings)
        self._unsettled_for = np.zeros(len(asked), np.int64)  # frames since depth or a second view said how far away

    def run(self, frames: Sequence[int], tracks: np.ndarray, visibilities: np.ndarray, progress: Progress) -> None:
        """Go through ``frames``; write into ``tracks`` and ``visibilities`` what lies this way from the queries."""
        forward = frames[-1] >= frames[0]
        with ThreadPoolExecutor(THREADS) as pool:
            for done, t in enumerate(frames, 1):
                points, visibility = self._step(t, pool)
                mine = (self._times <= t) if forward else (self._times > t)
                tracks[t, mine], visibilities[t, mine] = points[mine], visibility[mine]
                progress(done, None)

    def _step(self, t: int, pool: ThreadPoolExecutor) -> tuple[np.ndarray, np.ndarray]:
        """The points f8[N, 3] m of frame ``t``, NaN where nothing is known, and their visibility f8[N]."""
        expected, before = self._prediction.expected(), self._prediction.points.copy()
        sights = list(pool.map(lambda f: _loaded(f, t).follow(before, expected, t), self._followers))
        self._fusion.place([follower.camera for follower in self._followers])
        seen, points, confidence = self._fuse(sights, expected)
        if any(not follower.surface.known for follower in self._followers):
            drop_strangers(self._followers, points, seen, t)
        carried = self._prediction.carry(seen, points)
        points, held = carried.points.copy(), carried.held
        wanted = Wanted(points, held, seen, self._prediction.lost_for, np.array([f.followed for f in self._followers]))
        entered = list(
            pool.map(lambda view: enter(self._followers, view, wanted, t, self._settings), range(len(self._followers)))
        )
        again = self._find_again(entered, seen, points, confidence)
        self._prediction.correct(carried, seen, again, points)
        self._prediction.take(seen, points)
        held |= self._begin(t, seen, points, confidence)
        visibility = np.where(seen, confidence, np.where(held, EXPECTED, 0))
        visibility[self._on_a_surface(carried.firm & ~seen, points)] = ON_SURFACE
        return np.where((seen | held)[:, None], points, np.nan), visibility

    def _fuse(self, sights: Iterable[Sight], expected: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which points are seen bool[N], where f8[N, 3] m, and how surely f8[N]; views that disagree are left."""
        rays, depths, confidence = (np.stack(values) for values in zip(*sights, strict=True))
        fused = self._fusion.fuse(rays, depths, confidence, expected)
        # One view alone says where the point is as long as its distance was settled a short while ago.
        self._unsettled_for = np.where(fused.settled, 0, self._unsettled_for + 1)
        seen = np.linalg.norm(fused.points - expected, axis=1) <= self._settings.leap_m
        seen &= self._unsettled_for <= self._settings.coasting_frames
        for follower, given, used in zip(self._followers, confidence > 0, fused.used, strict=True):
            follower.drop(np.flatnonzero(given & ~(used & seen)))
        return seen, fused.points, np.where(fused.used, confidence, 0).max(axis=0)

    def _find_again(
        self, entered: list[Sight], seen: np.ndarray, points: np.ndarray, confidence: np.ndarray
    ) -> np.ndarray:
        """Points i8[M] that no view followed and some view found again; they are seen: writes the last three."""
        found = np.flatnonzero(~seen & (np.stack([sight.confidence for sight in entered]) > 0).any(axis=0))
        if not len(found):
            return found
        some = [Sight(*(values[found] for values in sight)) for sight in entered]
        rays, depths, sure = (np.stack(values) for values in zip(*some, strict=True))
        fused = self._fusion.fuse(rays, depths, sure, points[found])
        right = fused.settled & (np.linalg.norm(fused.points - points[found], axis=1) <= self._settings.leap_m)
        for follower, used in zip(self._followers, fused.used, strict=True):
            follower.drop(found[~(used & right)])
        again = found[right]
        seen[again], points[again] = True, fused.points[right]
        confidence[again] = np.where(fused.used, sure, 0).max(axis=0)[right]
        return again

    def _on_a_surface(self, which: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Those of the points, ``which`` bool[N], where some view's depth map has a surface; i8."""
        rows = np.flatnonzero(which)
        return rows[np.any([follower.on_surface(points[rows])[2] for follower in self._followers], axis=0)]

    def _begin(self, t: int, seen: np.ndarray, points: np.ndarray, confidence: np.ndarray) -> np.ndarray:
        """Points that were asked for in this frame, bool[N], begin here: writes the last three."""
        asked = self._times == t
        rows = np.flatnonzero(asked)
        if not len(rows):
            return asked
        points[rows] = self._queries[rows]
        sights = first_views(self._followers, rows, points[rows], self._settings.entry_correlation)
        self._prediction.begin(rows, points[rows])
        seen[rows] = np.any([sight.confidence[rows] > 0 for sight in sights], axis=0)
        confidence[rows] = 1
        return asked


def _loaded(follower: ViewFollower, t: int) -> ViewFollower:
    follower.load(t)
    return follower
