"""Files of generated tracks: a table of tracks, and their crops as JPEGs one after the other.

Nothing is filtered by HDF5: the crops of a track lie together, so that reading them touches their bytes alone. Raw,
they take 12.3 kB each, with lzf or gzip hardly less (noise does not shrink), as JPEG of quality 90 2.2 kB at 37 dB.
"""

import hashlib
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from videotracks.broken_files import hdf5_trouble
from videotracks.errors import CorruptFileError
from videotracks.hdf5_handle import Hdf5Handle
from videotracks.people.crop_codecs import codec
from videotracks.people.crop_layout import plain_dataset, read_bytes, read_dataset
from videotracks.persistence.crop_tracks import CROP_PX, CropTrack
from videotracks.persistence.generator.looks import KINDS
from videotracks.persistence.generator.plan import SETS, SPLITS, SetName, SplitName, TracksSettings
from videotracks.persistence.generator.track_table import TrackTable
from videotracks.persistence.generator.writing import BLOB, FORMAT_VERSION, write_tracks
from videotracks.versions import VERSION_CHARACTERS

if TYPE_CHECKING:
    import h5py

__all__ = ["GeneratedTracks", "TrackRows", "write_tracks"]

_REMEDY = "the file is damaged or was not written by this project: materialise synthetic_tracks again"
#: JSON of settings; far above theirs.
_MOST_SETTINGS_CHARS = 1 << 16


def _trouble(name: str) -> AbstractContextManager[None]:
    return hdf5_trouble(name, "file of generated tracks", _REMEDY)


class GeneratedTracks(Hdf5Handle):
    """A file of generated tracks, opened for reading: the table at once, crops when they are asked for.

    A context manager. Rows are those of ``table``.
    """

    asset = "synthetic_tracks"
    broken = staticmethod(_trouble)

    def __init__(self, file: "h5py.File", name: str, path: Path | None) -> None:
        self._file, self._name, self.path = file, name, path
        with _trouble(name):
            if (version := file.attrs.get("format_version")) != FORMAT_VERSION:
                raise CorruptFileError(f"format version {str(version)[:80]}; {FORMAT_VERSION} is read")
            #: What was asked of the generator.
            self.settings = _settings_of(str(file.attrs["settings"]))
            shapes = {key: (None,) * len(c.shapes[0]) for key, c in TrackTable.columns().items()}
            columns = {key: read_dataset(plain_dataset(file, key, None, shape)) for key, shape in shapes.items()}
            #: All tracks of the file.
            self.table = TrackTable(**{key: a.view(bool) if a.dtype == "b1" else a for key, a in columns.items()})
            self._blob = plain_dataset(file, BLOB, np.dtype("u1"), (int(self.table.crop_offsets[-1]),))
        self._decode = codec("jpeg").decode

    def __len__(self) -> int:
        return len(self.table.label)

    def split(self, name: SplitName, set: SetName = "matched") -> "TrackRows":
        """The tracks of a split of a set; there may be none."""
        table = self.table
        return TrackRows(self, np.flatnonzero((table.split == SPLITS.index(name)) & (table.set == SETS.index(set))))

    def crops(self, row: int) -> np.ndarray:
        """The crops of a track, u1[T, CROP_PX, CROP_PX, 3] RGB; ``CorruptFileError`` where they are damaged."""
        first, last = self.table.offsets[row : row + 2].tolist()
        bounds = self.table.crop_offsets[first : last + 1]
        crops = np.empty((last - first, CROP_PX, CROP_PX, 3), "u1")
        with _trouble(self._name):
            data = read_bytes(self._blob, int(bounds[0]), int(bounds[-1]))
            if zlib.crc32(data.data) != self.table.checksums[row]:
                raise CorruptFileError(f"the crops of track {row} do not match their checksum")
            for t, (start, stop) in enumerate(np.stack([bounds[:-1], bounds[1:]], -1) - bounds[0]):
                crops[t] = self._decode(data[start:stop], CROP_PX, CROP_PX)
        return crops

    def track(self, row: int) -> CropTrack:
        """A track with its crops."""
        table, here = self.table, self.observations(row)
        return CropTrack(
            track_id=int(table.track_id[row]),
            camera=int(table.camera[row]),
            frame_numbers=table.frame_numbers[here],
            boxes=table.boxes[here],
            confidences=table.confidences[here],
            crops=self.crops(row),
        )

    def observations(self, row: int) -> slice:
        """Where the observations of a track stand in the table."""
        return slice(*self.table.offsets[row : row + 2].tolist())

    def content_version(self) -> str:
        """Sixteen hex digits that are equal for equal tracks; reads no crops, but knows their checksums."""
        digest = hashlib.sha256(self.settings.model_dump_json().encode())
        for name, array in sorted(self.table.arrays().items()):
            digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:VERSION_CHARACTERS]


def _settings_of(text: str) -> TracksSettings:
    if len(text) > _MOST_SETTINGS_CHARS:
        raise CorruptFileError("settings of impossible length")
    try:
        return TracksSettings.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise CorruptFileError(f"settings: {'.'.join(map(str, first['loc']))} {first['msg']}") from error


class TrackRows:
    """Some tracks of a file, numbered from 0; ``rows`` i8[N] are their rows in its table."""

    def __init__(self, tracks: GeneratedTracks, rows: np.ndarray) -> None:
        self._tracks, self.rows = tracks, rows
        table = tracks.table
        #: i8[N] each: 1 for a thing; observations; seed of the scene; 0 or 1; the thing or −1.
        self.label, self.k, self.scene = table.label[rows], table.k[rows], table.scene[rows]
        self.camera, self.object_id = table.camera[rows], table.object_id[rows]
        #: Names of the kinds, U[N].
        self.kind = np.array(KINDS)[table.kind[rows]]
        #: Observations of each track, i8[N].
        self.length = np.diff(table.offsets)[rows]

    def __len__(self) -> int:
        return len(self.rows)

    def crops(self, i: int) -> np.ndarray:
        """The crops of track i, u1[T, CROP_PX, CROP_PX, 3] RGB."""
        return self._tracks.crops(int(self.rows[i]))

    def track(self, i: int) -> CropTrack:
        """Track i with its crops."""
        return self._tracks.track(int(self.rows[i]))

    def frame_numbers(self, i: int) -> np.ndarray:
        """Frames of track i, i8[T]; reads no crops, nor do the next three."""
        return self._tracks.table.frame_numbers[self._tracks.observations(int(self.rows[i]))]

    def boxes(self, i: int) -> np.ndarray:
        """Boxes of track i, f4[T, 4] xyxy px."""
        return self._tracks.table.boxes[self._tracks.observations(int(self.rows[i]))]

    def confidences(self, i: int) -> np.ndarray:
        """Confidences of track i, f4[T]."""
        return self._tracks.table.confidences[self._tracks.observations(int(self.rows[i]))]

    def corrupted(self, i: int) -> np.ndarray:
        """Which observations of track i were planted, bool[T]."""
        return self._tracks.table.corrupted[self._tracks.observations(int(self.rows[i]))]

    def clips(self) -> Sequence[np.ndarray]:
        """The crops of all these tracks, each read when it is asked for."""
        return _Clips(self)


class _Clips(Sequence[np.ndarray]):
    def __init__(self, rows: TrackRows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        if isinstance(i, slice):
            return [self._rows.crops(each) for each in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        return self._rows.crops(i % len(self))
