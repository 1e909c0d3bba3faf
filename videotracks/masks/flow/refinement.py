"""One object from a frame to the next: its mask is warped by the flow, then decided anew where that is in doubt.

The warped mask says where the object is expected, colour histograms what it looks like, the flow what moves with it.
Their log odds are added in a narrow band around the warped boundary and where the flow is unmatched; a random walker
with priors (Grady 2005) then lets neighbours of like colour agree.
"""

from typing import NamedTuple

import numpy as np

from videotracks.masks.flow.fields import SHRINK, Field, Look
from videotracks.masks.flow.motion import motion_odds

#: Half the width of the band, as a share of the square root of the mask's area, and its bounds in px.
BAND_SHARE, BAND_PX = 0.06, (2.5, 14.0)
#: Rim of the ground around an object that is looked at beside the band, as a share of the root of its area.
RIM_SHARE = 0.3
#: Sure pixels, from which colours and motions are learnt, lie at least so deep inside or outside, in px.
SURE_PX, SURE_MOTION_PX = 1.0, 2.0
#: Sweeps of the random walker: after 25 a band of 14 px has settled to a hundredth.
SWEEPS = 25
#: Neighbours of very different colour still weigh this share of equal ones, so that no pixel stands alone.
LEAST_LIKENESS = 0.05
#: A part further from the main one than this share of the root of its area is not the object's.
GAP_SHARE = 0.1
#: The refined mask may be this many times as large as the warped one; beyond, it has leaked.
MOST_GROWTH = 1.5


class Box(NamedTuple):
    """A part of a frame, in px; even numbers, so that it is one of the flow as well."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of a frame."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def flow_slices(self) -> tuple[slice, slice]:
        """Rows and columns of a flow field."""
        return (
            slice(self.y0 // SHRINK, self.y1 // SHRINK),
            slice(self.x0 // SHRINK, self.x1 // SHRINK),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.x1 <= self.x0 or self.y1 <= self.y0


class Sighting(NamedTuple):
    """An object in a frame."""

    box: Box
    chance: np.ndarray  # f32[h, w] in the box: that a pixel is the object's; 0 outside the box

    @property
    def mask(self) -> np.ndarray:
        """bool[h, w] in the box."""
        return self.chance > 0.5

    @property
    def centre(self) -> tuple[float, float]:
        """Mean place x, y in px of the frame; the box's corner where the mask is empty."""
        import cv2

        moments = cv2.moments(self.mask.view("u1"), binaryImage=True)
        area = max(moments["m00"], 1.0)
        return self.box.x0 + moments["m10"] / area, self.box.y0 + moments["m01"] / area


def boxed(mask: np.ndarray, corner: tuple[float, float], size: tuple[int, int]) -> Box:
    """The box of a mask bool[h, w], not empty, whose corner lies at ``corner`` (x, y), with its rim."""
    import cv2

    x, y, across, down = cv2.boundingRect(mask.view("u1"))
    left, top = corner[0] + x, corner[1] + y
    return even_box(left, top, left + across, top + down, rim_px(int(np.count_nonzero(mask))), size)


def even_box(x0: float, y0: float, x1: float, y1: float, rim_px: float, size: tuple[int, int]) -> Box:
    """A box with a rim around, of even numbers within a frame of ``size`` (width, height); may be empty."""
    width, height = size
    left, top = (SHRINK * int(np.floor(max(at - rim_px, 0) / SHRINK)) for at in (x0, y0))
    right = SHRINK * int(np.ceil(min(x1 + rim_px, width) / SHRINK))
    bottom = SHRINK * int(np.ceil(min(y1 + rim_px, height) / SHRINK))
    return Box(min(left, width), min(top, height), max(right, 0), max(bottom, 0))


def rim_px(area: int) -> float:
    """Width of the rim that is looked at around an object of ``area`` px."""
    return RIM_SHARE * float(np.sqrt(area)) + 2 * band_px(area)


def band_px(area: int) -> float:
    """Half the width of the band around the boundary of an object of ``area`` px."""
    return float(np.clip(BAND_SHARE * np.sqrt(area), *BAND_PX))


