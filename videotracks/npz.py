"""NPZ files, read and written without trust: a ZIP of ``.npy`` members, never a pickle.

Writing is deterministic (the same arrays give the same bytes). Reading looks at the ZIP directory and the
headers before it inflates anything, so that a file that lies about its sizes costs nothing but an error.
"""

import math
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.tables import Table

TableT = TypeVar("TableT", bound=Table)

#: Members up to this size are deflated without a look: what is lost or won is not worth a measurement.
SMALL_BYTES = 1 << 14
#: Three slices of this size decide about a larger member.
SAMPLE_BYTES = 1 << 15
#: Deflate what shrinks below this share; boxes (0.8) and images do not, ids and frame numbers (0.01) do.
WORTHWHILE_RATIO = 0.5
#: zlib level: 1 is 2 to 5 times faster than 6 on ids and frame numbers, and within a percent of the raw size.
DEFLATE_LEVEL = 1

_CHUNK_BYTES = 1 << 20
_MAX_HEADER_BYTES = 10_000
_EPOCH = (1980, 1, 1, 0, 0, 0)
_END_RECORD = struct.Struct("<4s6xH8xH")
_KINDS = "biufU"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may ask for. Stored members cannot grow, so only the deflated ones have a limit in bytes."""

    members: int = 256
    inflated_bytes: int = 1 << 30


class Header(NamedTuple):
    """What an array will be, known before any of it is read."""

    dtype: np.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Member:
    info: zipfile.ZipInfo
    header_bytes: int
    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool


def write_npz(
    target: Path | BinaryIO,
    arrays: Mapping[str, np.ndarray],
    *,
    deflate: bool | None = None,
    stored: Collection[str] = (),
    limits: Limits = Limits(),
) -> None:
    """Write arrays (bool, integers, floats, text) as NPZ; the same arrays always give the same bytes.

    ``deflate``: None deflates what is small or shrinks to half in a sample, True all, False nothing; never the
    arrays named in ``stored`` (images: quick to write, and a reader may map them into memory). More than
    ``limits.inflated_bytes`` are never deflated, so that ``read_npz`` takes back what is written here.
    Other dtypes are a ``TypeError``, unusable names a ``ValueError``.
    """
    for name, array in arrays.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of an array in an NPZ file")
        if array.dtype.kind not in _KINDS:
            raise TypeError(f"array {name!r}: dtype {array.dtype} is not stored; bool, numbers and text are")
    if len(arrays) > limits.members:
        raise ValueError(f"{len(arrays)} arrays in one NPZ file; at most {limits.members} are allowed")
    budget = limits.inflated_bytes
    with zipfile.ZipFile(target, "w") as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            size = array.nbytes + _MAX_HEADER_BYTES
            wanted = name not in stored and (_shrinks(array) if deflate is None else deflate)
            if size <= budget and wanted:
                budget -= size
                packed = BytesIO()
                np.lib.format.write_array(packed, array, allow_pickle=False)
                archive.writestr(info, packed.getbuffer(), zipfile.ZIP_DEFLATED, DEFLATE_LEVEL)
            else:
                info.file_size = size  # decides about ZIP64 before the size is known
                with archive.open(info, "w") as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)


def _shrinks(array: np.ndarray) -> bool:
    if array.nbytes <= SMALL_BYTES:
        return True
    data = np.ascontiguousarray(array).reshape(-1).view("u1")
    starts = np.linspace(0, max(len(data) - SAMPLE_BYTES, 0), 3).astype(int)
    slices = [data[s : s + SAMPLE_BYTES].tobytes() for s in starts]
    return sum(len(zlib.compress(s, DEFLATE_LEVEL)) for s in slices) <= WORTHWHILE_RATIO * sum(len(s) for s in slices)


def read_npz(
    source: Path | BinaryIO,
    name: str | None = None,
    *,
    names: Collection[str] | None = None,
    select: Callable[[Mapping[str, Header]], Collection[str]] | None = None,
    limits: Limits = Limits(),
) -> dict[str, np.ndarray]:
    """Read the arrays of an NPZ file, in native byte order and C order.

    ``name`` stands for the file in errors. ``names``: the arrays there must be, checked before anything is
    inflated. ``select`` sees the headers before that, too: it raises ``CorruptFileError`` for what it does not
    accept, and says which arrays are read. Raises ``CorruptFileError`` for whatever is not such a file in full,
    ``FileNotFoundError`` where there is none.
    """
    name = name or str(source)
    try:
        with zipfile.ZipFile(source) as archive:
            members = _directory(archive, limits)
            if names is not None and set(names) != set(members):
                missing, unknown = sorted(set(names) - set(members)), sorted(set(members) - set(names))
                raise CorruptFileError(f"missing arrays {missing}, unknown arrays {unknown}")
            headers = {key: Header(member.dtype, member.shape) for key, member in members.items()}
            wanted = headers if select is None else select(headers)
            return {key: _read_member(archive, member) for key, member in members.items() if key in wanted}
    except CorruptFileError as error:
        raise CorruptFileError(f"{name}: {error}; {_remedy}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, OverflowError) as error:
        raise CorruptFileError(f"{name}: not a complete NPZ file ({error}); {_remedy}") from error
    except (NotImplementedError, RuntimeError, MemoryError, SyntaxError, tokenize.TokenError) as error:
        raise CorruptFileError(f"{name}: an NPZ file that cannot be read ({error}); {_remedy}") from error


_remedy = "the file is damaged or was not written by this project: materialise its asset again"


def write_table(target: Path | BinaryIO, table: Table) -> None:
    """Write a table as NPZ, one array per column."""
    write_npz(target, table.arrays())


def read_table(source: Path | BinaryIO, cls: type[TableT], name: str | None = None) -> TableT:
    """Read a table back; anything but exactly its columns in their dtypes and shapes is a ``CorruptFileError``."""
    arrays = read_npz(source, name, names=cls.columns())
    try:
        return cls.from_arrays(arrays)
    except CorruptFileError as error:
        raise CorruptFileError(f"{name or source}: {error}; {_remedy}") from None


def _directory(archive: zipfile.ZipFile, limits: Limits) -> dict[str, _Member]:
    """The members by array name, after every check that needs no inflating beyond the headers."""
    infos = archive.infolist()
    if len(infos) > limits.members:
        raise CorruptFileError(f"{len(infos)} members, at most {limits.members} are allowed")
    file_bytes, counted = _end_of(archive)
    if counted != len(infos):
        raise CorruptFileError(f"{len(infos)} members listed, {counted} declared")
    if sum(info.compress_size for info in infos) > file_bytes:
        raise CorruptFileError("members overlap: they claim more bytes than the file has")
    inflated = sum(info.file_size for info in infos if info.compress_type != zipfile.ZIP_STORED)
    if inflated > limits.inflated_bytes:
        raise CorruptFileError(f"would inflate to {inflated:,} bytes, {limits.inflated_bytes:,} are allowed")
    members: dict[str, _Member] = {}
    for info in infos:
        key = info.filename.removesuffix(".npy")
        if key == info.filename or not _NAME.fullmatch(key):
            raise CorruptFileError(f"member {info.filename[:80]!r} is no array of an NPZ file")
        if key in members:
            raise CorruptFileError(f"array {key!r} is there twice")
        if info.flag_bits & 0x1:
            raise CorruptFileError(f"array {key!r} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise CorruptFileError(
                f"array {key!r} uses ZIP compression {info.compress_type}; stored or deflate are read"
            )
        if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
            raise CorruptFileError(f"array {key!r}: {info.file_size:,} bytes declared, {info.compress_size:,} stored")
        members[key] = _header(archive, info, key)
    return members


def _end_of(archive: zipfile.ZipFile) -> tuple[int, int]:
    """The size of the file, and how many members its last record declares: the reader takes any that it finds."""
    assert archive.fp is not None
    file_bytes = archive.fp.seek(0, 2)
    archive.fp.seek(file_bytes - _END_RECORD.size)
    signature, count, comment_bytes = _END_RECORD.unpack(archive.fp.read(_END_RECORD.size))
    if signature != b"PK\x05\x06" or comment_bytes:
        raise CorruptFileError("bytes after the end of the ZIP directory")
    return file_bytes, count


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, key: str) -> _Member:
    """Read a member's header and compare the size it implies with the declared one."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        readers: dict[tuple[int, int], Any] = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise CorruptFileError(f"array {key!r}: NPY version {version}; 1.0 and 2.0 are read")
        shape, fortran, dtype = readers[version](member, max_header_size=_MAX_HEADER_BYTES)
        header_bytes = member.tell()
    if dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise CorruptFileError(f"array {key!r}: dtype {dtype}; bool, numbers and text are read")
    if any(type(size) is not int or size < 0 for size in shape):
        raise CorruptFileError(f"array {key!r}: shape {shape}")
    implied = header_bytes + dtype.itemsize * math.prod(shape)
    if implied != info.file_size:
        raise CorruptFileError(
            f"array {key!r}: {dtype}{list(shape)} would take {implied:,} bytes, {info.file_size:,} declared"
        )
    return _Member(info, header_bytes, dtype, shape, fortran)


