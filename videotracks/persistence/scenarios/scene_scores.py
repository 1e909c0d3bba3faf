"""One generated scene, triangulated with and without the filter, against its truth."""

from dataclasses import dataclass

import numpy as np

from videotracks.persistence.crop_tracks import Prediction
from videotracks.persistence.generator.scene import GeneratedTrack, Scene
from videotracks.persistence.triangulation.integrated import Integrated3DTracker, TrackFilter
from videotracks.persistence.triangulation.tracks3d import TriangulatedTracks


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """The positions of a scene in the world, judged.

    ``positions`` f8[N, 3] m, ``objects`` i8[N] the true object of each, −1 for a spurious one, ``errors_m`` f8[N]
    its distance from there, NaN for a spurious one.
    """

    positions: np.ndarray
    objects: np.ndarray
    errors_m: np.ndarray

    @property
    def spurious(self) -> np.ndarray:
        """Which positions belong to no true object, bool[N]."""
        return self.objects < 0


@dataclass(frozen=True, slots=True, eq=False)
class SceneScore:
    """What the filter did to one scene: decisions on T tracks of all views, and the clouds before and after."""

    tracks: list[GeneratedTrack]
    decisions: list[Prediction]
    before: Cloud
    after: Cloud

    @property
    def labels(self) -> np.ndarray:
        """Which tracks are things, i8[T]: 1 for a thing."""
        return np.array([made.label for made in self.tracks], "i8")

    @property
    def kept(self) -> np.ndarray:
        """Which tracks were kept, bool[T]."""
        return np.array([said.is_persistent for said in self.decisions], bool)


def score_scene(scene: Scene, track_filter: TrackFilter, spurious_m: float) -> SceneScore:
    """Run a scene with and without the filter.

    A position is spurious where its thing is made of anything but the tracks of one true object, or lies farther than
    ``spurious_m`` from that object.
    """
    views = [[made for made in scene.tracks if made.track.camera == camera] for camera in range(len(scene.cameras))]
    tracks = [[made.track for made in view] for view in views]
    clouds = {}
    for use_filter in (False, True):
        tracker = Integrated3DTracker(track_filter, use_filter, cameras=scene.cameras)
        found = tracker.process_scene(tracks[0], tracks[1])
        clouds[use_filter] = _judged(found.tracks, views, scene.positions, spurious_m)
    return SceneScore(
        tracks=[made for view in views for made in view],
        decisions=[said for view in found.decisions for said in view],
        before=clouds[False],
        after=clouds[True],
    )


def _judged(
    found: TriangulatedTracks, views: list[list[GeneratedTrack]], truth: np.ndarray, spurious_m: float
) -> Cloud:
    object_of = {(camera, made.track.track_id): made.object_id for camera, view in enumerate(views) for made in view}
    things = np.full(found.row_count, -1)
    for thing in found.track_ids.tolist():
        members = {object_of[member] for member in found.members_of(thing)}
        if len(members) == 1:
            things[found.rows_of(thing)] = members.pop()
    errors = np.full(found.row_count, np.nan)
    real = things >= 0
    where = truth[things[real], found.frame_numbers[real]]
    errors[real] = np.linalg.norm(found.positions[real] - where, axis=1)
    near = errors <= spurious_m  # never where the object is absent: NaN
    return Cloud(found.positions, np.where(near, things, -1), np.where(near, errors, np.nan))
