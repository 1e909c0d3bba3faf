"""Who a newly prompted object is: one seen before, where its masks say so, or somebody new."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from videotracks.masks.tracking.dedup import thumbnail_iou

#: Frames that two objects must share before their overlap says anything: two may be a chance crossing.
MIN_SHARED_FRAMES = 3


class Seen(NamedTuple):
    """An object's mask in a frame: its thumbnail, and the position at which the object was prompted for it."""

    prompted_at: int
    thumbnail: np.ndarray  # u64[words]


def nearer(position: int, prompted_at: int, than: int) -> bool:
    """Whether a prompt lies nearer to a frame than an earlier one; of equal ones the earlier keeps its mask."""
    return abs(position - prompted_at) < abs(position - than)


class SeenObjects:
    """The thumbnails of the objects of a level by frame and object id, for the frames that a prompt can still reach."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, Seen]] = {}

    def at(self, position: int) -> dict[int, Seen]:
        """The objects of a frame by their id."""
        return self._of.get(position, {})

    def keep(self, position: int, object_id: int, seen: Seen) -> None:
        """Add an object's mask; one that is there stays unless the new prompt is nearer in time."""
        frame = self._of.setdefault(position, {})
        known = frame.get(object_id)
        if known is None or nearer(position, seen.prompted_at, known.prompted_at):
            frame[object_id] = seen

    def forget(self, before: int) -> None:
        """Let go of the frames before a position."""
        for position in [position for position in self._of if position < before]:
            del self._of[position]


class IdentityMatch:
    """Collects how far the new objects of a step overlap the old ones, frame by frame, and decides who is who."""

    def __init__(self, min_iou: float) -> None:
        self._min_iou = min_iou
        self._overlap: dict[tuple[int, int], list[float]] = {}  # (new, old): IoU summed, frames shared

    def compare(self, new: Iterable[int], thumbnails: np.ndarray, old: dict[int, Seen]) -> None:
        """Add a frame: ``thumbnails`` u64[N, words] of the objects ``new``, and those that were there before."""
        if not old or not len(thumbnails):
            return
        iou = thumbnail_iou(thumbnails, np.stack([seen.thumbnail for seen in old.values()])).tolist()
        for place, row in zip(new, iou, strict=True):
            for object_id, value in zip(old, row, strict=True):
                overlap = self._overlap.setdefault((place, object_id), [0.0, 0.0])
                overlap[0] += value
                overlap[1] += 1

    def matches(self) -> dict[int, int]:
        """The old id of each new object that has one: best mean IoU first, each old object at most once."""
        pairs = [
            (-total / frames, new, old)
            for (new, old), (total, frames) in self._overlap.items()
            if frames >= MIN_SHARED_FRAMES and total / frames >= self._min_iou
        ]
        found: dict[int, int] = {}
        for _, new, old in sorted(pairs):
            if new not in found and old not in found.values():
                found[new] = old
        return found
