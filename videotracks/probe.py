"""Exact frame times of a video file: from its packets where they tell them, else by decoding it."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from videotracks.errors import RecordingError
from videotracks.frames import open_video
from videotracks.progress import Progress, silent
from videotracks.truncation import bytes_missing

#: Containers and codecs in which a packet is a frame. In others a packet may hold half a frame, two, or none to show.
PACKET_IS_FRAME = {
    *(("mov,mp4,m4a,3gp,3g2,mj2", codec) for codec in ("h264", "hevc", "mjpeg", "av1")),
    *(("matroska,webm", codec) for codec in ("h264", "hevc", "mjpeg")),
}
FALLBACK_FPS = 30.0
#: A step between two frames beyond this share of the usual one may mean lost frames, and others that need them.
_GAP = 1.5
_PROGRESS_PACKETS = 64


class Probe(NamedTuple):
    """What a video file really holds: size as displayed (px), degrees to turn counterclockwise, times in ticks."""

    codec: str
    pixel_format: str
    width: int
    height: int
    rotation: int
    ticks: np.ndarray
    tick_s: Fraction


class _Packets(NamedTuple):
    """A file's packets: how many are whole, their times in order if each is sure to be a frame, and its frames."""

    whole: int
    times: list[int] | None
    decoded: list[int | None] | None


def probe_video(path: Path, progress: Progress = silent) -> Probe:
    """Look at a video file; ``progress`` counts its bytes.

    Raises ``RecordingError`` if it is none, holds no frame, cannot be decoded, or ends before its container says.
    """
    import av

    try:
        with open_video(path) as (container, stream):
            first = next(container.decode(stream), None)
            if first is None:
                raise RecordingError(f"{path}: a video without a single frame; record or export it again")
            kind = (container.format.name, stream.codec_context.name)
            tick_s = stream.time_base or Fraction(1, 90_000)
            rate = stream.guessed_rate or stream.average_rate or Fraction(FALLBACK_FPS)
            declared = stream.frames or _frames_of_duration(container.duration, rate)
        trusted = kind in PACKET_IS_FRAME and not first.interlaced_frame
        packets = _walk(path, not trusted, progress)
        if packets.whole < declared and bytes_missing(path):
            raise RecordingError(f"{path}: truncated: {packets.whole} of {declared} frames are there; copy it again")
        if packets.times is None and packets.decoded is None:
            packets = _walk(path, True, progress)
    except av.error.FFmpegError as error:
        raise RecordingError(f"{path}: not a video that can be read ({error}); expected a whole video file") from error
    times: list[int | None] = packets.decoded if packets.decoded is not None else list(packets.times or [])
    width, height, rotation = first.width, first.height, round(first.rotation / 90) * 90 % 360
    if rotation % 180:
        width, height = height, width
    return Probe(kind[1], first.format.name, width, height, rotation, _ticks(times, rate, tick_s), tick_s)


def _frames_of_duration(duration_us: int | None, rate: Fraction) -> int:
    """Frames that a container must hold which declares a duration only; one less, for its rounding."""
    return max(0, int(duration_us * rate / 1_000_000) - 1) if duration_us else 0


def _walk(path: Path, decode: bool, progress: Progress) -> _Packets:
    """Read all packets of a file, and decode them where ``decode`` says so."""
    import av

    times: list[int | None] = []
    decoded: list[int | None] = []
    whole, sure = 0, True
    with open_video(path) as (container, stream):
        size = container.size
        for count, packet in enumerate(container.demux(stream)):
            if decode:
                try:
                    decoded += [frame.pts for frame in packet.decode()]
                except av.error.FFmpegError as error:
                    raise RecordingError(f"{path}: frame {len(decoded)} cannot be decoded: {error}") from error
            if packet.size:
                sure = sure and not (packet.is_corrupt or packet.is_discard) and (bool(times) or packet.is_keyframe)
                whole += not packet.is_corrupt
                times.append(packet.pts)
            if count % _PROGRESS_PACKETS == 0:
                progress(min(max(packet.pos or 0, 0), size), size)
    return _Packets(whole, _sure_times(times) if sure else None, decoded if decode else None)


def _sure_times(times: list[int | None]) -> list[int] | None:
    """The times of packets in order of presentation; None where some may be of no frame that can be shown.

    Those before the first key frame, and those behind a gap, may need others that are missing.
    """
    known = [t for t in times if t is not None]
    if len(known) < len(times) or not known or min(known) < known[0]:
        return None
    steps = np.diff(np.sort(known))
    even = len(steps) == 0 or (steps.min() > 0 and steps.max() <= _GAP * np.median(steps))
    return sorted(known) if even else None


def _ticks(times: list[int | None], rate: Fraction, tick_s: Fraction) -> np.ndarray:
    """Times i64[F] from 0; evenly spaced by the stream's rate where the file gives none or they do not grow."""
    if all(t is not None for t in times):
        ticks = np.array(times, dtype="i8")
        if (np.diff(ticks) > 0).all():
            return ticks - ticks[0]
    step = 1 / (rate * tick_s)
    return np.array([round(i * step) for i in range(len(times))], dtype="i8")
