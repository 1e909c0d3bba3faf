"""Filter and triangulation in one: from the tracks of several cameras to things in the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera_path import ViewCamera
from videotracks.persistence.crop_tracks import CropTrack, Prediction
from videotracks.persistence.triangulation.association import match_tracks
from videotracks.persistence.triangulation.evidence import EvidenceSettings
from videotracks.persistence.triangulation.sightings import Sightings
from videotracks.persistence.triangulation.statistics import TriangulationStatistics
from videotracks.persistence.triangulation.tracks3d import TriangulatedTracks
from videotracks.persistence.triangulation.triangulating import Triangulated, TriangulatingSettings, triangulate_groups


class TriangulationSettings(BaseModel, frozen=True, extra="forbid"):
    """When tracks of several views are one thing, and where it is."""

    matching: EvidenceSettings = Field(default=EvidenceSettings())
    positions: TriangulatingSettings = Field(default=TriangulatingSettings())


def triangulate_sightings(
    cameras: Sequence[ViewCamera],
    sightings: Sightings,
    settings: TriangulationSettings,
    features: Mapping[int, np.ndarray] | None = None,
) -> Triangulated:
    """Match the tracks of all views, and triangulate each thing; ``features`` are those of ``gather_evidence``."""
    groups = match_tracks(cameras, sightings, settings.matching, features)
    return triangulate_groups(cameras, sightings, groups, settings.positions)


class TrackFilter(Protocol):
    """Decides on tracks from their pixels: ``PersistenceFilter``."""

    def predict_many(self, tracks: Sequence[np.ndarray]) -> list[Prediction]:
        """A prediction for each track's crops u1[T, CROP_PX, CROP_PX, 3]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TrackedScene:
    """Things in the world, whose members are the ids of the tracks in their cameras.

    ``decisions`` of each camera, in the order of its tracks; none without a filter.
    """

    tracks: TriangulatedTracks
    decisions: list[list[Prediction]]
    statistics: TriangulationStatistics


class Integrated3DTracker:
    """Takes the tracks of some cameras, drops what the filter takes for no thing, and triangulates the rest.

    ``use_filter`` false passes all tracks on, and the filter is not asked. ``ValueError`` for a filter that is asked
    for and not there, and for fewer than two cameras.
    """

    def __init__(
        self,
        persistence_filter: TrackFilter | None,
        use_filter: bool = True,
        *,
        cameras: Sequence[ViewCamera],
        settings: TriangulationSettings | None = None,
    ) -> None:
        if use_filter and persistence_filter is None:
            raise ValueError("use_filter: there is no filter; give one, or set it to false")
        if len(cameras) < 2:
            raise ValueError(f"cameras: {len(cameras)}; two or more are expected")
        self._filter = persistence_filter if use_filter else None
        self._cameras, self._settings = list(cameras), settings or TriangulationSettings()
        self._last: TriangulationStatistics | None = None

    def process_scene(
        self, camera1_tracks: Sequence[CropTrack], camera2_tracks: Sequence[CropTrack], *further: Sequence[CropTrack]
    ) -> TrackedScene:
        """Things of one scene, from the tracks of each camera in the order of the cameras.

        Ids need only differ within a camera; they and the order of the tracks tell nothing about which belong together.
        """
        views = [camera1_tracks, camera2_tracks, *further]
        if len(views) != len(self._cameras):
            raise ValueError(f"tracks of {len(views)} cameras; there are {len(self._cameras)}")
        decisions = [] if self._filter is None else self._decided(views)
        kept = [
            [track for track, said in zip(tracks, view, strict=True) if said.is_persistent]
            for tracks, view in zip(views, decisions, strict=True)
        ] if decisions else views  # fmt: skip
        sightings = Sightings.of_crop_tracks(kept)
        made = triangulate_sightings(self._cameras, sightings, self._settings)
        total, boxes = sum(map(len, views)), sum(len(track) for tracks in views for track in tracks)
        filtered_boxes = boxes - len(sightings.frames)
        self._last = TriangulationStatistics.of(len(sightings), total - len(sightings), boxes, filtered_boxes, made)
        return TrackedScene(made.tracks, decisions, self._last)

    def get_statistics(self) -> TriangulationStatistics:
        """The statistics of the scene that was processed last; ``ValueError`` before the first."""
        if self._last is None:
            raise ValueError("no scene was processed yet; call process_scene first")
        return self._last

    def _decided(self, views: Sequence[Sequence[CropTrack]]) -> list[list[Prediction]]:
        """All tracks of a scene go through the filter together."""
        assert self._filter is not None
        said = iter(self._filter.predict_many([track.crops for tracks in views for track in tracks]))
        return [[next(said) for _ in tracks] for tracks in views]
