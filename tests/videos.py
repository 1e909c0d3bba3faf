"""Small videos of every awkward kind, made with PyAV for the tests."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def picture(index: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A smooth colourful picture that moves with ``index``."""
    y, x = np.mgrid[0:height, 0:width]
    shift = 3 * index
    channels = (x * 3 + shift) % 256, (y * 4 + shift) % 256, 128 + 100 * np.sin((x + y + shift) / 15)
    return np.stack(channels, axis=-1).astype(np.uint8)


def write_video(
    path: Path,
    frames: int = 20,
    *,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    fps: int = 25,
    ticks: Sequence[int] | None = None,
    format: str | None = None,
    options: dict[str, str] | None = None,
    colorspace: int | None = None,
) -> Path:
    """Write a video; ``ticks`` are presentation times in milliseconds for a variable frame rate."""
    with av.open(str(path), "w", format=format, options=options or {}) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        if colorspace is not None:
            stream.codec_context.colorspace = colorspace
        if ticks is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, *size), format="rgb24")
            if ticks is not None:
                frame.time_base, frame.pts = Fraction(1, 1000), ticks[index]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rotate_mp4(path: Path, degrees_clockwise: int) -> None:
    """Set the rotation flag of an MP4: the matrix in its track header."""
    matrices = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    a, b, c, d = (v * 0x10000 for v in matrices[degrees_clockwise])
    for slot, value in zip((0, 4, 12, 16), (a, b, c, d), strict=True):
        data[at + slot : at + slot + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(data)
