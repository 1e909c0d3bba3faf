"""The recording: what its files really are, and the way to their frames."""

import base64
import configparser
import itertools
from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np
from pydantic import Base64Bytes, BaseModel, Field, model_validator

from videotracks.errors import RecordingError
from videotracks.frames import Frame, decode_video, frame_at, read_picture, read_pictures
from videotracks.probe import FALLBACK_FPS, probe_video
from videotracks.progress import Progress, part_of, silent
from videotracks.sources import image_files, recording_files, view_files

__all__ = ["Frame", "Recording", "View", "poster_frames", "probe_recording", "read_frames", "view_path"]

_CHUNK_BYTES = 1 << 20
POSTERS, _POSTER_WIDTH = 3, 320
#: Frames further apart than this share of the usual distance make a variable frame rate; less is rounding.
_UNEVEN = 0.5
#: More than a month at 30 frames/s: beyond it a stored count is a mistake or an attack on memory.
_MOST_FRAMES = 100_000_000


class View(BaseModel, frozen=True, extra="forbid"):
    """One camera of a recording. Sizes are as displayed, after the rotation that the file asks for."""

    camera: str = Field(description="name of the view")
    file: str = Field(description="file or folder of pictures, relative to the recording; empty if it is the recording")
    codec: str
    pixel_format: str
    width: int = Field(gt=0, description="px, as displayed")
    height: int = Field(gt=0, description="px, as displayed")
    rotation: int = Field(description="degrees counterclockwise that turn a decoded frame upright")
    fps: float = Field(gt=0, description="mean frames per second, from the timestamps")
    frame_count: int = Field(gt=0, le=_MOST_FRAMES)
    duration_s: float = Field(ge=0, description="from the first frame to the end of the last")
    variable_frame_rate: bool
    tick: tuple[int, int] = Field(description="seconds per tick as a fraction")
    steps: list[tuple[int, int]] = Field(description="ticks from a frame to the next, and how many times in a row")

    @model_validator(mode="after")
    def _steps_lead_from_first_to_last(self) -> Self:
        forward = min(self.tick) > 0 and all(step > 0 and times > 0 for step, times in self.steps)
        if not forward or sum(times for _, times in self.steps) != self.frame_count - 1:
            raise ValueError(f"view {self.camera}: steps and tick must be positive and lead over all frames")
        return self

    @property
    def timestamps_s(self) -> np.ndarray:
        """Time of each frame from the first, f64[F] in seconds."""
        steps = np.array(self.steps, dtype="i8").reshape(-1, 2)
        ticks = np.concatenate([[0], np.cumsum(np.repeat(steps[:, 0], steps[:, 1]))])
        return ticks * (self.tick[0] / self.tick[1])


class Recording(BaseModel, frozen=True, extra="forbid"):
    """One recording: its views, and the hash of everything that it is made of."""

    key: str = Field(description="partition key")
    name: str = Field(description="name of the file or folder")
    source: str = Field(description="where it lay when it was probed; for people, never for opening")
    views: list[View] = Field(min_length=1)
    content_hash: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 over all its files")
    posters: list[Base64Bytes] = Field(
        description="a few small JPEG pictures of the first view, so that none is cut again"
    )


def probe_recording(source: Path, key: str, progress: Progress = silent) -> Recording:
    """Look at all files of a recording. ``RecordingError`` where one is no whole video; ``progress`` counts bytes."""
    real = source.resolve()
    if not real.exists():
        raise RecordingError(f"{source}: no such file or folder; was it moved?")
    files = view_files(real)
    if not files:
        raise RecordingError(f"{source}: neither a video, nor a folder of views or of numbered pictures")
    made_of = recording_files(source)
    size, seen, views = sum(path.stat().st_size for path in made_of), 0, []
    for camera, path in files:
        relative = "" if path == real else path.relative_to(real).as_posix()
        if path.is_dir():
            views.append(_probe_pictures(path, camera, relative))
        else:
            views.append(_probe_view(path, camera, relative, part_of(progress, seen, 2 * size)))
            seen += path.stat().st_size
    return Recording(
        key=key,
        name=source.name,
        source=str(real),
        views=views,
        content_hash=_content_hash(source, made_of, part_of(progress, size, 2 * size)),
        posters=[base64.b64encode(_small_jpeg(p)) for p in poster_frames(real, views[0], POSTERS)],
    )


