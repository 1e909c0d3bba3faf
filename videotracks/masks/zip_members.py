"""ZIP archives of JSON members: written the same way every time, read without trust."""

import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from videotracks.errors import CorruptFileError

#: zlib level for masks: 1 takes a third of the time of 6 on their base64, for archives half as large again.
DEFLATE_LEVEL = 1
#: Members an archive may list: 38 hours of frames at 30 per second.
MAX_MEMBERS = 1 << 22
REMEDY = "the archive is damaged or was tampered with: materialise its asset again"

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_TROUBLE = (
    zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, OverflowError, NotImplementedError,
    RuntimeError, OSError,
)  # fmt: skip


@contextmanager
def new_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A ZIP archive to be filled; it is there, complete, when the ``with`` block ends well, and not otherwise."""
    draft = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(draft, "w") as archive:
            yield archive
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def member(name: str) -> zipfile.ZipInfo:
    """A member to be written, with nothing in it that changes from one writing to the next."""
    info = zipfile.ZipInfo(name, date_time=_EPOCH)
    info.create_system, info.compress_type = _UNIX, zipfile.ZIP_DEFLATED
    return info


class Members:
    """The members of an archive by name. What the archive says of them is checked before anything is inflated.

    ``CorruptFileError`` for whatever is no complete ZIP archive, ``FileNotFoundError`` where there is no file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such archive; materialise its asset")
        try:
            self._zip = zipfile.ZipFile(path)
        except _TROUBLE as error:
            raise CorruptFileError(f"{path}: not a complete ZIP archive ({error}); {REMEDY}") from error
        try:
            self._infos = self._checked()
        except CorruptFileError:
            self.close()
            raise

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        infos, file_bytes = self._zip.infolist(), self.path.stat().st_size
        if len(infos) > MAX_MEMBERS:
            raise CorruptFileError(f"{self.path}: {len(infos):,} entries, {MAX_MEMBERS:,} are allowed; {REMEDY}")
        if sum(info.compress_size for info in infos) > file_bytes:
            raise CorruptFileError(f"{self.path}: entries overlap: they claim more than the file has; {REMEDY}")
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if info.filename in members:
                raise self.error(info.filename, "is there twice")
            if info.flag_bits & 0x1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self.error(info.filename, "is encrypted or compressed by a method other than deflate")
            if not 0 <= info.header_offset < file_bytes:
                raise self.error(info.filename, "begins outside the file")
            members[info.filename] = info
        return members

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __contains__(self, name: object) -> bool:
        return name in self._infos

    def size(self, name: str) -> int:
        """How many bytes a member states it inflates to."""
        return self._infos[name].file_size

    def read(self, name: str, limit: int) -> bytes:
        """A member of at most ``limit`` bytes, inflated, its checksum compared."""
        return b"".join(self.chunks(name, limit, limit + 1))

    def chunks(self, name: str, limit: int, chunk_bytes: int) -> Iterator[bytes]:
        """The same in parts, so that whoever has read enough may stop."""
        if name not in self._infos:
            raise self.error(name, "is missing")
        stated = self.size(name)
        if stated > limit:
            raise self.error(name, f"would inflate to {stated:,} bytes, where at most {limit:,} can be right")
        found = 0
        try:
            with self._zip.open(self._infos[name]) as stream:
                while chunk := stream.read(min(chunk_bytes, stated + 1)):
                    found += len(chunk)
                    yield chunk
        except _TROUBLE as error:
            raise self.error(name, f"cannot be read ({error})") from error
        if found != stated:
            raise self.error(name, f"has {found:,} of {stated:,} bytes")

    def json(self, name: str, limit: int, read_object: Callable[[dict[str, Any]], Any] | None = None) -> dict[str, Any]:
        """A member of at most ``limit`` bytes as a JSON object, without doubled keys, NaN and infinities.

        ``read_object`` takes every object of it, from the inside out, as soon as it is parsed, and gives what stands
        in its place: what is long need never lie in memory as parsed JSON. It raises ``ValueError`` for a wrong one.
        """

        def unique(pairs: list[tuple[str, Any]]) -> Any:
            value = dict(pairs)
            if len(value) != len(pairs):
                raise ValueError("a key is there twice")
            return read_object(value) if read_object else value

        data = self.read(name, limit)
        try:
            value = json.loads(data, object_pairs_hook=unique, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise self.error(name, f"is not JSON as it should be ({error})") from error
        if not isinstance(value, dict):
            raise self.error(name, f"is not a JSON object but {type(value).__name__}")
        return value

    def error(self, name: str, what: str) -> CorruptFileError:
        """What is wrong with a member, with the archive's name and what to do."""
        return CorruptFileError(f"{self.path}: entry {name[:80]!r} {what}; {REMEDY}")

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
