"""Pixels of a mask that are worth following: well inside it, on texture, spread over it, where the depth is sound."""

from typing import NamedTuple

import numpy as np

from videotracks.masks.packed import bounding_box
from videotracks.points.instances.sightings import of_one_surface

#: The neighbourhood whose texture and whose depth count, px.
_TEXTURE_PX, _DEPTH_PX = 5, 5
#: Cells of the grid for each pixel wanted: so many that those without texture can be passed over.
_CELLS_PER_PIXEL = 1.5
#: Cells are not smaller: closer pixels see the same texture.
_LEAST_CELL_PX = 3.0


class DepthBounds(NamedTuple):
    """Which depths are believed."""

    nearest_m: float
    farthest_m: float
    edge_m: float  # a pixel further than this from the median around it lies on an edge
    edge_share: float  # and this share of the depth further


def inner(mask: np.ndarray, margin_px: int) -> np.ndarray:
    """What of bool[H, W] is further than ``margin_px`` from its rim; the border of the picture is no rim."""
    import cv2

    made = np.zeros_like(mask)
    box = bounding_box(mask)
    if box is None:
        return made
    x, y = slice(max(box[0] - 1, 0), box[0] + box[2] + 1), slice(max(box[1] - 1, 0), box[1] + box[3] + 1)
    cut = np.ascontiguousarray(mask[y, x]).view("u1")
    made[y, x] = cv2.erode(cut, np.ones((3, 3), "u1"), iterations=margin_px).view(bool) if margin_px else cut
    return made


def sound_depth(mask: np.ndarray, depth: np.ndarray, bounds: DepthBounds) -> np.ndarray:
    """The pixels of bool[H, W] whose ``depth`` f32[H, W] m can be believed: measured, in range, on no edge.

    And not far from what the mask has elsewhere, as what shines through a mask that is too large.
    """
    import cv2

    box = bounding_box(mask)
    made = np.zeros_like(mask)
    if box is None:
        return made
    rim = _DEPTH_PX // 2
    y = slice(max(box[1] - rim, 0), box[1] + box[3] + rim)
    x = slice(max(box[0] - rim, 0), box[0] + box[2] + rim)
    near = np.nan_to_num(depth[y, x], nan=0, posinf=0, neginf=0).astype("f4")
    around = cv2.medianBlur(near, _DEPTH_PX)
    level = np.abs(near - around) <= bounds.edge_m + bounds.edge_share * around
    kept = mask[y, x] & level & (near >= bounds.nearest_m) & (near <= bounds.farthest_m)
    kept[kept] = of_one_surface(near[kept].astype("f8"))
    made[y, x] = kept
    return made


def choose_pixels(mask: np.ndarray, rgb: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """At most ``count`` pixels (x, y) i8[N, 2] of bool[H, W], and how much of a corner each is, f8[N], best first.

    One per cell of a grid, that with the largest smaller eigenvalue of the gradients around it (Shi and Tomasi, Good
    Features to Track, 1994).
    """
    import cv2

    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, 2), "i8"), np.zeros(0)
    left, top, width, height = box
    rim = _TEXTURE_PX
    y, x = slice(max(top - rim, 0), top + height + rim), slice(max(left - rim, 0), left + width + rim)
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[y, x]), cv2.COLOR_RGB2GRAY)
    strength = cv2.cornerMinEigenVal(grey, _TEXTURE_PX)
    rows, columns = np.nonzero(mask[y, x])
    strengths = strength[rows, columns].astype("f8")
    side = max(_LEAST_CELL_PX, np.sqrt(len(rows) / (count * _CELLS_PER_PIXEL)))
    cells = (rows // side).astype("i8") * int(width + 2 * rim + 1) + (columns // side).astype("i8")
    best = np.lexsort((columns, rows, -strengths))
    _, first = np.unique(cells[best], return_index=True)
    kept = best[np.sort(first)][:count]
    return np.column_stack([columns[kept] + x.start, rows[kept] + y.start]), strengths[kept]
