"""Frames of an HDF5 dataset [T, H, W], read one by one and without trust in the file.

HDF5's own inflate filter grows its buffer for as long as a stream goes on. Chunks are therefore taken as they are
stored and inflated here, into no more bytes than a chunk may have.
"""

import itertools
import math
import zlib
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from videotracks.broken_files import hdf5_trouble
from videotracks.errors import CorruptFileError

if TYPE_CHECKING:
    import h5py

#: No frame has more pixels (8,192 × 8,192), and no side is longer.
MOST_PIXELS, MOST_SIDE_PX = 1 << 26, 1 << 16
#: More than a month at 30 frames/s: beyond it a stored count is a mistake or an attack on memory.
MOST_FRAMES = 100_000_000
#: Frames that share chunks are held together up to this size.
_MOST_SLAB_BYTES = 1 << 28


def trouble(name: str, remedy: str) -> AbstractContextManager[None]:
    """Turn whatever HDF5 says of a broken depth file into a ``CorruptFileError`` that names it and what to do."""
    return hdf5_trouble(name, "depth file", remedy)


class FrameDataset:
    """A dataset [T, H, W] of u16, f16, f32 or f64, stored plain or in chunks that are deflated or shuffled.

    Making one opens the member ``name`` of ``group`` and checks all that it declares; links, virtual and external
    datasets, and other filters are refused. A chunk that is not stored is 0. Errors are ``CorruptFileError``.
    """

    def __init__(self, group: "h5py.Group", name: str) -> None:
        from h5py import h5d

        self.name = name
        self._dataset = _hard_dataset(group, name)
        plan = self._dataset.get_create_plist()
        self.dtype = self._dataset.dtype
        self.shape = self._checked_shape()
        layout = plan.get_layout()
        if layout == h5d.VIRTUAL or plan.get_external_count():
            raise CorruptFileError(f"{name} is virtual or external; its numbers must be in this file")
        self._filters: tuple[str, ...] | None = None  # of a plain dataset
        self._chunk: tuple[int, ...] = (1, *self.shape[1:])
        if layout == h5d.CHUNKED:
            self._chunk, self._filters = plan.get_chunk(), _filters(plan, name, self.dtype.itemsize)
        elif self._dataset.get_storage_size() < math.prod(self.shape) * self.dtype.itemsize:
            raise CorruptFileError(f"{name}: {self.shape} declared, but not all of it is stored")
        slab = self._chunk[0] * math.prod(self.shape[1:]) * self.dtype.itemsize
        if max(slab, math.prod(self._chunk) * self.dtype.itemsize) > _MOST_SLAB_BYTES:
            raise CorruptFileError(f"{name}: chunks {self._chunk} are too large; store frames one by one")
        self._slab: tuple[int, np.ndarray] = (-1, np.zeros(0))

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes that are single numbers or texts, as Python's own."""
        import h5py

        found = {}
        for key, value in h5py.Dataset(self._dataset).attrs.items():
            value = value.item() if isinstance(value, np.generic) else value
            if isinstance(value, (bool, int, float, str)):
                found[str(key)] = value
        return found

    def frame(self, t: int) -> np.ndarray:
        """Frame ``t`` as stored, [H, W]; read-only. ``IndexError`` where there is none."""
        if not 0 <= t < self.shape[0]:
            raise IndexError(f"{self.name}: frame {t} of {self.shape[0]}")
        number, within = divmod(t, self._chunk[0])
        if self._slab[0] != number:
            self._slab = (number, self._read_slab(number))
        return self._slab[1][within]

    def _checked_shape(self) -> tuple[int, int, int]:
        from h5py import h5s

        if self.dtype.kind not in "uf" or self.dtype.itemsize not in ((2,) if self.dtype.kind == "u" else (2, 4, 8)):
            raise CorruptFileError(f"{self.name}: expected u16 or floats, got {self.dtype}")
        simple = self._dataset.get_space().get_simple_extent_type() == h5s.SIMPLE
        shape: tuple[int, ...] = self._dataset.shape if simple else ()
        if len(shape) != 3:
            raise CorruptFileError(f"{self.name}: expected [frames, height, width], got shape {shape}")
        frames, height, width = shape
        if not (0 < frames <= MOST_FRAMES and 0 < max(height, width) <= MOST_SIDE_PX):
            raise CorruptFileError(f"{self.name}: {shape} is no number of frames, height and width")
        if not 0 < height * width <= MOST_PIXELS:
            raise CorruptFileError(f"{self.name}: frames of {width}×{height} px; {MOST_PIXELS:,} px at most")
        return frames, height, width

    def _read_slab(self, number: int) -> np.ndarray:
        """All frames of one row of chunks, [t, H, W]."""
        from h5py import h5s

        begin = number * self._chunk[0]
        shape = (min(self._chunk[0], self.shape[0] - begin), *self.shape[1:])
        slab = np.zeros(shape, self.dtype)
        if self._filters is None:
            space = self._dataset.get_space()
            space.select_hyperslab((begin, 0, 0), shape)
            self._dataset.read(h5s.create_simple(shape), space, slab)
        elif self._dataset.get_storage_size():
            for y, x in itertools.product(*(range(0, s, c) for s, c in zip(shape[1:], self._chunk[1:], strict=True))):
                block = self._read_chunk((begin, y, x))
                if block is not None:
                    into = slab[:, y : y + self._chunk[1], x : x + self._chunk[2]]
                    into[:] = block[tuple(map(slice, into.shape))]
        slab.setflags(write=False)
        return slab

    def _read_chunk(self, at: tuple[int, int, int]) -> np.ndarray | None:
        """One chunk, as its filters had it; None where it is not stored."""
        size = math.prod(self._chunk) * self.dtype.itemsize
        stored = self._dataset.get_chunk_info_by_coord(at)
        if stored.byte_offset is None:
            return None
        # What cannot be made smaller grows by 5 bytes in 16 KiB.
        if stored.size > size + size // 1024 + 64:
            raise CorruptFileError(f"{self.name}: the chunk at {at} takes {stored.size:,} bytes for {size:,}")
        skipped, data = self._dataset.read_direct_chunk(at)
        for place, kind in reversed(list(enumerate(self._filters or ()))):
            if not skipped >> place & 1:
                data = _inflated(data, size, self.name, at) if kind == "deflate" else _unshuffled(data, self.dtype)
        if len(data) != size:
            raise CorruptFileError(f"{self.name}: the chunk at {at} holds {len(data):,} bytes instead of {size:,}")
        return np.frombuffer(data, self.dtype).reshape(self._chunk)


