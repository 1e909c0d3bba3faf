"""Contact sheets: small pictures side by side in one JPEG, small enough to stand in an asset's metadata."""

import base64
import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

#: Metadata travels through the event log and every page that lists an asset: a sheet stays below this.
MAX_BYTES = 60_000
#: Tried in turn until a sheet is small enough; below the last the tiles shrink.
QUALITIES = (85, 75, 65, 55, 45)
GAP_PX = 4
LABEL_PX = 14
#: Narrower tiles have room for no word.
LEAST_LABELLED_PX = 24
PAPER = (24, 26, 30)
INK = (235, 235, 235)


def contact_sheet(
    tiles: Sequence[np.ndarray],
    labels: Sequence[str] = (),
    columns: int = 8,
    tile: tuple[int, int] = (96, 144),
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """Pictures, RGB u8[h, w, 3] of any size, letterboxed into tiles of ``tile`` (width, height in px), as one JPEG.

    Rows are filled from the left; ``labels`` stand below their tiles, as many as there are. The JPEG has at most
    ``max_bytes``: its quality is lowered, then the tiles are drawn smaller, the labels at their size as long as they
    are readable. Up to about fifty tiles stay so in 60 kB. An empty picture leaves its tile blank.
    """
    width, height = tile
    while True:
        jpeg = _encoded(
            _drawn(tiles, labels if width >= LEAST_LABELLED_PX else (), columns, (width, height)), max_bytes
        )
        if jpeg:
            return jpeg
        width, height = width * 4 // 5, height * 4 // 5
        if min(width, height) < 1:
            raise ValueError(f"no JPEG of {len(tiles)} pictures fits into {max_bytes} bytes")


def _drawn(tiles: Sequence[np.ndarray], labels: Sequence[str], columns: int, tile: tuple[int, int]) -> "Image.Image":
    from PIL import Image, ImageDraw, ImageFont

    width, height = tile
    below = LABEL_PX if any(labels) else 0
    across = max(1, min(columns, len(tiles)))
    down = max(1, math.ceil(len(tiles) / across))
    step_x, step_y = width + GAP_PX, height + below + GAP_PX
    sheet = Image.new("RGB", (across * step_x + GAP_PX, down * step_y + GAP_PX), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for i, picture in enumerate(tiles):
        left, top = GAP_PX + i % across * step_x, GAP_PX + i // across * step_y
        sheet.paste(Image.fromarray(letterbox(picture, width, height)), (left, top))
        if i < len(labels) and labels[i]:
            draw.text((left + 1, top + height), _fitting(labels[i], width, font.getlength), INK, font)
    return sheet


def letterbox(picture: np.ndarray, width: int, height: int, ground: tuple[int, int, int] = PAPER) -> np.ndarray:
    """A picture RGB u8[h, w, 3] scaled into u8[height, width, 3] with its aspect kept, centred on ``ground``."""
    import cv2

    canvas = np.full((height, width, 3), ground, np.uint8)
    if picture.size == 0:
        return canvas
    scale = min(width / picture.shape[1], height / picture.shape[0])
    w, h = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    # Down to a half every pixel counts in bilinear interpolation too, at a sixth of the time.
    resized = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR)
    x, y = (width - w) // 2, (height - h) // 2
    canvas[y : y + h, x : x + w] = resized
    return canvas


def data_uri_image(jpeg: bytes, alt: str = "contact sheet") -> str:
    """Markdown that shows a JPEG without any file beside it; ``alt`` is shortened to plain words."""
    words = "".join(c if c.isalnum() or c in " -_.,%" else " " for c in alt)
    return f"![{words}](data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')})"


def _fitting(text: str, width: int, length: Callable[[str], float]) -> str:
    """``text`` cut to the width of a tile, both in px."""
    while text and length(text) > width:
        text = text[:-1]
    return text


def _encoded(sheet: "Image.Image", max_bytes: int) -> bytes:
    """The best JPEG of at most ``max_bytes``, or no bytes."""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= max_bytes:
            return buffer.getvalue()
    return b""
