"""Candidate masks of sampled frames: proposed by a segmenter or imported, filtered, and gaps between them filled."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field, field_validator

from videotracks.errors import CorruptFileError, ModelError, RecordingError
from videotracks.masks.candidates.manifest import Candidate, CandidateFrame, Manifest, ManifestWriter, frame_name
from videotracks.masks.packed import bounding_box, pack, unpack_full
from videotracks.masks.segmenters import Segmenter
from videotracks.masks.tracking.prompts import scale_mask
from videotracks.progress import Progress, silent
from videotracks.recording import View, read_frames

#: px: what the opening of an uncovered region takes away; seams between masks are up to this wide.
SEAM_PX = 5


class CandidateSettings(BaseModel, frozen=True, extra="forbid"):
    """Which frames propose candidates, at which levels, and which candidates are kept."""

    levels: list[int] = Field(default=[2, 4, 6], min_length=1, max_length=10, description="grains, coarse to fine")
    source: Literal["segmenter", "manifests"] = Field(
        default="segmenter", description="proposed by the segmenter, or imported from what Semantic-SAM wrote"
    )
    start: int = Field(default=0, ge=0, description="first frame of the video that is sampled")
    stop: int | None = Field(default=None, ge=1, description="frame before which sampling ends; empty: the end")
    step: int = Field(default=1, ge=1, description="every n-th frame of the video is sampled")
    propose_every: int = Field(default=60, ge=1, description="every n-th sampled frame proposes candidates")
    min_area: int = Field(default=300, ge=1, description="px of the video that a candidate has at least")
    min_stability: float = Field(default=0.9, ge=0, le=1, description="stability that a candidate has at least")
    fill_area: int = Field(
        default=20_000,
        ge=0,
        description="px from which an uncovered region is a candidate of the coarsest level; 0: none",
    )
    max_candidates: int = Field(default=200, ge=1, le=5000, description="of a frame and level, the largest; and gaps")

    @field_validator("levels")
    @classmethod
    def _levels_ascend(cls, levels: list[int]) -> list[int]:
        if sorted(set(levels)) != levels or levels[0] < 0 or levels[-1] > 99:
            raise ValueError("levels are different numbers of 0 to 99 in ascending order")
        return levels


def sampled_frames(view: View, settings: CandidateSettings) -> range:
    """The numbers of the sampled frames of a view; ``RecordingError`` if there are none."""
    frames = range(settings.start, min(settings.stop or view.frame_count, view.frame_count), settings.step)
    if not frames:
        raise RecordingError(
            f"view {view.camera} has {view.frame_count} frames, none of {settings.start} to {settings.stop}: "
            "change start or stop"
        )
    return frames


class CandidateCounts(BaseModel, frozen=True, extra="forbid"):
    """What became of the proposals of a level."""

    level: int
    frames: int = Field(default=0, ge=0, description="that proposed")
    proposed: int = Field(default=0, ge=0)
    too_small: int = Field(default=0, ge=0)
    unstable: int = Field(default=0, ge=0, description="of those that are large enough")
    over_limit: int = Field(default=0, ge=0, description="beyond the largest ones that a frame may have")
    gaps: int = Field(default=0, ge=0, description="uncovered regions made candidates")
    kept: int = Field(default=0, ge=0, description="in the manifest, gaps included")


class Proposed(NamedTuple):
    """A candidate before it is filtered."""

    mask: np.ndarray  # bool[H, W] at the size of the video
    stability: float
    name: str


def propose_candidates(
    view: View, path: Path, segmenter: Segmenter, settings: CandidateSettings, out: Mapping[int, Path],
    progress: Progress = silent,
) -> dict[int, CandidateCounts]:  # fmt: skip
    """Propose candidates in one pass over a view, and write the manifest of each level to its path ``out``.

    The neighbour of a proposing frame is the next frame of the video, sampled or not, or the one before where it ends.
    Decoding stops after the last frame that is needed. ``progress`` counts proposing frames. Gap filling is for the
    coarsest level. ``RecordingError`` and ``ModelError`` from decoder and segmenter; nothing is written then.
    """
    frames = sampled_frames(view, settings)
    proposing = frames[:: settings.propose_every]
    with ExitStack() as stack:
        levels = [_Level(stack, level, settings, out[level]) for level in settings.levels]
        for done, (frame, image, neighbour) in enumerate(_with_neighbours(view, path, proposing)):
            progress(done, len(proposing))
            found = segmenter.propose(image, neighbour, settings.levels)
            for level in levels:
                proposed = [
                    Proposed(_checked(proposal.mask, view, segmenter.name), proposal.stability, f"seg_{number:05d}")
                    for number, proposal in enumerate(found.get(level.level, []), 1)
                ]
                level.add(frame, proposed, (view.height, view.width))
    progress(len(proposing), len(proposing))
    return {level.level: level.counts() for level in levels}


def import_candidates(
    view: View, manifests: Mapping[int, Manifest], settings: CandidateSettings, out: Mapping[int, Path],
    progress: Progress = silent,
) -> dict[int, CandidateCounts]:  # fmt: skip
    """Filter the candidates of ``manifests`` as proposals are, at the size of the video, and write them to ``out``.

    Frames that are not sampled are passed over; one that the video does not have is a ``CorruptFileError``, and so is a
    level that is missing. ``progress`` counts frames of all levels.
    """
    frames = sampled_frames(view, settings)
    missing = [level for level in settings.levels if level not in manifests]
    if missing:
        raise CorruptFileError(f"no manifest of level {missing[0]}; there are {sorted(manifests)}")
    total, done, shape = sum(len(manifests[level].frames) for level in settings.levels), 0, (view.height, view.width)
    with ExitStack() as stack:
        levels = [_Level(stack, level, settings, out[level]) for level in settings.levels]
        for level in levels:
            for frame in manifests[level.level].frames:
                if frame.frame_idx >= view.frame_count:
                    raise CorruptFileError(
                        f"level {level.level}: candidates in frame {frame.frame_idx}, the video has "
                        f"{view.frame_count}; were they made from another one?"
                    )
                if frame.frame_idx in frames:
                    level.add(frame.frame_idx, [_imported(item, shape) for item in frame.items], shape)
                done += 1
                progress(done, total)
    return {level.level: level.counts() for level in levels}


class _Level:
    """The manifest of a level while it is written."""

    def __init__(self, stack: ExitStack, level: int, settings: CandidateSettings, path: Path) -> None:
        self.level, self._settings = level, settings
        self._fills = bool(settings.fill_area) and level == settings.levels[0]
        self._writer = stack.enter_context(ManifestWriter(path, level))
        self._counts = dict.fromkeys(CandidateCounts.model_fields, 0) | {"level": level}

    def add(self, frame: int, proposed: Sequence[Proposed], shape: tuple[int, int]) -> None:
        """Filter the proposals of a frame, fill gaps, and write what is kept: largest first, gaps last."""
        settings, counts = self._settings, self._counts
        areas = [int(np.count_nonzero(item.mask)) for item in proposed]
        large = [place for place, area in enumerate(areas) if area >= settings.min_area]
        stable = [place for place in large if proposed[place].stability >= settings.min_stability]
        stable.sort(key=lambda place: (-areas[place], place))
        kept = [proposed[place] for place in stable[: settings.max_candidates]]
        gaps = self._gaps(kept, shape)
        kept += gaps
        self._writer.append(CandidateFrame(frame, frame_name(frame), [self._candidate(frame, item) for item in kept]))
        for name, count in (
            ("frames", 1),
            ("proposed", len(proposed)),
            ("too_small", len(proposed) - len(large)),
            ("unstable", len(large) - len(stable)),
            ("over_limit", max(0, len(stable) - settings.max_candidates)),
            ("gaps", len(gaps)),
            ("kept", len(kept)),
        ):
            counts[name] += count

    def _gaps(self, kept: Sequence[Proposed], shape: tuple[int, int]) -> list[Proposed]:
        if not self._fills:
            return []
        covered = np.zeros(shape, bool)
        for item in kept:
            covered |= item.mask
        regions = uncovered_regions(covered, max(self._settings.fill_area, self._settings.min_area))
        taken = {item.name for item in kept}  # imported candidates may have gaps among them
        names = (name for number in itertools.count(1) if (name := f"gap_{number:05d}") not in taken)
        # Nobody measured their stability; 1 lets them pass where candidates are filtered again.
        return [Proposed(mask, 1.0, name) for mask, name in zip(regions, names, strict=False)]

    def _candidate(self, frame: int, item: Proposed) -> Candidate:
        box = bounding_box(item.mask)
        if box is None:
            raise ValueError(f"candidate {item.name} of frame {frame} is empty")
        area = int(np.count_nonzero(item.mask))
        return Candidate(frame, item.name, box, area, item.stability, self.level, pack(item.mask))

    def counts(self) -> CandidateCounts:
        """What has been counted."""
        return CandidateCounts(**self._counts)


def uncovered_regions(covered: np.ndarray, least_area: int) -> list[np.ndarray]:
    """The connected regions of what ``covered`` bool[H, W] leaves free, of ``least_area`` px and more, largest first.

    Seams and speckles of a few px are opened away, and bridges as narrow no longer join two regions.
    """
    import cv2

    seam = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (SEAM_PX, SEAM_PX))
    free = cv2.morphologyEx((~covered).view(np.uint8), cv2.MORPH_OPEN, seam)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA]
    wanted = [label for label in range(1, count) if areas[label] >= least_area]
    wanted.sort(key=lambda label: (-int(areas[label]), label))
    return [labels == label for label in wanted]


def _neighbour(position: int, distance: int, count: int) -> int:
    """The position ``distance`` later, or earlier where the end is nearer; the position itself if it is alone."""
    later, earlier = min(position + distance, count - 1), max(position - distance, 0)
    return later if later - position >= position - earlier else earlier


def _with_neighbours(view: View, path: Path, proposing: range) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
    """Number and image of every proposing frame, and the image of its neighbour, in one pass; two images are held."""
    last = view.frame_count - 1
    stop = min(proposing[-1] + 1, last) + 1
    before: np.ndarray | None = None
    waiting: tuple[int, np.ndarray] | None = None
    for frame in read_frames(path, view, start=max(0, proposing[0] - 1), stop=stop):
        wanted = frame.index in proposing
        image = frame.rgb() if wanted or waiting or (frame.index == last - 1 and last in proposing) else None
        if waiting:
            yield *waiting, image
        waiting = (frame.index, image) if wanted and image is not None and frame.index < last else None
        if wanted and image is not None and frame.index == last:
            yield last, image, before
        before = image


def _checked(mask: np.ndarray, view: View, name: str) -> np.ndarray:
    if mask.dtype != bool or mask.shape != (view.height, view.width):
        raise ModelError(f"segmenter {name} proposed {mask.dtype}{list(mask.shape)}, not bool of the frame's size")
    return mask


def _imported(item: Candidate, shape: tuple[int, int]) -> Proposed:
    return Proposed(scale_mask(unpack_full(item.mask), shape), item.stability_score, item.id)