def _read_member(archive: zipfile.ZipFile, member: _Member) -> np.ndarray:
    """Read one array; the ZIP reader compares the checksum at the member's end."""
    key = member.info.filename
    data = np.empty(member.info.file_size - member.header_bytes, dtype="u1")
    view, filled = memoryview(data.data), 0
    with archive.open(member.info) as handle:
        handle.read(member.header_bytes)
        while chunk := handle.read(_CHUNK_BYTES):
            view[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
    if filled != len(data):
        raise CorruptFileError(f"array {key!r}: {filled:,} of {len(data):,} bytes are there")
    if member.dtype.kind == "b" and data.size and data.max() > 1:
        raise CorruptFileError(f"array {key!r}: bytes other than 0 and 1 in a bool array")
    array = data.view(member.dtype).reshape(member.shape, order="F" if member.fortran else "C")
    array = np.ascontiguousarray(array.astype(member.dtype.newbyteorder("="), copy=False)).reshape(member.shape)
    if member.dtype.kind == "U" and not _is_text(array):
        raise CorruptFileError(f"array {key!r}: characters that Unicode does not have")
    return array


def _is_text(array: np.ndarray) -> bool:
    points = array.reshape(-1).view("u4")
    return not bool(((points > 0x10FFFF) | ((points >= 0xD800) & (points <= 0xDFFF))).any())
