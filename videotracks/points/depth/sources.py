"""Depth that lies beside a recording: 16-bit pictures, or HDF5.

For a folder of views ``depth/<camera>/*.png`` or ``<camera>.depth.h5``, for a single view also ``depth/*.png`` or
``depth.h5``; beside a video file ``<stem>.depth/*.png`` or ``<stem>.depth.h5``. Pictures are grey, 16 bits a pixel
(PNG or PGM), in millimetres unless a file ``scale.txt`` beside them states how many metres a unit has. HDF5 holds one
dataset ``depth`` [T, H, W]: u16 in millimetres, or floats in metres, or with an attribute ``scale`` in metres per unit.
0 and NaN are none. A frame without a picture has no depth.
"""

import re
import struct
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from videotracks.errors import CorruptFileError, RecordingError
from videotracks.points.depth.frames import MOST_PIXELS, FrameDataset, trouble
from videotracks.recording import View, view_path
from videotracks.sources import DEPTH_SCALE, depth_pictures, depth_place, image_files

DATASET = "depth"
#: Metres per unit where nothing else is stated.
MILLIMETRE = 0.001
#: Metres per unit that can be: a nanometre to ten metres.
_SCALES = (1e-9, 10.0)
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_PGM = re.compile(rb"P5\s+(?:#[^\n]*\n\s*)*(\d{1,5})\s+(\d{1,5})\s+(\d{1,5})\s")
_MOST_TEXT = 100
_REMEDY = "write it again, one dataset `depth` [T, H, W] with gzip or without compression"
#: Sides of a smaller depth map are whole pixels: its shape may differ from the picture's by this share.
_SAME_SHAPE = 0.02


