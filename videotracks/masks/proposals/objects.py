"""Candidate masks of the ``flow`` segmenter: regions that stand out of a frame, and areas that move in it.

A stand-in for SAM 2's automatic mask generator that needs no download. It knows colours, edges and motion, not things:
a person who stands still comes in parts.
"""

from collections.abc import Callable, Sequence

import numpy as np

from videotracks.masks.proposals.camera_motion import motion_between
from videotracks.masks.proposals.moving_areas import MIN_MOTION_NOISES, MIN_MOTION_PX, Area, iou, moving_areas
from videotracks.masks.proposals.regions import MergeTree, Pieces, cut_up, edge_strength, grow, lab_of, merge_regions
from videotracks.masks.segmenters import Proposal

#: The picture is cut up at no more px than this: half of 960x540. Outlines are then found at full size.
WORK_PX = 480 * 270
#: The bilateral filter before cutting: diameter in px, grey levels, reach in px. It takes away noise, not edges.
SMOOTH_PX, SMOOTH_GREY, SMOOTH_REACH_PX = 5, 20.0, 2.0
#: Levels that there are, and the proposals of level 0; each two levels double them: 20 at 2, 40 at 4, 80 at 6.
MAX_LEVEL, PROPOSALS_AT_0 = 10, 10
#: The merge tree is cut where it has this share of a level's proposals, in turn: whole things before their parts.
CUTS = (0.25, 0.5, 1.0)
#: On finer levels the coarsest cut is that of the level before, whose parts are what this one is for.
FINE_CUTS = (0.5, 1.0)
#: Up to this level moving areas, whole persons mostly, come first; on finer levels their parts do.
COARSE_LEVEL = 2
#: From this stability on a region is taken before all that are less stable, however coarse.
FIRM = 0.9
#: The tree is not cut below: noise of 12 grey levels parts regions by up to 75, real pictures are mostly cut above 150.
LEAST_DIFFERENCE = 80.0
#: A region is at least the picture's area over the level's number of proposals, over this; and at most this share.
FINENESS, MAX_SHARE = 10, 0.9
#: The stricter and the laxer threshold lie this share below and above the cut. With it noise has no stable region, a
#: texture few, a real frame more than half of what is proposed.
STABILITY_SHARE = 0.15
#: Share of a region's outline that must be seen as an edge: a slow change of colour or an uncertain flow makes none.
MIN_VISIBLE_OUTLINE = 0.5
#: Of two moving areas that overlap by more than this IoU, the more stable one stays.
SAME_IOU = 0.7
#: A moving area inside another that is at least this share of it may be a thing of its own, a smaller one is a limb.
LIMB_IOU = 0.2
#: Of two proposals of a level that share more than this of the smaller one, the first stays: a level is a layer of
#: things beside each other, and what lies in a thing is for the levels below.
MAX_SHARED = 0.5


def propose_objects(
    image_rgb: np.ndarray, neighbour_rgb: np.ndarray | None, levels: Sequence[int]
) -> dict[int, list[Proposal]]:
    """The objects of a frame u8[H, W, 3] at each level (0 to 10, finer upwards), moving ones first.

    ``neighbour_rgb`` u8[H, W, 3]: best the next frame or the one before; what moves by more than its own width is
    lost to the flow. None leaves motion out, and with it most whole persons. At most 20 proposals at level 2, 40 at 4,
    80 at 6; each mask is 4-connected. ``stability`` is the IoU of a region cut out of the merge tree at a stricter and
    a laxer threshold, as for maximally stable regions (Matas et al. 2002); of a moving area, that of its minimum cut
    with less and with more evidence.
    ``ValueError`` for other levels, or frames of other shapes.
    """
    import cv2
    from scipy import ndimage

    _check(image_rgb, neighbour_rgb, levels)
    height, width = image_rgb.shape[:2]
    scale = min(1.0, (WORK_PX / (height * width)) ** 0.5)
    small = _resized(image_rgb, scale)
    lab = lab_of(cv2.bilateralFilter(small, SMOOTH_PX, SMOOTH_GREY, SMOOTH_REACH_PX))
    pieces = cut_up(edge_strength(lab))
    motion = None if neighbour_rgb is None else motion_between(small, _resized(neighbour_rgb, scale))
    if motion is None:
        moving, tree = [], merge_regions(lab, pieces)
    else:
        noise_px = max(MIN_MOTION_PX, MIN_MOTION_NOISES * motion.noise_px)
        tree = merge_regions(lab, pieces, motion.residual / noise_px, motion.seen)
        moving = moving_areas(lab, pieces, motion)
    labels = pieces.labels if scale == 1 else _at_full_size(pieces.labels, image_rgb)
    boxes = ndimage.find_objects(labels + 1, pieces.total)
    return {level: _masks(_candidates(tree, pieces, moving, level), labels, boxes) for level in levels}


def _check(image: np.ndarray, neighbour: np.ndarray | None, levels: Sequence[int]) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"a frame is RGB u8[H, W, 3], not {image.dtype}{list(image.shape)}")
    if neighbour is not None and (neighbour.shape != image.shape or neighbour.dtype != np.uint8):
        raise ValueError(f"the neighbouring frame is {neighbour.dtype}{list(neighbour.shape)}, not as the frame is")
    if wrong := [level for level in levels if not 0 <= level <= MAX_LEVEL]:
        raise ValueError(f"levels {wrong}: the flow segmenter has 0 (coarse) to {MAX_LEVEL} (fine)")


