"""Which candidates are followed already: masks of a frame compared as thumbnails of one bit per pixel."""

from collections.abc import Iterable, Sequence

import numpy as np

_WORD_BITS = 64


class ThumbnailSize:
    """The grid on which masks are compared: at most ``side`` px on the longer side, never finer than the video."""

    def __init__(self, height: int, width: int, side: int) -> None:
        scale = min(1.0, side / max(height, width))
        self.shape = max(1, round(height * scale)), max(1, round(width * scale))
        self.words = -(-self.shape[0] * self.shape[1] // _WORD_BITS)

    def shrink(self, mask: np.ndarray) -> np.ndarray:
        """A thumbnail u64[words] of bool[H, W] of any size, each pixel that of the mask at its centre (nearest).

        Nearest, not by area: a wire that is a pixel wide must not vanish from every comparison.
        """
        return self._packed(mask[centres(self.shape[0], mask.shape[0])].take(centres(self.shape[1], mask.shape[1]), 1))

    def shrink_all(self, masks: Iterable[np.ndarray]) -> np.ndarray:
        """Thumbnails u64[N, words] of masks of any size."""
        thumbnails = [self.shrink(mask) for mask in masks]
        return np.stack(thumbnails) if thumbnails else self.none()

    def none(self) -> np.ndarray:
        """No thumbnail, u64[0, words]."""
        return np.zeros((0, self.words), np.uint64)

    def _packed(self, small: np.ndarray) -> np.ndarray:
        packed = np.zeros(self.words * (_WORD_BITS // 8), np.uint8)
        bits = np.packbits(small)
        packed[: len(bits)] = bits
        return packed.view(np.uint64)


def centres(count: int, size: int) -> np.ndarray:
    """Which of ``size`` pixels lies at the centre of each of ``count`` that cover the same length, i8[count]."""
    return (2 * np.arange(count) + 1) * size // (2 * count)


def thumbnail_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU f64[N, M] of thumbnails u64[N, words] and u64[M, words]; 0 where both are empty."""
    area_a, area_b = np.bitwise_count(a).sum(axis=1, dtype=np.int64), np.bitwise_count(b).sum(axis=1, dtype=np.int64)
    shared = np.zeros((len(a), len(b)), np.int64)
    for row, thumbnail in enumerate(a):  # a row at a time: [N, M, words] at once would not fit
        shared[row] = np.bitwise_count(thumbnail & b).sum(axis=1, dtype=np.int64)
    union = area_a[:, None] + area_b - shared
    return shared / np.maximum(union, 1)


def new_candidates(candidates: np.ndarray, tracked: np.ndarray, most_iou: float) -> list[int]:
    """The candidates that show something new, in their order.

    ``candidates`` u64[N, words] and ``tracked`` u64[M, words] are thumbnails of one frame. A candidate is dropped where
    its IoU with a tracked mask, or with a candidate accepted before it, is strictly above ``most_iou``.
    """
    fresh = ~(thumbnail_iou(candidates, tracked) > most_iou).any(axis=1)
    alike = thumbnail_iou(candidates, candidates) > most_iou
    accepted: list[int] = []
    for candidate in np.flatnonzero(fresh).tolist():
        if not alike[candidate, accepted].any():
            accepted.append(candidate)
    return accepted


class DedupStore:
    """The thumbnails of all masks that were produced, by frame; only of frames that candidates will still come to."""

    def __init__(self, size: ThumbnailSize, positions: Iterable[int]) -> None:
        self._size, self._asked = size, set(positions)
        self._of: dict[int, list[np.ndarray]] = {}

    def keep(self, position: int, thumbnails: np.ndarray | Sequence[np.ndarray]) -> None:
        """Add masks of a frame."""
        if position in self._asked and len(thumbnails):
            self._of.setdefault(position, []).extend(thumbnails)

    def at(self, position: int) -> np.ndarray:
        """All thumbnails of a frame, u64[M, words]."""
        kept = self._of.get(position)
        return np.stack(kept) if kept else self._size.none()

    def forget(self, before: int) -> None:
        """Let go of the frames before a position."""
        self._asked = {position for position in self._asked if position >= before}
        self._of = {position: kept for position, kept in self._of.items() if position >= before}
