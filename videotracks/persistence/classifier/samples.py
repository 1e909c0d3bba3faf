"""Tracks with their truth as the classifier and the baselines see them: features, and a few numbers each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from videotracks.people.statistics import tracklet_statistics
from videotracks.persistence.classifier.filter import in_chunks
from videotracks.persistence.classifier.training import LabelledFeatures
from videotracks.persistence.crop_tracks import FEATURES, CropTrack, TrackEncoder
from videotracks.progress import Progress, silent
from videotracks.tables import Table, Tracklets, column, is_ragged

if TYPE_CHECKING:
    from videotracks.persistence.generator.store import TrackRows

#: The statistics of a tracklet, flattened: twelve of them, boxes and centres counted once.
STATISTICS = ("start_frame", "end_frame", "duration", "mean_center", "center_jitter", "mean_area", "area_std",
              "mean_velocity", "velocity_magnitude", "first_bbox", "last_bbox", "mean_confidence")  # fmt: skip
_STATISTICS_NUMBERS = 20
#: M of N: a track counts by the most observations that it has in any N successive frames.
WINDOW_FRAMES = 5


class LabelledTrack(NamedTuple):
    """A track and the truth: ``label`` 1 for a thing, ``k`` the length class of the sample, ``corrupted`` bool[T]."""

    track: CropTrack
    label: int
    k: int
    scene: int
    corrupted: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Samples(Table):
    """N tracks with O observations in all."""

    label: np.ndarray = column("i8", "N", doc="1 for a thing, 0 for what is none")
    k: np.ndarray = column("i8", "N", doc="observations after which the track was cut")
    scene: np.ndarray = column("i8", "N", doc="seed of the scene")
    statistics: np.ndarray = column("f8", "N", _STATISTICS_NUMBERS, doc="the twelve statistics, flattened")
    max_confidence: np.ndarray = column("f8", "N", doc="highest detection confidence, 0 to 1")
    m_of_n: np.ndarray = column("f8", "N", doc=f"most observations in {WINDOW_FRAMES} successive frames")
    offsets: np.ndarray = column("i8", "N+1", doc="where the observations of each track begin and end")
    features: np.ndarray = column("f4", "O", FEATURES, doc="features of each observation")
    corrupted: np.ndarray = column("b1", "O", doc="observations that were spoilt on purpose")

    def check(self) -> None:
        """Complete, finite, and no track without observations."""
        self.expect(is_ragged(self.features, self.offsets), "offsets must split features completely")
        self.expect(bool((np.diff(self.offsets) > 0).all()), "every track must have an observation")
        self.expect(bool(np.isin(self.label, (0, 1)).all()), "label must be 0 or 1")
        finite = np.isfinite(self.features).all() and np.isfinite(self.statistics).all()
        self.expect(bool(finite), "features and statistics must be finite")

    def labelled_features(self, rows: np.ndarray | None = None) -> LabelledFeatures:
        """The features of the tracks at ``rows`` (all), without a copy, and their labels."""
        chosen = np.arange(len(self.label)) if rows is None else rows
        return LabelledFeatures(self.split(self.features, chosen), self.label[chosen])

    def split(self, values: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        """The part of values [O, …] that belongs to each of the tracks at ``rows``."""
        return [values[self.offsets[row] : self.offsets[row + 1]] for row in rows.tolist()]


def labelled_tracks(rows: "TrackRows") -> Iterator[LabelledTrack]:
    """The tracks of a split of a file of generated tracks, each read when it is asked for."""
    for i in range(len(rows)):
        yield LabelledTrack(rows.track(i), int(rows.label[i]), int(rows.k[i]), int(rows.scene[i]), rows.corrupted(i))


def collect_samples(
    tracks: Iterable[LabelledTrack], encoder: TrackEncoder, total: int | None = None, progress: Progress = silent
) -> Samples:
    """Features and numbers of tracks; crops are let go as soon as they are encoded. ``progress`` counts tracks."""
    labels: list[tuple[int, int, int]] = []
    numbers, features, corrupted = [np.zeros((0, _STATISTICS_NUMBERS + 2))], [np.zeros((0, FEATURES), "f4")], []
    for chunk in in_chunks(tracks, lambda each: len(each.track)):
        features += encoder.features([each.track.crops for each in chunk])
        numbers.append(_numbers([each.track for each in chunk]))
        corrupted += [each.corrupted for each in chunk]
        labels += [(each.label, each.k, each.scene) for each in chunk]
        progress(len(labels), total)
    label, k, scene = np.array(labels, "i8").reshape(-1, 3).T.copy()
    table = np.concatenate(numbers)
    return Samples(
        label=label,
        k=k,
        scene=scene,
        statistics=table[:, :_STATISTICS_NUMBERS],
        max_confidence=table[:, -2],
        m_of_n=table[:, -1],
        offsets=np.cumsum([0, *map(len, features[1:])]).astype("i8"),
        features=np.concatenate(features),
        corrupted=np.concatenate([np.zeros(0, bool), *corrupted]),
    )


def _numbers(tracks: list[CropTrack]) -> np.ndarray:
    """Statistics, highest confidence and M of N of each track, f8[N, …]."""
    counts = [len(track) for track in tracks]
    joined = Tracklets(
        tracklet_id=np.repeat(np.arange(1, len(tracks) + 1), counts),
        camera=np.repeat([track.camera for track in tracks], counts).astype("i2"),
        frame_numbers=np.concatenate([track.frame_numbers for track in tracks]),
        bboxes=np.concatenate([track.boxes for track in tracks]),
        confidences=np.concatenate([track.confidences for track in tracks]),
        detection_indices=np.zeros(sum(counts), "i8"),
    )
    found = tracklet_statistics(joined)
    columns = [getattr(found, name).reshape(len(tracks), -1) for name in STATISTICS]
    highest = [track.confidences.max() for track in tracks]
    return np.column_stack([*columns, highest, [_most_in_window(track.frame_numbers) for track in tracks]])


def _most_in_window(frames: np.ndarray) -> int:
    """The most of the rising ``frames`` that lie within ``WINDOW_FRAMES`` successive ones."""
    return int((np.searchsorted(frames, frames + WINDOW_FRAMES) - np.arange(len(frames))).max())