def _resized(image: np.ndarray, scale: float) -> np.ndarray:
    import cv2

    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _at_full_size(labels: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The pieces i32[h, w] at the size of the image, their borders moved to its edges within a px of the small one."""
    import cv2

    height, width = image.shape[:2]
    large = cv2.resize(labels.astype("f4"), (width, height), interpolation=cv2.INTER_NEAREST)
    reach = 2 * -(-width // labels.shape[1]) + 1
    window = np.ones((reach, reach), "u1")
    large[cv2.dilate(large, window) != cv2.erode(large, window)] = -1
    full = large.astype("i4")
    grow(edge_strength(lab_of(image)), full)
    return full


def _candidates(tree: MergeTree, pieces: Pieces, moving: list[Area], level: int) -> list[Area]:
    """What is proposed at a level: the moving areas (on fine levels last), then the regions of each cut of the tree in
    turn, firm ones before others, most stable first."""
    limit = round(PROPOSALS_AT_0 * 2 ** (level / 2))
    coarse = level <= COARSE_LEVEL
    regions = _regions(tree, limit, CUTS if coarse else FINE_CUTS)
    regions.sort(key=lambda one: one.stability < FIRM)
    area = tree.area[: pieces.total]
    kept: list[Area] = []

    def keep(found: Sequence[Area], overlap: Callable[..., float], most: float) -> None:
        for one in found:
            if len(kept) == limit or pieces.outline_seen(one.pieces) < MIN_VISIBLE_OUTLINE:
                continue
            if all(overlap(one.pieces, other.pieces, area) <= most for other in kept):
                kept.append(one)

    if coarse:
        # What moves together may be one thing or several: both are proposed, but not every limb.
        firm = sorted((one for one in moving if one.stability >= FIRM), key=lambda one: -area[one.pieces].sum())
        keep(firm, _limb, MAX_SHARED)
        keep([one for one in moving if one.stability < FIRM], iou, SAME_IOU)
    keep(regions, _shared, MAX_SHARED)
    keep([] if coarse else moving, _shared, MAX_SHARED)
    return kept


def _regions(tree: MergeTree, limit: int, cuts: Sequence[float]) -> list[Area]:
    """The regions of each cut of the tree in turn, most stable first; each once, with its best stability."""
    least = tree.area[-1] / (limit * FINENESS)
    large = (tree.area >= least) & (tree.area <= MAX_SHARE * tree.area[-1])
    stability: dict[int, float] = {}
    first_cut: dict[int, int] = {}
    for at, share in enumerate(cuts):
        threshold = max(_threshold(tree, large, max(1, round(share * limit))), LEAST_DIFFERENCE)
        for region in np.flatnonzero(large & (tree.birth <= threshold) & (tree.death > threshold)).tolist():
            stability[region] = max(_stability(tree, region, threshold), stability.get(region, 0.0))
            first_cut.setdefault(region, at)
    ordered = sorted(stability, key=lambda r: (first_cut[r], -stability[r], -tree.area[r], r))
    return [Area((tree.rank >= tree.start[r]) & (tree.rank < tree.stop[r]), stability[r]) for r in ordered]


def _limb(one: np.ndarray, two: np.ndarray, area: np.ndarray) -> float:
    """As ``_shared``, but 0 where one is a large part of the other without being the same."""
    return 0.0 if LIMB_IOU <= iou(one, two, area) <= SAME_IOU else _shared(one, two, area)


def _shared(one: np.ndarray, two: np.ndarray, area: np.ndarray) -> float:
    """Share of the smaller of two sets of pieces bool[K] that lies in the other; 0 of an empty one."""
    return float(area[one & two].sum() / max(min(area[one].sum(), area[two].sum()), 1e-9))


def _threshold(tree: MergeTree, large: np.ndarray, wanted: int) -> float:
    """The highest difference at which the cut tree has at least ``wanted`` large regions; with fewer, that of most."""
    heights = np.unique(tree.birth)
    begins = np.bincount(np.searchsorted(heights, tree.birth[large]), minlength=len(heights) + 1)
    ends = np.bincount(np.searchsorted(heights, tree.death[large]), minlength=len(heights) + 1)
    alive = np.cumsum(begins - ends)[:-1]
    at = int(np.flatnonzero(alive >= min(wanted, alive.max()))[-1])
    return float(heights[at] + heights[at + 1]) / 2 if at + 1 < len(heights) else float(heights[at])


def _stability(tree: MergeTree, region: int, threshold: float) -> float:
    strict = tree.at(region, threshold * (1 - STABILITY_SHARE))
    lax = tree.at(region, threshold * (1 + STABILITY_SHARE))
    return float(tree.area[strict] / tree.area[lax])


def _masks(areas: list[Area], labels: np.ndarray, boxes: list[tuple[slice, slice] | None]) -> list[Proposal]:
    """Proposals with masks at the size of ``labels``, each of its largest connected part; none of nothing.

    ``boxes``: rows and columns of each piece; None for one that has no pixel at that size.
    """
    import cv2

    proposals = []
    for area in areas:
        own = [box for piece in np.flatnonzero(area.pieces) if (box := boxes[piece]) is not None]
        if not own:
            continue
        rows, columns = (slice(min(b[i].start for b in own), max(b[i].stop for b in own)) for i in (0, 1))
        mask, inside = np.zeros(labels.shape, bool), area.pieces.astype("u1")[labels[rows, columns]]
        _, parts, sizes, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
        mask[rows, columns] = parts == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax()
        proposals.append(Proposal(mask, area.stability))
    return proposals
