"""Which tracklets follow which: pairs near in time and place, found without comparing all with all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from videotracks.tables import TrackletStats

#: Pairs looked at together: bounds the memory where very many tracklets crowd.
CHUNK_PAIRS = 1 << 19
#: Cells per axis at most: keeps cell numbers small where the distance asked for is tiny.
MAX_CELLS = 1024


def frames_in(seconds: float, fps: float) -> int:
    """A duration in whole frames at ``fps``, at least one: 1.0 s is 30 frames at 29.97 fps."""
    return max(1, round(seconds * fps))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of tracklets of the same view of which the first ends before the second starts, M of them."""

    first: np.ndarray
    """i64[M] rows of the statistics."""
    second: np.ndarray
    """i64[M] rows of the statistics."""
    gap_frames: np.ndarray
    """i64[M] frames from the last box of the first to the first box of the second, at least 1."""
    distance_px: np.ndarray
    """f64[M] from the last box centre of the first to the first box centre of the second."""
    area_ratio: np.ndarray
    """f64[M] mean box area of the second over that of the first; 0 where the first has no area."""


def successors(stats: TrackletStats, max_gap_frames: Sequence[int | None], max_distance_px: float) -> Iterator[Pairs]:
    """All pairs within these limits, in pieces of bounded size and no particular order.

    ``max_gap_frames`` is per view, None for no limit; ``max_distance_px`` may be infinite. Tracklets are sorted by
    cell (a square as wide as the distance), then start frame: those that may follow one lie in nine runs, each found
    by bisection. So the work grows with the tracklets and the pairs found, not with their square.
    """
    first_center, last_center = _centers(stats.first_bbox), _centers(stats.last_bbox)
    usable = np.isfinite(first_center).all(axis=1) & np.isfinite(last_center).all(axis=1)
    rows = np.flatnonzero(usable)
    if len(rows) == 0:
        return
    begin_cell, end_cell, stride = _cells(first_center[rows], last_center[rows], max_distance_px)
    times = np.unique(stats.start_frame[rows])
    base = stats.camera[rows].astype("i8") * stride * stride
    key = (base + begin_cell) * len(times) + np.searchsorted(times, stats.start_frame[rows])
    order = np.argsort(key, kind="stable")
    by_key, key = rows[order], key[order]

    end = stats.end_frame[rows]
    limit = np.array([np.iinfo("i8").max if gap is None else gap for gap in max_gap_frames])[stats.camera[rows]]
    latest = np.minimum(limit, times[-1] - np.minimum(end, times[-1])) + end
    after, until = np.searchsorted(times, end, "right"), np.searchsorted(times, latest, "right")
    offsets = (-stride - 1, -stride, -stride + 1, -1, 0, 1, stride - 1, stride, stride + 1) if stride > 1 else (0,)
    for offset in offsets:
        cell = (base + end_cell + offset) * len(times)
        low, high = np.searchsorted(key, cell + after), np.searchsorted(key, cell + until)
        for first, run in _expand(low, np.maximum(high, low)):
            pairs = _measure(stats, rows[first], by_key[run], first_center, last_center)
            near = pairs.distance_px <= max_distance_px
            yield pairs if near.all() else _only(pairs, near)


def follow(stats: TrackletStats, first: np.ndarray, second: np.ndarray) -> Pairs:
    """The measures of given pairs (rows i64[M] of the statistics)."""
    return _measure(stats, first, second, _centers(stats.first_bbox), _centers(stats.last_bbox))


def _centers(bboxes: np.ndarray) -> np.ndarray:
    """Box centres f64[N, 2]."""
    return (bboxes[:, :2].astype("f8") + bboxes[:, 2:]) / 2


def _cells(begin: np.ndarray, end: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Cell numbers i64[N] of the two sets of points on one grid with an empty border, and the grid's stride."""
    if not np.isfinite(size):
        return np.zeros(len(begin), "i8"), np.zeros(len(end), "i8"), 1
    origin = np.minimum(begin.min(axis=0), end.min(axis=0))
    extent = float((np.maximum(begin.max(axis=0), end.max(axis=0)) - origin).max())
    size = max(size, extent / MAX_CELLS) * (1 + 1e-9)  # a hair wider: rounding must not push a point two cells on
    stride = int(extent / size) + 3
    begin, end = ((points - origin) / size for points in (begin, end))
    numbers = [(points[:, 1].astype("i8") + 1) * stride + points[:, 0].astype("i8") + 1 for points in (begin, end)]
    return numbers[0], numbers[1], stride


def _expand(low: np.ndarray, high: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For every i and every k in [low[i], high[i]): i and k, in chunks."""
    some = np.flatnonzero(high > low)
    low, counts = low[some], (high - low)[some]
    total = np.cumsum(counts)
    at = 0
    while at < len(some):
        done = total[at - 1] if at else 0
        stop = max(at + 1, int(np.searchsorted(total, done + CHUNK_PAIRS, "right")))
        times = counts[at:stop]
        run_start = total[at:stop] - times - done
        k = np.arange(total[stop - 1] - done) + np.repeat(low[at:stop] - run_start, times)
        yield np.repeat(some[at:stop], times), k
        at = stop


def _measure(
    stats: TrackletStats, first: np.ndarray, second: np.ndarray, first_center: np.ndarray, last_center: np.ndarray
) -> Pairs:
    step = first_center[second] - last_center[first]
    area = stats.mean_area[first]
    ratio = np.divide(stats.mean_area[second], area, out=np.zeros(len(first)), where=area > 0)
    gap = stats.start_frame[second] - stats.end_frame[first]
    return Pairs(first, second, gap, np.hypot(step[:, 0], step[:, 1]), ratio)


def _only(pairs: Pairs, wanted: np.ndarray) -> Pairs:
    return Pairs(
        pairs.first[wanted],
        pairs.second[wanted],
        pairs.gap_frames[wanted],
        pairs.distance_px[wanted],
        pairs.area_ratio[wanted],
    )
