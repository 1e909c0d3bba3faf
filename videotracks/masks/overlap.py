"""How much masks overlap: areas, intersection over union, and the share of one that lies in another.

Masks are compared as bits, 64 pixels at a time and only where the boxes around them meet. Run lengths (COCO RLE) are
compared run by run by pycocotools; they take a hundredth of the memory and are what other tools read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeGuard

import numpy as np

from videotracks.masks.packed import PackedMask, bounding_box, unpack

#: Pixels compared at once: the bits of a machine word.
WORD_PX = 64
#: Words of several partners taken together: half a megabyte, which stays in the processor's cache.
_WORDS_AT_ONCE = 1 << 16


class Rle(TypedDict):
    """A mask as COCO's compressed run lengths, column by column."""

    size: list[int]  # H, W in px
    counts: bytes


#: Masks of one size: bool[H, W], or packed and compared at their stored size.
Masks = Sequence[np.ndarray] | Sequence[PackedMask]


def encode(masks: Iterable[np.ndarray] | Iterable[PackedMask]) -> list[Rle]:
    """Masks as COCO run lengths, byte for byte those of ``pycocotools.mask.encode``; one is looked at at a time."""
    from pycocotools import mask as coco

    return [coco.frPyObjects({"size": [*mask.shape], "counts": _runs(mask)}, *mask.shape) for mask in masks]


def _runs(mask: np.ndarray | PackedMask) -> np.ndarray:
    """Lengths of the runs in column order, beginning with one of unset pixels (possibly 0)."""
    height, size = mask.shape[0], mask.shape[0] * mask.shape[1]
    cut, x, y = _cut(mask)
    h, w = cut.shape
    if not h:
        return np.array([size])
    edges = np.concatenate([cut[:1], cut[1:] != cut[:-1], cut[-1:]])  # where a run begins or has ended, in its column
    row, column = np.divmod(np.flatnonzero(edges), w)
    at = np.sort((column + x) * height + row + y)
    if h == height:  # a run goes on from the foot of a column to the head of the next
        goes_on = np.flatnonzero(at[1:] == at[:-1])
        at = np.delete(at, np.concatenate([goes_on, goes_on + 1]))
    return np.diff(at, prepend=0) if at[-1] == size else np.diff(at, prepend=0, append=size)


def _cut(mask: np.ndarray | PackedMask) -> tuple[np.ndarray, int, int]:
    """The part of a mask in the box around it, bool[h, w], and the x and y at which it lies; no rows if empty."""
    above = 0
    if isinstance(mask, PackedMask):
        height, width = mask.shape
        span = _span(np.frombuffer(mask.bits, "u1"))
        if span is None:
            return np.zeros((0, 0), bool), 0, 0
        above, below = span[0] * 8 // width, min(-(-span[1] * 8 // width), height)
        start = above * width
        part = np.frombuffer(mask.bits, "u1")[start // 8 : -(-below * width // 8)]
        flat = np.unpackbits(part)[start % 8 :][: (below - above) * width]
        mask = flat.view(bool).reshape(below - above, width)
    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, 0), bool), 0, 0
    x, y, w, h = box
    return mask[y : y + h, x : x + w], x, y + above


def _span(values: np.ndarray) -> tuple[int, int] | None:
    """Where the first value other than 0 lies, and where the last has ended."""
    occupied = values != 0
    first = int(occupied.argmax())  # on bools it stops at the first
    return (first, len(values) - int(occupied[::-1].argmax())) if occupied[first] else None


def areas(masks: Masks | Sequence[Rle]) -> np.ndarray:
    """How many pixels of each mask are set, i64[N]."""
    from pycocotools import mask as coco

    if _are_rle(masks):
        return coco.area(list(masks)).astype("i8") if len(masks) else np.zeros(0, "i8")
    return _stack(masks).areas


def iou_matrix(a: Masks | Sequence[Rle], b: Masks | Sequence[Rle]) -> np.ndarray:
    """Intersection over union of every mask of ``a`` with every one of ``b``, f64[Na, Nb]; 0 for two empty ones.

    Both are masks, or both run lengths, of one size (``ValueError``).
    """
    if _are_rle(a) and _are_rle(b):
        return _along_runs(a, b, inside=False)
    common, area_a, area_b = _common(a, b)
    return common / np.maximum(area_a[:, None] + area_b - common, 1)


def containment_matrix(a: Masks | Sequence[Rle], b: Masks | Sequence[Rle]) -> np.ndarray:
    """The share of every mask of ``a`` that lies inside every one of ``b``, f64[Na, Nb]; 0 for an empty mask.

    Both are masks, or both run lengths, of one size (``ValueError``).
    """
    if _are_rle(a) and _are_rle(b):
        return _along_runs(a, b, inside=True)
    common, area_a, _ = _common(a, b)
    return common / np.maximum(area_a[:, None], 1)


