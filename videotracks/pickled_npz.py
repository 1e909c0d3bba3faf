"""NPZ files of the older scripts, whose arrays may be pickled objects; ``npz.py`` reads the present ones."""

import io
import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np

from videotracks.errors import BaselineError
from videotracks.restricted_pickle import load_pickle_from

#: Inflated bytes beyond the free ones may be no more than this many times the deflated ones.
FREE_BYTES, MAX_INFLATION = 64 << 20, 100
_MAX_HEADER_BYTES = 10_000
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, TypeError, OverflowError)
_UNREADABLE = (NotImplementedError, RuntimeError, MemoryError, SyntaxError, tokenize.TokenError)


def load_npz(source: Path) -> dict[str, np.ndarray]:
    """The arrays of an NPZ file; object arrays hold arrays, numbers, text and plain containers.

    Raises ``BaselineError`` for a damaged file, and for one that asks for anything else.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            _check_inflation(source, infos)
            return {info.filename[:-4]: _load_member(archive, info, source) for info in infos}
    except _DAMAGED + _UNREADABLE as error:
        raise BaselineError(f"{source}: not a complete NPZ file ({error})") from error


def _check_inflation(source: Path, infos: list[zipfile.ZipInfo]) -> None:
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
        raise BaselineError(f"{source}: a ZIP compression that NumPy does not write; this is refused")
    inflated, deflated = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
    if deflated > source.stat().st_size or inflated > max(FREE_BYTES, MAX_INFLATION * deflated):
        raise BaselineError(f"{source}: would inflate {deflated:,} to {inflated:,} bytes; this is refused")


def _load_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: Path) -> np.ndarray:
    name = f"{source}[{info.filename[:-4]}]"
    # Reads no more than the declared size, which was checked, and compares the checksum.
    data = archive.read(info)
    stream = io.BytesIO(data)
    shape, fortran, dtype = _read_header(stream)
    if dtype.hasobject:
        array = load_pickle_from(stream, name)
        if (
            dtype != np.dtype(object)
            or not isinstance(array, np.ndarray)
            or array.dtype != dtype
            or array.shape != shape
        ):
            raise BaselineError(f"{name}: the header promises {dtype}{list(shape)}, the file holds another value")
        return array
    payload = data[stream.tell() :]
    fits = dtype.itemsize and min(shape, default=0) >= 0 and math.prod(shape) * dtype.itemsize == len(payload)
    if dtype.kind not in "biufUS" or not fits:
        raise BaselineError(f"{name}: {dtype}{list(shape)} does not fit {len(payload):,} bytes")
    if not payload:
        return np.zeros(shape, dtype)
    order: Literal["F", "C"] = "F" if fortran else "C"
    return np.frombuffer(payload, dtype).reshape(shape, order=order)


def _read_header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    readers: dict[tuple[int, int], Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"NPY version {version}; 1.0 and 2.0 are read")
    shape, fortran, dtype = readers[version](stream, max_header_size=_MAX_HEADER_BYTES)
    return tuple(shape), fortran, dtype
