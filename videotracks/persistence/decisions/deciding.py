"""Which tracklets of a video are things, which are noise, how sure that is, and which frames mattered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import CorruptFileError
from videotracks.persistence.crop_tracks import TrackClassifier
from videotracks.persistence.decisions.features import TrackletFeatures, check_observations
from videotracks.tables import Table, Tracklets, column

#: How far the importances of a tracklet, stored as f4, may be from the sum 1.
_SUM_TOLERANCE = 1e-3


class DecisionSettings(BaseModel, frozen=True, extra="forbid"):
    """When a tracklet is kept."""

    threshold: float = Field(
        default=0.5, ge=0, le=1, description="confidence from which a tracklet is kept; 0 keeps all of them"
    )
    least_observations: int = Field(
        default=1, ge=1, le=1000, description="tracklets of fewer boxes with pixels are kept: too little was seen"
    )


class TrackletDecision(BaseModel, frozen=True):
    """What was decided of one tracklet. Without any pixels it is kept, and has no confidence and no peak."""

    tracklet_id: int
    camera: int = Field(ge=0, description="index into the recording's views")
    keep: bool
    confidence: float | None = Field(ge=0, le=1, description="probability that it is a thing")
    first_frame: int = Field(ge=0)
    last_frame: int = Field(ge=0)
    length: int = Field(ge=1, description="its boxes")
    observations: int = Field(ge=0, description="those of them that were looked at")
    peak_frame: int | None = Field(ge=0, description="the frame that mattered most; the first of equal ones")

    @property
    def duration_frames(self) -> int:
        """From the first frame to the last, both counted."""
        return self.last_frame - self.first_frame + 1


class PersistenceDecisions(BaseModel, frozen=True):
    """What was decided of every tracklet of a video, in order of their ids, and what decided."""

    encoder: dict[str, str]
    classifier: dict[str, str]
    settings: DecisionSettings
    decisions: list[TrackletDecision]

    @property
    def kept(self) -> list[TrackletDecision]:
        """The decisions to keep."""
        return [decision for decision in self.decisions if decision.keep]

    @property
    def filtered(self) -> list[TrackletDecision]:
        """The decisions to filter out."""
        return [decision for decision in self.decisions if not decision.keep]

    def sentence(self) -> str:
        """The outcome in words."""
        return f"{len(self.filtered)} of {len(self.decisions)} tracklets filtered out"


@dataclass(frozen=True, slots=True, eq=False)
class TrackletImportance(Table):
    """How much each observation mattered to the decision on its tracklet: a ragged list each, in order of time."""

    rows: ClassVar[str] = "P"

    tracklet_id: np.ndarray = column("i8", "P", doc="tracklet, ascending")
    offsets: np.ndarray = column("i8", "P+1", doc="where each tracklet's observations begin and end")
    frame_numbers: np.ndarray = column("i8", "N", doc="frame of the view, from 0")
    importance: np.ndarray = column("f4", "N", doc="share of the decision, 0 to 1; 1 over a tracklet")

    def check(self) -> None:
        """Split completely, ids ascending, in order of time; shares of 1."""
        check_observations(self, self.tracklet_id, self.offsets, self.frame_numbers)
        self.expect(bool((self.importance >= 0).all()), "importance must be numbers from 0")  # not so of nan
        if len(self.tracklet_id):
            sums = np.add.reduceat(self.importance.astype("f8"), self.offsets[:-1])
            self.expect(bool((np.abs(sums - 1) <= _SUM_TOLERANCE).all()), "importance of a tracklet must sum to 1")

    def by_tracklet(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Frames i8[T] and importance f4[T] of each tracklet."""
        cuts = self.offsets[1:-1]
        parts = zip(np.split(self.frame_numbers, cuts), np.split(self.importance, cuts), strict=True)
        return dict(zip(self.tracklet_id.tolist(), parts, strict=False))  # no ids: one empty part


class Decided(NamedTuple):
    """What was decided, and why."""

    decisions: PersistenceDecisions
    importance: TrackletImportance


def decide(
    tracklets: Tracklets,
    features: TrackletFeatures,
    encoder: Mapping[str, str],
    classifier: TrackClassifier,
    settings: DecisionSettings,
) -> Decided:
    """Decide on every tracklet from its features; ``encoder`` is the provenance of what made them.

    ``CorruptFileError`` where there are features of a tracklet that is not in ``tracklets``.
    """
    unknown = np.setdiff1d(features.tracklet_id, tracklets.tracklet_id)
    if len(unknown):
        raise CorruptFileError(
            f"tracklet_features: tracklets {unknown[:5].tolist()} are not among the tracklets; "
            "materialise tracklet_features again"
        )
    predictions = classifier.predict(features.of_each())
    importance = TrackletImportance(
        tracklet_id=features.tracklet_id,
        offsets=features.offsets,
        frame_numbers=features.frame_numbers,
        importance=np.concatenate([np.zeros(0, "f4"), *(found.importance for found in predictions)]).astype("f4"),
    )
    confidences = [found.confidence for found in predictions]
    decisions = PersistenceDecisions(
        encoder=dict(encoder),
        classifier=classifier.provenance(),
        settings=settings,
        decisions=_decisions(tracklets, importance, confidences, settings),
    )
    return Decided(decisions, importance)


def _decisions(
    tracklets: Tracklets, importance: TrackletImportance, confidences: list[float], settings: DecisionSettings
) -> list[TrackletDecision]:
    confidence_of = dict(zip(importance.tracklet_id.tolist(), confidences, strict=True))
    looked_at = importance.by_tracklet()
    ids, starts, lengths = np.unique(tracklets.tracklet_id, return_index=True, return_counts=True)
    made = []
    for tracklet_id, start, length in zip(ids.tolist(), starts.tolist(), lengths.tolist(), strict=True):
        confidence = confidence_of.get(tracklet_id)
        frames, weights = looked_at.get(tracklet_id, (np.zeros(0, "i8"), np.zeros(0, "f4")))
        sure = confidence is not None and len(frames) >= settings.least_observations
        made.append(
            TrackletDecision(
                tracklet_id=tracklet_id,
                camera=int(tracklets.camera[start]),
                keep=not sure or (confidence or 0.0) >= settings.threshold,
                confidence=confidence,
                first_frame=int(tracklets.frame_numbers[start]),
                last_frame=int(tracklets.frame_numbers[start + length - 1]),
                length=length,
                observations=len(frames),
                peak_frame=int(frames[weights.argmax()]) if len(frames) else None,
            )
        )
    return made
