"""Pixels of one crop to bytes and back: JPEG, or exact at about a quarter to two thirds of the raw size."""

import struct
import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from videotracks.errors import CorruptFileError

CodecName = Literal["jpeg", "exact"]

#: No crop is larger: an 8K frame has half as many pixels.
MAX_PIXELS = 64 << 20
#: No codec here packs tighter (zlib ends at 1,032:1, flat JPEG at about 100:1): beyond this a size is a lie.
MAX_EXPANSION = 1100
#: Allowance for headers when the expansion is judged.
SLACK_BYTES = 4096

_SIZE = struct.Struct("<II")


class Codec(NamedTuple):
    """``encode(rgb u8[h, w, 3]) -> bytes`` and ``decode(u8[k], height, width, part=1) -> rgb u8[h, w, 3]``.

    ``part`` 2, 4 or 8 asks for an image so many times smaller, sizes rounded up, where the codec can do that faster.
    """

    encode: Callable[[np.ndarray], bytes]
    decode: Callable[..., np.ndarray]


def codec(name: str, quality: int = 95) -> Codec:
    """The codec of that name; ``quality`` (1 to 100) counts for JPEG only. Empty crops are empty bytes."""
    if name == "jpeg":
        return Codec(lambda rgb: _encode_jpeg(rgb, quality), _guarded(_decode_jpeg))
    if name == "exact":
        return Codec(_encode_exact, _guarded(_decode_exact))
    raise CorruptFileError(f"crop codec {name!r} is unknown; jpeg and exact are known")


def _guarded(decode: Callable[[np.ndarray, int, int, int], np.ndarray]) -> Callable[..., np.ndarray]:
    """Refuse sizes that the bytes cannot hold before anything is allocated."""

    def guarded(data: np.ndarray, height: int, width: int, part: int = 1) -> np.ndarray:
        if height < 0 or width < 0 or height * width > MAX_PIXELS:
            raise CorruptFileError(f"a crop of {height}x{width} px; at most {MAX_PIXELS:,} px are read")
        if height * width == 0:
            if len(data) or height or width:
                raise CorruptFileError(f"a crop of {height}x{width} px with {len(data)} bytes")
            return np.zeros((0, 0, 3), np.uint8)
        if 3 * height * width > MAX_EXPANSION * len(data) + SLACK_BYTES:
            raise CorruptFileError(f"a crop of {height}x{width} px cannot come from {len(data)} bytes")
        return decode(data, height, width, part)

    return guarded


def _encode_jpeg(rgb: np.ndarray, quality: int) -> bytes:
    if rgb.size == 0:
        return b""
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError(f"no JPEG of a crop of shape {rgb.shape}")
    return data.tobytes()


def _decode_jpeg(data: np.ndarray, height: int, width: int, part: int) -> np.ndarray:
    import cv2

    # The header is read first: OpenCV would allocate what it declares, and would take other formats too.
    found = jpeg_size(data.tobytes())
    if found != (height, width):
        raise CorruptFileError(f"expected a JPEG of {height}x{width} px, got {_describe(found)}")
    # "Grayscale" is the flag of the size alone: the colours are those of the next flag.
    reduced = {1: 0, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4}
    size = reduced.get(part, cv2.IMREAD_REDUCED_GRAYSCALE_8)
    rgb = cv2.imdecode(data, size | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if rgb is None or rgb.shape != (-(-height // part), -(-width // part), 3):
        raise CorruptFileError(f"a JPEG of {height}x{width} px that cannot be decoded")
    return rgb


def _describe(size: tuple[int, int] | None) -> str:
    return "no complete JPEG" if size is None else f"one of {size[0]}x{size[1]} px"


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width that the header of a complete 8-bit JPEG declares; None where there is no such JPEG."""
    if data[:3] != b"\xff\xd8\xff" or data[-2:] != b"\xff\xd9":
        return None
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xC0, 0xC1, 0xC2):  # baseline, extended and progressive frames
            bits = data[at + 4]
            height, width = (int.from_bytes(data[at + k : at + k + 2], "big") for k in (5, 7))
            return (height, width) if bits == 8 else None
        if marker == 0xDA or length < 2:
            return None
        at += 2 + length
    return None


def _encode_exact(rgb: np.ndarray) -> bytes:
    """Height and width (u32, little-endian), then the planes green, red - green and blue - green, each row
    less the row above, as a zlib stream.

    Run-length matching only (``Z_RLE``): residuals of photographs hold no longer repeats worth the search,
    so that this is both faster and smaller than zlib's default.
    """
    if rgb.size == 0:
        return b""
    green = rgb[..., 1]
    planes = np.stack([green, rgb[..., 0] - green, rgb[..., 2] - green])
    planes[:, 1:] -= planes[:, :-1].copy()
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    return _SIZE.pack(*rgb.shape[:2]) + packer.compress(planes.tobytes()) + packer.flush()


def _decode_exact(data: np.ndarray, height: int, width: int, _part: int) -> np.ndarray:
    size = 3 * height * width
    if data[: _SIZE.size].tobytes() != _SIZE.pack(height, width):
        raise CorruptFileError(f"the bytes are not those of an exact crop of {height}x{width} px")
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(data[_SIZE.size :].tobytes(), size + 1)
    except zlib.error as error:
        raise CorruptFileError(f"an exact crop that cannot be decoded ({error})") from None
    if len(raw) != size or not unpacker.eof or unpacker.unused_data:
        raise CorruptFileError(f"expected {size:,} bytes of pixels for {height}x{width} px, got another number")
    planes = np.frombuffer(raw, np.uint8).reshape(3, height, width)
    planes = np.add.accumulate(planes, axis=1, dtype=np.uint8)
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[..., 1] = planes[0]
    np.add(planes[1], planes[0], out=rgb[..., 0])
    np.add(planes[2], planes[0], out=rgb[..., 2])
    return rgb
