"""Where an object is by its prompt: the mask that is given, or one made of a box."""

import numpy as np

from videotracks.masks.segmenters import Prompt, PromptError

#: Ground around a box that GrabCut learns from, as a share of the box's sides.
GROUND_SHARE = 0.4
#: GrabCut works on at most so many pixels on the longer side; its time grows with the area.
GRABCUT_PX = 192
GRABCUT_ROUNDS = 4
#: The share of a box that its object may cover; outside, GrabCut has failed and the box's ellipse stands in.
COVERED = (0.1, 0.98)
#: The ellipse of a box, shrunk to this share, is surely the object's: without it, a shirt like the wall is lost.
CORE = 0.3
#: Start of the random numbers of GrabCut's clustering, so that the same box gives the same mask.
SEED = 0


def prompted_chance(index: int, prompt: Prompt, image_rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The chance f32[h, w] of each pixel of a frame RGB u8[h, w, 3] to be of the object, somewhere above 0.5.

    The prompt is in px of the video, of ``size`` (width, height). ``PromptError`` with ``index`` where it is neither
    a mask nor a box, is of another size, empty, or outside.
    """
    if (prompt.mask is None) == (prompt.box is None):
        raise PromptError(index, "expected a mask or a box, exactly one of the two")
    if prompt.mask is not None:
        return _shrunk(index, prompt.mask, image_rgb.shape, size)
    assert prompt.box is not None
    return _from_box(index, prompt.box, image_rgb, size)


def _shrunk(index: int, mask: np.ndarray, shape: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
    import cv2

    if mask.shape != (size[1], size[0]) or mask.dtype != bool:
        raise PromptError(index, f"mask {mask.dtype}{list(mask.shape)}; expected bool[{size[1]}, {size[0]}]")
    if not mask.any():
        raise PromptError(index, "the mask is empty")
    small = cv2.resize(mask.astype("f4"), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    # An object smaller than a pixel of the frame becomes one.
    return small if small.max() > 0.5 else (small / small.max()).astype("f4")


def _from_box(
    index: int, box: tuple[float, float, float, float], image_rgb: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    height, width = image_rgb.shape[:2]
    if not np.isfinite(box).all():
        raise PromptError(index, f"box {box}: expected finite numbers")
    scale = np.tile((width / size[0], height / size[1]), 2)
    x0, y0, x1, y1 = np.clip(np.array(box) * scale, 0, [width, height] * 2)
    if x1 <= x0 or y1 <= y0:
        raise PromptError(index, f"box {box} (x0, y0, x1, y1) holds no part of the frame of {size[0]} x {size[1]} px")
    left, top = int(x0), int(y0)
    right, bottom = max(left + 1, round(x1)), max(top + 1, round(y1))
    across, down = int(GROUND_SHARE * (right - left)) + 2, int(GROUND_SHARE * (bottom - top)) + 2
    rows = slice(max(top - down, 0), min(bottom + down, height))
    columns = slice(max(left - across, 0), min(right + across, width))
    inside = np.zeros((height, width), "u1")
    inside[top:bottom, left:right] = 1
    chance = np.zeros((height, width), "f4")
    chance[rows, columns] = cut_out(image_rgb[rows, columns], inside[rows, columns])
    return chance


def cut_out(image_rgb: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The object in a box, f32[h, w] 0 or 1: GrabCut (Rother et al. 2004), or the box's ellipse where that fails.

    ``image_rgb`` u8[h, w, 3] is the box with ground around it, ``inside`` u8[h, w] is 1 in the box.
    """
    import cv2

    height, width = inside.shape
    scale = min(1.0, GRABCUT_PX / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    image = cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA)
    box = cv2.resize(inside, size, interpolation=cv2.INTER_NEAREST)
    if not box.any():
        return inside.astype("f4")
    ellipse = _ellipse_in(box)
    labels = np.where(ellipse, cv2.GC_PR_FGD, np.where(box > 0, cv2.GC_PR_BGD, cv2.GC_BGD)).astype("u1")
    labels[_ellipse_in(box, CORE)] = cv2.GC_FGD
    found = ellipse
    if min(np.count_nonzero(labels == label) for label in (cv2.GC_PR_FGD, cv2.GC_BGD)) > 0:
        cv2.setRNGSeed(SEED)
        ground, figure = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(image, labels, (0, 0, 0, 0), ground, figure, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
        cut = _main_part((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
        least, most = COVERED
        if least <= cut.sum() / box.sum() <= most:
            found = cut
    back = cv2.resize(found.astype("f4"), (width, height), interpolation=cv2.INTER_LINEAR)
    return back if (back > 0.5).any() else inside.astype("f4")


def _ellipse_in(box: np.ndarray, scale: float = 1.0) -> np.ndarray:
    rows, columns = np.flatnonzero(box.any(axis=1)), np.flatnonzero(box.any(axis=0))
    y = (np.arange(box.shape[0]) - (rows[0] + rows[-1]) / 2) / (len(rows) / 2)
    x = (np.arange(box.shape[1]) - (columns[0] + columns[-1]) / 2) / (len(columns) / 2)
    return np.add.outer(y**2, x**2) <= scale**2


def _main_part(mask: np.ndarray) -> np.ndarray:
    import cv2

    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.view("u1"))
    if len(stats) < 2:
        return mask
    return parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
