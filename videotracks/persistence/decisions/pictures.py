"""Pictures of decided tracklets: their crops in order of time, framed by how much each mattered."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from videotracks.palette import Colour
from videotracks.persistence.crop_tracks import CROP_PX
from videotracks.persistence.decisions.shown_tracks import SHOWN_CROPS, ShownTrack

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

#: Tracklets of one picture at most.
MOST_ROWS = 12
_PAPER, _INK, _SOFT = (24, 26, 30), (235, 235, 235), (150, 154, 162)
#: Frames go from nothing to this by importance: amber is rare in crops and clear to those who do not tell red from
#: green.
MARKED: Colour = (255, 176, 0)
_LABEL_PX, _GAP_PX, _FRAME_PX, _STRIP_PX, _TEXT_PX = 108, 6, 3, 18, 12
_STEP_PX = CROP_PX + 2 * _FRAME_PX + 2
_ROW_PX = CROP_PX + 2 * _FRAME_PX + _STRIP_PX + _GAP_PX


def draw_tracks(shown: Sequence[ShownTrack]) -> np.ndarray:
    """The first ``MOST_ROWS`` tracklets as RGB u1[H, W, 3]: a row each, crops with frames as bright as they mattered.

    Below the crops stands the importance of every observation that was looked at, over their places in time.
    """
    from PIL import Image, ImageDraw

    rows = shown[:MOST_ROWS]
    width = _LABEL_PX + SHOWN_CROPS * _STEP_PX
    sheet = Image.new("RGB", (width, max(len(rows) * _ROW_PX + _GAP_PX, _ROW_PX)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    if not rows:
        draw.text((_GAP_PX, _GAP_PX), "no tracklets", _SOFT, _font())
    for place, track in enumerate(rows):
        top = _GAP_PX + place * _ROW_PX
        _label(draw, track, top)
        for at, (crop, share) in enumerate(zip(track.crops, track.brightness[track.places], strict=True)):
            left = _LABEL_PX + at * _STEP_PX
            draw.rectangle(
                [left, top, left + CROP_PX + 2 * _FRAME_PX - 1, top + CROP_PX + 2 * _FRAME_PX - 1], marked(share)
            )
            sheet.paste(Image.fromarray(crop), (left + _FRAME_PX, top + _FRAME_PX))
        _strip(draw, track, top + CROP_PX + 2 * _FRAME_PX + _STRIP_PX)
    return np.array(sheet)


def marked(share: float) -> Colour:
    """The colour of a frame by its brightness 0 to 1, from the paper's to ``MARKED``."""
    red, green, blue = (round(low + float(share) * (high - low)) for low, high in zip(_PAPER, MARKED, strict=True))
    return red, green, blue


def _label(draw: "ImageDraw", track: ShownTrack, top: int) -> None:
    decision = track.decision
    confidence = "unknown" if decision.confidence is None else f"{decision.confidence:.3f}"
    lines = [f"tracklet {decision.tracklet_id}", confidence, f"{decision.length} boxes", f"from {decision.first_frame}"]
    for at, line in enumerate(lines):
        draw.text((_GAP_PX, top + 2 + at * (_TEXT_PX + 4)), line, _INK if at < 2 else _SOFT, _font())


def _strip(draw: "ImageDraw", track: ShownTrack, bottom: int) -> None:
    """A bar for each observation, as high as it mattered, on a line as long as the crops above."""
    width = len(track.places) * _STEP_PX - 2
    draw.line([(_LABEL_PX, bottom), (_LABEL_PX + width, bottom)], fill=_SOFT)
    edges = _LABEL_PX + np.linspace(0, width, len(track.brightness) + 1)
    for left, right, share in zip(edges[:-1], edges[1:], track.brightness, strict=True):
        height = float(share) * (_STRIP_PX - 4)
        draw.rectangle([left, bottom - height, max(left, right - 2), bottom], fill=MARKED)


def _font() -> Any:
    """The font that Pillow ships."""
    from PIL import ImageFont

    return ImageFont.load_default(_TEXT_PX)
