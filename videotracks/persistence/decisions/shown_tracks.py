"""Decided tracklets as they are shown: a strip of their pictures in order of time, and which of them mattered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.people.crop_store import CropStore
from videotracks.persistence.decisions.deciding import TrackletDecision, TrackletImportance
from videotracks.persistence.decisions.from_tracklets import crop_tracks
from videotracks.persistence.decisions.kept_tracklets import tracklets_with
from videotracks.tables import Detections, Tracklets

#: Pictures of a tracklet that are shown side by side.
SHOWN_CROPS = 14
#: So many times an equal share of the importance is drawn at full brightness.
FULL_SHARES = 3


@dataclass(frozen=True, slots=True, eq=False)
class ShownTrack:
    """One decided tracklet with all T observations that were looked at.

    ``frame_numbers`` i8[T], ``importance`` f4[T]; ``places`` i8[S] are the observations that have one of the ``crops``
    u1[S, CROP_PX, CROP_PX, 3] RGB, the most important one among them.
    """

    decision: TrackletDecision
    frame_numbers: np.ndarray
    importance: np.ndarray
    places: np.ndarray
    crops: np.ndarray

    @property
    def brightness(self) -> np.ndarray:
        """Importance f8[T] as it is drawn, 0 to 1: in proportion, where an equal share is dim.

        Full is the highest, or ``FULL_SHARES`` equal shares where that is more: nothing stands out where nothing does.
        """
        equal = 1 / len(self.importance)
        return self.importance / max(float(self.importance.max()), min(1.0, FULL_SHARES * equal))


def ends_of(decisions: Sequence[TrackletDecision], most: int) -> list[TrackletDecision]:
    """At most so many decisions: half of them the surest, half the least sure, the surest first.

    How sure one is tells the distance of its confidence from the undecided 0.5; those without confidence come last.
    """
    order = sorted(
        decisions, key=lambda d: (-abs((0.5 if d.confidence is None else d.confidence) - 0.5), d.tracklet_id)
    )
    return order if len(order) <= most else order[: (most + 1) // 2] + order[len(order) - most // 2 :]


def shown_tracks(
    chosen: Sequence[TrackletDecision],
    importance: TrackletImportance,
    tracklets: Tracklets,
    detections: Detections,
    store: CropStore,
) -> list[ShownTrack]:
    """The chosen decisions with their pictures, in their order; those without pixels are passed over."""
    weights = importance.by_tracklet()
    wanted = {decision.tracklet_id: decision for decision in chosen if decision.tracklet_id in weights}
    found = dict(_shown(wanted, weights, tracklets_with(tracklets, list(wanted)), detections, store))
    return [found[tracklet_id] for tracklet_id in wanted if tracklet_id in found]


def _shown(
    wanted: Mapping[int, TrackletDecision],
    weights: Mapping[int, tuple[np.ndarray, np.ndarray]],
    tracklets: Tracklets,
    detections: Detections,
    store: CropStore,
) -> Iterator[tuple[int, ShownTrack]]:
    for track in crop_tracks(tracklets, detections, store):
        frames, importance = weights[track.track_id]
        if not np.array_equal(frames, track.frame_numbers):
            raise CorruptFileError(
                f"attention: other frames of tracklet {track.track_id} than its crops have; "
                "materialise tracklet_features and persistence_decisions again"
            )
        places = np.linspace(0, len(track) - 1, min(len(track), SHOWN_CROPS)).round().astype("i8")
        if importance.argmax() not in places:
            places[np.abs(places - importance.argmax()).argmin()] = importance.argmax()
        shown = ShownTrack(wanted[track.track_id], frames, importance, places, track.crops[places])
        yield track.track_id, shown
