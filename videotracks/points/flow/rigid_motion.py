"""Rigid motion of points: each with a place, a turn and their rates; how those that are not seen move with others."""

import numpy as np

from videotracks.points.flow.settings import FlowTrackerSettings

#: Share of the newest step in the rates: the rest smooths what following a point jitters.
NEWEST = 0.5
#: Per frame, of the rates of a point that nobody sees and that has no neighbours: things come to rest.
DAMPING = 0.9
#: Metres per frame, and share of the own speed, by which the motion of a neighbour may differ.
ALIKE_M, ALIKE_SHARE = 0.005, 0.4
#: Frames: what moves a metre per frame otherwise counts as so many metres further away.
ALIKE_FRAMES = 5.0
#: Steps that make a rate; a younger point is taken to move like those around it.
YOUNG_STEPS = 3
#: Of the neighbours, so many are used, and metres that keep the nearest of them from deciding alone.
USED, NEAR_M = 5, 0.03
#: Lost points whose neighbours are sought at a time: bounds the matrix of distances.
_PORTION = 256


class RigidMotion:
    """The state of N points."""

    def __init__(self, count: int, settings: FlowTrackerSettings) -> None:
        self._settings = settings
        self.points = np.full((count, 3), np.nan)  # f8[N, 3] m, in the last frame
        self.turns = np.tile(np.eye(3), (count, 1, 1))  # f8[N, 3, 3] from the axes of each piece to the world's
        self.velocity = np.zeros((count, 3))  # m per frame
        self.spin = np.zeros((count, 3))  # rotation vector per frame
        self.seen_for = np.zeros(count, np.int64)  # steps that the rates are made of
        self.lost_for = np.zeros(count, np.int64)  # frames since it was seen
        self.known = np.zeros(count, bool)  # has begun
        self._neighbours = np.full((count, USED), -1)

    def begin(self, rows: np.ndarray, points: np.ndarray) -> None:
        """The points ``rows`` i8[M] are at ``points`` f8[M, 3], and move as those around them did."""
        guides = self.known & (self.lost_for == 0) & (self.seen_for >= YOUNG_STEPS)
        self.points[rows], self.turns[rows], self.known[rows] = points, np.eye(3), True
        self.seen_for[rows] = self.lost_for[rows] = 0
        self.velocity[rows] = self.spin[rows] = 0
        self.find_neighbours(rows, guides)
        moved, spin, carried = self._carried(rows, guides, self.velocity, self.spin)
        self.velocity[rows[carried]], self.spin[rows[carried]] = (moved - points)[carried], spin[carried]

    def expected(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the points ``rows`` i8[M] are expected in the next frame at their rates, and how they are turned."""
        return self.points[rows] + self.velocity[rows], turned(self.turns[rows], self.spin[rows])

    def find_neighbours(self, rows: np.ndarray, candidates: np.ndarray) -> None:
        """Of the ``candidates`` bool[N], those near ``rows`` i8[M] whose motion, at their places, was theirs."""
        self._neighbours[rows] = -1
        others = np.flatnonzero(candidates & (self.seen_for > 0))
        if not len(others) or not len(rows):
            return
        most = min(USED, len(others))
        for begin in range(0, len(rows), _PORTION):
            some = rows[begin : begin + _PORTION]
            arms = self.points[some][:, None] - self.points[others]
            away = np.linalg.norm(arms, axis=2)
            unlike = self.velocity[others] + _cross(self.spin[others], arms) - self.velocity[some][:, None]
            off = np.linalg.norm(unlike, axis=2)
            off[self.seen_for[some] < YOUNG_STEPS] = 0
            allowed = ALIKE_M + ALIKE_SHARE * np.linalg.norm(self.velocity[some], axis=1)
            cost = away + ALIKE_FRAMES * off
            cost[(away > self._settings.neighbour_m) | (off > allowed[:, None]) | (some[:, None] == others)] = np.inf
            order = np.argpartition(cost, most - 1, axis=1)[:, :most]
            near = np.isfinite(np.take_along_axis(cost, order, axis=1))
            self._neighbours[some, :most] = np.where(near, others[order], -1)

    def carry(
        self, rows: np.ndarray, guides: np.ndarray, points: np.ndarray, turns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the neighbours take the points ``rows`` i8[M], that the ``guides`` bool[N] are seen in this frame.

        The guides are at ``points`` f8[N, 3] with ``turns`` f8[N, 3, 3] now. Returns f8[M, 3], f8[M, 3, 3], and which
        have such neighbours, bool[M].
        """
        spins = np.zeros_like(self.points)
        spins[guides] = rotation_vectors(turns[guides] @ self.turns[guides].transpose(0, 2, 1))
        moved, spin, carried = self._carried(rows, guides, points - self.points, spins)
        return moved, turned(self.turns[rows], spin), carried

    def _carried(
        self, rows: np.ndarray, guides: np.ndarray, shifts: np.ndarray, spins: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        near = self._neighbours[rows]
        used = (near >= 0) & guides[near]
        arms = np.where(used[..., None], self.points[rows][:, None] - self.points[near], 0)
        weights = np.where(used, 1 / (NEAR_M + np.linalg.norm(arms, axis=2)), 0)
        total = weights.sum(axis=1)
        weights /= np.maximum(total, 1e-12)[:, None]
        turning = _rotations(spins[near])
        to = shifts[near] + (turning @ arms[..., None])[..., 0] - arms
        shift = np.where(used[..., None], weights[..., None] * to, 0).sum(axis=1)
        spin = np.where(used[..., None], weights[..., None] * spins[near], 0).sum(axis=1)
        return self.points[rows] + shift, spin, total > 0

    def take(self, points: np.ndarray, turns: np.ndarray, seen: np.ndarray, guided: np.ndarray) -> None:
        """The points are at ``points`` f8[N, 3], turned by ``turns``: measured where ``seen``, else carried.

        ``guided`` bool[N]: their neighbours say how they move.
        """
        step, spin = points - self.points, rotation_vectors(turns @ self.turns.transpose(0, 2, 1))
        steady = seen & (self.lost_for == 0) & self.known
        share = np.maximum(NEWEST, 1 / (self.seen_for + 1))[:, None]
        self.velocity[steady] += (share * (step - self.velocity))[steady]
        self.spin[steady] += (share * (spin - self.spin))[steady]
        self.seen_for[steady] += 1
        self.velocity[guided & ~seen], self.spin[guided & ~seen] = step[guided & ~seen], spin[guided & ~seen]
        alone = ~seen & ~guided
        self.velocity[alone] *= DAMPING
        self.spin[alone] *= DAMPING
        self.points, self.turns = points, turns
        self.lost_for = np.where(seen, 0, self.lost_for + 1)


def turned(turns: np.ndarray, spins: np.ndarray) -> np.ndarray:
    """Rotations f8[M, 3, 3], turned further by rotation vectors f8[M, 3]."""
    return _rotations(spins) @ turns


def rotation_vectors(turns: np.ndarray) -> np.ndarray:
    """Rotations f8[M, 3, 3] to vectors along their axes, of twice the tangent of half the angle (Cayley)."""
    double = np.stack(
        [
            turns[:, 2, 1] - turns[:, 1, 2],
            turns[:, 0, 2] - turns[:, 2, 0],
            turns[:, 1, 0] - turns[:, 0, 1],
        ],
        axis=1,
    )
    return 2 * double / np.maximum(1 + np.trace(turns, axis1=1, axis2=2), 1e-9)[:, None]


def _rotations(vectors: np.ndarray) -> np.ndarray:
    """The inverse of ``rotation_vectors``, of f8[..., 3]."""
    half = vectors / 2
    w = 1 / np.sqrt(1 + (half**2).sum(axis=-1))
    x, y, z = np.moveaxis(half * w[..., None], -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _cross(spins: np.ndarray, arms: np.ndarray) -> np.ndarray:
    a, b, c = spins.T
    x, y, z = arms[..., 0], arms[..., 1], arms[..., 2]
    return np.stack([b * z - c * y, c * x - a * z, a * y - b * x], axis=-1)
