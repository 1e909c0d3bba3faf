"""Following points where every view has depth: as small rigid pieces of surface, in all views together.

Each point carries the piece of surface around it as it was when it was asked for, in every view that saw it, so that
nothing slides away step by step; a view takes a new look where the old one no longer fits. What no view recognises
moves on with those neighbours that moved as the same rigid body, and is looked for where they take it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from videotracks.points.flow.pieces import COARSE, FINE, Pieces, Verdicts
from videotracks.points.flow.rigid_motion import YOUNG_STEPS, RigidMotion
from videotracks.points.flow.settings import FlowTrackerSettings
from videotracks.points.trackers import Views
from videotracks.progress import Progress

#: Views loaded, or halves of the points aligned, at a time; each step lets go of the interpreter's lock.
THREADS = 2
#: Visibility of a point that is expected but not seen: below ``tracks.VISIBLE_ABOVE``.
EXPECTED = 0.25
#: Visibility of a point that its neighbours take to where a view has a surface, though none recognises it: at a flat
#: angle, or beside the edge of something nearer.
ON_SURFACE = 0.6
#: Correlation below which another try is worth its time, and a view takes a new look.
DOUBTFUL = 0.8
#: Of a piece, so much must be seen, at this cosine at least, for a view to see the point.
LEAST_SHARE, LEAST_FACING = 0.35, 0.1
#: Cosine from which a view takes a piece, and by how much better than the last one it takes another.
TAKEN_FACING, BETTER_FACING = 0.3, 0.25
#: Frames between two searches for neighbours of a lost point that has none.
SOUGHT_EVERY = 4


class RigidPass:
    """One way through the frames, forward or backward."""

    def __init__(self, views: Views, asked: np.ndarray, settings: FlowTrackerSettings) -> None:
        self._views, self._settings = views, settings
        self._times, self._queries = asked[:, 0].astype("i8"), asked[:, 1:]
        self._motion = RigidMotion(len(asked), settings)
        self._alone = np.zeros(len(asked), bool)  # lost, and not moved by neighbours in the last frame
        self._taken_facing = np.zeros((len(views.cameras), len(asked)))

    def run(self, frames: Sequence[int], tracks: np.ndarray, visibilities: np.ndarray, progress: Progress) -> None:
        """Go through ``frames``; write into ``tracks`` and ``visibilities`` what lies this way from the queries."""
        forward = frames[-1] >= frames[0]
        with ThreadPoolExecutor(THREADS) as pool:
            self._pieces = Pieces(self._views, len(self._times), self._settings, pool)
            for done, t in enumerate(frames, 1):
                points, visibility = self._step(t)
                mine = (self._times <= t) if forward else (self._times > t)
                tracks[t, mine], visibilities[t, mine] = points[mine], visibility[mine]
                progress(done, None)

    def _step(self, t: int) -> tuple[np.ndarray, np.ndarray]:
        """The points f8[N, 3] m of frame ``t``, NaN where nothing is known, and their visibility f8[N]."""
        self._pieces.load(t)
        motion = self._motion
        found = _Found(motion, self._pieces, self._settings)
        visible = np.flatnonzero(motion.known & (motion.lost_for == 0))
        found.try_at(visible, *motion.expected(visible), self._settings.least_correlation, (FINE,))
        doubtful = visible[(found.score[visible] < DOUBTFUL) | (motion.seen_for[visible] < YOUNG_STEPS)]
        found.try_at(doubtful, *motion.expected(doubtful), self._settings.least_correlation, (COARSE, FINE))
        self._with_neighbours(found, visible[found.score[visible] < DOUBTFUL])
        guided = self._carry_lost(found, t)
        seen = found.score > 0
        motion.take(found.points, found.turns, seen, guided)
        self._take_pieces(found, np.flatnonzero(seen))
        visibility = np.where(seen, np.minimum(found.score, 1), 0)  # rounding may lead beyond 1
        seen |= self._begin(t, visibility)
        held = motion.known & ~seen & (motion.lost_for <= self._settings.carried_frames)
        visibility[held] = EXPECTED
        visibility[self._on_a_surface(np.flatnonzero(held & guided))] = ON_SURFACE
        return np.where((visibility > 0)[:, None], motion.points, np.nan), visibility

    def _with_neighbours(self, found: "_Found", rows: np.ndarray) -> None:
        """Try the points ``rows`` i8[M] also where their neighbours take them."""
        guides = found.score > 0
        guides &= self._motion.lost_for == 0
        self._motion.find_neighbours(rows, guides)
        points, turns, carried = self._motion.carry(rows, guides, found.points, found.turns)
        for sizes in ((COARSE, FINE), (FINE,)):
            found.try_at(rows[carried], points[carried], turns[carried], self._settings.least_correlation, sizes)

    def _carry_lost(self, found: "_Found", t: int) -> np.ndarray:
        """Move those that are not seen with their neighbours, and look for them there; which have such, bool[N]."""
        motion = self._motion
        guides = (found.score > 0) & (motion.lost_for == 0)
        lost = np.flatnonzero(motion.known & (found.score == 0) & (motion.lost_for <= self._settings.carried_frames))
        guided = np.zeros(len(guides), bool)
        fresh = lost[(motion.lost_for[lost] == 0) | ((lost + t) % SOUGHT_EVERY == 0) & self._alone[lost]]
        motion.find_neighbours(fresh, guides)
        points, turns, carried = motion.carry(lost, guides, found.points, found.turns)
        points[~carried], turns[~carried] = (values[~carried] for values in motion.expected(lost))
        guided[lost[carried]] = True
        self._alone = motion.known & ~guided
        found.points[lost], found.turns[lost] = points, turns
        earlier = motion.lost_for[lost] > 0
        found.try_at(lost[earlier], points[earlier], turns[earlier], self._settings.search_correlation, (COARSE, FINE))
        return guided

    def _on_a_surface(self, rows: np.ndarray) -> np.ndarray:
        """Those of the points ``rows`` i8[M] that are on a surface where a view sees the side that they are on."""
        motion, pieces = self._motion, self._pieces
        points = motion.points[rows]
        by = (pieces.kinds[FINE][:, rows] > 0).argmax(axis=0)
        facing = pieces.facing(rows, points, motion.turns[rows], by)
        there = (np.abs(pieces.behind(points)) <= pieces.limits_m(points)) & (facing >= LEAST_FACING)
        return rows[there.any(axis=0)]

    def _take_pieces(self, found: "_Found", rows: np.ndarray) -> None:
        """Let views that see the points ``rows`` i8[M] take a look at them, where they have none or a worse one."""
        motion, pieces = self._motion, self._pieces
        points, turns = motion.points[rows], motion.turns[rows]
        best = np.where(found.seen_by[:, rows], found.correlation[:, rows], -1).argmax(axis=0)
        facing = pieces.facing(rows, points, turns, best)
        clear = (np.abs(pieces.behind(points)) <= pieces.limits_m(points)) & (facing > TAKEN_FACING)
        for view in range(len(pieces.cameras)):
            fits = found.correlation[view, rows] >= DOUBTFUL
            better = facing[view] > self._taken_facing[view, rows] + BETTER_FACING
            again = found.seen_by[view, rows] & (~fits | better)
            new = np.flatnonzero(clear[view] & ((pieces.kinds[FINE, view, rows] == 0) | again))
            pieces.take(view, rows[new], motion.points, motion.turns)
            self._taken_facing[view, rows[new]] = facing[view, new]

    def _begin(self, t: int, visibility: np.ndarray) -> np.ndarray:
        """Points that were asked for in this frame, bool[N], begin here: writes their ``visibility`` f8[N]."""
        asked = self._times == t
        rows = np.flatnonzero(asked)
        if len(rows):
            pieces, motion = self._pieces, self._motion
            motion.begin(rows, self._queries[rows])
            behind = np.abs(np.nan_to_num(pieces.behind(motion.points[rows]), nan=0))
            near = behind <= pieces.limits_m(motion.points[rows])
            for view in range(len(pieces.cameras)):
                pieces.take(view, rows[near[view]], motion.points, motion.turns)
                by = np.full(len(rows), view)
                facing = pieces.facing(rows, motion.points[rows], motion.turns[rows], by)[view]
                self._taken_facing[view, rows] = facing
            visibility[rows] = np.where(near.any(axis=0), 1, EXPECTED)
        return asked


class _Found:
    """Where N points are in a frame, as far as it is known: the best of what was tried."""

    def __init__(self, motion: RigidMotion, pieces: Pieces, settings: FlowTrackerSettings) -> None:
        count = len(motion.points)
        self._pieces, self._leap_m = pieces, settings.leap_m
        self.points, self.turns = motion.points.copy(), motion.turns.copy()
        self.score = np.zeros(count)  # the best correlation in a view that sees the point, 0 where none does
        self.correlation = np.zeros((len(pieces.cameras), count))
        self.seen_by = np.zeros(self.correlation.shape, bool)

    def try_at(
        self, rows: np.ndarray, points: np.ndarray, turns: np.ndarray, limit: float, sizes: Sequence[int]
    ) -> None:
        """Align the pieces of ``rows`` i8[M] from ``points`` f8[M, 3] m and ``turns`` f8[M, 3, 3] on; keep what is
        better than before, and recognised by a correlation of at least ``limit``."""
        if not len(rows):
            return
        at, turned = points, turns
        for size in sizes:
            at, turned, said = self._pieces.align(size, rows, at, turned)
        seen_by = self._seen(at, said, limit)
        score = np.where(seen_by, said.correlation, 0).max(axis=0)
        score[np.linalg.norm(at - points, axis=1) > self._leap_m] = 0
        better = score > self.score[rows]
        kept = rows[better]
        self.points[kept], self.turns[kept], self.score[kept] = at[better], turned[better], score[better]
        self.seen_by[:, kept], self.correlation[:, kept] = seen_by[:, better], said.correlation[:, better]

    def _seen(self, at: np.ndarray, said: Verdicts, limit: float) -> np.ndarray:
        seen = (said.correlation >= limit) & (said.share >= LEAST_SHARE) & (said.facing >= LEAST_FACING)
        return seen & (np.abs(np.nan_to_num(said.behind, nan=0)) <= self._pieces.limits_m(at))
