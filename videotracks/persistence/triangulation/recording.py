"""A calibrated recording of several views: its people in the world."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera_path import ViewCamera
from videotracks.persistence.triangulation.association import match_tracks
from videotracks.persistence.triangulation.integrated import TriangulationSettings
from videotracks.persistence.triangulation.sightings import Sightings
from videotracks.persistence.triangulation.statistics import TriangulationStatistics
from videotracks.persistence.triangulation.tracks3d import TriangulatedTracks
from videotracks.persistence.triangulation.triangulating import triangulate_groups
from videotracks.progress import Progress, silent
from videotracks.tables import Persons, Tracklets, empty


class TriangulationSummary(BaseModel, frozen=True):
    """What became of a recording's tracks, or why nothing could."""

    statistics: TriangulationStatistics | None = Field(description="null where nothing could be triangulated")
    reason: str = Field(description="why not; empty where it could")


def triangulate_recording(
    cameras: Sequence[ViewCamera],
    tracks: Tracklets | Persons,
    settings: TriangulationSettings,
    *,
    kept: Collection[int] | None = None,
    features: Mapping[int, np.ndarray] | None = None,
    progress: Progress = silent,
) -> tuple[TriangulatedTracks, TriangulationSummary]:
    """Where the people of a recording are, and what they are made of: tracklets, or persons with all their tracklets.

    ``cameras``: those of the views, in their order; empty without a calibration (``calibrated_cameras``). ``kept``: the
    ids of the tracklets that a filter let pass; without it all are. ``features``: a vector f4[D], any length, by
    tracklet or person id. Without calibration, or with one view alone, the table is empty and the summary says why.
    ``progress`` counts people. Frames with the same number are taken for the same moment.
    """
    if reason := _obstacle(cameras, tracks):
        return _nothing(cameras), TriangulationSummary(statistics=None, reason=reason)
    everything = _sightings(tracks, None)
    sightings = everything if kept is None else _sightings(tracks, kept)
    known = features or {}
    by_row = {row: known[name] for row, name in enumerate(sightings.ids.tolist()) if name in known}
    groups = match_tracks(cameras, sightings, settings.matching, by_row)
    made = triangulate_groups(cameras, sightings, groups, settings.positions, progress)
    boxes, own = len(everything.frames), len(sightings.frames)
    statistics = TriangulationStatistics.of(len(sightings), len(everything) - len(sightings), boxes, boxes - own, made)
    return made.tracks, TriangulationSummary(statistics=statistics, reason="")


def _sightings(tracks: Tracklets | Persons, kept: Collection[int] | None) -> Sightings:
    if isinstance(tracks, Persons):
        return Sightings.of_persons(tracks, kept)
    return Sightings.of_tracklets(tracks, kept)


def _obstacle(cameras: Sequence[ViewCamera], tracks: Tracklets | Persons) -> str:
    if not cameras:
        return "no calibration: put cameras.toml (or Pose2Sim's TOML, OpenCV's YAML) beside the views"
    if len(cameras) < 2:
        return "a single view: positions in the world need two or more"
    if not tracks.row_count:
        return "nobody was found in any view"
    return ""


def _nothing(cameras: Sequence[ViewCamera]) -> TriangulatedTracks:
    names = np.array([camera.camera_id for camera in cameras], "U")
    return TriangulatedTracks.from_arrays({**empty(TriangulatedTracks, C=len(cameras)), "camera_ids": names})
