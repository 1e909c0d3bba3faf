"""What the views saw: the boxes of all their tracks, from whichever table or tracks they come."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from videotracks.persistence.crop_tracks import CropTrack
from videotracks.tables import Persons, Tracklets

#: Boxes have their first corner at (0, 0), cameras the centre of their first pixel.
_CORNER_PX = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """The boxes of T tracks of all views; a track belongs to one view and has one box a frame at most.

    ``tracks`` i8[N] are rows of ``ids`` i8[T] (what the view calls the track) and ``views`` i8[T]; ``frames`` i8[N];
    ``boxes`` f8[N, 4] xyxy px. Rows are sorted by view, then frame, then track. ``ValueError`` where they are not.
    """

    ids: np.ndarray
    views: np.ndarray
    tracks: np.ndarray
    frames: np.ndarray
    boxes: np.ndarray

    def __post_init__(self) -> None:
        key = np.stack([self.views[self.tracks], self.frames, self.tracks])
        step = np.diff(key)
        rising = (step[0] > 0) | ((step[0] == 0) & ((step[1] > 0) | ((step[1] == 0) & (step[2] > 0))))
        if not rising.all():
            raise ValueError("sightings: expected rows sorted by view, frame and track, one box a track and frame")

    @classmethod
    def of_crop_tracks(cls, views: Sequence[Iterable[CropTrack]]) -> "Sightings":
        """The tracks of each view; what they say of their camera does not count, nor that ids are told twice."""
        tracks = [(view, track) for view, seen in enumerate(views) for track in seen]
        counts = [len(track) for _, track in tracks]
        return cls._sorted(
            np.array([track.track_id for _, track in tracks], "i8"),
            np.array([view for view, _ in tracks], "i8"),
            np.repeat(np.arange(len(tracks)), counts),
            np.concatenate([np.zeros(0, "i8"), *(track.frame_numbers for _, track in tracks)]),
            np.concatenate([np.zeros((0, 4)), *(track.boxes for _, track in tracks)]),
        )

    @classmethod
    def of_tracklets(cls, tracklets: Tracklets, kept: Collection[int] | None = None) -> "Sightings":
        """Tracklets by their ids; of all, or of ``kept`` ones."""
        return cls._of_rows(tracklets, tracklets.tracklet_id, _chosen(tracklets.tracklet_id, kept))

    @classmethod
    def of_persons(cls, persons: Persons, kept: Collection[int] | None = None) -> "Sightings":
        """Persons by their ids, a track in each view that sees them; only the boxes of ``kept`` tracklets, if given."""
        return cls._of_rows(persons, persons.person_id, _chosen(persons.tracklet_id, kept))

    @classmethod
    def _of_rows(cls, table: Tracklets | Persons, names: np.ndarray, chosen: np.ndarray) -> "Sightings":
        pairs = np.stack([table.camera[chosen].astype("i8"), names[chosen]], axis=1)
        known, tracks = np.unique(pairs, axis=0, return_inverse=True)
        boxes = table.bboxes[chosen].astype("f8")
        return cls._sorted(known[:, 1], known[:, 0], tracks.ravel(), table.frame_numbers[chosen], boxes)

    @classmethod
    def _sorted(
        cls, ids: np.ndarray, views: np.ndarray, tracks: np.ndarray, frames: np.ndarray, boxes: np.ndarray
    ) -> "Sightings":
        order = np.lexsort((tracks, frames, views[tracks]))
        return cls(ids, views, tracks[order], frames[order].astype("i8"), boxes[order].astype("f8"))

    def __len__(self) -> int:
        return len(self.ids)

    def in_view(self, view: int) -> slice:
        """The rows of a view."""
        of_row = self.views[self.tracks]
        return slice(int(np.searchsorted(of_row, view, "left")), int(np.searchsorted(of_row, view, "right")))

    @property
    def centers(self) -> np.ndarray:
        """The middles of the boxes as cameras count pixels, f8[N, 2].

        Of a person they are the point that views agree on best: where the feet or the head are in a box depends on
        how a camera is turned and on what is cut off or hidden.
        """
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / 2 - _CORNER_PX

    @property
    def sides(self) -> np.ndarray:
        """The longer side of each box, f8[N] px."""
        return (self.boxes[:, 2:] - self.boxes[:, :2]).max(axis=1, initial=0.0)


def _chosen(ids: np.ndarray, kept: Collection[int] | None) -> np.ndarray:
    return np.ones(len(ids), bool) if kept is None else np.isin(ids, list(kept))
