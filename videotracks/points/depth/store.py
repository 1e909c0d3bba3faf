"""Depth maps of all views of a recording: ``depth.h5``, written as a stream and read frame by frame.

One dataset per view, ``view_000`` and so on in the order of the views: u16[T, H, W] in millimetres, 0 where the depth
is not known; a chunk per frame, shuffled and deflated at level 1. Any HDF5 reader opens it.
"""

import hashlib
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.hdf5_handle import Hdf5Handle
from videotracks.points.depth.frames import MOST_FRAMES, MOST_PIXELS, MOST_SIDE_PX, FrameDataset, trouble

if TYPE_CHECKING:
    import h5py

FORMAT_VERSION = 1
VIEW = "view_{:03d}"
MOST_VIEWS = 1_000
UNIT_M = 0.001
#: What u16 can hold.
FARTHEST_M = 65.535
#: Depth outside of this is none: sensors and stereo have no say beyond, and 0 means none.
NEAR_M, FAR_M = 1e-6, 10.0
#: Level 1 is within a tenth of the size of level 3 and never slower to write.
_DEFLATE_LEVEL = 1
_MOST_LETTERS = 200
_REMEDY = "the file is damaged or was not written by this project: materialise depth_maps again"


class ViewSize(NamedTuple):
    """What the depth of one view is to be: name of the camera, frames, height and width in px."""

    camera: str
    frames: int
    height: int
    width: int


class DepthWriter:
    """Writes ``depth.h5``: the frames of each view in ascending order, the views in any; what is left out is none.

    A context manager; a file that was not closed in good order is refused by ``DepthStore``. Depth outside of
    ``near_m`` to ``far_m`` is written as none, and so is what is nearer than half a millimetre.
    """

    def __init__(self, path: Path, views: Sequence[ViewSize], *, near_m: float = NEAR_M, far_m: float = FAR_M) -> None:
        import h5py

        if not 0 < near_m < far_m <= FARTHEST_M:
            raise ValueError(f"depth from {near_m} to {far_m} m; expected 0 < near < far <= {FARTHEST_M}")
        _check_views(views)
        self._views, self._near_m, self._far_m = list(views), near_m, far_m
        self._next = [0] * len(views)
        self._digests = [hashlib.sha256() for _ in views]
        self._file = h5py.File(path, "w", libver=("v110", "v110"), locking=False)
        self._datasets = [self._create(number, view) for number, view in enumerate(views)]

    def _create(self, number: int, view: ViewSize) -> "h5py.Dataset":
        dataset = self._file.create_dataset(
            VIEW.format(number),
            shape=view[1:],
            dtype="<u2",
            chunks=(1, view.height, view.width),
            compression="gzip",
            compression_opts=_DEFLATE_LEVEL,
            shuffle=True,
        )
        dataset.attrs["camera"] = view.camera
        return dataset

    def write(self, view: int, t: int, depth_m: np.ndarray) -> float:
        """Write frame ``t`` of a view, metres [H, W], 0 or NaN where unknown; returns the share of known pixels."""
        size = self._views[view]
        if depth_m.shape != (size.height, size.width):
            raise ValueError(f"depth of shape {depth_m.shape}, {size.camera} has {(size.height, size.width)}")
        if not self._next[view] <= t < size.frames:
            raise ValueError(f"frame {t} of {size.camera}: expected {self._next[view]} to {size.frames - 1}")
        self._next[view] = t + 1
        known = (depth_m >= self._near_m) & (depth_m <= self._far_m)
        units = np.rint(np.where(known, depth_m, 0) * np.float32(1 / UNIT_M)).astype("<u2", order="C")
        count = int(np.count_nonzero(units))
        if count:
            shuffled = np.concatenate([units & 0xFF, units >> 8], axis=None).astype("u1")
            self._datasets[view].id.write_direct_chunk((t, 0, 0), zlib.compress(shuffled.data, _DEFLATE_LEVEL))
            self._digests[view].update(t.to_bytes(8, "little"))
            self._digests[view].update(units.data)
        return count / units.size

    def close(self) -> None:
        """Finish the file."""
        for dataset, digest in zip(self._datasets, self._digests, strict=True):
            dataset.attrs["content"] = digest.hexdigest()
        # Written last: a file without it was cut short.
        self._file.attrs["format_version"] = FORMAT_VERSION
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


