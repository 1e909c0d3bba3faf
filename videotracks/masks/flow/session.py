"""Following the objects of a view by optical flow: all of a frame together, so that none takes another's pixels."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from time import perf_counter

import numpy as np

from videotracks.masks.flow.fields import FlowFields
from videotracks.masks.flow.followed_object import Followed
from videotracks.masks.flow.prompts import prompted_chance
from videotracks.masks.flow.separation import layers_of, told_apart
from videotracks.masks.segmenters import Frames, Prompt

STAGES = ("encode", "prompt", "propagate")


class FlowSession:
    """A ``Session`` whose objects are warped by optical flow and refined by colour and motion."""

    def __init__(self, frames: Frames, width: int, height: int, threads: int) -> None:
        """Masks come and go at ``width`` x ``height`` px, objects are worked on by so many ``threads``."""
        self._frames, self._size, self._threads = frames, (width, height), threads
        self._fields = FlowFields(frames)
        self._position, self._objects, self._layers = 0, list[Followed](), list[list[int]]()
        self._seconds = dict.fromkeys(STAGES, 0.0)

    def prompt(self, position: int, prompts: Sequence[Prompt]) -> np.ndarray:
        """As ``Session.prompt``: masks given come back as they are, one is made of each box."""
        begin = perf_counter()
        image = self._frames[position]
        width, height = self._size
        chances, masks = [], np.zeros((len(prompts), height, width), bool)
        for index, prompt in enumerate(prompts):
            chances.append(prompted_chance(index, prompt, image, self._size))
            if prompt.mask is not None:
                masks[index] = prompt.mask
        look = self._fields.look(position)
        self._objects = [Followed.given(chance, look) for chance in chances]
        self._layers = layers_of([chance > 0.5 for chance in chances])
        self._position = position
        for index, prompt in enumerate(prompts):
            if prompt.mask is None:
                draw(self._objects[index], masks[index], look.gray.shape)
        self._seconds["prompt"] += perf_counter() - begin
        return masks

    def propagate(self, last: int) -> Iterator[tuple[int, np.ndarray]]:
        """As ``Session.propagate``; each call starts anew from the prompted frame."""
        objects, here = self._objects, self._position
        step = 1 if last > here else -1
        with ThreadPoolExecutor(self._threads) as pool:
            for target in range(here + step, last + step, step) if last != here else ():
                begin = perf_counter()
                self._fields.between(target, target - step)
                encoded = perf_counter()
                objects, masks = self._step(objects, target - step, target, pool)
                self._seconds["encode"] += encoded - begin
                self._seconds["propagate"] += perf_counter() - encoded
                yield target, masks

    def release(self, first: int, last: int) -> None:
        """As ``Session.release``."""
        self._fields.release(first, last)

    @property
    def seconds(self) -> dict[str, float]:
        """As ``Session.seconds``; ``encode`` is the optical flow."""
        return dict(self._seconds)

    def _step(
        self, objects: list[Followed], here: int, target: int, pool: ThreadPoolExecutor
    ) -> tuple[list[Followed], np.ndarray]:
        look = self._fields.look(target)
        moved = list(pool.map(lambda known: known.follow(self._fields, here, target), objects))
        apart = told_apart(moved, self._layers, look)
        width, height = self._size
        masks = np.zeros((len(objects), height, width), bool)

        drawn = list(pool.map(lambda known, mask: draw(known, mask, look.gray.shape), apart, masks))
        for layer in self._layers:
            keep_first(masks, [(index, drawn[index]) for index in layer])
        return list(pool.map(lambda known: known.learn(look), apart)), masks


def keep_first(masks: np.ndarray, parts: Sequence[tuple[int, tuple[slice, slice]]]) -> None:
    """Take pixels that the rounding of their enlargement gave to two of ``masks`` bool[N, H, W] from the later one.

    ``parts`` are the masks that must not overlap, each with the part of the frame that it lies in.
    """
    taken = np.zeros(masks.shape[1:], bool)
    for index, part in parts:
        masks[index][part] &= ~taken[part]
        taken[part] |= masks[index][part]


def draw(known: Followed, mask: np.ndarray, frame_shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Set ``mask`` bool[H, W] where an object is seen in a frame of ``frame_shape``; the part it was drawn in."""
    import cv2

    if known.missing:
        return slice(0), slice(0)
    box, chance = known.seen
    height, width = mask.shape
    across, down = width / frame_shape[1], height / frame_shape[0]
    if across == down == 1:
        mask[box.slices] = chance > 0.5
        return box.slices
    left, top = int(box.x0 * across), int(box.y0 * down)
    right, bottom = min(ceil(box.x1 * across), width), min(ceil(box.y1 * down), height)
    # Pixel centres: u + 0.5 of the mask lies at (u + 0.5) / across of the frame.
    place = np.array(
        [
            [1 / across, 0, (left + 0.5) / across - 0.5 - box.x0],
            [0, 1 / down, (top + 0.5) / down - 0.5 - box.y0],
        ]
    )
    drawn = cv2.warpAffine(
        chance,
        place,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    part = slice(top, bottom), slice(left, right)
    mask[part] = drawn > 0.5
    return part
