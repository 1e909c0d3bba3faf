"""The tracked masks of a level as a video that browsers play."""

from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.masks.archive import SegmentsReader
from videotracks.masks.comparison.overlay import draw_masks, drawables
from videotracks.masks.comparison.panels import panel_size
from videotracks.recording import View
from videotracks.video_writer import VideoWriter


class TrackedVideo:
    """Writes the frames of a view with the masks of a level on them, as they come by.

    Where only every n-th frame was followed, those frames are shown, at an n-th of the frame rate: times stay right.
    The file is complete when the ``with`` block ends; one that ends in an error is removed. Without a frame there is
    no file.
    """

    def __init__(self, path: Path, view: View, segments: SegmentsReader, longest_px: int, crf: int) -> None:
        self._segments = segments
        self._first, self._step = next(iter(segments.frames), 0), usual_step(segments.frames)
        longest = min(longest_px, max(view.width, view.height))
        self._size = panel_size(view.width, view.height, longest)
        self._open = partial(VideoWriter, path, *self._size, view.fps / self._step, crf=crf)
        self._video: VideoWriter | None = None
        self.unreadable: list[int] = []

    def shows(self, frame: int) -> bool:
        """Whether a frame is part of the video."""
        return frame in self._segments or (frame - self._first) % self._step == 0

    def add(self, frame: int, rgb: np.ndarray) -> None:
        """Append a frame of the view, u8[H, W, 3]; one whose masks cannot be read is shown without."""
        small = scaled(rgb, self._size)
        if frame in self._segments:
            try:
                draw_masks(small, drawables(self._segments.masks(frame), *self._size))
            except CorruptFileError:
                self.unreadable.append(frame)
        if self._video is None:
            self._video = self._open().__enter__()
        self._video.write(small)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._video is not None:
            self._video.__exit__(kind, error, trace)


def usual_step(frames: list[int]) -> int:
    """The most frequent distance between frames, 1 where there is none."""
    return Counter(b - a for a, b in pairwise(frames)).most_common(1)[0][0] if frames[1:] else 1


def scaled(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture at ``size`` (width, height) in px; always a copy."""
    import cv2

    if size == (rgb.shape[1], rgb.shape[0]):
        return rgb.copy()
    # Down to a half every pixel counts in bilinear interpolation too, at a sixth of the time.
    small = 2 * size[0] < rgb.shape[1]
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if small else cv2.INTER_LINEAR)
