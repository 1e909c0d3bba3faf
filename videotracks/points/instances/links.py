"""Which sightings are of one object: links within a frame, and from one frame to the next, weighed over all frames."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from videotracks.points.instances.sightings import Sighting

#: Two tracks are of one object when they are matched in this share of the frames that see both.
_MATCHED_SHARE = 0.5
#: Frames that an object may be unseen for and still be followed by its place alone.
_MOST_GAP = 10


class Link(NamedTuple):
    """Two sightings of one frame, by their rows, that were matched at a cost from 0 to 1."""

    first: int
    second: int
    cost: float


def cut_into_pieces(rows: Sequence[Sighting], follow_m: float) -> list[list[int]]:
    """The rows of each track, in order of frames: an object of a view, cut where it jumps; by view and object.

    A jump is more than ``follow_m`` per frame off from where it was, and from where its speed before and its speed
    after would have it: what flies does not jump.
    """
    tracks: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        tracks[row.view, row.object_id].append(number)
    pieces: list[list[int]] = []
    for key in sorted(tracks):
        track = tracks[key]
        points = np.array([rows[r].point for r in track])
        jumps = _jumps(points, np.array([rows[r].frame for r in track]), follow_m)
        pieces += [part.tolist() for part in np.split(np.array(track), np.flatnonzero(jumps) + 1)]
    return pieces


def _jumps(points: np.ndarray, frames: np.ndarray, follow_m: float) -> np.ndarray:
    """Between which of the points f8[N, 3] at ``frames`` i8[N] there is a jump, bool[N - 1]."""
    gaps = np.diff(frames)[:, None]
    steps = np.diff(points, axis=0)
    speeds = steps / np.maximum(gaps, 1)
    off = np.linalg.norm(steps, axis=1)
    before = np.linalg.norm(steps[1:] - speeds[:-1] * gaps[1:], axis=1)
    after = np.linalg.norm(steps[:-1] - speeds[1:] * gaps[:-1], axis=1)
    off[1:] = np.fmin(off[1:], before)
    off[:-1] = np.fmin(off[:-1], after)
    return off > follow_m * gaps[:, 0]


def join_pieces(
    rows: Sequence[Sighting], pieces: Sequence[list[int]], links: Sequence[Link], follow_m: float
) -> list[list[int]]:
    """The rows of each object, ascending, by the first of them. A view sees an object once in a frame at most.

    Pieces are joined, the best supported first: those matched between views in most of the frames that both are in;
    then one that begins where another has ended, within ``follow_m`` per frame; then those that their view gave one
    id, for its tracker saw more than their places.
    """
    groups = _Groups(rows, pieces)
    for candidates in (
        _matched(rows, pieces, links),
        _followed(rows, pieces, follow_m),
        _named_alike(rows, pieces),
    ):
        for first, second in candidates:
            groups.join(first, second)
    made = [sorted(r for piece in group for r in pieces[piece]) for group in groups.members.values()]
    return sorted(made)


class _Groups:
    """Sets of pieces, and which frames of which views each of them takes, as one bit each."""

    def __init__(self, rows: Sequence[Sighting], pieces: Sequence[list[int]]) -> None:
        frames = 1 + max((row.frame for row in rows), default=0)
        self.members = {number: [number] for number in range(len(pieces))}
        self._group_of = list(range(len(pieces)))
        self._taken = [_bits([rows[r].view * frames + rows[r].frame for r in piece]) for piece in pieces]

    def join(self, first: int, second: int) -> None:
        """Join the groups of two pieces, where no view would see two of their pieces in one frame."""
        a, b = self._group_of[first], self._group_of[second]
        if a == b or self._taken[a] & self._taken[b]:
            return
        self._taken[a] |= self._taken[b]
        moved = self.members.pop(b)
        self.members[a] += moved
        for piece in moved:
            self._group_of[piece] = a


def _bits(places: Sequence[int]) -> int:
    """A whole number with these bits set."""
    flags = np.zeros(max(places) + 1, bool)
    flags[list(places)] = True
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def _matched(rows: Sequence[Sighting], pieces: Sequence[list[int]], links: Sequence[Link]) -> Iterator[tuple[int, int]]:
    """Pairs of pieces that are matched in most of their common frames; those with the most support first."""
    piece_of = {r: number for number, piece in enumerate(pieces) for r in piece}
    votes: dict[tuple[int, int], list[float]] = defaultdict(list)
    for link in links:
        if link.first in piece_of and link.second in piece_of:
            votes[piece_of[link.first], piece_of[link.second]].append(1 - link.cost)
    seen = [_bits([rows[r].frame for r in piece]) for piece in pieces]
    common = {pair: (seen[pair[0]] & seen[pair[1]]).bit_count() for pair in votes}
    agreed = [pair for pair, support in votes.items() if len(support) >= _MATCHED_SHARE * common[pair]]
    yield from sorted(agreed, key=lambda pair: (-sum(votes[pair]), pair))


def _followed(rows: Sequence[Sighting], pieces: Sequence[list[int]], follow_m: float) -> Iterator[tuple[int, int]]:
    """Pairs of a piece that ends and one that begins soon after, close by; the closest first."""
    begins = sorted((rows[piece[0]].frame, number) for number, piece in enumerate(pieces))
    frames = [frame for frame, _ in begins]
    found = []
    for number, piece in enumerate(pieces):
        last = rows[piece[-1]]
        reach = np.searchsorted(frames, [last.frame + 1, last.frame + 1 + _MOST_GAP])
        for frame, other in begins[reach[0] : reach[1]]:
            track = [rows[r] for r in (*piece[-2:], pieces[other][0])]
            off = _off_course(np.array([row.point for row in track]), np.array([row.frame for row in track]))
            if off <= follow_m * (frame - last.frame):
                found.append((off, number, other))
    yield from ((first, second) for _, first, second in sorted(found))


def _off_course(points: np.ndarray, frames: np.ndarray) -> float:
    """How far the last of two or three points is from the one before it, or from where the speed until then leads."""
    step, gap = points[-1] - points[-2], frames[-1] - frames[-2]
    off = float(np.linalg.norm(step))
    if len(points) < 3:
        return off
    speed = (points[1] - points[0]) / (frames[1] - frames[0])
    return float(np.fmin(off, np.linalg.norm(step - speed * gap)))


def _named_alike(rows: Sequence[Sighting], pieces: Sequence[list[int]]) -> Iterator[tuple[int, int]]:
    """Pieces of one object of one view, each with the next."""
    named: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        named[rows[piece[0]].view, rows[piece[0]].object_id].append(number)
    for alike in named.values():
        yield from pairwise(alike)
