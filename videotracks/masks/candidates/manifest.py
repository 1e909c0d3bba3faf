"""Manifests of candidate masks, ``filtered.json``: written and read a frame at a time, and never trusted."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from videotracks.errors import CorruptFileError
from videotracks.masks.candidates.json_frames import JsonFrames
from videotracks.masks.packed import PackedMask, from_json, to_json

#: More candidates in one frame, or frames with candidates, are a mistake or an attack on memory.
MAX_ITEMS, MAX_FRAMES = 10_000, 10_000_000
_MAX_FRAME_INDEX = 100_000_000
_MAX_NAME, _MAX_LEVEL, _MAX_SIDE = 255, 99, 1 << 26


class Candidate(NamedTuple):
    """An object that a segmenter saw in a frame."""

    frame_idx: int  # frame number of the video, from 0
    id: str
    bbox: tuple[float, float, float, float]  # x, y, width, height in px of the full mask
    area: int  # px of the full mask
    stability_score: float  # 0 to 1
    level: int
    mask: PackedMask


class CandidateFrame(NamedTuple):
    """The candidates of a frame."""

    frame_idx: int
    frame_name: str
    items: list[Candidate]


class Manifest(NamedTuple):
    """The candidates of a level by frame, in ascending order; ``frames`` of a file are read as they are asked for."""

    level: int
    frames: Sequence[CandidateFrame]

    @property
    def indices(self) -> list[int]:
        """``frame_idx`` of each of ``frames``; those of a file are known without reading it again."""
        if isinstance(self.frames, _FramesOfFile):
            return self.frames.indices
        return [frame.frame_idx for frame in self.frames]


def frame_name(frame_idx: int) -> str:
    """The name of a frame of the video."""
    return f"frame_{frame_idx:06d}"


class ManifestWriter:
    """Writes a manifest frame after frame; the file is there, complete, when the ``with`` block ends well."""

    def __init__(self, path: Path, level: int) -> None:
        self.path, self._level = path, level
        self._draft = path.with_name(f".{path.name}.part")
        self._last = -1

    def __enter__(self) -> Self:
        self._file = self._draft.open("w", encoding="ascii", newline="\n")
        self._file.write(f'{{"level": {self._level}, "frames": [')
        return self

    def append(self, frame: CandidateFrame) -> None:
        """Add a frame; its number must be above that of the one before (``ValueError``)."""
        if frame.frame_idx <= self._last:
            raise ValueError(f"{self.path}: frame {frame.frame_idx} after frame {self._last}")
        self._file.write("\n" if self._last < 0 else ",\n")
        self._last = frame.frame_idx
        items = [_item_to_json(item, frame) for item in frame.items]
        head = {"frame_idx": frame.frame_idx, "frame_name": frame.frame_name, "count": len(items), "items": items}
        self._file.write(json.dumps(head, separators=(",", ":"), allow_nan=False))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._file.write("\n]}\n")
        self._file.close()
        if kind is None:
            self._draft.replace(self.path)
        else:
            self._draft.unlink(missing_ok=True)


def write_manifest(path: Path, level: int, frames: Iterable[CandidateFrame]) -> None:
    """Write the candidates of a level; ``frames`` in ascending order, one in memory at a time."""
    with ManifestWriter(path, level) as manifest:
        for frame in frames:
            manifest.append(frame)


def read_manifest(path: Path, level: int | None = None) -> Manifest:
    """Open a manifest. Every frame is checked here, once; of their masks none stays in memory.

    ``level`` is what the file must be of; without it, what the file says. ``CorruptFileError`` for anything else
    than candidates of one level in ascending frames, with masks inside.
    """
    return open_manifest(JsonFrames(path, "frames", MAX_FRAMES), level, _inline_mask)


#: Finds the mask of an item: (item as in the file, frame number, place in the frame, where it stands).
MaskOf = Callable[[dict[str, Any], int, int, str], PackedMask]


class FrameList(Protocol):
    """Frames of a file as JSON objects, each read when it is asked for."""

    path: Path
    beside: dict[str, Any]

    def __len__(self) -> int:
        """How many frames there are."""

    def element(self, index: int) -> dict[str, Any]:
        """The frame at a place."""


def open_manifest(file: FrameList, level: int | None, mask_of: MaskOf) -> Manifest:
    """A manifest over the frames of a file whose masks ``mask_of`` finds; every frame is checked once."""
    stated = file.beside.get("level")
    if stated is None:
        stated = level
    elif level is not None and stated != level:
        raise CorruptFileError(f"{file.path}: candidates of level {stated!r}, expected level {level}")
    indices: list[int] = []
    for place in range(len(file)):
        frame = read_frame(file.element(place), f"{file.path}: frame {place}", mask_of)
        if indices and frame.frame_idx <= indices[-1]:
            raise CorruptFileError(
                f"{file.path}: frame {frame.frame_idx} after frame {indices[-1]}; expected ascending"
            )
        for item in frame.items:
            stated = item.level if stated is None else stated
            if item.level != stated:
                raise CorruptFileError(f"{file.path}: candidates of level {item.level} among those of level {stated}")
        indices.append(frame.frame_idx)
    if stated is None:
        raise CorruptFileError(f"{file.path}: no level and no candidate that tells it; say which level this is")
    return Manifest(_whole(stated, f"{file.path}: level", _MAX_LEVEL), _FramesOfFile(file, mask_of, indices))


class _FramesOfFile(Sequence[CandidateFrame]):
    """The frames of a manifest, each read when it is asked for."""

    def __init__(self, file: FrameList, mask_of: MaskOf, indices: list[int]) -> None:
        self._file, self._mask_of, self.indices = file, mask_of, indices

    def __len__(self) -> int:
        return len(self._file)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        if place < 0 or place >= len(self):
            raise IndexError(place)
        return read_frame(self._file.element(place), f"{self._file.path}: frame {place}", self._mask_of)


def read_frame(value: dict[str, Any], where: str, mask_of: MaskOf) -> CandidateFrame:
    """A frame of a manifest; what it does not hold as it should is a ``CorruptFileError``."""
    index = _whole(value.get("frame_idx"), f"{where}: frame_idx", _MAX_FRAME_INDEX)
    items = value.get("items")
    if not isinstance(items, list) or len(items) > MAX_ITEMS:
        raise CorruptFileError(f"{where}: items is a list of at most {MAX_ITEMS:,} candidates")
    if _whole(value.get("count", len(items)), f"{where}: count", MAX_ITEMS) != len(items):
        raise CorruptFileError(f"{where}: count says {value['count']}, there are {len(items)} items")
    name = _text(value.get("frame_name", frame_name(index)), f"{where}: frame_name")
    candidates = [_item(item, index, place, where, mask_of) for place, item in enumerate(items)]
    if len({candidate.id for candidate in candidates}) != len(candidates):
        raise CorruptFileError(f"{where}: two candidates with the same id")
    return CandidateFrame(index, name, candidates)


def _item(value: Any, frame: int, place: int, where: str, mask_of: MaskOf) -> Candidate:
    where = f"{where}: item {place}"
    if not isinstance(value, dict):
        raise CorruptFileError(f"{where}: a candidate is an object, not {type(value).__name__}")
    if _whole(value.get("frame_idx", frame), f"{where}: frame_idx", _MAX_FRAME_INDEX) != frame:
        raise CorruptFileError(f"{where}: says frame {value['frame_idx']}, stands in frame {frame}")
    name = value.get("id", place)
    mask = mask_of(value, frame, place, where)
    area = _number(value.get("area"), f"{where}: area", mask.full_resolution_shape[0] * mask.full_resolution_shape[1])
    return Candidate(
        frame_idx=frame,
        id=_text(str(name) if type(name) is int else name, f"{where}: id"),
        bbox=_box(value.get("bbox"), f"{where}: bbox"),
        area=round(area),
        stability_score=_number(value.get("stability_score"), f"{where}: stability_score", 1.0),
        level=_whole(value.get("level"), f"{where}: level", _MAX_LEVEL),
        mask=mask,
    )


def _inline_mask(value: dict[str, Any], frame: int, place: int, where: str) -> PackedMask:
    return from_json(value.get("mask"), where)


def _item_to_json(item: Candidate, frame: CandidateFrame) -> dict[str, Any]:
    x, y, width, height = item.bbox
    return {
        "frame_idx": frame.frame_idx,
        "frame_name": frame.frame_name,
        "bbox": [x, y, width, height],
        "bbox_xyxy": [x, y, x + width, y + height],
        "area": item.area,
        "stability_score": item.stability_score,
        "level": item.level,
        "id": item.id,
        "mask": to_json(item.mask),
    }


def _whole(value: Any, where: str, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise CorruptFileError(f"{where}: expected a whole number of 0 to {most:,}, found {str(value)[:40]!r}")
    return value


def _number(value: Any, where: str, most: float) -> float:
    if type(value) not in (int, float) or not 0 <= value <= most:
        raise CorruptFileError(f"{where}: expected a number of 0 to {most:,}, found {str(value)[:40]!r}")
    return float(value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME or not value.isprintable():
        raise CorruptFileError(f"{where}: expected text of 1 to {_MAX_NAME} characters, found {str(value)[:40]!r}")
    return value


def _box(value: Any, where: str) -> tuple[float, float, float, float]:
    plain = isinstance(value, list) and len(value) == 4 and all(type(side) in (int, float) for side in value)
    if not plain or not all(math.isfinite(side) and abs(side) <= _MAX_SIDE for side in value) or min(value[2:]) < 0:
        raise CorruptFileError(f"{where}: expected [x, y, width, height] in px, found {str(value)[:60]!r}")
    return value[0], value[1], value[2], value[3]
