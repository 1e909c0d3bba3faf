"""Statistics of each tracklet, and the pairs of tracklets that may be one person."""

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import BaseModel, Field, RootModel, model_validator

from videotracks.people.pairs import frames_in, successors
from videotracks.tables import Tracklets, TrackletStats, empty

#: Rows worked on at a time: the temporaries of a block stay in the processor's cache, which halves the time.
BLOCK_ROWS = 1 << 15


def tracklet_statistics(tracklets: Tracklets) -> TrackletStats:
    """Twelve statistics per tracklet, rows by ascending ``tracklet_id``.

    Standard deviations are those of the population (divided by n), taken about the mean in a second pass. A velocity
    is the difference of successive box centres over their distance in frames, in px/frame; a tracklet of one detection
    has velocity, speed and jitter zero.
    """
    ids = tracklets.tracklet_id
    starts = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1))
    ends = np.append(starts[1:], len(ids))[: len(starts)]
    columns = empty(TrackletStats, N=len(starts))
    columns["tracklet_id"][:] = ids[starts]
    columns["camera"][:] = tracklets.camera[starts]
    columns["start_frame"][:] = tracklets.frame_numbers[starts]
    columns["end_frame"][:] = tracklets.frame_numbers[ends - 1]
    columns["duration"][:] = ends - starts
    columns["first_bbox"][:] = tracklets.bboxes[starts]
    columns["last_bbox"][:] = tracklets.bboxes[ends - 1]
    for block in _blocks(starts, ends):
        rows = slice(int(starts[block.start]), int(ends[block.stop - 1]))
        _fill(columns, block, tracklets, rows, starts[block] - rows.start, ends[block] - starts[block])
    columns["area_variance"] = columns["area_std"]
    return TrackletStats(**columns)


def _blocks(starts: np.ndarray, ends: np.ndarray) -> Iterator[slice]:
    """Runs of whole tracklets of about ``BLOCK_ROWS`` rows, at least one tracklet each."""
    at = 0
    while at < len(starts):
        stop = max(at + 1, int(np.searchsorted(ends, starts[at] + BLOCK_ROWS, "right")))
        yield slice(at, stop)
        at = stop


def _fill(
    columns: dict[str, np.ndarray],
    block: slice,
    tracklets: Tracklets,
    rows: slice,
    starts: np.ndarray,
    counts: np.ndarray,
) -> None:
    """The statistics that sum over rows, for one block of tracklets beginning at ``starts`` within ``rows``."""
    left, top, right, bottom = tracklets.bboxes[rows].T.astype("f8")
    values = np.empty((4, len(left)))
    values[0], values[1] = (left + right) / 2, (top + bottom) / 2
    values[2], values[3] = (right - left) * (bottom - top), tracklets.confidences[rows]
    mean = np.add.reduceat(values, starts, axis=1) / counts
    deviation = values[:3] - np.repeat(mean[:3], counts, axis=1)
    std = np.sqrt(np.add.reduceat(np.square(deviation, out=deviation), starts, axis=1) / counts)

    # A row's step leads to the next row; the last row of a tracklet leads nowhere and counts as no step.
    steps = np.zeros((3, len(left)))
    frame_gap = np.diff(tracklets.frame_numbers[rows])
    frame_gap[starts[1:] - 1] = 1
    np.divide(np.diff(values[:2], axis=1), frame_gap, out=steps[:2, :-1])
    steps[:2, starts[1:] - 1] = 0
    steps[2] = np.sqrt(steps[0] ** 2 + steps[1] ** 2)
    velocity = np.add.reduceat(steps, starts, axis=1) / np.maximum(counts - 1, 1)

    columns["mean_center"][block] = mean[:2].T
    columns["mean_area"][block], columns["mean_confidence"][block] = mean[2], mean[3]
    columns["center_jitter"][block] = (std[0] + std[1]) / 2
    columns["area_std"][block] = std[2]
    columns["mean_velocity"][block] = velocity[:2].T
    columns["velocity_magnitude"][block] = velocity[2]


class ReidCandidateSettings(BaseModel, frozen=True, extra="forbid"):
    """How far apart two tracklets may lie and still be worth a comparison by appearance."""

    max_gap_s: float = Field(2.0, gt=0, description="longest time from the end of one to the start of the other, s")
    max_distance_px: float = Field(200.0, gt=0, description="longest way from the last to the first box centre, px")
    min_area_ratio: float = Field(0.5, ge=0, description="smallest mean area of the second over that of the first")
    max_area_ratio: float = Field(2.0, gt=0, description="largest mean area of the second over that of the first")

    @model_validator(mode="after")
    def _ordered(self) -> "ReidCandidateSettings":
        if self.min_area_ratio > self.max_area_ratio:
            raise ValueError("min_area_ratio must not exceed max_area_ratio")
        return self


class ReidCandidate(BaseModel, frozen=True):
    """Two tracklets of one view, the first ending before the second starts, that may be one person."""

    tracklet_1: int
    tracklet_2: int
    gap: int = Field(description="frames from the last box of the first to the first box of the second, at least 1")
    distance: float = Field(description="from the last box centre of the first to the first of the second, px")
    area_ratio: float = Field(description="mean box area of the second over that of the first")
    transition_frame_1: int = Field(description="last frame of the first")
    transition_frame_2: int = Field(description="first frame of the second")


class ReidCandidates(RootModel[list[ReidCandidate]]):
    """All candidate pairs, by ascending ``tracklet_1``, then ``tracklet_2``."""


def reid_candidates(stats: TrackletStats, fps: Sequence[float], settings: ReidCandidateSettings) -> ReidCandidates:
    """Pairs of tracklets of the same view that follow each other closely in time, place and size.

    ``fps`` holds the frame rate of each view: the gap of ``max_gap_s`` is rounded to whole frames of the view.
    """
    found: list[ReidCandidate] = []
    for pairs in successors(stats, [frames_in(settings.max_gap_s, rate) for rate in fps], settings.max_distance_px):
        alike = (pairs.area_ratio >= settings.min_area_ratio) & (pairs.area_ratio <= settings.max_area_ratio)
        first, second = pairs.first[alike], pairs.second[alike]
        columns = {
            "tracklet_1": stats.tracklet_id[first],
            "tracklet_2": stats.tracklet_id[second],
            "gap": pairs.gap_frames[alike],
            "distance": pairs.distance_px[alike],
            "area_ratio": pairs.area_ratio[alike],
            "transition_frame_1": stats.end_frame[first],
            "transition_frame_2": stats.start_frame[second],
        }
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        found.extend(ReidCandidate(**dict(zip(columns, row, strict=True))) for row in rows)
    return ReidCandidates(sorted(found, key=lambda pair: (pair.tracklet_1, pair.tracklet_2)))
