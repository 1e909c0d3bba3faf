"""How much of each object lies inside each other one, added up over the frames that both are seen in."""

from collections.abc import Mapping, Sequence

import numpy as np

from videotracks.masks.overlap import areas, containment_matrix
from videotracks.masks.packed import PackedMask, pack, unpack_full

#: Rows that wait before they are added to the sums: 40 bytes each.
_PENDING_ROWS = 1 << 17
#: Bits of an object's number inside the key of a pair.
_ID_BITS = 31


def of_one_size(levels: Mapping[int, Mapping[int, PackedMask]]) -> dict[int, dict[int, PackedMask]]:
    """The masks of a frame by level, all of one stored size: those of the video where levels were stored differently.

    Empty masks are left out: who is not seen lies nowhere.
    """
    shapes = {mask.shape for masks in levels.values() for mask in masks.values()}
    seen = {level: {i: mask for i, mask in masks.items() if any(mask.bits)} for level, masks in levels.items()}
    if len(shapes) < 2:
        return seen
    return {level: {i: pack(unpack_full(mask)) for i, mask in masks.items()} for level, masks in seen.items()}


class PairSums:
    """Sums over frames for every pair of objects seen together: memory grows with the pairs, not with the frames."""

    def __init__(self) -> None:
        self._keys, self._sums = np.zeros(0, np.int64), np.zeros((0, 4), np.int64)
        self._pending: list[tuple[np.ndarray, np.ndarray]] = []
        self._rows = 0

    def add(self, fine: Mapping[int, PackedMask], coarse: Mapping[int, PackedMask]) -> None:
        """Add a frame: the masks seen in it by the number of their object, of one size and none of them empty."""
        if not fine or not coarse:
            return
        fine_ids, coarse_ids = _numbers(list(fine)), _numbers(list(coarse))
        fine_px, coarse_px = areas(list(fine.values())), areas(list(coarse.values()))
        inside = containment_matrix(list(fine.values()), list(coarse.values()))
        rows = np.ones((len(fine), len(coarse), 4), np.int64)
        rows[..., 0] = np.rint(inside * fine_px[:, None])  # whole again: a share of so few pixels is exact enough
        rows[..., 1], rows[..., 2] = fine_px[:, None], coarse_px
        keys = (fine_ids << _ID_BITS)[:, None] | coarse_ids
        self._pending.append((keys.ravel(), rows.reshape(-1, 4)))
        self._rows += keys.size
        if self._rows > _PENDING_ROWS:
            self._merge()

    def totals(self) -> tuple[np.ndarray, np.ndarray]:
        """Fine and coarse number of each pair i64[P, 2], and its sums i64[P, 4].

        The sums: shared px, px of the fine object, px of the coarse one, and the frames that both are seen in.
        """
        self._merge()
        return np.stack([self._keys >> _ID_BITS, self._keys & (1 << _ID_BITS) - 1], axis=1), self._sums

    def _merge(self) -> None:
        keys = np.concatenate([self._keys, *(keys for keys, _ in self._pending)])
        sums = np.concatenate([self._sums, *(rows for _, rows in self._pending)])
        order = np.argsort(keys, kind="stable")
        self._keys, starts = np.unique(keys[order], return_index=True)
        self._sums = np.add.reduceat(sums[order], starts) if len(starts) else sums
        self._pending.clear()
        self._rows = 0


def _numbers(ids: Sequence[int]) -> np.ndarray:
    """Numbers of objects as i64[N]; a ``ValueError`` for those that do not fit into a key."""
    if min(ids) < 0 or max(ids) >> _ID_BITS:
        raise ValueError(f"numbers of objects are from 0 to 2^{_ID_BITS} - 1, not {min(ids)} to {max(ids)}")
    return np.array(ids, np.int64)
