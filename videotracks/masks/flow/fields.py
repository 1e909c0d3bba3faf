"""Dense optical flow between neighbouring frames, computed once and kept while the window lasts, and their colours."""

from typing import NamedTuple

import numpy as np

from videotracks.masks.segmenters import Frames

#: Flow is kept at half the size of the frames, where its finest scale was computed, in half precision.
SHRINK = 2
#: Levels of lightness, a and b of a colour code, and how many colours that makes.
LEVELS = 16
COLOURS = LEVELS**3
#: Looks are twice the size of the flow and made in a tenth of its time: a few serve, where all flow is kept.
LOOKS_KEPT = 4
#: A pixel is unmatched where the flow there and back misses it by more than this share of the squared lengths of both,
#: plus so many square pixels (Sundaram et al. 2010 have 0.01 and 0.5; DIS is coarser than their flow).
MISS_SHARE, MISS_PX2 = 0.01, 1.0
#: DIS needs its coarsest scale to hold a few patches.
SMALLEST_PX = 32


class Look(NamedTuple):
    """A frame as it is compared with others."""

    gray: np.ndarray  # u8[h, w]
    lab: np.ndarray  # u8[h, w, 3], a and b stretched to twice their range
    code: np.ndarray  # u16[h, w] below COLOURS


class Field(NamedTuple):
    """Flow from one frame to another, at half their size."""

    steps: np.ndarray  # f16[h/2, w/2, 2]: x, y in px of the frames
    unmatched: np.ndarray  # bool[h/2, w/2]: hidden in the other frame, or the flow is wrong

    def within(self, part: tuple[slice, slice]) -> "Field":
        """A part of it, given by its rows and columns; steps in single precision."""
        return Field(self.steps[part].astype("f4"), np.ascontiguousarray(self.unmatched[part]))

    @classmethod
    def uniform(cls, step: tuple[float, float], shape: tuple[int, int]) -> "Field":
        """The same step (x, y in px) everywhere in a part of a frame of ``shape`` (height, width), all matched."""
        half = shape[0] // SHRINK, shape[1] // SHRINK
        return cls(np.full((*half, 2), step, "f4"), np.zeros(half, bool))


class FlowFields:
    """Optical flow by dense inverse search (DIS, Kroeger et al. 2016) between frames whose sides are even."""

    def __init__(self, frames: Frames) -> None:
        """Take ``frames``; nothing is computed before it is asked for."""
        import cv2

        self._frames = frames
        self._looks: dict[int, Look] = {}
        self._fields: dict[tuple[int, int], Field] = {}
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def look(self, position: int) -> Look:
        """The grays and colours of a frame."""
        if position not in self._looks:
            while len(self._looks) >= LOOKS_KEPT:
                del self._looks[next(iter(self._looks))]
            self._looks[position] = look_at(self._frames[position])
        return self._looks[position]

    def between(self, source: int, target: int) -> Field:
        """Where each pixel of frame ``source`` lies in frame ``target``."""
        if (source, target) not in self._fields:
            there, back = self._steps(source, target), self._steps(target, source)
            self._fields[source, target] = Field(there.astype("f2"), unmatched(there, back))
            self._fields[target, source] = Field(back.astype("f2"), unmatched(back, there))
        return self._fields[source, target]

    def release(self, first: int, last: int) -> None:
        """Let go of what was computed of frames outside positions ``first`` to ``last``."""
        self._looks = {p: look for p, look in self._looks.items() if first <= p <= last}
        self._fields = {(a, b): f for (a, b), f in self._fields.items() if first <= min(a, b) and max(a, b) <= last}

    def _steps(self, source: int, target: int) -> np.ndarray:
        import cv2

        gray = self.look(source).gray
        height, width = gray.shape
        flow = self._dis.calc(gray, self.look(target).gray, np.zeros((height, width, 2), "f4"))
        return cv2.resize(flow, (width // SHRINK, height // SHRINK), interpolation=cv2.INTER_AREA)


def unmatched(there: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Where the flow ``there`` f32[h, w, 2] and the flow ``back`` from the place it leads to do not cancel."""
    import cv2

    height, width = there.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype="f4"), np.arange(height, dtype="f4"))
    x += there[..., 0] / SHRINK
    y += there[..., 1] / SHRINK
    returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    miss = cv2.magnitude(*cv2.split(there + returned))
    lengths = [cv2.magnitude(*cv2.split(steps)) for steps in (there, returned)]
    return miss**2 > MISS_SHARE * (lengths[0] ** 2 + lengths[1] ** 2) + MISS_PX2


def look_at(image_rgb: np.ndarray) -> Look:
    """Grays and colours of a frame RGB u8[h, w, 3]."""
    import cv2

    # Few colours lie beyond ±64 in a or b: stretched, they fill the range as lightness does.
    values = np.arange(256)
    stretched = np.clip(2 * values - 128, 0, 255)
    lab = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2LAB)
    lab = cv2.LUT(lab, np.stack([values, stretched, stretched], axis=1).astype("u1")[None])
    level = (lab // (256 // LEVELS)).astype("u2")
    code = (level[..., 0] * LEVELS + level[..., 1]) * LEVELS + level[..., 2]
    return Look(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY), lab, code)
