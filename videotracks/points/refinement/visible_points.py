"""The visible points of tracks as one flat table, so that no step needs a loop over tracks."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class VisiblePoints:
    """M visible points of N tracks, by track and then by frame.

    ``positions`` f64[M, 3] metres; ``frames`` i64[M]; ``tracks`` i64[M]; ``offsets`` i64[N + 1]: track i has the rows
    from ``offsets[i]`` up to ``offsets[i + 1]``.
    """

    positions: np.ndarray
    frames: np.ndarray
    tracks: np.ndarray
    offsets: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Visible points of each track, i64[N]."""
        return np.diff(self.offsets)

    def where(self, rows: np.ndarray) -> "VisiblePoints":
        """The rows of a mask bool[M]."""
        counts = np.bincount(self.tracks[rows], minlength=len(self.offsets) - 1)
        return VisiblePoints(self.positions[rows], self.frames[rows], self.tracks[rows], _offsets(counts))

    def medians(self, values: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """The median per track of ``values`` f64[M], or of its ``rows`` bool[M]; f64[N], NaN where there are none."""
        rows = np.isfinite(values) if rows is None else rows
        tracks = self.tracks[rows]
        counts = np.bincount(tracks, minlength=len(self.offsets) - 1)
        starts = _offsets(counts)[:-1]
        table = np.full((len(counts), int(counts.max(initial=0)) + 1), np.inf)
        table[tracks, np.arange(len(tracks)) - starts[tracks]] = values[rows]
        table.sort(axis=1)
        each = np.arange(len(counts))
        middle = (table[each, np.maximum(counts - 1, 0) // 2] + table[each, counts // 2]) / 2
        return np.where(counts > 0, middle, np.nan)


def visible_points(points: np.ndarray, visible: np.ndarray) -> VisiblePoints:
    """Gather ``points`` [T, N, 3] where ``visible`` bool[T, N]."""
    tracks, frames = np.nonzero(visible.T)
    return VisiblePoints(points[frames, tracks].astype("f8"), frames, tracks, _offsets(visible.sum(axis=0)))


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype("i8")
