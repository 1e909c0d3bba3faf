"""Masks packed to one bit per pixel, as they are kept and as they stand in JSON."""

import binascii
import math
from typing import Any, NamedTuple

import numpy as np

from videotracks.errors import CorruptFileError

#: The most pixels a mask may claim: twice those of an 8K frame. Files that ask for more are not believed.
MAX_PIXELS = 1 << 26


class PackedMask(NamedTuple):
    """A mask at one bit per pixel, possibly stored smaller than the video."""

    bits: bytes  # np.packbits of the flattened mask, row-major: ceil(H·W/8) bytes in one run over the whole mask
    shape: tuple[int, int]  # H, W in px of the stored bits
    full_resolution_shape: tuple[int, int]  # H, W in px of the video


def pack(mask: np.ndarray, scale: float = 1.0) -> PackedMask:
    """Pack bool[H, W], stored at ``scale`` (above 0, at most 1) of its size.

    A stored pixel is set where at least half of the area it covers is set (box filter ≥ 0.5, exact for sizes that
    do not divide each other). ``ValueError`` for anything but a mask of at least one pixel.
    """
    if mask.ndim != 2 or mask.dtype != bool or not 0 < mask.size <= MAX_PIXELS:
        raise ValueError(f"a mask is bool[H, W] of 1 to {MAX_PIXELS:,} px, not {mask.dtype}{list(mask.shape)}")
    full = (mask.shape[0], mask.shape[1])
    shape = stored_shape(full, scale)
    stored = mask if shape == full else _box_filtered(mask, shape)
    return PackedMask(np.packbits(stored).tobytes(), shape, full)


def stored_shape(full_resolution_shape: tuple[int, int], scale: float) -> tuple[int, int]:
    """H, W of a mask stored at ``scale`` of its size: rounded, at least 1 px."""
    if not 0 < scale <= 1:
        raise ValueError(f"the scale of a stored mask is above 0 and at most 1, not {scale}")
    height, width = full_resolution_shape
    return max(1, round(height * scale)), max(1, round(width * scale))


def _box_filtered(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Where the mean of ``mask`` over the area of a pixel of the smaller grid is at least a half; bool[h, w].

    The summed-area table is bilinear within a pixel, so that its value at a fractional corner is an interpolation:
    in units of 1/(h·w) px² it is whole, and so is the comparison. Only the box around the mask is looked at.
    """
    import cv2

    (height, width), (h, w) = mask.shape, shape
    stored = np.zeros(shape, bool)
    box = bounding_box(mask)
    if box is None:
        return stored
    top, above, down = _corners(box[1], box[3], height, h)
    first, left, right = _corners(box[0], box[2], width, w)
    cut = mask[above[0] : above[-1] + 1, left[0] : left[-1] + 1]
    table = cv2.integral(np.ascontiguousarray(cut).view("u1"), sdepth=cv2.CV_32S)
    above, left = above - above[0], left - left[0]
    below, beyond = np.minimum(above + 1, len(cut)), np.minimum(left + 1, cut.shape[1])
    rows = np.diff(table[above] * (h - down)[:, None] + table[below] * down[:, None], axis=0)
    areas = np.diff(rows.take(left, axis=1) * (w - right) + rows.take(beyond, axis=1) * right, axis=1)
    stored[top : top + len(areas), first : first + areas.shape[1]] = 2 * areas >= height * width
    return stored


def _corners(start: int, extent: int, size: int, stored_size: int) -> tuple[int, np.ndarray, np.ndarray]:
    """The stored pixels that ``extent`` px from ``start`` on touch: the first, and the corners of all of them.

    Corners are whole px, and their fraction in 1/stored_size px.
    """
    first, end = start * stored_size // size, -(-(start + extent) * stored_size // size)
    whole, fraction = np.divmod(np.arange(first, end + 1) * size, stored_size)
    return first, whole, fraction


def unpack(packed: PackedMask) -> np.ndarray:
    """The mask at its stored size, bool[h, w]."""
    height, width = packed.shape
    flat = np.unpackbits(np.frombuffer(packed.bits, "u1"), count=height * width)
    return flat.view(bool).reshape(height, width)


def unpack_full(packed: PackedMask) -> np.ndarray:
    """The mask at the size of the video, bool[H, W]; each pixel is that of the stored pixel at its centre."""
    mask = unpack(packed)
    if packed.shape == packed.full_resolution_shape:
        return mask
    (h, w), (height, width) = packed.shape, packed.full_resolution_shape
    rows = (2 * np.arange(height) + 1) * h // (2 * height)
    columns = (2 * np.arange(width) + 1) * w // (2 * width)
    return mask.take(columns, axis=1)[rows]  # whole rows are copied last, and fast


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """x, y, width, height in px of what is set in bool[H, W]; None for an empty mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    return left, top, right - left, bottom - top


def to_json(packed: PackedMask) -> dict[str, Any]:
    """The mask as a JSON object."""
    return {
        "shape": list(packed.shape),
        "full_resolution_shape": list(packed.full_resolution_shape),
        "packed_bits_b64": binascii.b2a_base64(packed.bits, newline=False).decode("ascii"),
    }


def from_json(value: Any, where: str) -> PackedMask:
    """The mask of a JSON object; without ``full_resolution_shape`` it is as large as its bits.

    ``where`` names file and place in errors. ``CorruptFileError`` for sizes that are no sizes, and for bits that
    do not fit the shape; nothing is decoded before its length is known to be right.
    """
    if not isinstance(value, dict):
        raise CorruptFileError(f"{where}: a mask is an object with shape and packed_bits_b64, not {_short(value)}")
    shape = _shape(value.get("shape"), "shape", where)
    full = value.get("full_resolution_shape")
    full_shape = shape if full is None else _shape(full, "full_resolution_shape", where)
    return PackedMask(_bits(value.get("packed_bits_b64"), shape, where), shape, full_shape)


def _shape(value: Any, field: str, where: str) -> tuple[int, int]:
    whole = isinstance(value, list) and len(value) == 2 and all(type(side) is int and side > 0 for side in value)
    if not whole or math.prod(value) > MAX_PIXELS:
        raise CorruptFileError(
            f"{where}: {field} is [height, width] of 1 to {MAX_PIXELS:,} px in all, not {_short(value)}"
        )
    return value[0], value[1]


def _bits(text: Any, shape: tuple[int, int], where: str) -> bytes:
    pixels = math.prod(shape)
    size = -(-pixels // 8)
    expected = f"{where}: packed_bits_b64 is base64 of {size:,} bytes for {shape[0]} x {shape[1]} px"
    if not isinstance(text, str):
        raise CorruptFileError(f"{expected}, not {_short(text)}")
    if len(text) != -(-size // 3) * 4:
        raise CorruptFileError(f"{expected}, not {len(text):,} characters")
    try:
        bits = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise CorruptFileError(f"{expected}: {error}") from None
    if len(bits) != size:
        raise CorruptFileError(f"{expected}, not of {len(bits):,}")
    if bits[-1] & ((1 << (-pixels % 8)) - 1):
        raise CorruptFileError(f"{expected}, with pixels set after the last one")
    return bits


def _short(value: Any) -> str:
    """Enough of a foreign value to know it by."""
    if isinstance(value, dict):
        return f"an object of {len(value)} keys"
    if isinstance(value, list) and len(value) > 4:
        return f"a list of {len(value)}"
    return repr(value)[:60]
