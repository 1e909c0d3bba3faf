"""The objects of a frame by SAM 2: a grid of points, three masks each, duplicates suppressed (automatic masks)."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from videotracks.errors import ModelError
from videotracks.masks.segmenters import Proposal


class Grain(NamedTuple):
    """How finely a level looks."""

    points_per_side: int  # of the grid laid over the frame; each point proposes a whole, a part and a subpart
    crop_layers: int  # further passes over overlapping crops, 4**layer of them, for what is small in the frame
    min_area: float  # share of the frame below which masks, holes and islands are not worth keeping


#: From the whole of a room to the buttons of a shirt. Each level has about twice the points of the one before, and
#: the smallest area is about a fifth of the square that belongs to one point.
GRAINS = {
    1: Grain(6, 0, 5e-3),
    2: Grain(8, 0, 3e-3),
    3: Grain(12, 0, 1.5e-3),
    4: Grain(16, 0, 8e-4),
    5: Grain(32, 0, 2e-4),
    6: Grain(32, 1, 5e-5),
}
#: The network's own estimate of a mask's IoU, below which it is dropped: open (sam2's default is 0.8), since what the
#: graph keeps is decided by its own filter. Below a half the network itself thinks the mask more wrong than right,
#: and no later step knows this number.
MIN_PREDICTED_IOU = 0.5
#: Boxes of two masks that overlap more show the same object (sam2's default).
_SAME_OBJECT_IOU = 0.7
#: Bytes of logits at the size of the frame that one batch of points may take, three masks each.
_BATCH_BYTES = {"cpu": 256_000_000, "cuda": 1_000_000_000}
_MAX_POINTS = 64
_MASKS_PER_POINT = 3


class ProposalGenerator:
    """sam2's automatic mask generator for one level; frames of any size."""

    def __init__(self, network: Any, level: int, device: str) -> None:
        """``ModelError`` for a level that is not in ``GRAINS``."""
        if level not in GRAINS:
            raise ModelError(f"level {level}: the levels of detail are {min(GRAINS)} (coarse) to {max(GRAINS)} (fine)")
        from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

        self._grain, self._device = GRAINS[level], device
        self._generator = SAM2AutomaticMaskGenerator(
            network,
            points_per_side=self._grain.points_per_side,
            crop_n_layers=self._grain.crop_layers,
            crop_n_points_downscale_factor=2,
            pred_iou_thresh=MIN_PREDICTED_IOU,
            stability_score_thresh=0.0,
            box_nms_thresh=_SAME_OBJECT_IOU,
            crop_nms_thresh=_SAME_OBJECT_IOU,
        )
        self._generator._process_crop = _with_shaped_boxes(self._generator._process_crop)
        # sam2 assumes 1024 px here.
        self._generator.predictor._bb_feat_sizes = [(network.image_size // stride,) * 2 for stride in (4, 8, 16)]

    def propose(self, image_rgb: np.ndarray) -> list[Proposal]:
        """The objects of a frame RGB u8[H, W, 3], the one first of which the network is surest."""
        height, width = image_rgb.shape[:2]
        bytes_per_point = _MASKS_PER_POINT * height * width * np.dtype("f4").itemsize
        fitting = _BATCH_BYTES[self._device] // bytes_per_point
        self._generator.points_per_batch = int(np.clip(fitting, 1, _MAX_POINTS))
        min_area = math.ceil(self._grain.min_area * height * width)
        found = []
        for record in self._generator.generate(np.ascontiguousarray(image_rgb)):
            mask = _without_specks(record["segmentation"], min_area)
            if mask.any():
                found.append(Proposal(mask, min(1.0, float(record["stability_score"]))))
        return found


def _with_shaped_boxes(process_crop: Callable[..., Any]) -> Callable[..., Any]:
    """sam2 fails on a frame of several crops in none of which there is an object, for want of an axis."""

    def process(*args: Any) -> Any:
        data = process_crop(*args)
        data["crop_boxes"] = data["crop_boxes"].reshape(-1, 4)
        return data

    return process


def _without_specks(mask: np.ndarray, min_area: int) -> np.ndarray:
    """A mask bool[H, W] with holes and islands below ``min_area`` px gone; empty where no island is larger."""
    import cv2

    if np.count_nonzero(mask) < min_area:
        return np.zeros_like(mask)
    for background in (True, False):
        pixels = (mask != background).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
        small = stats[:, cv2.CC_STAT_AREA] < min_area
        small[0] = False
        if small.any():
            mask = np.where(small[labels], background, mask)
    return mask
