"""Who matters in a video: persons ranked by how long, how steadily, how centrally and how smoothly they are seen."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field, model_validator

from videotracks.errors import CorruptFileError
from videotracks.tables import Persons


class RankingSettings(BaseModel, frozen=True, extra="forbid"):
    """The weights of the four components, which must sum to 1, and what counts as evidence."""

    duration_weight: float = Field(0.4, ge=0, le=1, description="weight of the share of the video a person is seen in")
    coverage_weight: float = Field(0.3, ge=0, le=1, description="weight of the share of frames seen from first to last")
    center_weight: float = Field(0.2, ge=0, le=1, description="weight of the nearness to the middle of the frame")
    smoothness_weight: float = Field(0.1, ge=0, le=1, description="weight of the steadiness of the motion")
    coverage_min_frames: int = Field(
        10,
        ge=1,
        description="frames that coverage is measured over at least: a one-frame track has not covered anything",
    )

    @model_validator(mode="after")
    def _sums_to_one(self) -> "RankingSettings":
        total = sum(self.weights)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the weights of the ranking must sum to 1, not {total:g}: {list(self.weights)}")
        return self

    @property
    def weights(self) -> tuple[float, float, float, float]:
        """In the order of ``Components``."""
        return self.duration_weight, self.coverage_weight, self.center_weight, self.smoothness_weight


class Components(BaseModel, frozen=True):
    """What a score is made of, each from 0 to 1."""

    duration: float = Field(description="frames with the person / frames of the video")
    coverage: float = Field(
        description="frames with the person / (last - first + 1), over coverage_min_frames at least"
    )
    center: float = Field(description="1 - mean distance of the box centre to the frame centre / half diagonal")
    smoothness: float = Field(description="1 / (1 + std of the acceleration in box heights per frame²)")


class RankedPerson(BaseModel, frozen=True):
    """One person of the ranking."""

    person_id: int
    rank: int = Field(description="1 is the first")
    score: float = Field(description="weighted sum of the components, 0 to 1")
    components: Components
    is_primary: bool


class Ranking(BaseModel, frozen=True):
    """All persons by rank; ``primary_person`` is the id of the first, None where there are none."""

    rankings: list[RankedPerson]
    primary_person: int | None


def rank_persons(
    persons: Persons, frame_counts: Sequence[int], frame_sizes: Sequence[tuple[int, int]], settings: RankingSettings
) -> Ranking:
    """Rank persons by the weighted sum of four components (ties: more frames, then the smaller id).

    ``frame_counts`` and ``frame_sizes`` (width, height in px) are per view. The views of a recording run side by side:
    a frame number on which several views see the person counts once, and the video is as long as its longest view.
    Centre and smoothness are taken over the boxes of all views, each in its own frame. What cannot be measured is no
    merit: fewer than three successive boxes have smoothness 0, and a track that spans fewer frames than
    ``coverage_min_frames`` is measured against that many, else every flicker of the detector would cover all its time.
    ``CorruptFileError`` where a box lies beyond its view's frames: the persons are of another recording.
    """
    _check_frames(persons, frame_counts)
    if len(persons.person_ids) == 0:
        return Ranking(rankings=[], primary_person=None)
    starts = np.searchsorted(persons.person_id, persons.person_ids)
    visible, span = _visible_frames(persons, starts)
    components = np.stack(
        [
            visible / max(frame_counts),
            visible / np.maximum(span, settings.coverage_min_frames),
            _centrality(persons, starts, np.asarray(frame_sizes, "f8")),
            _smoothness(persons, starts),
        ],
        axis=1,
    )
    scores = components @ np.array(settings.weights)
    order = np.lexsort((persons.person_ids, -visible, -scores))
    rankings = [
        RankedPerson(
            person_id=int(persons.person_ids[i]),
            rank=rank,
            score=float(scores[i]),
            components=Components(**dict(zip(Components.model_fields, components[i].tolist(), strict=True))),
            is_primary=rank == 1,
        )
        for rank, i in enumerate(order.tolist(), start=1)
    ]
    return Ranking(rankings=rankings, primary_person=rankings[0].person_id)


def _check_frames(persons: Persons, frame_counts: Sequence[int]) -> None:
    for camera in np.unique(persons.camera).tolist():
        count = frame_counts[camera] if camera < len(frame_counts) else 0
        last = int(persons.frame_numbers[persons.camera == camera].max())
        if last >= count:
            raise CorruptFileError(
                f"canonical_persons: a box on frame {last} of view {camera}, which has {count} frames; "
                "materialize recording, detections and what follows again"
            )


def _visible_frames(persons: Persons, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per person the frame numbers with a box in any view, and the number of frames from first to last."""
    counts = np.diff(np.append(starts, persons.row_count))
    frames = persons.frame_numbers
    span = np.maximum.reduceat(frames, starts) - np.minimum.reduceat(frames, starts) + 1
    if not persons.camera.any():
        return counts, span
    person = np.repeat(np.arange(len(starts)), counts)
    distinct = np.unique(person * (frames.max() + 1) + frames)
    return np.bincount(distinct // (frames.max() + 1), minlength=len(starts)), span


def _centrality(persons: Persons, starts: np.ndarray, frame_sizes: np.ndarray) -> np.ndarray:
    center = (persons.bboxes[:, :2].astype("f8") + persons.bboxes[:, 2:]) / 2
    middle = frame_sizes[persons.camera] / 2
    distance = np.hypot(*(center - middle).T) / np.hypot(*middle.T)
    counts = np.diff(np.append(starts, len(distance)))
    return np.clip(1 - np.add.reduceat(distance, starts) / counts, 0, 1)


def _smoothness(persons: Persons, starts: np.ndarray) -> np.ndarray:
    """Of successive boxes of a view: the change of velocity over the time between the middles of its two steps.

    Velocities are in px/frame; the acceleration is divided by the height of the box between the two steps. The std of
    these vectors is the root of the mean squared distance from their mean.
    """
    center = (persons.bboxes[:, :2].astype("f8") + persons.bboxes[:, 2:]) / 2
    height = np.maximum(persons.bboxes[:, 3].astype("f8") - persons.bboxes[:, 1], 1)
    gap = np.diff(persons.frame_numbers)
    joined = (np.diff(persons.person_id) == 0) & (np.diff(persons.camera) == 0)
    velocity = np.diff(center, axis=0) / np.where(joined, gap, 1)[:, None]
    at = np.flatnonzero(joined[:-1] & joined[1:])
    acceleration = (velocity[at + 1] - velocity[at]) * (2 / (gap[at] + gap[at + 1]) / height[at + 1])[:, None]

    person = np.searchsorted(starts, at, "right") - 1
    counts = np.bincount(person, minlength=len(starts))
    some = np.maximum(counts, 1)
    variance = np.zeros(len(starts))
    for axis in acceleration.T:
        mean = np.bincount(person, axis, len(starts)) / some
        variance += np.bincount(person, (axis - mean[person]) ** 2, len(starts)) / some
    return np.where(counts > 0, 1 / (1 + np.sqrt(variance)), 0.0)


def primary_person(persons: Persons, ranking: Ranking) -> Persons:
    """The rows of the primary person alone; no rows where the ranking is empty."""
    chosen = ranking.primary_person
    if chosen is None:
        rows, at = slice(0, 0), slice(0, 0)
        members = np.zeros(0, "i8")
    else:
        rows = persons.rows_of(chosen)
        index = int(np.searchsorted(persons.person_ids, chosen))
        at, members = slice(index, index + 1), persons.tracklets_of(chosen)
    return Persons(
        person_id=persons.person_id[rows],
        camera=persons.camera[rows],
        frame_numbers=persons.frame_numbers[rows],
        bboxes=persons.bboxes[rows],
        confidences=persons.confidences[rows],
        detection_indices=persons.detection_indices[rows],
        tracklet_id=persons.tracklet_id[rows],
        person_ids=persons.person_ids[at],
        num_tracklets_merged=persons.num_tracklets_merged[at],
        original_tracklet_ids=members,
        original_tracklet_offsets=np.array([0, len(members)] if chosen is not None else [0], "i8"),
    )
