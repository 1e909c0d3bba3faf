"""Comparisons: the frame, its candidates and the tracked masks side by side, for all levels in one pass."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import RecordingError
from videotracks.masks.archive import SegmentsReader
from videotracks.masks.candidates.manifest import Manifest
from videotracks.masks.comparison.level import LevelPictures
from videotracks.masks.comparison.summary import ComparisonSummary, summary_name
from videotracks.masks.comparison.tracked_video import TrackedVideo
from videotracks.progress import Progress, silent
from videotracks.read_ahead import read_ahead
from videotracks.recording import View, read_frames

#: Frames that wait between decoding and drawing.
_AHEAD_FRAMES = 4


class ComparisonSettings(BaseModel, frozen=True, extra="forbid"):
    """How much is drawn, and how large."""

    max_frames: int = Field(default=12, ge=2, le=1000, description="pictures per level")
    panel_width: int = Field(default=640, ge=64, le=3840, description="longer side of each of the three panels, px")
    max_thumbnails: int = Field(
        default=200, ge=0, le=10_000, description="objects per level with a small picture, those seen longest first"
    )
    video_width: int = Field(default=960, ge=64, le=3840, description="longer side of the video at most, px")
    video_crf: int = Field(default=26, ge=0, le=51, description="H.264 quality: 0 is lossless, 51 the worst")


class LevelInputs(NamedTuple):
    """What is compared of a level, and the folder that its pictures and its summary go to."""

    manifest: Manifest
    segments: SegmentsReader
    out: Path


def draw_comparisons(
    view: View,
    path: Path,
    levels: Mapping[int, LevelInputs],
    settings: ComparisonSettings,
    progress: Progress = silent,
    video: Path | None = None,
) -> dict[int, ComparisonSummary]:
    """Draw the pictures of all levels of a view in one pass over its frames; return the summaries, which are written.

    Into ``out`` of each level go ``L{L}_{frame:05d}.png``, small pictures ``L{L}_object_{id:05d}.jpg`` and
    ``L{L:02d}_comparison_summary.json``. ``video`` names the MP4 of the coarsest level's masks, made on the way;
    there is none where there is no level or no frame. What cannot be read or decoded is a warning in the summary, and
    all the rest is drawn. Frames are drawn as they come by: memory does not grow with the video.
    """
    limits = settings.max_frames, settings.panel_width, settings.max_thumbnails
    pictures = {
        level: LevelPictures(level, view, inputs.manifest, inputs.segments, inputs.out, limits)
        for level, inputs in sorted(levels.items())
    }
    film = None
    if video is not None and levels:
        coarsest = levels[min(levels)].segments
        film = TrackedVideo(video, view, coarsest, settings.video_width, settings.video_crf)
    with film or nullcontext():
        trouble = _draw(view, path, pictures, film, progress)
    if film is not None and film.unreadable:
        pictures[min(levels)].warn_of_masks(film.unreadable, "shown without masks in the video")
    summaries = {level: drawn.summary(trouble) for level, drawn in pictures.items()}
    for level, summary in summaries.items():
        (levels[level].out / summary_name(level)).write_text(summary.model_dump_json(indent=1), encoding="utf-8")
    progress(view.frame_count, view.frame_count)
    return summaries


def _draw(
    view: View, path: Path, pictures: Mapping[int, LevelPictures], film: TrackedVideo | None, progress: Progress
) -> str:
    """Draw on the frames as they come; return why they came to an end too early, if they did."""
    try:
        for frame, time_s, rgb in read_ahead(_wanted(view, path, pictures, film), _AHEAD_FRAMES):
            if film is not None and film.shows(frame):
                film.add(frame, rgb)
            for drawn in pictures.values():
                drawn.see(frame, time_s, rgb)
            progress(frame + 1, view.frame_count)
    except RecordingError as error:
        return str(error)
    return ""


def _wanted(
    view: View, path: Path, pictures: Mapping[int, LevelPictures], film: TrackedVideo | None
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Number, time and pixels of the frames that somebody draws on; the others are not converted to RGB."""
    stop = view.frame_count if film is not None else max((drawn.last for drawn in pictures.values()), default=-1) + 1
    if not stop:
        return
    for frame in read_frames(path, view, stop=stop):
        if (film is not None and film.shows(frame.index)) or any(
            level.wants(frame.index) for level in pictures.values()
        ):
            yield frame.index, frame.time_s, frame.rgb()