class RecordedDepth(Protocol):
    """Depth of one view as it was recorded; a context manager."""

    size: tuple[int, int]  # height and width of its maps in px

    def frame(self, t: int) -> np.ndarray | None:
        """Depth of frame ``t`` in metres f32[H, W], 0 or NaN where unknown; None without one."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_recorded(source: Path, view: View, unit_m: float = MILLIMETRE) -> RecordedDepth | None:
    """The depth that was recorded for a view, None without any; ``unit_m`` where no file states the unit.

    ``RecordingError`` where numbers of pictures are no frames of the view, or the maps have another shape than its
    pictures; ``CorruptFileError`` where a file is not what it should be.
    """
    place = depth_place(source, view.camera)
    if place is None:
        return None
    found: RecordedDepth
    if place.is_file():
        found = DepthFile(place, view, unit_m)
    else:
        found = DepthPictures(place, view, _frame_numbers(source, view), unit_m)
    height, width = found.size
    if abs(width * view.height / (height * view.width) - 1) > _SAME_SHAPE:
        raise RecordingError(
            f"{place}: depth of {width}×{height} px for pictures of {view.width}×{view.height}: it must cover the same"
        )
    return found


def _frame_numbers(source: Path, view: View) -> list[int] | None:
    """The numbers in the names of the pictures of a view, frame by frame; None for a video, or where there are none."""
    path = view_path(source, view)
    if not path.is_dir():
        return None
    numbers = [_number(picture) for picture in image_files(path)[: view.frame_count]]
    return [n for n in numbers if n is not None] if None not in numbers and len(set(numbers)) == len(numbers) else None


def _number(path: Path) -> int | None:
    digits = re.search(r"(\d{1,18})$", path.stem)
    return int(digits[1]) if digits else None


class DepthPictures:
    """Depth in pictures, one per frame.

    As many pictures as frames belong to them in order of their numbers. Fewer belong to the pictures of the view with
    the same numbers, or are frames of its video, counted from 0.
    """

    def __init__(self, folder: Path, view: View, numbers: list[int] | None, unit_m: float) -> None:
        self._unit_m = _stated_scale(folder / DEPTH_SCALE, unit_m)
        files = sorted(depth_pictures(folder), key=lambda path: (-1 if (n := _number(path)) is None else n, path.name))
        if len(files) == view.frame_count:
            self._files = dict(enumerate(files))
        else:
            frames = {n: t for t, n in enumerate(numbers if numbers is not None else range(view.frame_count))}
            self._files = {}
            for file in files:
                frame = frames.get(-1 if (number := _number(file)) is None else number)
                if frame is None or frame in self._files:
                    raise RecordingError(
                        f"{file}: its number is no frame of {view.camera}, or one that another picture has, too: "
                        f"{len(files)} depth pictures for {view.frame_count} frames must be numbered as these are"
                    )
                self._files[frame] = file
        self.size = _picture_size(files[0], files[0].read_bytes())

    def frame(self, t: int) -> np.ndarray | None:
        """Depth of a frame, f32[H, W] m."""
        return read_depth_picture(self._files[t], self.size) * np.float32(self._unit_m) if t in self._files else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


class DepthFile:
    """Depth in a dataset of HDF5, frame by frame; it may end before the view does."""

    def __init__(self, path: Path, view: View, unit_m: float) -> None:
        import h5py

        self._name = str(path)
        with trouble(self._name, _REMEDY):
            self._file = h5py.File(path, "r", rdcc_nbytes=0, locking=False)
            self._frames = FrameDataset(self._file, DATASET)
            stated = self._frames.attributes.get("scale", unit_m if self._frames.dtype.kind == "u" else 1.0)
            if not isinstance(stated, (int, float)) or not _SCALES[0] <= stated <= _SCALES[1]:
                raise CorruptFileError(f"{DATASET}: attribute scale is {stated!r}; metres per unit are expected")
        if self._frames.shape[0] > view.frame_count:
            raise RecordingError(
                f"{path}: {self._frames.shape[0]} frames of depth, {view.camera} has {view.frame_count}"
            )
        self._unit_m = float(stated)
        self.size = self._frames.shape[1:]

    def frame(self, t: int) -> np.ndarray | None:
        """Depth of a frame, f32[H, W] m."""
        if t >= self._frames.shape[0]:
            return None
        with trouble(self._name, _REMEDY):
            stored = self._frames.frame(t)
        return (stored * np.float32(self._unit_m)).astype("f4", copy=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _stated_scale(path: Path, unit_m: float) -> float:
    """What ``scale.txt`` says, where there is one."""
    if not path.is_file():
        return unit_m
    with path.open("rb") as file:
        text = file.read(_MOST_TEXT).decode("utf-8", "replace").strip()
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not _SCALES[0] <= scale <= _SCALES[1]:
        raise RecordingError(f"{path}: {text[:40]!r}; one number is expected, metres per unit of the pictures (0.001)")
    return scale


def read_depth_picture(path: Path, size: tuple[int, int]) -> np.ndarray:
    """A grey picture of 16 bits, u16[H, W], of the ``size`` (H, W) of its neighbours; else ``CorruptFileError``."""
    import cv2

    data = path.read_bytes()
    if (found := _picture_size(path, data)) != size:
        raise CorruptFileError(f"{path}: {found[1]}×{found[0]} px, the depth before it {size[1]}×{size[0]}")
    picture = cv2.imdecode(np.frombuffer(data, "u1"), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint16 or picture.shape != size:
        raise CorruptFileError(f"{path}: damaged: no whole grey picture of 16 bits; copy it again")
    return picture


def _picture_size(path: Path, data: bytes) -> tuple[int, int]:
    """Height and width as the head of a picture states them, compared with what can be; nothing is inflated."""
    expected = "expected a grey PNG or PGM of 16 bits a pixel"
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) > 33:
        width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
        if (depth, colour) != (16, 0):
            raise CorruptFileError(f"{path}: {depth} bits, colour type {colour}; {expected}")
        whole = data.rstrip(b"\0").endswith(_PNG_END)
    elif head := _PGM.match(data):
        width, height, most = (int(number) for number in head.groups())
        if not 255 < most < 1 << 16:
            raise CorruptFileError(f"{path}: values up to {most}; {expected}")
        whole = len(data) >= head.end() + 2 * width * height
    else:
        raise CorruptFileError(f"{path}: {expected}")
    if not 0 < width * height <= MOST_PIXELS:
        raise CorruptFileError(f"{path}: {width}×{height} px; {MOST_PIXELS:,} px are possible")
    if not whole:
        raise CorruptFileError(f"{path}: truncated: it has no end; copy it again")
    return height, width
