"""A small video of moving rectangles, with archives and manifests of what is drawn in it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.videos import write_video
from videotracks.masks.archive import SegmentsReader, SegmentsWriter
from videotracks.masks.candidates.manifest import Candidate, CandidateFrame, Manifest, frame_name
from videotracks.masks.packed import bounding_box, pack
from videotracks.recording import Recording, probe_recording

WIDTH, HEIGHT, FPS, FRAMES = 160, 96, 25, 20
Box = tuple[int, int, int, int]


def rectangle(box: Box, size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    """A mask bool[H, W] that is set in a box x, y, width, height."""
    x, y, width, height = box
    mask = np.zeros(size[::-1], bool)
    mask[y : y + height, x : x + width] = True
    return mask


def video(folder: Path, frames: int = FRAMES) -> tuple[Path, Recording]:
    """A colourful video and its recording."""
    path = write_video(folder / "clip.mp4", frames, size=(WIDTH, HEIGHT), fps=FPS)
    return path, probe_recording(path, "clip")


def archive(
    path: Path, level: int, frames: Mapping[int, Mapping[int, np.ndarray]], scale: float = 1.0
) -> SegmentsReader:
    """An archive of these masks by frame and object."""
    with SegmentsWriter(path, level=level, scale=scale) as writer:
        for frame in sorted(frames):
            writer.append(frame, frame_name(frame), {i: pack(mask, scale) for i, mask in frames[frame].items()})
    return SegmentsReader(path)


def candidates(level: int, frames: Mapping[int, Mapping[str, np.ndarray]]) -> Manifest:
    """A manifest of these candidates by frame and id."""
    return Manifest(level, [_frame(level, frame, masks) for frame, masks in sorted(frames.items())])


def _frame(level: int, frame: int, masks: Mapping[str, np.ndarray]) -> CandidateFrame:
    items = [
        Candidate(frame, name, bounding_box(mask) or (0, 0, 0, 0), int(mask.sum()), 0.95, level, pack(mask))
        for name, mask in masks.items()
    ]
    return CandidateFrame(frame, frame_name(frame), items)


def walking(frame: int) -> Box:
    """The box of an object that moves to the right."""
    return 10 + 4 * frame, 20, 40, 40
