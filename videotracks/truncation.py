"""Whether a video file is shorter than its own container says: the sign of a copy that was cut off."""

from pathlib import Path
from typing import BinaryIO

_BOXES = {b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"sidx", b"styp", b"mfra", b"uuid", b"udta"}
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def bytes_missing(path: Path) -> int:
    """Bytes that MP4 and QuickTime boxes, a Matroska segment or AVI lists declare beyond the end of the file.

    0 where the file is whole, and where its container declares no size: transport streams, GIF, raw streams, live
    recordings.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] == b"RIFF":
            end = _riff_end(file, size)
        elif int.from_bytes(start[:4], "big") == _EBML:
            end = _segment_end(file)
        elif start[4:8] in _BOXES:
            end = _boxes_end(file, size)
        else:
            end = 0
    return max(0, end - size)


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last box of an ISO file ends; what is no known box (junk behind the last one) ends nothing."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if header[4:8] not in _BOXES or length < 8:
            break
        at += length
    return at


def _riff_end(file: BinaryIO, size: int) -> int:
    """Where the last RIFF list of an AVI file ends; one that was never finished declares 0 or all bits."""
    at = 0
    while at + 12 <= size:
        file.seek(at)
        header = file.read(12)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or header[8:12] not in (b"AVI ", b"AVIX") or length in (0, 0xFFFFFFFF):
            break
        at += 8 + length + length % 2
    return at


def _segment_end(file: BinaryIO) -> int:
    """Where the segment of a Matroska or WebM file ends; 0 where its size is unknown."""
    file.seek(4)
    header = _read_size(file)
    if header is None:
        return 0
    file.seek(header, 1)
    if int.from_bytes(file.read(4), "big") != _SEGMENT:
        return 0
    length = _read_size(file)
    return 0 if length is None else file.tell() + length


def _read_size(file: BinaryIO) -> int | None:
    """An EBML size: as many bytes as its first one has leading zeros, and one; None where all its bits are set."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    value = int.from_bytes(first + rest, "big") & ((1 << 7 * (more + 1)) - 1)
    return None if len(rest) < more or value == (1 << 7 * (more + 1)) - 1 else value