class DepthStore(Hdf5Handle):
    """``depth.h5``, opened for reading; a context manager. Nothing is read of a frame until it is asked for."""

    asset = "depth_maps"

    @staticmethod
    def broken(name: str) -> AbstractContextManager[None]:
        """As of all handles."""
        return trouble(name, _REMEDY)

    def __init__(self, file: "h5py.File", name: str, path: Path | None) -> None:
        self._file, self._name, self.path = file, name, path
        with trouble(name, _REMEDY):
            version = file.attrs.get("format_version")
            if not isinstance(version, np.integer) or version != FORMAT_VERSION:
                raise CorruptFileError(f"format_version is {str(version)[:40]}, {FORMAT_VERSION} is read")
            count = len(file)
            if not 0 < count <= MOST_VIEWS:
                raise CorruptFileError(f"{count:,} members; 1 to {MOST_VIEWS:,} views are expected")
            self._views = [FrameDataset(file, VIEW.format(number)) for number in range(count)]
            self._described = [_description(view) for view in self._views]
            self.cameras: list[str] = [camera for camera, _ in self._described]
            if len(set(self.cameras)) < count:
                raise CorruptFileError(f"cameras {self.cameras}: each view needs a name of its own")

    def frame_count(self, view: int) -> int:
        """Frames of a view, T."""
        return self._views[view].shape[0]

    def size(self, view: int) -> tuple[int, int]:
        """Height and width of the depth maps of a view in px, which may be smaller than its pictures."""
        return self._views[view].shape[1:]

    def has_depth(self, view: int) -> bool:
        """Whether any frame of a view has depth."""
        return self._described[view][1] != hashlib.sha256().hexdigest()

    def frame(self, view: int, t: int) -> np.ndarray:
        """Depth of frame ``t`` along the camera's axis, f32[H, W] m, 0 where unknown. ``IndexError`` without one."""
        if not self._file:
            raise ValueError(f"{self._name} is closed")
        with trouble(self._name, _REMEDY):
            try:
                units = self._views[view].frame(t)
            except IndexError as error:
                raise IndexError(f"{self._name}: {error}") from None
        return units * np.float32(UNIT_M)

    def content_version(self) -> str:
        """Sixteen hex digits that are equal for equal depth, whenever it was written; reads no frames."""
        digest = hashlib.sha256(f"depth {FORMAT_VERSION}".encode())
        for view, (camera, content) in zip(self._views, self._described, strict=True):
            digest.update(f"\0{camera}\0{view.shape}\0{content}".encode())
        return digest.hexdigest()[:16]


def _check_views(views: Sequence[ViewSize]) -> None:
    names = [view.camera for view in views]
    if not 0 < len(views) <= MOST_VIEWS or len(set(names)) < len(names):
        raise ValueError(f"views {names}; expected 1 to {MOST_VIEWS}, each with a name of its own")
    for view in views:
        plain = 0 < len(view.camera) <= _MOST_LETTERS and view.camera.isprintable()
        if not plain or not 0 < view.frames <= MOST_FRAMES:
            raise ValueError(f"{view}: expected a printable camera name and up to {MOST_FRAMES:,} frames")
        if not (min(view[2:]) > 0 and max(view[2:]) <= MOST_SIDE_PX and view.height * view.width <= MOST_PIXELS):
            raise ValueError(f"{view}: depth maps have at most {MOST_PIXELS:,} px")


def _description(view: FrameDataset) -> tuple[str, str]:
    """Name of the camera and hash of the content of a dataset, whose format is checked."""
    if view.dtype != np.dtype("<u2"):
        raise CorruptFileError(f"{view.name}: expected u16 millimetres, got {view.dtype}")
    found = view.attributes
    camera, content = found.get("camera"), found.get("content")
    if not isinstance(camera, str) or not 0 < len(camera) <= _MOST_LETTERS or not camera.isprintable():
        raise CorruptFileError(f"{view.name}: attribute camera is {str(camera)[:40]!r}; a printable name is expected")
    if not isinstance(content, str) or len(content) != 64 or not set(content) <= set("0123456789abcdef"):
        raise CorruptFileError(f"{view.name}: attribute content is {str(content)[:40]!r}; a SHA-256 is expected")
    return camera, content
