"""Exact frame times of a video file, from its packets where that is exact, else by decoding it."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from videotracks.errors import RecordingError
from videotracks.progress import Progress, silent

if TYPE_CHECKING:
    pass

#: Containers and codecs in which a packet is a frame. In others a packet may hold half a frame, two, or none to show.
PACKET_IS_FRAME = {
    *(("mov,mp4,m4a,3gp,3g2,mj2", codec) for codec in ("h264", "hevc", "mpeg4", "mjpeg", "av1")),
    *(("matroska,webm", codec) for codec in ("h264", "hevc", "mjpeg")),
    ("gif", "gif"),
}
FALLBACK_FPS = 30.0


class Probe(NamedTuple):
    """What a video file really holds: size as displayed (px), degrees to turn counterclockwise, times in ticks."""

    codec: str
    pixel_format: str
    width: int
    height: int
    rotation: int
    ticks: np.ndarray
    tick_s: Fraction


def probe_video(path: Path, progress: Progress = silent) -> Probe:
    """Look at a video file. ``RecordingError`` if it is none, holds no frame, or ends before its own index does."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise RecordingError(f"{path}: no video in this file; expected a video, an animated GIF or pictures")
            stream = container.streams.video[0]
            first = next(container.decode(stream), None)
            if first is None:
                raise RecordingError(f"{path}: a video without a single frame; record or export it again")
            kind = (container.format.name, stream.codec_context.name)
            declared, tick_s = stream.frames, stream.time_base or Fraction(1, 90_000)
            guessed = stream.guessed_rate or stream.average_rate or Fraction(FALLBACK_FPS)
            rotation = round(first.rotation / 90) * 90 % 360
            width, height = first.width, first.height
            pixel_format = first.format.name
        exact = kind in PACKET_IS_FRAME
        times = _packet_times(path, progress) if exact else None
        if times is None:
            times = _decoded_times(path, progress)
    except av.error.FFmpegError as error:
        raise RecordingError(f"{path}: not a video that can be read ({error}); expected a whole video file") from error
    if exact and declared > len(times):
        raise RecordingError(
            f"{path}: truncated: {len(times)} of the {declared} frames of its index are there; copy the file again"
        )
    if rotation % 180:
        width, height = height, width
    return Probe(kind[1], pixel_format, width, height, rotation, _ticks(times, guessed, tick_s), tick_s)


def _packet_times(path: Path, progress: Progress) -> list[int | None] | None:
    """The presentation times of all packets, in order of presentation; None where decoding alone can tell.

    The last packets are decoded as well: a file that was cut off has them in its index, but not their bytes.
    """
    import av

    times: list[int | None] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = container.size
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            if packet.is_corrupt or packet.pts is None or packet.is_discard:
                return None
            times.append(packet.pts)
            if len(times) % 256 == 0:
                progress(min(packet.pos or 0, size), size)
    ordered = sorted(t for t in times if t is not None)
    return list(ordered) if len(set(ordered)) == len(times) else None


def _decoded_times(path: Path, progress: Progress) -> list[int | None]:
    import av

    times: list[int | None] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            times.append(frame.pts)
            progress(len(times), None)
    return times


def _ticks(times: list[int | None], rate: Fraction, tick_s: Fraction) -> np.ndarray:
    """Times i64[F] from 0; evenly spaced by the stream's rate where the file gives none or they do not grow."""
    if all(t is not None for t in times):
        ticks = np.array(times, dtype="i8")
        if (np.diff(ticks) > 0).all():
            return ticks - ticks[0]
    step = 1 / (rate * tick_s)
    return np.array([round(i * step) for i in range(len(times))], dtype="i8")
