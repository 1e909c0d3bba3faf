"""Writing video that browsers play: H.264 in MP4, 4:2:0, the index in front."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np


class VideoWriter:
    """Writes RGB frames to an MP4 file; an odd width or height loses its last column or row.

    The file is complete when the ``with`` block ends; one that ends in an error is removed.
    """

    def __init__(
        self, path: Path, width: int, height: int, fps: float, *, crf: int = 23, preset: str = "veryfast"
    ) -> None:
        import av

        if width < 2 or height < 2:
            raise ValueError(f"{path}: a video of {width}×{height} px cannot be written, at least 2×2 is needed")
        self.path, self._width, self._height = path, width // 2 * 2, height // 2 * 2
        rate = Fraction(fps).limit_denominator(1001)
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": preset})
        self._stream.width, self._stream.height, self._stream.pix_fmt = self._width, self._height, "yuv420p"

    def write(self, rgb: np.ndarray) -> None:
        """Append one frame, u8[H, W, 3]."""
        import av

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb[: self._height, : self._width]), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        if kind is not None:
            self.path.unlink(missing_ok=True)