def _are_rle(masks: Masks | Sequence[Rle]) -> TypeGuard[Sequence[Rle]]:
    return all(isinstance(mask, dict) for mask in masks)


def _along_runs(a: Sequence[Rle], b: Sequence[Rle], *, inside: bool) -> np.ndarray:
    from pycocotools import mask as coco

    if not len(a) or not len(b):
        return np.zeros((len(a), len(b)))
    _one_size({tuple(rle["size"]) for rle in (*a, *b)})
    return coco.iou(list(a), list(b), [int(inside)] * len(b))  # "crowd": the union is the first one's area


@dataclass(frozen=True, slots=True)
class _Stack:
    """Masks as words of 64 px, and where in them the masks lie."""

    shape: tuple[int, int]  # H, W in px
    words: np.ndarray  # u64[N, words of a row, H]: boxes are few words wide, and long runs copy faster
    boxes: np.ndarray  # i64[N, 4]: top, bottom row, first, last word of what is set; the ends are not included
    areas: np.ndarray  # i64[N] px


def _common(a: Masks | Sequence[Rle], b: Masks | Sequence[Rle]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels set in both of every pair, i64[Na, Nb], and the areas of all."""
    one = _stack(a)
    other = one if a is b else _stack(b)
    if len(a) and len(b):
        _one_size({one.shape, other.shape})
    meet = _meet(one.boxes, other.boxes)
    smaller = _extents(one)[:, None] <= _extents(other)
    common = np.zeros(meet.shape, "i8")
    for i, partners in enumerate(meet & smaller):
        common[i, partners] = _shared(one, i, other, partners)
    if one is other:
        return np.maximum(common, common.T), one.areas, one.areas
    for j, partners in enumerate((meet & ~smaller).T):
        common[partners, j] = _shared(other, j, one, partners)
    return common, one.areas, other.areas


def _meet(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether boxes share a row and a word, bool[Na, Nb]."""
    (top, bottom, first, last), (tops, bottoms, firsts, lasts) = a.T[:, :, None], b.T[:, None]
    return (top < bottoms) & (tops < bottom) & (first < lasts) & (firsts < last)


def _extents(stack: _Stack) -> np.ndarray:
    top, bottom, first, last = stack.boxes.T
    return (bottom - top) * (last - first)


def _shared(one: _Stack, i: int, others: _Stack, partners: np.ndarray) -> np.ndarray:
    """Pixels that mask ``i`` shares with each of the partners (bool[N]), looked for in its own box."""
    top, bottom, first, last = one.boxes[i]
    box = np.s_[first:last, top:bottom]
    here, chosen = one.words[i, *box], np.flatnonzero(partners)
    shared = np.zeros(len(chosen), "i8")
    step = max(1, _WORDS_AT_ONCE // max(here.size, 1))
    for start in range(0, len(chosen), step):
        both = others.words[chosen[start : start + step], *box]
        both &= here
        shared[start : start + step] = np.bitwise_count(both).reshape(len(both), -1).sum(axis=1, dtype="u4")
    return shared


def _stack(masks: Sequence[Any]) -> _Stack:
    for mask in masks:
        if isinstance(mask, dict):
            raise ValueError("masks and run lengths cannot be compared with each other; encode the masks first")
    _one_size({mask.shape for mask in masks})
    height, width = masks[0].shape if len(masks) else (0, 0)
    words = np.zeros((len(masks), -(-width // WORD_PX), height), "u8")
    boxes, found = np.zeros((len(masks), 4), "i8"), np.zeros(len(masks), "i8")
    for i, mask in enumerate(masks):
        rows = _words(mask)
        span = _span(rows.reshape(-1))
        if span is None:
            continue
        top, bottom = span[0] // rows.shape[1], -(-span[1] // rows.shape[1])
        columns = np.flatnonzero(np.bitwise_or.reduce(rows[top:bottom], axis=0))
        first, last = columns[0], columns[-1] + 1
        words[i, first:last, top:bottom] = rows[top:bottom, first:last].T
        boxes[i] = top, bottom, first, last
        found[i] = np.bitwise_count(rows[top:bottom]).sum(dtype="u4")
    return _Stack((height, width), words, boxes, found)


def _words(mask: np.ndarray | PackedMask) -> np.ndarray:
    """A mask as u64[H, ceil(W/64)]: each row packed by itself and padded to whole words."""
    height, width = mask.shape
    if isinstance(mask, PackedMask):
        if width % WORD_PX == 0:  # then rows begin at whole words already
            return np.frombuffer(mask.bits, "u8").reshape(height, -1)
        mask = unpack(mask)
    rows = np.packbits(mask, axis=1)
    padded = np.zeros((height, -(-width // WORD_PX) * WORD_PX // 8), "u1")
    padded[:, : rows.shape[1]] = rows
    return padded.view("u8")


def _one_size(sizes: set[tuple[int, ...]]) -> None:
    if len(sizes) > 1:
        raise ValueError(f"masks of one size can be compared, not of {sorted(sizes)[:4]}")
