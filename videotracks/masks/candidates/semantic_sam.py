"""Candidates that Semantic-SAM wrote: with the masks inside, or beside them as stacks of arrays."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.masks.candidates.json_frames import JsonFrames, MissingListError
from videotracks.masks.candidates.manifest import MAX_FRAMES, MAX_ITEMS, Manifest, open_manifest
from videotracks.masks.packed import MAX_PIXELS, PackedMask, from_json, pack

#: Where the files lie in a folder, by the tools that wrote them; ``{level}`` is the level.
_FOLDERS = ("", "filtered", "candidates", "level_{level}", "level_{level}/filtered", "level_{level}/candidates")
_FILES = ("filtered.json", "candidates.json")
_MAX_HEADER_BYTES = 10_000


def read_semantic_sam(folder: Path, level: int) -> Manifest:
    """Open the candidates of a level, in either form in which they were written.

    ``filtered.json`` with packed masks inside; or ``filtered.json`` or ``candidates.json`` beside stacks
    ``seg_frame_%05d.npy`` (bool or u8 [N, H, W], mask n is that of the frame's item n). A stack is memory-mapped, and
    only after its header was checked; one that would need unpickling is a ``CorruptFileError``, as is everything else
    that is not such a file.
    """
    places = [folder / place.format(level=level) for place in _FOLDERS]
    path = next((path for place in places for name in _FILES if (path := place / name).is_file()), None)
    if path is None:
        raise CorruptFileError(f"{folder}: neither {' nor '.join(_FILES)}, here or in level_{level}; is it the folder?")
    mask_of = _Stacks(path.parent).mask_of
    try:
        return open_manifest(JsonFrames(path, "frames", MAX_FRAMES), level, mask_of)
    except MissingListError:
        return open_manifest(_FlatList(JsonFrames(path, "items", MAX_FRAMES)), level, mask_of)


class _FlatList:
    """The oldest form: all items in one list, whatever their frame. Frames are put together as they are asked for."""

    def __init__(self, file: JsonFrames) -> None:
        self.path, self.beside, self._file = file.path, file.beside, file
        frames: dict[int, list[int]] = {}
        for place, item in enumerate(file.elements()):
            frame = item.get("frame_idx")
            if type(frame) is not int:
                raise CorruptFileError(f"{file.path}: item {place} has no whole number frame_idx")
            frames.setdefault(frame, []).append(place)
        self._frames = sorted(frames.items())

    def __len__(self) -> int:
        return len(self._frames)

    def element(self, index: int) -> dict[str, Any]:
        """The frame at a place, in the newer form."""
        frame, places = self._frames[index]
        return {"frame_idx": frame, "items": [self._file.element(place) for place in places]}


class _Stacks:
    """The stacks of masks in a folder, one open at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: tuple[int, np.ndarray] | None = None

    def mask_of(self, item: dict[str, Any], frame: int, place: int, where: str) -> PackedMask:
        """The mask inside an item, or that at its place in the stack of the frame."""
        if item.get("mask") is not None:
            return from_json(item["mask"], where)
        if self._open is None or self._open[0] != frame:
            self._open = frame, open_stack(self._folder / f"seg_frame_{frame:05d}.npy")
        stack = self._open[1]
        if place >= len(stack):
            raise CorruptFileError(f"{where}: no mask inside, and the stack of frame {frame} has only {len(stack)}")
        return pack(stack[place] != 0)


def open_stack(path: Path) -> np.ndarray:
    """Masks bool or u8 [N, H, W] of an ``.npy`` file, memory-mapped; ``CorruptFileError`` for anything else."""
    if not path.is_file():
        raise CorruptFileError(f"{path}: not there; a candidate without a mask inside needs the stack of its frame")
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, fortran, dtype = read(file, max_header_size=_MAX_HEADER_BYTES)
            offset = file.tell()
    except (ValueError, EOFError, KeyError, OSError) as error:
        raise CorruptFileError(f"{path}: not a NumPy array file ({error})") from error
    if dtype.hasobject:
        raise CorruptFileError(
            f"{path}: holds Python objects, which only unpickling would read, and a pickle can run any program; "
            "save the stack again as bool or uint8 [N, H, W]"
        )
    if dtype not in (np.dtype(bool), np.dtype(np.uint8)) or len(shape) != 3:
        raise CorruptFileError(f"{path}: expected bool or uint8 [N, H, W], found {dtype}{list(shape)}")
    if not 0 <= shape[0] <= MAX_ITEMS or not 0 < shape[1] * shape[2] <= MAX_PIXELS or min(shape) < 0:
        raise CorruptFileError(f"{path}: {list(shape)} is no size of a stack of masks")
    if path.stat().st_size != offset + math.prod(shape):
        raise CorruptFileError(f"{path}: {list(shape)} takes {math.prod(shape):,} bytes, the file has others")
    if not shape[0]:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=shape, order="F" if fortran else "C")
