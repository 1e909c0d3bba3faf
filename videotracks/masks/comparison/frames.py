"""Which frames are compared: those with candidates first, evenly spread, the first and the last always."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import pairwise


def choose_frames(with_candidates: Sequence[int], with_masks: Sequence[int], most: int) -> list[int]:
    """At most ``most`` (2 and more) frame numbers, ascending, of those that have candidates or masks.

    The first and the last of all are kept. Then come frames with candidates, as many as there are or as fit, evenly
    spread; then others, each in the widest gap that is left.
    """
    every = sorted({*with_candidates, *with_masks})
    chosen = sorted({*every[:1], *every[-1:]})
    kept = set(chosen)
    wanted = sorted(set(with_candidates) - kept)
    chosen = sorted([*chosen, *_spread(wanted, most - len(chosen))])
    others = sorted(set(every) - set(wanted) - kept)
    while others and len(chosen) < most:
        insort(chosen, others.pop(_widest_gap(others, chosen)))
    return chosen


def _spread(frames: Sequence[int], count: int) -> list[int]:
    """``count`` of ``frames`` at even distances in their row."""
    if len(frames) <= count:
        return list(frames)
    return [frames[(2 * i + 1) * len(frames) // (2 * count)] for i in range(count)]


def _widest_gap(others: Sequence[int], chosen: Sequence[int]) -> int:
    """The place of the frame of ``others`` that lies furthest from all chosen ones; near the middle of some gap."""
    best, furthest = 0, -1
    for left, right in pairwise(chosen):
        at = bisect_left(others, (left + right) / 2)
        for place in (at - 1, at):
            if 0 <= place < len(others) and left < others[place] < right:
                distance = min(others[place] - left, right - others[place])
                if distance > furthest:
                    best, furthest = place, distance
    return best
