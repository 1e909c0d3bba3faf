"""What outlives a killed process: one file for every step (a candidate frame of a level) that was finished.

A step's file is a ZIP with a member per frame and batch of objects, and ``step.json`` at the end. A mask is kept as the
box around it, at the size of the video: int32 header (count), int32 rows (object, top, left, height, width), then the
bits of each box. Files are written beside their place and renamed, so that one that is there was finished; whether it
is whole is checked before it is believed.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from videotracks.errors import CorruptFileError
from videotracks.masks.packed import bounding_box

#: Changes with the form of the files and with the method: steps of another version are done again.
VERSION = 1
_RECORD = "step.json"
_MAX_RECORD_BYTES = 1 << 24
_MAX_OBJECTS = 10_000
_DEFLATE_LEVEL = 1  # boxes of bits shrink to a fifth at any level; this one is the fastest
_ROW = 5
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, NotImplementedError, RuntimeError)


class StepCounts(BaseModel, frozen=True, extra="forbid"):
    """What became of the candidates of a frame."""

    candidates: int = Field(default=0, ge=0)
    duplicates: int = Field(default=0, ge=0, description="dropped: followed already")
    prompts: int = Field(default=0, ge=0, description="given to the segmenter")
    box_prompts: int = Field(default=0, ge=0, description="of these by their box, as the mode asks")
    box_fallbacks: int = Field(default=0, ge=0, description="mask prompts that failed and were given by their box")
    unusable_prompts: int = Field(default=0, ge=0, description="nothing came of mask or box")
    regained: int = Field(default=0, ge=0, description="objects that got an earlier id back")


class StepRecord(BaseModel, frozen=True, extra="forbid"):
    """A finished step: what it was made from, what came of it, and how long it took."""

    key: str = Field(description="hash of everything that the step depends on")
    level: int
    position: int = Field(ge=0, description="of the prompted frame among the followed ones")
    ids: list[int] = Field(max_length=_MAX_OBJECTS, description="object id of each object of the step")
    counts: StepCounts
    seconds: dict[str, float]


class Step(NamedTuple):
    """A finished step and the frames that it has masks of."""

    path: Path
    record: StepRecord
    members: dict[int, list[str]]  # by position


class Journal:
    """The finished steps of a view, in a folder of their own."""

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        """``shape``: H, W of the video. Files that were begun and never finished are removed."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._shape = folder, shape
        for unfinished in folder.glob("*.part"):
            unfinished.unlink()

    def write(self, level: int, position: int) -> "StepWriter":
        """Begin the file of a step."""
        return StepWriter(self._path(level, position))

    def has(self, level: int, position: int, key: str) -> bool:
        """Whether a step was finished under this key; one that is damaged or of another key is removed."""
        path = self._path(level, position)
        if not path.exists():
            return False
        try:
            step = self.step(level, position)  # knows the sizes before anything is inflated
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
            if damaged is None and (step.record.key, step.record.level, step.record.position) == (key, level, position):
                return True
        except (CorruptFileError, *_DAMAGE):
            pass  # removed below, and done again
        path.unlink()
        return False

    def step(self, level: int, position: int) -> Step:
        """A finished step; ``CorruptFileError`` where its record or its list of members is not as it should be."""
        path = self._path(level, position)
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_RECORD).file_size > _MAX_RECORD_BYTES:
                raise CorruptFileError(f"{path}: a record of {archive.getinfo(_RECORD).file_size:,} bytes")
            try:
                record = StepRecord.model_validate_json(archive.read(_RECORD))
            except ValidationError as error:
                raise CorruptFileError(f"{path}: not the record of a step ({error})") from error
            most = 4 + len(record.ids) * (4 * _ROW + self._shape[0] * self._shape[1] // 8 + 1)
            members: dict[int, list[str]] = {}
            for info in archive.infolist():
                if info.filename != _RECORD:
                    if info.file_size > most:
                        raise CorruptFileError(f"{path}: {info.filename} would inflate to {info.file_size:,} bytes")
                    members.setdefault(int(info.filename.partition("-")[0]), []).append(info.filename)
        return Step(path, record, members)

    def _path(self, level: int, position: int) -> Path:
        return self._folder / f"level_{level}_{position:08d}.zip"


class StepReader:
    """The masks of a finished step."""

    def __init__(self, step: Step, shape: tuple[int, int]) -> None:
        """``shape``: H, W of the video."""
        self.step, self._shape = step, shape
        self._archive = zipfile.ZipFile(step.path)

    def boxes(self, position: int) -> Iterator[tuple[int, "Box"]]:
        """Id and box of the objects in a frame."""
        ids = self.step.record.ids
        for name in self.step.members.get(position, ()):
            for place, box in decode_boxes(self._archive.read(name), len(ids), self._shape, self.step.path):
                yield ids[place], box

    def close(self) -> None:
        """Close the file."""
        self._archive.close()


class Box(NamedTuple):
    """A mask by the box around it."""

    top: int
    left: int
    height: int
    width: int
    bits: np.ndarray  # np.packbits of the box

    def draw(self, whole: np.ndarray) -> tuple[slice, slice]:
        """Copy the mask into bool[H, W]; returns where, so that a caller may clear it again."""
        part = slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
        flat = np.unpackbits(self.bits, count=self.height * self.width).view(bool)
        whole[part] = flat.reshape(self.height, self.width)
        return part

    def mask(self, shape: tuple[int, int]) -> np.ndarray:
        """The mask bool[H, W] in a frame of that shape."""
        whole = np.zeros(shape, bool)
        self.draw(whole)
        return whole


class StepWriter:
    """Writes the masks of a step as they come; the file is there once ``finish`` was called."""

    def __init__(self, path: Path) -> None:
        self._path, self._draft = path, path.with_suffix(".part")
        self._batches: dict[int, int] = {}

    def __enter__(self) -> Self:
        self._archive = zipfile.ZipFile(self._draft, "w", zipfile.ZIP_DEFLATED, compresslevel=_DEFLATE_LEVEL)
        return self

    def add(self, position: int, places: Sequence[int], masks: Sequence[np.ndarray]) -> None:
        """Add the masks bool[H, W] of a frame, none of them empty, of the step's objects ``places``."""
        if len(places):
            batch = self._batches[position] = self._batches.get(position, -1) + 1
            self._archive.writestr(f"{position:08d}-{batch:04d}", encode_boxes(places, masks))

    def finish(self, record: StepRecord) -> None:
        """Put the file in its place."""
        self._archive.writestr(_RECORD, record.model_dump_json())
        self._archive.close()
        self._draft.replace(self._path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()
        self._draft.unlink(missing_ok=True)


def encode_boxes(places: Sequence[int], masks: Sequence[np.ndarray]) -> bytes:
    """Masks bool[H, W], none of them empty, as bytes."""
    rows, bits = [], []
    for place, mask in zip(places, masks, strict=True):
        box = bounding_box(mask)
        if box is None:
            raise ValueError(f"object {place} has an empty mask")
        left, top, width, height = box
        rows.append((place, top, left, height, width))
        bits.append(np.packbits(mask[top : top + height, left : left + width]).tobytes())
    return b"".join([np.int32(len(rows)).tobytes(), np.array(rows, "<i4").tobytes(), *bits])


def decode_boxes(data: bytes, objects: int, shape: tuple[int, int], path: Path) -> Iterator[tuple[int, Box]]:
    """Place and box of each mask; ``CorruptFileError`` where they do not lie in the frame or in the data."""
    count = int(np.frombuffer(data, "<i4", 1)[0]) if len(data) >= 4 else -1
    begin = 4 + 4 * _ROW * count
    if not 0 <= count <= objects or begin > len(data):
        raise CorruptFileError(f"{path}: {count} masks of {objects} objects in {len(data)} bytes")
    for place, top, left, height, width in np.frombuffer(data, "<i4", _ROW * count, 4).reshape(count, _ROW).tolist():
        inside = 0 <= top < top + height <= shape[0] and 0 <= left < left + width <= shape[1]
        end = begin + -(-height * width // 8)
        if not inside or not 0 <= place < objects or end > len(data):
            raise CorruptFileError(f"{path}: a mask that does not lie in its frame; delete the file and start again")
        yield place, Box(top, left, height, width, np.frombuffer(data, np.uint8, end - begin, begin))
        begin = end
