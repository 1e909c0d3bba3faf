"""Writing video that browsers play: H.264 in MP4, 4:2:0, the index in front."""

import math
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

#: Code points of ITU-T H.273: what browsers show without guessing from the size of the picture.
_BT709, _LIMITED_RANGE = 1, 1
#: Ticks per second of the file's length. In milliseconds, a rate above 1000 frames/s would lose its last frame.
_MOVIE_TIMESCALE = "90000"
#: With it the same frames give other bytes from time to time, and a video's version is that of its bytes.
_REPEATABLE = "mbtree=0"


class VideoWriter:
    """Writes RGB frames to an MP4 file; an odd width or height loses its last column or row.

    The file is complete when the ``with`` block ends; one that ends in an error is removed.
    """

    def __init__(
        self, path: Path, width: int, height: int, fps: float, *, crf: int = 23, preset: str = "veryfast"
    ) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        if width < 2 or height < 2 or not 0 < fps < math.inf:
            raise ValueError(f"{path}: expected at least 2×2 px and a rate above 0, got {width}×{height} at {fps}")
        self._shape = (height, width, 3)
        self.path, self._width, self._height = path, width // 2 * 2, height // 2 * 2
        rate = max(Fraction(fps).limit_denominator(1001), Fraction(1, 1001))
        options = {"movflags": "faststart", "movie_timescale": _MOVIE_TIMESCALE}
        self._container = av.open(str(path), "w", format="mp4", options=options)
        options = {"crf": str(crf), "preset": preset, "x264-params": _REPEATABLE}
        self._stream = self._container.add_stream("libx264", rate=rate, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = self._width, self._height, "yuv420p"
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        self._converter = VideoReformatter()

    def write(self, rgb: np.ndarray) -> None:
        """Append one frame, u8[H, W, 3] of the size announced."""
        import av
        from av.video.reformatter import ColorRange, Colorspace

        if rgb.shape != self._shape or rgb.dtype != np.uint8:
            raise ValueError(f"{self.path}: expected u8{list(self._shape)}, got {rgb.dtype}{list(rgb.shape)}")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb[: self._height, : self._width]), format="rgb24")
        planes = self._converter.reformat(
            frame, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        self._container.mux(self._stream.encode(planes))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        complete = False
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            complete = kind is None
        finally:
            if not complete:
                self.path.unlink(missing_ok=True)
