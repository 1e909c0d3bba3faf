"""A comparison picture: the frame, the candidates and the tracked masks side by side, each below its title."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from videotracks.masks.candidates.manifest import Candidate
from videotracks.masks.comparison.overlay import Drawable, draw_masks, drawable, drawables, label_plate, paste
from videotracks.masks.packed import PackedMask
from videotracks.palette import color_of

#: Title strips and the room between panels, px, and their colours.
TITLE_PX, GAP_PX, _TITLE_FONT_PX = 24, 6, 14
GROUND = (24, 26, 30)
#: A candidate that no object covers: light grey, which is no object's colour.
UNFOLLOWED = (225, 225, 225)
#: From this IoU on an object is taken for what became of a candidate; the same above which duplicates are dropped.
FOLLOWED_IOU = 0.6
#: How dark a frame is behind words.
_BEHIND_WORDS = 0.35
#: Letters of a candidate's id that are shown.
_MOST_LETTERS = 12


class Picture(NamedTuple):
    """A finished comparison, and what it shows."""

    rgb: np.ndarray  # u8[H, W, 3] of picture_size
    candidates: int | None
    followed: int
    objects: list[int]


def panel_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """Width and height of a picture whose longer side is ``longest`` px; at least 2, so that it makes a video."""
    scale = longest / max(width, height)
    return max(2, round(width * scale)), max(2, round(height * scale))


def picture_size(panel: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a comparison of panels of this width and height, px."""
    return 3 * panel[0] + 2 * GAP_PX, TITLE_PX + panel[1]


def compose(
    small: np.ndarray, title: str, candidates: Sequence[Candidate] | None, masks: Mapping[int, PackedMask]
) -> Picture:
    """Draw the three panels over a frame that has their size, RGB u8[h, w, 3].

    ``candidates`` is None in a frame in which none were looked for. A candidate has the colour of the object that
    covers it, so that one sees what became of it, or none (light grey).
    """
    height, width = small.shape[:2]
    objects = drawables(masks, width, height)
    shown, followed = _candidates(candidates or (), objects, width, height)
    counts = f"{len(shown)} candidates, {followed} followed" if candidates is not None else "no candidates"
    panels = (
        (title, small),
        (counts, _overlaid(small, shown, "no candidates in this frame" if candidates is None else "none found")),
        (f"{len(objects)} tracked", _overlaid(small, objects, "no tracked masks")),
    )
    across, down = picture_size((width, height))
    canvas = np.full((down, across, 3), GROUND, np.uint8)
    for place, (words, panel) in enumerate(panels):
        left = place * (width + GAP_PX)
        strip = canvas[:TITLE_PX, left : left + width]
        paste(strip, label_plate(words, _TITLE_FONT_PX, GROUND), 2, 3)
        canvas[TITLE_PX:, left : left + width] = panel
    seen = [int(item.label) for item in objects]
    return Picture(canvas, None if candidates is None else len(candidates), followed, sorted(seen))


def _candidates(
    candidates: Sequence[Candidate], objects: Sequence[Drawable], width: int, height: int
) -> tuple[list[Drawable], int]:
    """Candidates in the colours of the objects that cover them, and how many of them have one."""
    shown, followed = [], 0
    for candidate in candidates:
        item = drawable(short_id(candidate.id), UNFOLLOWED, candidate.mask, width, height)
        if item is None:
            continue
        share, best = max(((overlap(item, other), int(other.label)) for other in objects), default=(0.0, 0))
        if share >= FOLLOWED_IOU:
            item = item._replace(color=color_of(best))
            followed += 1
        shown.append(item)
    return shown, followed


def short_id(identity: str) -> str:
    """A candidate's id as short as a label should be: ``seg_00012`` is 12, ``gap_00001`` is gap 1."""
    numbered = re.fullmatch(r"(?:.*_)?0*(\d+)", identity, re.ASCII)
    words = identity if numbered is None else numbered[1]
    return ("gap " + words if identity.startswith("gap_") and numbered else words)[:_MOST_LETTERS]


def overlap(one: Drawable, other: Drawable) -> float:
    """IoU of two masks of the same picture, compared where their boxes meet."""
    (x, y, w, h), (u, v, wide, high) = one.box, other.box
    left, top, right, bottom = max(x, u), max(y, v), min(x + w, u + wide), min(y + h, v + high)
    if left >= right or top >= bottom:
        return 0.0
    shared = np.count_nonzero(
        one.crop[top - y : bottom - y, left - x : right - x] & other.crop[top - v : bottom - v, left - u : right - u]
    )
    return shared / (np.count_nonzero(one.crop) + np.count_nonzero(other.crop) - shared)


def _overlaid(small: np.ndarray, items: Sequence[Drawable], otherwise: str) -> np.ndarray:
    """The frame with masks on it; without any, dark and with words on it."""
    if items:
        panel = small.copy()
        draw_masks(panel, items)
        return panel
    panel = (small * _BEHIND_WORDS).astype(np.uint8)
    plate = label_plate(otherwise, _TITLE_FONT_PX, GROUND)
    top, left = (panel.shape[0] - plate.shape[0]) // 2, (panel.shape[1] - plate.shape[1]) // 2
    paste(panel, plate, max(0, left), max(0, top))
    return panel
