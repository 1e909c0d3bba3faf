"""A picture of example tracks: a row of crops each, by kind, planted observations framed."""

from typing import NamedTuple

import numpy as np

from videotracks.contact_sheet import INK, PAPER
from videotracks.persistence.crop_tracks import CROP_PX
from videotracks.persistence.generator.looks import KINDS
from videotracks.persistence.generator.store import TrackRows

GAP_PX = 2
TITLE_PX = 16
#: Colour and width of the frame about planted observations.
PLANTED, PLANTED_PX = (235, 50, 40), 3


class _Row(NamedTuple):
    crops: np.ndarray
    corrupted: np.ndarray


def example_sheet(tracks: TrackRows, per_kind: int = 4, most_crops: int = 16) -> np.ndarray:
    """RGB u1[h, w, 3]: the longest tracks of each kind, ``per_kind`` rows of their first ``most_crops`` crops.

    Tracks with planted observations come first among those of a length. Kinds without tracks are left out.
    """
    from PIL import Image, ImageDraw, ImageFont

    step = CROP_PX + GAP_PX
    rows = {kind: found for kind in KINDS if (found := _examples(tracks, kind, per_kind, most_crops))}
    height = sum(TITLE_PX + len(found) * step for found in rows.values()) + GAP_PX
    sheet = Image.new("RGB", (most_crops * step + GAP_PX, height), PAPER)
    draw, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(11), 0
    for kind, found in rows.items():
        draw.text((GAP_PX, top + 1), _TITLES[kind], INK, font)
        top += TITLE_PX
        for row in found:
            for t, crop in enumerate(row.crops):
                sheet.paste(Image.fromarray(crop), (GAP_PX + t * step, top))
                if row.corrupted[t]:
                    left = GAP_PX + t * step
                    draw.rectangle((left, top, left + CROP_PX - 1, top + CROP_PX - 1), None, PLANTED, PLANTED_PX)
            top += step
    return np.asarray(sheet)


_TITLES = {
    "persistent": "things: the same body in every frame",
    "reflection": "reflections: the place shows through",
    "glare": "glare: bright, nothing of its own, pulsing",
    "noise": "noise: another content, or none",
}


def _examples(tracks: TrackRows, kind: str, per_kind: int, most_crops: int) -> list[_Row]:
    of_kind = np.flatnonzero(tracks.kind == kind)
    planted = np.array([tracks.corrupted(i).any() for i in of_kind.tolist()], bool)
    # Half of the rows from tracks with planted observations, where there are such.
    by_length = np.lexsort((of_kind, -tracks.length[of_kind]))
    first = [i for i in by_length if planted[i]][: per_kind // 2]
    others = [i for i in by_length if not planted[i]][: per_kind - len(first)]
    chosen = of_kind[others + first].tolist()
    return [_Row(tracks.crops(i)[:most_crops], tracks.corrupted(i)[:most_crops]) for i in chosen]