def _probe_view(path: Path, camera: str, relative: str, progress: Progress) -> View:
    found = probe_video(path, progress)
    steps = np.diff(found.ticks)
    usual = float(np.median(steps)) if len(steps) else float(1 / (Fraction(FALLBACK_FPS) * found.tick_s))
    span = float(found.ticks[-1]) * float(found.tick_s)
    return View(
        camera=camera,
        file=relative,
        codec=found.codec,
        pixel_format=found.pixel_format,
        width=found.width,
        height=found.height,
        rotation=found.rotation,
        fps=len(steps) / span if span > 0 else FALLBACK_FPS,
        frame_count=len(found.ticks),
        duration_s=span + usual * float(found.tick_s),
        variable_frame_rate=bool(len(steps) and np.abs(steps - usual).max() > _UNEVEN * usual),
        tick=found.tick_s.as_integer_ratio(),
        steps=[(int(step), len(list(same))) for step, same in itertools.groupby(steps.tolist())],
    )


def _probe_pictures(folder: Path, camera: str, relative: str) -> View:
    files = image_files(folder)
    height, width = read_picture(files[0]).shape[:2]
    tick = 1 / _sequence_rate(folder)
    return View(
        camera=camera,
        file=relative,
        codec=files[0].suffix.lstrip(".").lower(),
        pixel_format="rgb24",
        width=width,
        height=height,
        rotation=0,
        fps=float(1 / tick),
        frame_count=len(files),
        duration_s=float(len(files) * tick),
        variable_frame_rate=False,
        tick=tick.as_integer_ratio(),
        steps=[(1, len(files) - 1)] if len(files) > 1 else [],
    )


def _sequence_rate(folder: Path) -> Fraction:
    """Frames per second that ``seqinfo.ini`` (MOTChallenge) in or above the folder states; 30 without one."""
    for place in (folder / "seqinfo.ini", folder.parent / "seqinfo.ini"):
        if place.is_file():
            try:
                stated = configparser.ConfigParser()
                stated.read(place)
                rate = Fraction(stated["Sequence"]["frameRate"])
                if rate > 0:
                    return rate
                raise ValueError(f"frameRate {rate}")
            except (configparser.Error, KeyError, ValueError) as error:
                raise RecordingError(f"{place}: expected frameRate in [Sequence], a number above 0: {error}") from error
    return Fraction(FALLBACK_FPS)


def _content_hash(source: Path, files: list[Path], progress: Progress) -> str:
    """SHA-256 over the files of a recording; for folders, over their names too. One file has its plain SHA-256."""
    done, digest = 0, sha256()
    for path in files:
        name = path.relative_to(source).as_posix() if source.is_dir() else ""
        if len(files) > 1 or name:
            digest.update(f"\0{name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                progress(done, 0)
    return digest.hexdigest()


def view_path(source: Path, view: View) -> Path:
    """The file or folder of a view. A stored name that leads out of the recording is a ``RecordingError``.

    Links that lie in a folder of views are followed: whoever made the folder made them.
    """
    real = source.resolve()
    name = PurePosixPath(view.file)
    if name.is_absolute() or ".." in name.parts:
        raise RecordingError(f"{view.file!r} of view {view.camera} lies outside {source}: materialise recording again")
    path = real / name
    if not path.exists():
        raise RecordingError(f"{path}: view {view.camera} is gone; put it back, or materialise recording again")
    return path


def read_frames(path: Path, view: View, *, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
    """The frames of a view from ``start`` to ``stop`` (not included), decoded as they are asked for.

    Memory does not grow with the video. ``RecordingError`` names file and frame where it cannot be decoded.
    """
    times_s = view.timestamps_s[:stop]
    frames = read_pictures(path, times_s) if path.is_dir() else decode_video(path, view.rotation, times_s)
    return itertools.islice(frames, start, None)


def _small_jpeg(rgb: np.ndarray) -> bytes:
    import cv2

    height = max(1, round(rgb.shape[0] * _POSTER_WIDTH / rgb.shape[1]))
    small = cv2.resize(rgb, (_POSTER_WIDTH, height), interpolation=cv2.INTER_AREA)
    encoded, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not encoded:
        raise RecordingError(f"a poster of {small.shape[1]}×{small.shape[0]} px cannot be encoded")
    return bytes(data)


def poster_frames(source: Path, view: View, count: int) -> list[np.ndarray]:
    """``count`` pictures u8[H, W, 3] evenly spread over a view, found by seeking."""
    path = view_path(source, view)
    moments = [(2 * i + 1) * view.frame_count // (2 * count) for i in range(count)]
    if path.is_dir():
        files = image_files(path)
        return [read_picture(files[moment]) for moment in moments]
    return [frame_at(path, view.rotation, float(time_s)) for time_s in view.timestamps_s[moments]]