def _hard_dataset(group: "h5py.Group", name: str) -> "h5py.h5d.DatasetID":
    """A dataset stored in this very group; links to elsewhere are refused unopened."""
    from h5py import h5d, h5l, h5o

    key = name.encode()
    if "/" in name or name == "." or not group.id.links.exists(key):
        raise CorruptFileError(f"{name} is missing")
    if group.id.links.get_info(key).type != h5l.TYPE_HARD:
        raise CorruptFileError(f"{name} is a link to elsewhere")
    dataset = h5o.open(group.id, key)
    if not isinstance(dataset, h5d.DatasetID):
        raise CorruptFileError(f"{name} is no dataset")
    return dataset


def _filters(plan: "h5py.h5p.PropDCID", name: str, itemsize: int) -> tuple[str, ...]:
    from h5py import h5z

    kinds = {h5z.FILTER_DEFLATE: "deflate", h5z.FILTER_SHUFFLE: "shuffle"}
    found = [plan.get_filter(i) for i in range(plan.get_nfilters())]
    names = tuple(kinds.get(code, "") for code, *_ in found)
    if len(set(names)) < len(names) or "" in names:
        raise CorruptFileError(f"{name}: filters {[f[0] for f in found]}; only gzip and shuffle are read")
    if any(kind == "shuffle" and tuple(f[2])[:1] != (itemsize,) for kind, f in zip(names, found, strict=True)):
        raise CorruptFileError(f"{name}: shuffled by another size than its numbers have")
    return names


def _inflated(data: bytes, size: int, name: str, at: tuple[int, ...]) -> bytes:
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, size)
        # The end of the stream, with its checksum, may still be to come.
        over = stream.decompress(stream.unconsumed_tail, 1) if not stream.eof else b""
    except zlib.error as error:
        raise CorruptFileError(f"{name}: damaged bytes in the chunk at {at} ({error})") from None
    if over or not stream.eof:
        raise CorruptFileError(f"{name}: the chunk at {at} is cut, or inflates beyond {size:,} bytes")
    return inflated


def _unshuffled(data: bytes, dtype: np.dtype) -> bytes | np.ndarray:
    """HDF5's shuffle undone: first bytes of all numbers together, then the second ones, and so on."""
    count, rest = divmod(len(data), dtype.itemsize)
    if rest:
        return data  # no whole numbers: refused for its length
    planes = np.frombuffer(data, "u1").reshape(dtype.itemsize, count)
    numbers = np.empty((count, dtype.itemsize), "u1")
    for place, plane in enumerate(planes):
        numbers[:, place] = plane
    return numbers.reshape(-1)
