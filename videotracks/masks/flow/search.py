"""Where an object is when the flow cannot say: it moved too far between two frames, or was out of sight."""

import numpy as np

from videotracks.masks.flow.colours import histogram, likeness_of, log_odds
from videotracks.masks.flow.fields import Look
from videotracks.masks.flow.refinement import Box, Sighting, even_box

#: How far a leap may lead from where it is guessed, as a share of the object's longer side.
REACH_SHARE = 1.0
#: The longer side in px to which an object is shrunk for that; the time grows with its square.
TEMPLATE_PX = 48
#: Root mean square difference of its pixels in Lab up to which an object is the same, and how many times the mean
#: square of any other place, half its side away, must exceed that of the best.
SAME_LEVELS, DISTINCT = 24.0, 1.5
#: An object out of sight is looked for in its last box, widened by this share of the root of its area: at first, more
#: for every frame, and at most.
SEARCH_SHARE, SEARCH_GROWTH, SEARCH_MOST = 1.0, 0.1, 3.0
#: Found is a part of so many times its usual area whose colours are so alike to its own, and which is at least this
#: share of all pixels in the window that look like it.
FOUND_AREA, FOUND_LIKENESS, FOUND_SHARE = (0.5, 2.0), 0.9, 0.6
#: Log odds of colour from which a pixel looks like the object.
FOUND_ODDS = 1.0


def leap(seen: Sighting, before: Look, now: Look, guess: tuple[float, float]) -> tuple[float, float] | None:
    """The step (x, y in px) from one frame to the next that leads an object to pixels like its own; None if unsure.

    Sought around the step ``guess`` by the mean square difference over its mask.
    """
    import cv2

    height, width = now.gray.shape
    x, y, across, down = cv2.boundingRect(seen.mask.view("u1"))
    left, top = seen.box.x0 + x, seen.box.y0 + y
    reach = REACH_SHARE * max(across, down)
    x0, x1 = (int(np.clip(at + guess[0], 0, width)) for at in (left - reach, left + across + reach))
    y0, y1 = (int(np.clip(at + guess[1], 0, height)) for at in (top - reach, top + down + reach))
    scale = min(1.0, TEMPLATE_PX / max(across, down))
    size = max(1, round(across * scale)), max(1, round(down * scale))
    room = round((x1 - x0) * scale), round((y1 - y0) * scale)
    if room[0] <= size[0] or room[1] <= size[1]:
        return None
    own = cv2.resize(before.lab[top : top + down, left : left + across], size, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(seen.chance[y : y + down, x : x + across], size, interpolation=cv2.INTER_AREA)
    there = cv2.resize(now.lab[y0:y1, x0:x1], room, interpolation=cv2.INTER_AREA)
    weight = np.repeat((weight > 0.5).astype("f4")[..., None], 3, axis=2)
    if not weight.any():
        return None
    differences = cv2.matchTemplate(there.astype("f4"), own.astype("f4"), cv2.TM_SQDIFF, mask=weight)
    differences = np.maximum(differences / weight.sum(), 1.0)
    row, column = np.unravel_index(int(differences.argmin()), differences.shape)
    best = float(differences[row, column])
    elsewhere = differences.copy()
    half = max(size) // 2 + 1
    elsewhere[max(row - half, 0) : row + half + 1, max(column - half, 0) : column + half + 1] = np.inf
    if best > SAME_LEVELS**2 or elsewhere.min() < DISTINCT * best:
        return None
    return x0 + float(column) / scale - left, y0 + float(row) / scale - top


def found_again(window: Box, look: Look, own: np.ndarray, ground: np.ndarray, usual_area: float) -> Sighting | None:
    """The part of a frame in ``window`` that looks like an object; None where there is none, or others as well.

    ``own`` and ``ground`` are colours f32[COLOURS], ``usual_area`` in px.
    """
    import cv2

    code = look.code[window.slices]
    alike = (log_odds(own, ground)[code] > FOUND_ODDS).astype("u1")
    joined = cv2.morphologyEx(alike, cv2.MORPH_CLOSE, np.ones((3, 3), "u1"))
    count, parts, stats, _ = cv2.connectedComponentsWithStats(joined)
    if count < 2:
        return None
    main = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    area, mask = int(stats[main, cv2.CC_STAT_AREA]), parts == main
    least, most = FOUND_AREA
    if not least * usual_area <= area <= most * usual_area or area < FOUND_SHARE * joined.sum():
        return None
    if likeness_of(histogram(code, mask), own) < FOUND_LIKENESS:
        return None
    return Sighting(window, mask.astype("f4"))


def search_window(place: Box, step: tuple[float, float], missing: int, usual_area: float, size: tuple[int, int]) -> Box:
    """Where an object may be that was last seen at ``place`` with ``step`` (x, y in px), ``missing`` frames ago."""
    side = float(np.sqrt(usual_area))
    most = SEARCH_MOST * side
    across, down = (float(np.clip(missing * way, -most, most)) for way in step)
    rim = min(SEARCH_SHARE + SEARCH_GROWTH * missing, SEARCH_MOST) * side
    corners = place.x0 + min(across, 0), place.y0 + min(down, 0), place.x1 + max(across, 0), place.y1 + max(down, 0)
    return even_box(*corners, rim, size)
