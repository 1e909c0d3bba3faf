"""What a segmenter is: it proposes the objects of a frame, and follows given ones through the frames around it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from videotracks.errors import ModelError


class Proposal(NamedTuple):
    """An object that a segmenter sees in a frame."""

    mask: np.ndarray  # bool[H, W], at the size of the frame
    stability: float  # IoU of the mask under a stricter and a laxer threshold, 0 to 1


class Prompt(NamedTuple):
    """An object to follow, given by its mask or by a box around it; exactly one of the two."""

    mask: np.ndarray | None = None  # bool[H, W], at the size of the video
    box: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1 in px of the video


class PromptError(ModelError):
    """A prompt that the segmenter cannot take; ``index`` tells which one."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"prompt {index}: {reason}")
        self.index = index


class Frames(Protocol):
    """The frames that are followed, in order; only a window of them is there at a time."""

    def __len__(self) -> int:
        """How many frames there are in all."""

    def __getitem__(self, position: int) -> np.ndarray:
        """The frame at a position, RGB u8[h, w, 3] at the segmenter's ``frame_size``; read-only.

        ``IndexError`` for one that is not in the window.
        """


class Session(Protocol):
    """One view that is being followed. What is computed of a frame is kept while its window lasts."""

    def prompt(self, position: int, prompts: Sequence[Prompt]) -> np.ndarray:
        """Forget the objects followed so far, take these, and return their masks in that frame, bool[N, H, W].

        A mask is where the logit is above 0. ``PromptError`` names a prompt that cannot be taken.
        """

    def propagate(self, last: int) -> Iterator[tuple[int, np.ndarray]]:
        """Follow the objects from the prompted frame to position ``last`` (included), forward or backward.

        Yields the position and the masks bool[N, H, W] of each frame after the prompted one; an object that is
        not seen has an empty mask, and may come back.
        """

    def release(self, first: int, last: int) -> None:
        """Let go of everything computed of frames outside positions ``first`` to ``last`` (included)."""

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent so far by stage: ``encode``, ``prompt``, ``propagate``."""


class Segmenter(Protocol):
    """A model that proposes objects and follows them; it holds the weights, sessions hold the state."""

    name: str

    def provenance(self) -> dict[str, str]:
        """What runs: backend, weights file and its SHA-256, device."""

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        """The size (width, height) in px at which frames of a video of ``width`` x ``height`` are wanted."""

    def propose(
        self, image_rgb: np.ndarray, neighbour_rgb: np.ndarray | None, levels: Sequence[int]
    ) -> dict[int, list[Proposal]]:
        """The objects of a frame RGB u8[H, W, 3] at each level; a higher level is a finer grain.

        ``neighbour_rgb`` is the frame a moment before or after, for segmenters that look at motion; None if the
        video has only one.
        """

    def session(self, frames: Frames, width: int, height: int) -> Session:
        """Begin to follow objects through ``frames``; masks come and go at ``width`` x ``height`` px."""

    def forecast_s(self, frames: int, objects: int) -> float | None:
        """Seconds that following ``objects`` through ``frames`` is expected to take here; None if not known."""
