"""Features of the tracklets of a video: one vector for each observation that is looked at."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from videotracks.persistence.classifier.filter import in_chunks
from videotracks.persistence.crop_tracks import FEATURES, CropTrack, TrackEncoder
from videotracks.progress import Progress, silent
from videotracks.tables import Table, column, is_ragged


@dataclass(frozen=True, slots=True, eq=False)
class TrackletFeatures(Table):
    """Features of P tracklets with N observations between them: a ragged list each, in order of time."""

    rows: ClassVar[str] = "P"

    tracklet_id: np.ndarray = column("i8", "P", doc="tracklet, ascending")
    camera: np.ndarray = column("i2", "P", doc="index into the recording's views")
    offsets: np.ndarray = column("i8", "P+1", doc="where each tracklet's observations begin and end")
    frame_numbers: np.ndarray = column("i8", "N", doc="frame of the view, from 0")
    features: np.ndarray = column("f4", "N", FEATURES, doc="feature of each observation, by the video tokenizer")

    def check(self) -> None:
        """Split completely, ids ascending, at least one observation each, in order of time, finite."""
        check_observations(self, self.tracklet_id, self.offsets, self.frame_numbers)
        self.expect(bool(np.isfinite(self.features).all()), "features must be finite")

    def of_each(self) -> list[np.ndarray]:
        """The features f4[T, FEATURES] of each tracklet, in order of the ids."""
        return np.split(self.features, self.offsets[1:-1]) if len(self.tracklet_id) else []


def check_observations(table: Table, tracklet_id: np.ndarray, offsets: np.ndarray, frame_numbers: np.ndarray) -> None:
    """What all ragged tables of tracklets must be; ``CorruptFileError`` otherwise."""
    table.expect(bool((np.diff(tracklet_id) > 0).all()), "tracklet_id must ascend")
    table.expect(is_ragged(frame_numbers, offsets), "offsets must split the observations completely")
    table.expect(bool((np.diff(offsets) > 0).all()), "each tracklet must have an observation")
    within = np.ones(max(len(frame_numbers) - 1, 0), bool)
    within[offsets[1:-1] - 1] = False
    table.expect(bool((np.diff(frame_numbers)[within] > 0).all()), "frames of a tracklet must increase")


def tracklet_features(
    tracks: Iterable[CropTrack], encoder: TrackEncoder, *, total: int | None = None, progress: Progress = silent
) -> TrackletFeatures:
    """Features of all tracks, taken from the iterable as they are needed; a bounded number of crops is held.

    ``total``: how many tracks there are, for the progress, where that is known.
    """
    ids, cameras, frames = [], [], []
    features = [np.zeros((0, FEATURES), "f4")]
    for chunk in in_chunks(tracks, len):
        features += encoder.features([track.crops for track in chunk])
        for track in chunk:
            ids.append(track.track_id)
            cameras.append(track.camera)
            frames.append(track.frame_numbers)
        progress(len(ids), total)
    return TrackletFeatures(
        tracklet_id=np.array(ids, "i8"),
        camera=np.array(cameras, "i2"),
        offsets=np.cumsum([0, *map(len, frames)]).astype("i8"),
        frame_numbers=np.concatenate([np.zeros(0, "i8"), *frames]),
        features=np.concatenate(features),
    )
