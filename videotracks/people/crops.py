"""Crop files: written as a stream while a video is decoded, and regrouped by copying encoded bytes."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.people.crop_codecs import codec
from videotracks.people.crop_layout import (
    BLOB,
    EXTRA,
    INDEX,
    PERSON_GROUP,
    CropRows,
    CropSettings,
    pixel_box,
    write_attributes,
    write_dataset,
)
from videotracks.people.crop_store import CropGroup, CropStore
from videotracks.tables import Detections, Persons

if TYPE_CHECKING:
    import h5py

__all__ = [
    "CropGroup",
    "CropRows",
    "CropSettings",
    "CropStore",
    "CropWriter",
    "PersonCrops",
    "pixel_box",
    "write_crops_by_person",
    "write_selected_crops",
]

#: The blob grows by this much at a time: an HDF5 chunk, and what the writer holds back.
_CHUNK_BYTES = 1 << 20
#: Regrouping reads this much of the source at a time.
_BLOCK_BYTES = 16 << 20
#: What the writer remembers of each crop until the end: 64 bytes.
_RECORD = np.dtype(
    [(name, c.dtype, (4,) if name == "bboxes" else ()) for name, c in CropRows.columns().items()]
    + [("lengths", "i8", ()), ("sizes", "i4", (2,)), ("checksums", "u4", ())]
)


@contextmanager
def _created_file(path: Path) -> "Iterator[h5py.File]":
    """A new HDF5 file, removed again if anything fails."""
    import h5py

    opened = h5py.File(path, "w", libver=("v110", "v110"), locking=False)
    try:
        with opened as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class CropWriter:
    """Writes the crops of all detections, in the order of the detections, as a stream.

    A context manager; leaving it by an exception removes the file. ``encode`` may be called from any
    thread, ``append`` from one. Memory: the rows' numbers and one chunk, never the pixels.
    """

    def __init__(self, path: Path, settings: CropSettings, *, created: datetime | None = None) -> None:
        self._path, self._settings, self._created = path, settings, created
        self._codec = codec(settings.codec, settings.quality)
        self._context = _created_file(path)
        self._pending = bytearray()
        self._written = 0
        self._records = bytearray()
        self.total_frames = 0

    def __enter__(self) -> Self:
        self._file = self._context.__enter__()
        self._blob = self._file.create_dataset(BLOB, (0,), "u1", maxshape=(None,), chunks=(_CHUNK_BYTES,))
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            try:
                self._finish()
            except BaseException as failure:
                self._context.__exit__(type(failure), failure, failure.__traceback__)
                raise
        self._context.__exit__(*error)  # type: ignore[arg-type]

    def encode(self, rgb: np.ndarray) -> bytes:
        """One crop, RGB u8[h, w, 3], as bytes."""
        return self._codec.encode(rgb)

    def append(self, rows: CropRows, encoded: Sequence[bytes], sizes: Sequence[tuple[int, int]]) -> None:
        """Add crops that ``encode`` made, of ``sizes`` (height, width) in px, with the rows they belong to."""
        if not len(rows.frame_numbers) == len(encoded) == len(sizes):
            raise ValueError(f"{len(rows.frame_numbers)} rows, {len(encoded)} crops, {len(sizes)} sizes")
        records = np.zeros(len(encoded), _RECORD)
        for name, array in rows.arrays().items():
            records[name] = array
        records["sizes"] = np.array(sizes, dtype="i4").reshape(-1, 2)
        records["lengths"] = [len(data) for data in encoded]
        records["checksums"] = [zlib.crc32(data) for data in encoded]
        self._records += records.tobytes()
        self._pending += b"".join(encoded)
        if len(self._pending) >= _CHUNK_BYTES:
            self._flush(len(self._pending) // _CHUNK_BYTES * _CHUNK_BYTES)

    def rows(self) -> CropRows:
        """The rows of all crops added so far."""
        records = np.frombuffer(bytes(self._records), _RECORD)
        return CropRows(**{name: np.ascontiguousarray(records[name]) for name in CropRows.columns()})

    def _flush(self, size: int) -> None:
        self._blob.resize((self._written + size,))
        self._blob[self._written :] = np.frombuffer(self._pending[:size], np.uint8)
        self._written += size
        del self._pending[:size]

    def _finish(self) -> None:
        self._flush(len(self._pending))
        records, rows = np.frombuffer(bytes(self._records), _RECORD), self.rows()
        _write_rows(self._file, rows, records["lengths"], records["sizes"], records["checksums"], {})
        write_attributes(
            self._file, codec=self._settings.codec, persons=0, crops=len(records),
            frames=self.total_frames, created=self._created,
        )  # fmt: skip


def _write_rows(
    group: "h5py.Group", rows: CropRows, lengths: np.ndarray, sizes: np.ndarray, checksums: np.ndarray,
    extra: Mapping[str, np.ndarray],
) -> None:  # fmt: skip
    """Write everything of a group but the blob; ``lengths`` are the bytes of each encoded crop."""
    index = {"offsets": np.concatenate([[0], np.cumsum(lengths)]), "sizes": sizes, "checksums": checksums}
    for name, array in rows.arrays().items():
        write_dataset(group, name, array)
    for name, (dtype, _, _) in INDEX.items():
        write_dataset(group, name, index[name].astype(dtype))
    for name, array in extra.items():
        if not EXTRA.fullmatch(name) or name in group or name == BLOB:
            raise ValueError(f"{name!r} cannot be the name of a further column")
        if array.shape != (len(lengths),) or array.dtype.kind not in "iuf":
            raise ValueError(f"column {name}: expected numbers, one per crop ({len(lengths)}), got {array.shape}")
        write_dataset(group, name, array)


@dataclass(frozen=True)
class PersonCrops:
    """Some crops of one person, to be copied from a group; ``extra`` adds columns (one value per crop).

    ``encoded`` replaces their bytes, of the same codec and sizes.
    """

    person_id: int
    source: CropGroup
    rows: np.ndarray
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    encoded: Sequence[bytes] | None = None


def write_selected_crops(
    path: Path, persons: Iterable[PersonCrops], store: CropStore, *, created: datetime | None = None
) -> CropStore:
    """Copy chosen encoded crops of ``store`` into a new file by person; the new file is returned opened.

    One person's bytes are held at a time.
    """
    count = crops = 0
    with _created_file(path) as file:
        for person in persons:
            group = file.create_group(PERSON_GROUP.format(person.person_id))
            if person.encoded is None:
                encoded = person.source.encoded(person.rows)
                checksums = person.source.checksums[person.rows]
            else:
                encoded = [np.frombuffer(data, np.uint8) for data in person.encoded]
                checksums = np.array([zlib.crc32(data) for data in person.encoded], "u4")
            _write_rows(
                group,
                CropRows(**{name: array[person.rows] for name, array in person.source.rows().arrays().items()}),
                np.array([len(data) for data in encoded], dtype="i8"),
                person.source.sizes[person.rows],
                checksums,
                person.extra,
            )
            group.create_dataset(BLOB, data=np.concatenate([*encoded, np.zeros(0, np.uint8)]))
            count, crops = count + 1, crops + len(encoded)
        write_attributes(
            file, codec=store.codec, persons=count, crops=crops, frames=store.total_frames, created=created
        )
    return CropStore.open(path)


def write_crops_by_person(
    path: Path, persons: Persons, detections: Detections, store: CropStore, *, created: datetime | None = None
) -> CropStore:
    """Regroup the crops of all detections by person; the new file is returned opened.

    Encoded bytes are copied, a block of the source at a time. ``CorruptFileError`` where the three inputs
    are not of one run.
    """
    source_rows = _source_rows(persons, detections, store)
    lengths = np.diff(store.offsets)[source_rows]
    with _created_file(path) as file:
        blobs, places = [], np.zeros(len(source_rows), dtype="i8")
        for person in persons.person_ids.tolist():
            rows = persons.rows_of(person)
            group = file.create_group(PERSON_GROUP.format(person))
            own = source_rows[rows]
            columns = {name: getattr(persons, name)[rows] for name in CropRows.columns()}
            _write_rows(group, CropRows(**columns), lengths[rows], store.sizes[own], store.checksums[own], {})
            ends = np.cumsum(lengths[rows])
            places[rows] = ends - lengths[rows]
            blobs.append(group.create_dataset(BLOB, (int(ends[-1]),), "u1"))
        whose = np.searchsorted(persons.person_ids, persons.person_id)
        _copy_blocks(store, source_rows, whose, places, lengths, blobs)
        write_attributes(
            file, codec=store.codec, persons=len(persons.person_ids), crops=len(source_rows),
            frames=store.total_frames, created=created,
        )  # fmt: skip
    return CropStore.open(path)


def _source_rows(persons: Persons, detections: Detections, store: CropStore) -> np.ndarray:
    """The detection, and so the crop, of each row of ``persons``, i64[N]."""
    camera, frame, position = persons.camera, persons.frame_numbers, persons.detection_indices
    counts = detections.counts
    fits = np.array_equal(store.frame_numbers, detections.frame_numbers)
    fits = fits and np.array_equal(store.camera, detections.camera)
    fits = fits and bool(np.all((camera >= 0) & (camera < counts.shape[0]) & (frame >= 0) & (frame < counts.shape[1])))
    if not fits or not bool(np.all((position >= 0) & (position < counts[camera, frame]))):
        raise CorruptFileError(
            "the persons, the detections and their crops are not of one run; materialise detections "
            "and detection_crops again, then what follows"
        )
    return detections.row_of(camera, frame, position)


def _copy_blocks(
    store: CropStore, source_rows: np.ndarray, whose: np.ndarray, places: np.ndarray, lengths: np.ndarray,
    blobs: "Sequence[h5py.Dataset]",
) -> None:  # fmt: skip
    """Copy each crop to its place in its person's blob, reading the source once from front to back."""
    starts = store.offsets[source_rows]
    order = np.lexsort((starts, whose, starts // _BLOCK_BYTES))
    key = np.stack([starts // _BLOCK_BYTES, whose])[:, order]
    block_at, data = -1, np.zeros(0, np.uint8)
    bounds = np.flatnonzero(np.any(np.diff(key, axis=1) != 0, axis=0)) + 1
    for run in np.split(order, bounds):
        if len(run) == 0 or lengths[run].sum() == 0:
            continue
        first = int(starts[run[0]]) // _BLOCK_BYTES * _BLOCK_BYTES
        if first != block_at:
            block_at = first
            here = order[key[0] == first // _BLOCK_BYTES]
            data = store.blob(first, int((starts[here] + lengths[here]).max()))
        pieces = [data[s : s + n] for s, n in zip((starts[run] - first).tolist(), lengths[run].tolist(), strict=True)]
        # A person's crops are in order of view and frame, as the source is: a run is one stretch of its blob.
        at = int(places[run[0]])
        blobs[int(whose[run[0]])][at : at + int(lengths[run].sum())] = np.concatenate(pieces)