def depth_px(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel from the boundary of a mask bool[h, w], f32[h, w], negative outside; ±big without one."""
    import cv2

    inside = cv2.distanceTransform(mask.view("u1"), cv2.DIST_L2, cv2.DIST_MASK_3)
    outside = cv2.distanceTransform((~mask).view("u1"), cv2.DIST_L2, cv2.DIST_MASK_3)
    return np.where(mask, inside - 0.5, 0.5 - outside).astype("f4")


def moved_box(seen: Sighting, ahead: Field, size: tuple[int, int]) -> Box:
    """Where an object will be by the flow ``ahead``, with its rim; empty where it leaves the frame."""
    mask = seen.mask
    rows, columns = np.nonzero(mask[::SHRINK, ::SHRINK])
    if not len(rows):
        return Box(0, 0, 0, 0)
    steps = ahead.steps[seen.box.flow_slices][rows, columns].astype("f4")
    x = SHRINK * columns + seen.box.x0 + steps[:, 0]
    y = SHRINK * rows + seen.box.y0 + steps[:, 1]
    return even_box(x.min(), y.min(), x.max() + SHRINK, y.max() + SHRINK, rim_px(int(np.count_nonzero(mask))), size)


def warp(seen: Sighting, box: Box, back: Field) -> np.ndarray:
    """The chance f32[h, w] in ``box`` of a frame, taken from where the flow ``back`` in it says that each pixel was."""
    import cv2

    height, width = box.shape
    steps = cv2.resize(back.steps, (width, height), interpolation=cv2.INTER_LINEAR)
    x = steps[..., 0] + np.arange(box.x0 - seen.box.x0, box.x1 - seen.box.x0, dtype="f4")
    y = steps[..., 1] + np.arange(box.y0 - seen.box.y0, box.y1 - seen.box.y0, dtype="f4")[:, None]
    return cv2.remap(seen.chance, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def refine(warped: np.ndarray, box: Box, look: Look, back: Field, colour_odds: np.ndarray) -> np.ndarray:
    """The chance f32[h, w] in ``box`` that a pixel is the object's, from where it is expected.

    ``warped`` f32[h, w]; ``back`` is the flow in ``box`` to where it comes from; ``colour_odds`` f32[COLOURS].
    """
    from videotracks.masks.flow._kernels import relax, weigh

    expected = warped > 0.5
    if not expected.any():
        return np.zeros_like(warped)
    depth = depth_px(expected)
    coarse = np.where(back.unmatched, 0, depth[::SHRINK, ::SHRINK])
    motion = motion_odds(back.steps, coarse > SURE_MOTION_PX, coarse < -SURE_MOTION_PX)
    lab = np.ascontiguousarray(look.lab[box.slices])
    code = np.ascontiguousarray(look.code[box.slices])
    area = int(expected.sum())
    looks, chance, pixels = np.empty_like(warped), np.empty_like(warped), np.empty((warped.size, 2), "i4")
    count = weigh(depth, back.unmatched, motion, code, colour_odds, band_px(area), looks, chance, pixels)
    relax(chance, lab, likeness(lab), pixels[:count], np.empty((count, 5), "f4"), SWEEPS)
    chance = whole(chance, np.where(expected, np.maximum(looks + 1, 0), 0))
    return warped if np.count_nonzero(chance > 0.5) > MOST_GROWTH * area else chance


def likeness(lab: np.ndarray) -> np.ndarray:
    """How neighbours weigh by their squared distance in Lab over 4, f32[4096], scaled by its mean as GrabCut does."""
    across = np.diff(lab.astype("i2"), axis=1)
    mean = float(3 * np.square(across, dtype="i4").mean()) if across.size else 1.0
    falling = np.exp(-np.arange(4096, dtype="f4") * 4 / (2 * max(mean, 1.0)))
    return np.maximum(falling, LEAST_LIKENESS).astype("f4")


def whole(chance: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Without the parts that lie away from the main one: that with the most ``evidence`` f32[h, w]."""
    import cv2

    count, parts, stats, _ = cv2.connectedComponentsWithStats((chance > 0.5).view("u1"))
    if count <= 2:
        return chance
    main = 1 + int(np.bincount(parts.ravel(), evidence.ravel(), count)[1:].argmax())
    away = cv2.distanceTransform((parts != main).view("u1"), cv2.DIST_L2, cv2.DIST_MASK_3)
    close = np.unique(parts[away <= GAP_SHARE * np.sqrt(stats[main, cv2.CC_STAT_AREA])])
    lost = np.ones(count, bool)
    lost[0] = lost[close] = False
    return np.where(lost[parts], 0, chance).astype("f4")
