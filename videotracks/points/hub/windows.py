"""Long videos through models that hold few frames at a time, and that follow points in one direction only."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from videotracks.points.tracks import VISIBLE_ABOVE

#: Given frames of the video, in the order of a window, and points f8[M, 1 + D] = (place in the window, position),
#: follows them: positions f4[W, M, D], visibilities f4[W, M]. What comes before a point's own place is not looked at.
Follow = Callable[[Sequence[int], np.ndarray], "Followed"]


class Followed(NamedTuple):
    """N points in T frames, D = 2 (pixels) or 3 (metres)."""

    positions: np.ndarray  # f4[T, N, D], NaN where they were lost
    visibilities: np.ndarray  # f4[T, N]


def both_ways(
    asked: np.ndarray, frame_count: int, through: Callable[[Sequence[int], np.ndarray], Followed]
) -> Followed:
    """Follow ``asked`` f8[N, 1 + D] = (frame, position) forward, and what lies before each of them backward.

    ``through`` follows points in one direction, through frames that are given in that order. In its own frame a point
    is where it was asked for.
    """
    shape = (frame_count, len(asked), asked.shape[1] - 1)
    made = Followed(np.full(shape, np.nan, "f4"), np.zeros(shape[:2], "f4"))
    times = asked[:, 0].astype("i8")
    if len(asked):
        first, last = int(times.min()), int(times.max())
        _write(made, through, asked, np.arange(len(asked)), list(range(first, frame_count)))
        _write(made, through, asked, np.flatnonzero(times > 0), list(range(last, -1, -1)))
        made.positions[times, np.arange(len(asked))] = asked[:, 1:]
    return made


def _write(
    made: Followed,
    through: Callable[[Sequence[int], np.ndarray], Followed],
    asked: np.ndarray,
    rows: np.ndarray,
    frames: list[int],
) -> None:
    if not len(rows):
        return
    way = -1 if frames[-1] < frames[0] else 1
    places = way * (asked[rows, 0] - frames[0])
    found = through(frames, np.column_stack([places, asked[rows, 1:]]))
    for place, t in enumerate(frames):
        mine = places < place if way < 0 else places <= place
        made.positions[t, rows[mine]] = found.positions[place, mine]
        made.visibilities[t, rows[mine]] = found.visibilities[place, mine]


def in_windows(frames: Sequence[int], points: np.ndarray, follow: Follow, window: int, overlap: int) -> Followed:
    """Follow ``points`` f8[N, 1 + D] = (place among ``frames``, position) with at most ``window`` frames at a time.

    The next window begins ``overlap`` frames before the end of the last, and takes up each point where it was last
    visible in those; one that was not is lost from there on. ``overlap`` must be less than ``window``.
    """
    shape = (len(frames), len(points), points.shape[1] - 1)
    made = Followed(np.full(shape, np.nan, "f4"), np.zeros(shape[:2], "f4"))
    anchors, positions = points[:, 0].astype("i8"), points[:, 1:].astype("f8")
    begin = int(anchors.min(initial=len(frames)))
    while begin < len(frames):
        end = min(begin + window, len(frames))
        rows = np.flatnonzero((anchors >= begin) & (anchors < end))
        if len(rows):
            asked = np.column_stack([anchors[rows] - begin, positions[rows]])
            found = follow(frames[begin:end], asked)
            after = np.arange(begin, end)[:, None] >= anchors[rows]
            for whole, part in zip(made, found, strict=True):
                at = whole[begin:end]
                at[:, rows] = np.where(after if part.ndim == 2 else after[..., None], part, at[:, rows])
        if end == len(frames):
            break
        begin = end - overlap
        visible = made.visibilities[begin:end, rows] > VISIBLE_ABOVE
        kept = visible.any(axis=0)
        latest = end - 1 - np.argmax(visible[::-1], axis=0)
        anchors[rows[kept]] = latest[kept]
        positions[rows[kept]] = made.positions[latest[kept], rows[kept]]
    return made
