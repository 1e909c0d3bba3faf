"""Where points are expected: at their velocity while they are seen, with their neighbours when they are not."""

from typing import NamedTuple

import numpy as np

from videotracks.points.flow.settings import FlowTrackerSettings

#: Share of the newest step in the velocity: the rest smooths what following a point jitters.
NEWEST = 0.5
#: The same of the velocity that a point is carried on with when it is lost: what hides a point drags it first.
LASTING = 0.15
#: Per frame, of the velocity of a point that nobody sees and that has no neighbours: things come to rest.
DAMPING = 0.9
#: Metres per frame, and share of the own speed, by which the velocity of a neighbour may differ.
ALIKE_M, ALIKE_SHARE = 0.004, 0.4
#: Metres per frame: a point slower than this is at rest, and stays where it is while nobody sees it.
AT_REST_M = 0.001
#: Neighbours that make a motion: three fix a turn.
LEAST_NEIGHBOURS = 3
#: Steps that make a velocity; a younger point is taken to move like those around it, whatever its one step was.
YOUNG_STEPS = 4
#: Frames between two searches for neighbours of a point that has none.
SOUGHT_EVERY = 4
#: Lost points whose neighbours are sought at a time: bounds the matrix of distances.
_PORTION = 256


class Carried(NamedTuple):
    """Where N points are held to be in a frame."""

    points: np.ndarray  # f8[N, 3] m
    held: np.ndarray  # bool[N]: seen, or expected there for good reason
    firm: np.ndarray  # bool[N]: not seen, but at rest, or moved by its neighbours


class Prediction:
    """The motion of N points, of which some are seen in a frame."""

    def __init__(self, count: int, settings: FlowTrackerSettings) -> None:
        self._settings = settings
        self.points = np.full((count, 3), np.nan)  # f8[N, 3] m, in the last frame
        self.velocity = np.zeros((count, 3))  # m per frame
        self._lasting = np.zeros((count, 3))
        self.lost_for = np.zeros(count, np.int64)  # frames since it was seen
        self._seen_for = np.zeros(count, np.int64)  # steps that its velocities are made of
        self._alone = np.zeros(count, bool)  # lost, and not moved by neighbours in the last frame
        self._neighbours = np.full((count, settings.neighbours), -1)

    def begin(self, rows: np.ndarray, points: np.ndarray) -> None:
        """The points ``rows`` i8[M] are at ``points`` f8[M, 3]."""
        self.points[rows], self.velocity[rows], self._lasting[rows], self.lost_for[rows] = points, 0, 0, 0
        self._seen_for[rows] = 0

    def expected(self) -> np.ndarray:
        """Where the points are expected in the next frame at their velocity, f8[N, 3] m."""
        return self.points + self.velocity

    def carry(self, seen: np.ndarray, seen_points: np.ndarray) -> Carried:
        """Expect the other points where those ``seen`` bool[N], now at ``seen_points`` f8[N, 3], take them.

        Call ``take`` next.
        """
        from videotracks.points.flow.fusion_kernels import carry

        lost = np.flatnonzero(~seen & np.isfinite(self.points).all(axis=1))
        fresh = lost[(self.lost_for[lost] == 0) | (self._alone[lost] & (self.lost_for[lost] % SOUGHT_EVERY == 1))]
        also_before = seen & (self.lost_for == 0) & np.isfinite(self.points).all(axis=1)
        self._find_neighbours(fresh, self.lost_for < self._settings.coasting_frames)
        made, held = np.where(seen[:, None], seen_points, self.points), seen.copy()
        moved, carried = self.points[lost], np.zeros(len(lost), bool)
        carry(self.points, made, self._neighbours[lost], also_before, LEAST_NEIGHBOURS, moved, carried)
        self._alone[lost] = ~carried
        resting = (np.linalg.norm(self._lasting[lost], axis=1) < AT_REST_M) & (self._seen_for[lost] > 0)
        patience = np.where(resting, self._settings.carried_frames, self._settings.coasting_frames)
        coasting = ~carried & (self.lost_for[lost] < patience)
        known_velocity = np.where(self._seen_for[lost, None] < YOUNG_STEPS, 0, self._lasting[lost])
        damped = known_velocity * DAMPING ** self.lost_for[lost][:, None]
        made[lost] = np.where(coasting[:, None], self.points[lost] + damped, moved)
        held[lost] = coasting | (carried & (self.lost_for[lost] < self._settings.carried_frames))
        firm = np.zeros(len(seen), bool)
        firm[lost] = held[lost] & (carried | resting)
        return Carried(made, held, firm)

    def correct(self, held: Carried, seen: np.ndarray, again: np.ndarray, points: np.ndarray) -> None:
        """Shift points that are not ``seen`` bool[N] by what their neighbours, seen ``again`` i8[M], were off.

        ``held`` is where all were expected in this frame; ``points`` f8[N, 3] is where they are, and is written.
        """
        from videotracks.points.flow.fusion_kernels import carry

        found = np.zeros(len(seen), bool)
        found[again] = True
        lost = np.flatnonzero(held.held & ~seen)
        moved = points[lost]
        carry(held.points, points, self._neighbours[lost], found, 1, moved, np.zeros(len(lost), bool))
        points[lost] = moved

    def take(self, seen: np.ndarray, points: np.ndarray) -> None:
        """The points are at ``points`` f8[N, 3] in this frame, and those ``seen`` bool[N] were measured there."""
        step = points - self.points
        steady = seen & (self.lost_for == 0) & np.isfinite(step).all(axis=1)
        self._seen_for[steady] += 1
        for velocity, share in ((self.velocity, NEWEST), (self._lasting, LASTING)):
            newest = np.maximum(share, 1 / np.maximum(self._seen_for[steady], 1))[:, None]
            velocity[steady] += newest * (step[steady] - velocity[steady])
        self.points[:] = points
        self.lost_for = np.where(seen, 0, self.lost_for + 1)

    def _find_neighbours(self, rows: np.ndarray, candidates: np.ndarray) -> None:
        """Of the ``candidates`` bool[N], those near ``rows`` i8[M] that moved like them."""
        others = np.flatnonzero(candidates & (self._seen_for > 0) & np.isfinite(self.points).all(axis=1))
        self._neighbours[rows] = -1
        if not len(others):
            return
        most = min(self._settings.neighbours, len(others))
        for begin in range(0, len(rows), _PORTION):
            some = rows[begin : begin + _PORTION]
            away = _distances(self.points[some], self.points[others])
            unlike = _distances(self._lasting[some], self._lasting[others])
            allowed = ALIKE_M + ALIKE_SHARE * np.linalg.norm(self._lasting[some], axis=1)
            allowed[self._seen_for[some] < YOUNG_STEPS] = np.inf
            away[some[:, None] == others] = np.inf
            away[(unlike > allowed[:, None]) | (away > self._settings.neighbour_m)] = np.inf
            order = np.argpartition(away, most - 1, axis=1)[:, :most]
            near = np.isfinite(np.take_along_axis(away, order, axis=1))
            self._neighbours[some, :most] = np.where(near, others[order], -1)


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Between all pairs of f8[M, 3] and f8[N, 3], f8[M, N]."""
    square = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
    return np.sqrt(np.maximum(square, 0))
