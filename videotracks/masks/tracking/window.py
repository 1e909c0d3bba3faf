"""The frames that a segmenter follows: decoded once, forward, and only a window of them in memory."""

from pathlib import Path
from time import perf_counter

import numpy as np

from videotracks.errors import RecordingError
from videotracks.recording import Frame, View, read_frames


class FrameWindow:
    """Some frames of a view by their position among those that are followed, at the size a segmenter wants.

    Memory is that of the window, however long the video. Frames that no window covers are decoded, because others
    build on them, but neither converted nor kept.
    """

    def __init__(self, view: View, path: Path, frames: range, size: tuple[int, int]) -> None:
        """``frames``: numbers of the followed frames, ascending; ``size``: width, height in px that they get."""
        self._numbers, self._size = frames, size
        self._decoded = read_frames(path, view, start=frames[0], stop=frames[-1] + 1)
        self._path, self._next = path, 0
        self._held: dict[int, np.ndarray] = {}
        self.seconds = 0.0  # spent on decoding, conversion and scaling

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, position: int) -> np.ndarray:
        """RGB u8[h, w, 3], read-only; ``IndexError`` outside the window."""
        try:
            return self._held[position]
        except KeyError:
            raise IndexError(f"frame {position} of {len(self)} is not in the window") from None

    @property
    def held(self) -> int:
        """How many frames are in memory."""
        return len(self._held)

    def move(self, first: int, last: int) -> None:
        """Hold the positions ``first`` to ``last`` (included); neither may go back."""
        if first < min(self._held, default=self._next):
            raise ValueError(f"the window cannot go back to frame {first}: it is decoded once")
        begin = perf_counter()
        for position in [position for position in self._held if position < first]:
            del self._held[position]
        while self._next <= last:
            frame = self._decode(self._numbers[self._next])
            if self._next >= first:
                self._held[self._next] = self._scaled(frame.rgb())
            self._next += 1
        self.seconds += perf_counter() - begin

    def _decode(self, number: int) -> Frame:
        for frame in self._decoded:
            if frame.index == number:
                return frame
        raise RecordingError(f"{self._path}: the video ends before frame {number}; materialise recording again")

    def _scaled(self, rgb: np.ndarray) -> np.ndarray:
        scaled = scale_picture(rgb, self._size)
        scaled.flags.writeable = False
        return scaled


def scale_picture(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture u8[H, W, 3] at another size (width, height): by area where it shrinks, linear where it grows."""
    import cv2

    height, width = rgb.shape[:2]
    if (width, height) == size:
        return rgb
    shrinks = size[0] <= width and size[1] <= height
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
