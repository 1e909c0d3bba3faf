"""Masks drawn over a frame: translucent in the object's steady colour, with a crisp contour, a box and its id."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from videotracks.masks.packed import PackedMask, unpack
from videotracks.palette import Colour, color_of, text_color_on

#: Share of the colour in the fill: the frame below stays readable.
FILL = 0.45
#: Height of letters in px of a picture 360 px high, and the least: smaller ones cannot be read.
_FONT_SHARE, _LEAST_FONT_PX = 12 / 360, 10
#: Room around the letters of a label, px.
_PAD_PX = 3
#: A contour of 2 px for objects whose box is at least as wide and high as this, px: it would hide smaller ones.
_WIDE_CONTOUR_FROM_PX = 24

#: Left, top, width, height in px.
Box = tuple[int, int, int, int]


class Drawable(NamedTuple):
    """One mask to draw: what stands on its label, its colour, the box around it and its pixels in there."""

    label: str
    color: Colour
    box: Box
    crop: np.ndarray  # bool[height, width] of the box


def drawables(masks: Mapping[int, PackedMask], width: int, height: int) -> list[Drawable]:
    """Objects by their id, as they are to be drawn on a picture of ``width`` × ``height`` px; empty masks left out."""
    found = (drawable(str(identity), color_of(identity), mask, width, height) for identity, mask in masks.items())
    return [item for item in found if item is not None]


def drawable(label: str, color: Colour, mask: PackedMask, width: int, height: int) -> Drawable | None:
    """A mask brought to the size of a picture; None where nothing of it is left to see."""
    import cv2

    stored = unpack(mask).view(np.uint8)
    if stored.shape != (height, width):
        # Values of 0 and 255 keep the fraction of each pixel, so that contours are smooth at any scale.
        shrunk = height < stored.shape[0]
        interpolation = cv2.INTER_AREA if shrunk else cv2.INTER_LINEAR
        stored = (cv2.resize(stored * np.uint8(255), (width, height), interpolation=interpolation) > 127).view(np.uint8)
    box = cv2.boundingRect(stored)
    if not box[2]:
        return None
    left, top, wide, high = box
    return Drawable(label, color, (left, top, wide, high), stored[top : top + high, left : left + wide].view(bool))


def draw_masks(rgb: np.ndarray, items: Sequence[Drawable]) -> None:
    """Draw masks into a contiguous picture RGB u8[H, W, 3] that is at least as large as their boxes.

    Where masks overlap, the smallest one has the pixel: colours stay what they are, and no small one is hidden. All
    labels come last, moved apart where there is room.
    """
    items = sorted(items, key=lambda item: -int(np.count_nonzero(item.crop)))
    free = np.ones(rgb.shape[:2], bool)
    for item in reversed(items):
        _fill(rgb, item, free)
    for item in items:
        _outline(rgb, item)
    taken: list[Box] = []
    font_px = max(_LEAST_FONT_PX, round(rgb.shape[0] * _FONT_SHARE))
    for item in reversed(items):  # a small object has the first choice of place
        plate = label_plate(item.label, font_px, item.color)
        place = _place(item.box, plate.shape[1], plate.shape[0], rgb.shape[1], rgb.shape[0], taken)
        taken.append(place)
        paste(rgb, plate, place[0], place[1])


def _fill(rgb: np.ndarray, item: Drawable, free: np.ndarray) -> None:
    """What is still free of the mask as a glaze, its inner border in the full colour; ``free`` bool[H, W] shrinks."""
    import cv2

    left, top, width, height = item.box
    here, open_here = rgb[top : top + height, left : left + width], free[top : top + height, left : left + width]
    own = item.crop & open_here
    cv2.copyTo(cv2.LUT(here, _glaze(item.color)), own.view(np.uint8), here)
    border = contour(item.crop, 2 if min(width, height) >= _WIDE_CONTOUR_FROM_PX else 1)
    here[border & open_here] = item.color
    open_here &= ~item.crop


def contour(mask: np.ndarray, line_px: int) -> np.ndarray:
    """The pixels of bool[H, W] that lie within ``line_px`` of its border, bool[H, W]."""
    import cv2

    whole = np.ascontiguousarray(mask).view(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    inner = cv2.erode(whole, kernel, iterations=line_px, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return whole > inner


@lru_cache(maxsize=4096)
def _glaze(color: Colour) -> np.ndarray:
    """What each value of each channel becomes below a colour, u8[256, 1, 3]."""
    below = np.arange(256.0)[:, None, None]
    return np.round(below * (1 - FILL) + np.array(color) * FILL).astype(np.uint8)


def _outline(rgb: np.ndarray, item: Drawable) -> None:
    """The box, one px wide, around the mask."""
    import cv2

    left, top, width, height = item.box
    cv2.rectangle(rgb, (left, top), (left + width - 1, top + height - 1), item.color, 1)


@lru_cache(maxsize=4096)
def label_plate(text: str, font_px: int, ground: Colour) -> np.ndarray:
    """Words on a plate of colour ``ground``, black or white as reads better, u8[h, w, 3]; read-only."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(font_px)
    ascent, descent = font.getmetrics() if isinstance(font, ImageFont.FreeTypeFont) else (font_px, 0)
    size = int(np.ceil(font.getlength(text))) + 2 * _PAD_PX, ascent + descent
    plate = Image.new("RGB", size, ground)
    ImageDraw.Draw(plate).text((_PAD_PX, 0), text, text_color_on(ground), font)
    pixels = np.asarray(plate)
    pixels.setflags(write=False)
    return pixels


def paste(rgb: np.ndarray, plate: np.ndarray, left: int, top: int) -> None:
    """Put a small picture into a large one; what sticks out is cut."""
    here = rgb[top : top + plate.shape[0], left : left + plate.shape[1]]
    here[:] = plate[: here.shape[0], : here.shape[1]]


def _place(box: Box, width: int, height: int, across: int, down: int, taken: Sequence[Box]) -> Box:
    """Where a label of ``width`` × ``height`` goes: the first place around its box where no other lies, inside."""
    left, top, wide, high = box
    wanted = (
        (left, top - height),
        (left, top),
        (left + wide - width, top - height),
        (left, top + high),
        (left + wide - width, top + high),
        (left + wide, top),
        (left - width, top),
        (left + (wide - width) // 2, top + (high - height) // 2),
    )
    places = [(max(0, min(x, across - width)), max(0, min(y, down - height)), width, height) for x, y in wanted]
    return next((place for place in places if not any(_overlap(place, other) for other in taken)), places[0])


def _overlap(one: Box, other: Box) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )
