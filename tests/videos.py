"""Small videos of every awkward kind, made with PyAV for the tests."""

from collections.abc import Collection, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition


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
    color_range: int | None = None,
    encoder: dict[str, str] | None = None,
    noise: bool = False,
) -> Path:
    """Write a video; ``ticks`` are presentation times in milliseconds for a variable frame rate.

    ``options`` are the container's, ``encoder`` the codec's; ``noise`` makes every pixel another colour.
    """
    with av.open(str(path), "w", format=format, options=options or {}) as container:
        stream = container.add_stream(codec, rate=fps, options=encoder or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        if colorspace is not None:
            stream.codec_context.colorspace = colorspace
        if color_range is not None:
            stream.codec_context.color_range = color_range
        if ticks is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(frames):
            rgb = np.random.default_rng(index).integers(0, 256, (*size[::-1], 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb if noise else picture(index, *size), format="rgb24")
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


def remux(source: Path, target: Path, *, leave_out: Collection[int] = (), later_s: float = 0) -> Path:
    """Copy packets without decoding them, but for some by their place, all shown ``later_s``; as trimming tools do."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as read, av.open(str(target), "w", options=options) as written:
        stream = read.streams.video[0]
        copied = written.add_stream_from_template(stream)
        assert stream.time_base is not None
        shift = round(later_s / stream.time_base)
        packets = (p for p in read.demux(stream) if p.dts is not None)
        for index, packet in enumerate(packets):
            if index not in leave_out:
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = copied
                written.mux(packet)
    return target


def write_with_cover(path: Path, frames: int) -> Path:
    """Write an MP4 whose first video stream is a cover picture; without ``frames``, it is the only one."""
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg")
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 32, 32, "yuvj420p", Disposition.attached_pic
        film = container.add_stream("libx264", rate=25) if frames else None
        if film is not None:
            film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        for packet in cover.encode(av.VideoFrame.from_ndarray(picture(0, 32, 32), format="rgb24")):
            container.mux(packet)
        for index in range(frames):
            assert film is not None
            container.mux(film.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        container.mux(cover.encode(None))
        if film is not None:
            container.mux(film.encode(None))
    return path
