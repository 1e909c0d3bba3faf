"""Model weights: which files are known, where they come from, and whether a file here is the right one.

A hash stands in the manifest (``weights.json``) only where the publisher states it. Where none is known, the
hash of the first file seen is recorded beside the weights (``weights.lock.json``) and every later one must
equal it. The download itself is in ``download.py``.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, RootModel, ValidationError

from videotracks.download import download
from videotracks.errors import ModelError
from videotracks.progress import Progress, silent

LOCK_FILE = "weights.lock.json"
_HASH = r"^[0-9a-f]{64}$"
_FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_CHUNK_BYTES = 1 << 20


class InputSettings(BaseModel, frozen=True, extra="forbid"):
    """What the network wants to see; a value goes in as ``(value - mean) / std`` of pixels from 0 to 255."""

    width: int = Field(gt=0, description="px")
    height: int = Field(gt=0, description="px")
    channel_order: Literal["RGB", "BGR"]
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: tuple[float, float, float] = Field((0, 0, 0), description="per channel, of 0 to 255")
    std: tuple[float, float, float] = Field((1, 1, 1), description="per channel, of 0 to 255")


class WeightsEntry(BaseModel, frozen=True, extra="forbid"):
    """One known weights file. ``url`` is None where its authors publish no such file: ``notes`` say what to do."""

    name: str
    kind: Literal["detector", "reid", "segmenter"]
    file: str = Field(pattern=_FILE_NAME)
    url: str | None
    sha256: str | None = Field(pattern=_HASH, description="as the publisher states it")
    size: int | None = Field(gt=0, description="bytes, as the publisher states it")
    licence: str
    source: str
    input: InputSettings
    notes: str = ""


class LockedFile(BaseModel, frozen=True, extra="forbid"):
    """What was recorded of the first file seen."""

    sha256: str = Field(pattern=_HASH)
    size: int
    url: str | None = Field(description="where it was downloaded; None if it was already there")
    recorded_at: datetime


class WeightsLock(RootModel[dict[str, LockedFile]]):
    """The recorded hashes by file name."""


@dataclass(frozen=True, slots=True)
class FetchedWeights:
    """A weights file that is here and has the hash it must have."""

    path: Path
    sha256: str
    downloaded: bool
    hash_from: Literal["manifest", "lock", "this file"]

    def __str__(self) -> str:
        origin = {
            "manifest": "as its publisher states",
            "lock": "as recorded before",
            "this file": f"recorded in {LOCK_FILE}: the publisher states none",
        }
        return f"{self.path} (SHA-256 {self.sha256}, {origin[self.hash_from]})"


@dataclass(frozen=True, slots=True)
class WeightsStatus:
    """Whether one known file is here and is the right one; ``ok`` is False only for a wrong one."""

    name: str
    file: str
    state: Literal["missing", "unrecorded", "right", "wrong"]
    message: str
    sha256: str | None = None

    @property
    def ok(self) -> bool:
        """Nothing is wrong with it."""
        return self.state != "wrong"


def manifest() -> list[WeightsEntry]:
    """All known weights."""
    entries = json.loads(Path(__file__).with_name("weights.json").read_text("utf-8"))
    return [WeightsEntry.model_validate(item) for item in entries]


def entry(name: str) -> WeightsEntry:
    """The known weights of this name; a ``ModelError`` that lists the names where there are none."""
    known = {item.name: item for item in manifest()}
    if name not in known:
        raise ModelError(f"no weights are known as {name!r}; known are {', '.join(known)}")
    return known[name]


def fetch(wanted: WeightsEntry, folder: Path, progress: Progress = silent) -> FetchedWeights:
    """Make sure that a weights file is in ``folder`` and right: download what is missing, resume what was cut.

    Raises ``ModelError``: no URL, no connection, a cut transfer (the part is kept and the next call goes on
    from there), a wrong hash (the download is removed; a file that was there before is left alone).
    """
    target = folder / wanted.file
    lock = read_lock(folder)
    expected = wanted.sha256 or _locked_hash(lock, wanted.file)
    if target.exists():
        found = hash_file(target)
        if expected is not None and found != expected:
            raise ModelError(_differs(target, expected, found) + "; delete it and fetch again, or keep it elsewhere")
        return _settle(wanted, target, found, lock, downloaded=False)
    if wanted.url is None:
        raise ModelError(f"{wanted.name}: there is no file to download. {wanted.notes} Then put it at {target}")
    folder.mkdir(parents=True, exist_ok=True)

    def check(part: Path) -> None:
        found = hash_file(part)
        if expected is not None and found != expected:
            raise ModelError(
                _differs(part, expected, found) + f"; what {wanted.url} sent was removed. If its publisher replaced "
                f"the file on purpose, compare the hash with theirs and remove its line from {LOCK_FILE}"
            )

    download(wanted.url, target, check=check, size=wanted.size, resume_blindly=expected is not None, progress=progress)
    return _settle(wanted, target, hash_file(target), lock, downloaded=True)


def verify(folder: Path, entries: Iterable[WeightsEntry] | None = None) -> list[WeightsStatus]:
    """Compare every known file in ``folder`` with its hash; writes nothing."""
    lock = read_lock(folder)
    return [_status(item, folder, lock) for item in (manifest() if entries is None else entries)]


def read_lock(folder: Path) -> WeightsLock:
    """The recorded hashes in ``folder``, empty if there are none; ``ModelError`` if the file is no such list."""
    path = folder / LOCK_FILE
    if not path.exists():
        return WeightsLock({})
    try:
        return WeightsLock.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelError(
            f"{path}: not the list of recorded hashes ({error.error_count()} errors); restore it from a copy, "
            "or delete it to record the hashes of the present files anew"
        ) from error


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _settle(wanted: WeightsEntry, target: Path, found: str, lock: WeightsLock, *, downloaded: bool) -> FetchedWeights:
    """Record the hash where none was known, and say where the expected one came from."""
    if wanted.sha256 is not None:
        return FetchedWeights(target, found, downloaded, "manifest")
    if wanted.file in lock.root:
        return FetchedWeights(target, found, downloaded, "lock")
    record = LockedFile(
        sha256=found,
        size=target.stat().st_size,
        url=wanted.url if downloaded else None,
        recorded_at=datetime.now(UTC).replace(microsecond=0),
    )
    # Read again: another download may have recorded its file meanwhile.
    merged = WeightsLock({**read_lock(target.parent).root, wanted.file: record})
    path = target.with_name(LOCK_FILE)
    draft = path.with_name(f".{LOCK_FILE}.{os.getpid()}")
    draft.write_text(merged.model_dump_json(indent=2) + "\n", "utf-8")
    draft.replace(path)
    return FetchedWeights(target, found, downloaded, "this file")


def _status(item: WeightsEntry, folder: Path, lock: WeightsLock) -> WeightsStatus:
    path = folder / item.file
    if not path.is_file():
        how = f"fetch it with `videotracks weights fetch {item.name}`" if item.url else item.notes
        return WeightsStatus(item.name, item.file, "missing", f"not in {folder}: {how}")
    found = hash_file(path)
    expected = item.sha256 or _locked_hash(lock, item.file)
    if expected is None:
        message = f"SHA-256 {found}; no hash is known: `videotracks weights fetch {item.name}` records it"
        return WeightsStatus(item.name, item.file, "unrecorded", message, found)
    if found != expected:
        return WeightsStatus(item.name, item.file, "wrong", _differs(path, expected, found), found)
    origin = "its publisher states" if item.sha256 else f"{LOCK_FILE} records"
    return WeightsStatus(item.name, item.file, "right", f"SHA-256 {found}, as {origin}", found)


def _locked_hash(lock: WeightsLock, file: str) -> str | None:
    return lock.root[file].sha256 if file in lock.root else None


def _differs(path: Path, expected: str, found: str) -> str:
    return f"{path}: expected SHA-256 {expected}, got {found}"
