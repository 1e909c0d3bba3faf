"""Candidates become prompts, by mask or by box, and boxes stand in for masks that a segmenter cannot take."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from videotracks.errors import ModelError
from videotracks.masks.candidates.manifest import Candidate
from videotracks.masks.packed import unpack
from videotracks.masks.segmenters import Prompt, PromptError, Session
from videotracks.masks.tracking.dedup import centres

PromptMode = Literal["all_mask", "long_tail", "all_bbox"]
#: Candidates up to this many times the smallest area are the long tail, whose masks are too coarse to prompt with.
_LONG_TAIL = 3


class PreparedPrompt(NamedTuple):
    """How an object is prompted, and the box to fall back to (x0, y0, x1, y1 in px of the video)."""

    prompt: Prompt
    box: tuple[float, float, float, float]


class Prompted(NamedTuple):
    """What came of a batch of prompts."""

    masks: np.ndarray  # bool[N, H, W] of the objects that are followed now; none is empty
    box_fallbacks: int
    unusable: int  # nothing came of mask or box


def prepare_prompt(candidate: Candidate, mode: PromptMode, min_area: int, shape: tuple[int, int]) -> PreparedPrompt:
    """The prompt of a candidate in a video of ``shape`` (H, W).

    ``long_tail``: by box where the area, at the size of the video, is at most max(3·min_area, min_area + 1), else by
    mask.
    """
    height, width = candidate.mask.full_resolution_shape
    by_y, by_x = shape[0] / height, shape[1] / width
    x, y, w, h = candidate.bbox
    x0, y0 = min(max(x * by_x, 0), shape[1] - 1), min(max(y * by_y, 0), shape[0] - 1)
    box = x0, y0, max(min((x + w) * by_x, shape[1]), x0 + 1), max(min((y + h) * by_y, shape[0]), y0 + 1)
    small = candidate.area * by_x * by_y <= max(_LONG_TAIL * min_area, min_area + 1)
    if mode == "all_bbox" or (mode == "long_tail" and small):
        return PreparedPrompt(Prompt(box=box), box)
    return PreparedPrompt(Prompt(mask=scale_mask(unpack(candidate.mask), shape)), box)


def scale_mask(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A mask bool[h, w] at another size bool[H, W], each pixel that at its centre."""
    if mask.shape == shape:
        return mask
    return mask[centres(shape[0], mask.shape[0])].take(centres(shape[1], mask.shape[1]), axis=1)


def prompt_objects(
    session: Session, position: int, prepared: Sequence[PreparedPrompt], shape: tuple[int, int]
) -> Prompted:
    """Prompt a batch of objects. A mask that fails (``PromptError``, or nothing found) is tried by its box.

    An object of which the box fails as well is left out. ``ModelError`` where the segmenter breaks its word.
    """
    pending, fallbacks, unusable = [(item.prompt, item.box) for item in prepared], 0, 0
    while pending:
        masks, failed = _attempt(session, position, [prompt for prompt, _ in pending], shape)
        if not failed:
            return Prompted(masks, fallbacks, unusable)
        by_mask = {place for place in failed if pending[place][0].mask is not None}
        fallbacks, unusable = fallbacks + len(by_mask), unusable + len(failed) - len(by_mask)
        pending = [
            (Prompt(box=box) if place in by_mask else prompt, box)
            for place, (prompt, box) in enumerate(pending)
            if place in by_mask or place not in failed
        ]
    return Prompted(np.zeros((0, *shape), bool), fallbacks, unusable)


def _attempt(
    session: Session, position: int, prompts: Sequence[Prompt], shape: tuple[int, int]
) -> tuple[np.ndarray, set[int]]:
    """The masks, and which prompts failed."""
    try:
        masks = session.prompt(position, prompts)
    except PromptError as error:
        if not 0 <= error.index < len(prompts):
            raise
        return np.zeros((0, *shape), bool), {error.index}
    check_masks(masks, len(prompts), shape)
    return masks, {place for place, mask in enumerate(masks) if not mask.any()}


def check_masks(masks: np.ndarray, count: int, shape: tuple[int, int]) -> None:
    """``ModelError`` unless these are the masks of ``count`` objects at the size of the video."""
    if masks.dtype != bool or masks.shape != (count, *shape):
        raise ModelError(f"the segmenter gave {masks.dtype}{list(masks.shape)}, expected bool{[count, *shape]}")
