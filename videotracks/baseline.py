"""Baselines: frozen copies of a video's outputs, with their provenance, for checks to compare with.

A baseline is a folder of the same file names as the outputs and a ``baseline.json`` that says where they come
from. It is made beside its place and moved there whole; a file that was changed afterwards is refused.
"""

import hashlib
import os
import re
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal, Self, TypeVar

from pydantic import BaseModel, Field, JsonValue, ValidationError

from videotracks.errors import BaselineError
from videotracks.npz import read_table
from videotracks.tables import Detections, Persons, Table, Tracklets, TrackletStats

RECORD_FILE = "baseline.json"
DETECTIONS, TRACKLETS = "detections_raw.npz", "tracklets_raw.npz"
STATISTICS, PERSONS, MERGED_PERSONS = "tracklet_stats.npz", "canonical_persons.npz", "merged_persons.npz"
RANKING, MERGING = "ranking_results.json", "merging_report.json"
#: What is copied: the files that checks compare, and no pictures but the animations.
FILES = (DETECTIONS, TRACKLETS, STATISTICS, PERSONS, MERGED_PERSONS, RANKING, MERGING)
ANIMATIONS_FOLDER = "webp"
ANIMATION_NAME = re.compile(r"person_\d{1,19}\.webp")

TableT = TypeVar("TableT", bound=Table)
ModelT = TypeVar("ModelT", bound=BaseModel)
_CHUNK_BYTES = 1 << 20


class AnimationFile(BaseModel, frozen=True, extra="forbid"):
    """One animation: its file name, number of frames, and size in bytes."""

    name: str
    frames: int = Field(ge=0)
    size: int = Field(ge=0, description="bytes")


class FileRecord(BaseModel, frozen=True, extra="forbid"):
    """What a file was when it was captured."""

    sha256: str
    size: int = Field(description="bytes")


class Provenance(BaseModel, frozen=True, extra="forbid"):
    """What made the outputs: code, configuration, weights and content; how long it took and how good it was."""

    code_version: str
    configuration: dict[str, JsonValue] = {}
    weights: dict[str, str] = Field(default={}, description="model → SHA-256 of its weights")
    content_hash: str | None = Field(default=None, description="of the recording")
    timings_s: dict[str, float] = Field(default={}, description="stage → wall seconds")
    accuracy: dict[str, dict[str, float]] = Field(default={}, description="asset → HOTA, IDF1, MOTA …")


