"""The crops of one group of a crop file, read lazily and without trust in the file."""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.people.crop_codecs import codec
from videotracks.people.crop_layout import (
    BLOB,
    EXTRA,
    INDEX,
    PERSON,
    REMEDY,
    CropRows,
    plain_dataset,
    read_bytes,
    read_dataset,
    trouble,
)

if TYPE_CHECKING:
    import h5py

_DECODE_THREADS = min(8, os.cpu_count() or 1)
#: Crops with no more than this between them are read in one go: a call costs as much as these bytes.
_GAP_BYTES = 128 << 10


class CropGroup:
    """The crops of one group of a file: of all detections, or of one person. Nothing is read until asked for.

    Crop i belongs to row i of every column. Whatever is wrong in the file is a ``CorruptFileError``.
    """

    def __init__(self, group: "h5py.Group", name: str, codec_name: str) -> None:
        self._group, self._name, self._codec = group, name, codec(codec_name)
        self._read: dict[str, np.ndarray] = {}
        self._further: _Further | None = None
        self._pixels: h5py.h5d.DatasetID | None = None

    def __len__(self) -> int:
        return len(self.frame_numbers)

    @property
    def frame_numbers(self) -> np.ndarray:
        """Frame of each crop in its view, i64[N]."""
        return self._column("frame_numbers")

    @property
    def bboxes(self) -> np.ndarray:
        """Box of each detection as detected, f32[N, 4] xyxy px."""
        return self._column("bboxes")

    @property
    def confidences(self) -> np.ndarray:
        """Detector confidence of each crop, f32[N]."""
        return self._column("confidences")

    @property
    def camera(self) -> np.ndarray:
        """View of each crop, i16[N]."""
        return self._column("camera")

    @property
    def detection_indices(self) -> np.ndarray:
        """Position of each detection inside its frame, i64[N]."""
        return self._column("detection_indices")

    @property
    def sizes(self) -> np.ndarray:
        """Height and width of each crop in px, i32[N, 2]; 0, 0 where the box lies outside the frame."""
        return self._index("sizes")

    @property
    def offsets(self) -> np.ndarray:
        """Where each encoded crop begins and ends in the blob, i64[N + 1]."""
        return self._index("offsets")

    @property
    def checksums(self) -> np.ndarray:
        """CRC-32 of each encoded crop, u32[N]."""
        return self._index("checksums")

    @property
    def extra(self) -> Mapping[str, np.ndarray]:
        """Further columns by name, one row per crop (quality scores and the like); each is read when asked for."""
        if self._further is None:
            known = {*CropRows.columns(), *INDEX, BLOB}
            with self._trouble():
                names = [name for name in self._group if name not in known and not PERSON.fullmatch(name)]
                for name in names:
                    if not EXTRA.fullmatch(name):
                        raise CorruptFileError(f"unexpected member {name[:80]!r}")
            self._further = _Further(self, names)
        return self._further

    def arrays(self) -> dict[str, np.ndarray]:
        """All columns by name: rows, sizes and checksums of the crops, further ones. No pixels."""
        return {**self.rows().arrays(), "sizes": self.sizes, "checksums": self.checksums, **self.extra}

    def rows(self) -> CropRows:
        """All columns that say where the crops come from, as a table."""
        return CropRows(**{name: self._column(name) for name in CropRows.columns()})

    def crop_rows(self, start: int, stop: int, camera: int | None = None) -> np.ndarray:
        """Rows i64[M] of the crops of frames ``start`` to ``stop`` (not included), of one view or of all."""
        chosen = (self.frame_numbers >= start) & (self.frame_numbers < stop)
        return np.flatnonzero(chosen if camera is None else chosen & (self.camera == camera))

    def crop(self, row: int) -> np.ndarray:
        """One crop, RGB u8[h, w, 3]; of shape (0, 0, 3) where the box lies outside the frame."""
        return self._decode(int(row), self.encoded([row])[0], None)

    def crops(
        self,
        rows: Sequence[int] | np.ndarray | slice,
        *,
        fit: tuple[float, float] | None = None,
        threads: int = _DECODE_THREADS,
    ) -> list[np.ndarray]:
        """Crops in the order of ``rows``, RGB u8[h, w, 3] each, decoded side by side.

        ``fit`` (width, height in px) is the box into which they are going to be scaled down: a JPEG at least twice as
        large is decoded at a half, a quarter or an eighth of its size, which costs less and is never below that box.
        """
        wanted = self._rows(rows)
        data = self.encoded(wanted)
        if threads == 1 or len(wanted) < 2 * threads:
            return [self._decode(int(row), d, fit) for row, d in zip(wanted, data, strict=True)]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self._decode, wanted.tolist(), data, [fit] * len(wanted)))

    def encoded(self, rows: Sequence[int] | np.ndarray | slice) -> list[np.ndarray]:
        """Encoded bytes u8[k] of crops in the order of ``rows``, compared with their checksums."""
        wanted = self._rows(rows)
        order = np.unique(wanted)
        gaps = self.offsets[order[1:]] - self.offsets[order[:-1] + 1]
        found: dict[int, np.ndarray] = {}
        for span in np.split(order, np.flatnonzero(gaps > _GAP_BYTES) + 1):
            found.update(self._encoded_span(span))
        return [found[row] for row in wanted.tolist()]

    def blob(self, start: int, stop: int) -> np.ndarray:
        """Bytes u8[stop - start] of the blob as they are, for copying: checksums are not compared."""
        size = int(self.offsets[-1])
        if not 0 <= start <= stop <= size:
            raise IndexError(f"{self._name}: bytes {start} to {stop} of a blob of {size}")
        with self._trouble():
            return read_bytes(self._blob(), start, stop)

    def _blob(self) -> "h5py.h5d.DatasetID":
        """The dataset of all encoded crops, opened once."""
        if self._pixels is None:
            self._pixels = plain_dataset(self._group, BLOB, np.dtype("u1"), (None,))
        return self._pixels

    def _encoded_span(self, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Crops in ascending order, read together with the bytes between them."""
        if not len(rows):
            return
        starts, stops = self.offsets[rows], self.offsets[rows + 1]
        data = self.blob(int(starts[0]), int(stops[-1]))
        bounds = zip((starts - starts[0]).tolist(), (stops - starts[0]).tolist(), strict=True)
        for row, (start, stop), checksum in zip(rows.tolist(), bounds, self.checksums[rows].tolist(), strict=True):
            piece = data[start:stop]
            if zlib.crc32(piece.data) != checksum:
                raise CorruptFileError(f"{self._name}: crop {row}: damaged bytes; {REMEDY}")
            yield row, piece

    def _decode(self, row: int, data: np.ndarray, fit: tuple[float, float] | None) -> np.ndarray:
        height, width = self.sizes[row].tolist()
        times = max(width / fit[0], height / fit[1]) if fit else 1
        try:
            return self._codec.decode(data, height, width, next((part for part in (8, 4, 2) if part <= times), 1))
        except CorruptFileError as error:
            raise CorruptFileError(f"{self._name}: crop {row}: {error}; {REMEDY}") from None

    def _rows(self, rows: Sequence[int] | np.ndarray | slice) -> np.ndarray:
        if isinstance(rows, slice):
            return np.arange(len(self))[rows]
        wanted = np.asarray(rows, dtype="i8").reshape(-1)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise IndexError(f"{self._name}: crops {wanted.min()} to {wanted.max()} of {len(self)}")
        return wanted

    def _column(self, name: str) -> np.ndarray:
        if name not in self._read:
            declared = CropRows.columns()[name]
            tail = tuple(size for size in declared.shapes[0][1:] if isinstance(size, int))
            with self._trouble():
                count = None if name == "frame_numbers" else len(self.frame_numbers)
                self._read[name] = self._array(name, np.dtype(declared.dtype), (count, *tail))
        return self._read[name]

    def further_column(self, name: str) -> np.ndarray:
        """One of the further columns, numbers [N]."""
        if name not in self._read:
            with self._trouble():
                self._read[name] = self._array(name, None, (len(self),))
        return self._read[name]

    def _index(self, name: str) -> np.ndarray:
        """The columns that lead to the pixels: checked together before any is used."""
        if name not in self._read:
            with self._trouble():
                for key, (dtype, tail, more) in INDEX.items():
                    self._read[key] = self._array(key, np.dtype(dtype), (len(self) + more, *tail))
                self._check_index(self._read["offsets"], self._read["sizes"])
        return self._read[name]

    def _check_index(self, offsets: np.ndarray, sizes: np.ndarray) -> None:
        blob = self._blob()
        if offsets[0] != 0 or offsets[-1] != blob.shape[0] or bool((offsets[1:] < offsets[:-1]).any()):
            self._read.clear()
            raise CorruptFileError(f"offsets do not split a blob of {blob.shape[0]:,} bytes completely")
        if bool((sizes < 0).any()) or bool(((sizes == 0).any(axis=1) != (np.diff(offsets) == 0)).any()):
            self._read.clear()
            raise CorruptFileError("sizes do not agree with the bytes of the crops")

    def _array(self, name: str, dtype: np.dtype | None, shape: tuple[int | None, ...]) -> np.ndarray:
        array = read_dataset(plain_dataset(self._group, name, dtype, shape))
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise CorruptFileError(f"{name}: a number that is not finite")
        array.setflags(write=False)
        return array

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        if not self._group:
            raise ValueError(f"{self._name} is closed")
        with trouble(self._name):
            yield


class _Further(Mapping[str, np.ndarray]):
    """The further columns of a group, read one by one."""

    def __init__(self, group: CropGroup, names: Sequence[str]) -> None:
        self._group, self._names = group, names

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        return self._group.further_column(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