class BaselineRecord(BaseModel, frozen=True, extra="forbid"):
    """The content of ``baseline.json``."""

    captured_at: datetime
    origin: Literal["captured", "imported"]
    provenance: Provenance
    files: dict[str, FileRecord]
    animations: list[AnimationFile] | None = Field(description="None where there were none to capture")
    crops_per_person: dict[int, int] | None = Field(
        default=None, description="number of crops by person (imported only)"
    )
    notes: list[str] = Field(default=[], description="what an import left out or changed")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline on disk. What it does not hold is None: there is no baseline for it."""

    folder: Path
    record: BaselineRecord

    @classmethod
    def open(cls, folder: Path) -> Self | None:
        """The baseline in ``folder``; None if there is none, ``BaselineError`` if it is damaged."""
        _restore_interrupted(folder)
        path = folder / RECORD_FILE
        if not path.is_file():
            return None
        try:
            return cls(folder, BaselineRecord.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            raise BaselineError(f"{path}: not a baseline's record ({error}); capture or import it again") from error

    def __str__(self) -> str:
        names = [*self.record.files, *(f"{ANIMATIONS_FOLDER}/{a.name}" for a in self.animations or [])]
        return f"{len(names)} files {self.record.origin} in {self.folder}" + "".join(
            f"; {note}" for note in self.record.notes
        )

    @property
    def detections(self) -> Detections | None:
        """The detections."""
        return self.table(DETECTIONS, Detections)

    @property
    def tracklets(self) -> Tracklets | None:
        """The tracklets."""
        return self.table(TRACKLETS, Tracklets)

    @property
    def tracklet_stats(self) -> TrackletStats | None:
        """The statistics of the tracklets."""
        return self.table(STATISTICS, TrackletStats)

    @property
    def canonical_persons(self) -> Persons | None:
        """The canonical persons."""
        return self.table(PERSONS, Persons)

    @property
    def merged_persons(self) -> Persons | None:
        """The persons after merging by similarity."""
        return self.table(MERGED_PERSONS, Persons)

    @property
    def animations(self) -> list[AnimationFile] | None:
        """The animations."""
        return self.record.animations

    @property
    def timings_s(self) -> dict[str, float]:
        """Wall seconds by stage; empty where none were captured."""
        return self.record.provenance.timings_s

    def accuracy(self, asset: str) -> dict[str, float] | None:
        """HOTA, IDF1, MOTA … of an asset."""
        return self.record.provenance.accuracy.get(asset)

    def table(self, name: str, cls: type[TableT]) -> TableT | None:
        """A table by its file name."""
        path = self._checked(name)
        return None if path is None else read_table(path, cls)

    def model(self, name: str, cls: type[ModelT]) -> ModelT | None:
        """A JSON output by its file name; ``BaselineError`` if it is of another schema."""
        path = self._checked(name)
        try:
            return None if path is None else cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise BaselineError(f"{path}: not a {cls.__name__} ({error}); capture the baseline again") from error

    def _checked(self, name: str) -> Path | None:
        recorded = self.record.files.get(name)
        if recorded is None or name not in FILES:
            return None
        path = self.folder / name
        if not path.is_file() or describe(path) != recorded:
            raise BaselineError(f"{path}: missing, or changed since the baseline was made; capture or import it again")
        return path


def capture(outputs_folder: Path, baseline_folder: Path, provenance: Provenance) -> Baseline:
    """Freeze the present outputs of a video, in place of the baseline that was there.

    ``BaselineError`` where there is nothing to capture.
    """
    with draft(baseline_folder) as folder:
        for name in FILES:
            if (outputs_folder / name).is_file():
                copy_file(outputs_folder / name, folder / name)
        copy_animations(outputs_folder / ANIMATIONS_FOLDER, folder)
        if not any(folder.iterdir()):
            raise BaselineError(
                f"{outputs_folder}: holds none of {', '.join(FILES)}; run the video first, then capture"
            )
        write_record(folder, BaselineRecord(
            captured_at=datetime.now(UTC).replace(microsecond=0), origin="captured", provenance=provenance,
            files=describe_files(folder), animations=describe_animations(folder / ANIMATIONS_FOLDER),
        ))  # fmt: skip
    return reopen(baseline_folder)


def reopen(folder: Path) -> Baseline:
    """The baseline that was just made."""
    made = Baseline.open(folder)
    assert made is not None
    return made


@contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """A folder beside ``folder`` that takes its place when the block ends well, and is removed otherwise."""
    _restore_interrupted(folder)
    made, previous = folder.with_name(f".{folder.name}.draft-{os.getpid()}"), _previous(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    try:
        yield made
        if folder.exists():
            folder.rename(previous)
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        _restore_interrupted(folder)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _previous(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


def _restore_interrupted(folder: Path) -> None:
    """Put back what an interrupted exchange had moved aside, or remove it where the exchange was complete."""
    previous = _previous(folder)
    if not previous.is_dir():
        return
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
    else:
        previous.rename(folder)


def write_record(folder: Path, record: BaselineRecord) -> None:
    """Write ``baseline.json``."""
    (folder / RECORD_FILE).write_text(record.model_dump_json(indent=2) + "\n", "utf-8")


def copy_file(source: Path, target: Path) -> None:
    """Copy the bytes of a file; ``source`` may be in a remote store."""
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, _CHUNK_BYTES)


def copy_animations(source: Path, folder: Path) -> None:
    """Copy the animations of persons from ``source`` into the ``webp`` folder of a baseline."""
    names = sorted(p.name for p in source.iterdir() if ANIMATION_NAME.fullmatch(p.name)) if source.is_dir() else []
    if names:
        (folder / ANIMATIONS_FOLDER).mkdir()
    for name in names:
        copy_file(source / name, folder / ANIMATIONS_FOLDER / name)


def describe(path: Path) -> FileRecord:
    """Hash and size of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return FileRecord(sha256=digest.hexdigest(), size=size)


def describe_files(folder: Path) -> dict[str, FileRecord]:
    """Hash and size of each file that checks compare."""
    return {name: describe(folder / name) for name in FILES if (folder / name).is_file()}


def describe_animations(folder: Path) -> list[AnimationFile] | None:
    """The animations in a folder, by name; None where there is none. ``BaselineError`` for what is no WebP."""
    if not folder.is_dir():
        return None
    paths = sorted(p for p in folder.iterdir() if ANIMATION_NAME.fullmatch(p.name))
    return [AnimationFile(name=p.name, frames=count_frames(p), size=p.stat().st_size) for p in paths] or None


def count_frames(path: Path) -> int:
    """The number of frames of a WebP file, from its chunks alone (RIFF container, WebP specification)."""
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WEBP":
            raise BaselineError(f"{path}: not a WebP file; make the animations again")
        tags = list(_chunk_tags(file, path.stat().st_size))
    return tags.count(b"ANMF") or int(b"VP8 " in tags or b"VP8L" in tags)


def _chunk_tags(file: BinaryIO, file_bytes: int) -> Iterator[bytes]:
    while len(head := file.read(8)) == 8:
        tag, size = struct.unpack("<4sI", head)
        if file.tell() + size > file_bytes:
            raise BaselineError(f"{file.name}: a truncated WebP file; make the animations again")
        yield tag
        file.seek(size + size % 2, 1)
