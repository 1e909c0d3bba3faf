"""The tracker of things in the world: a filter first, geometry then."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.persistence.triangulation.rig_examples import LEFT, RIGHT, cameras, track
from videotracks.persistence.crop_tracks import CropTrack, Prediction
from videotracks.persistence.generator.scene import SceneSettings, generate_scene
from videotracks.persistence.triangulation.integrated import Integrated3DTracker


class ShortTracksAreNothing:
    """Takes tracks of fewer than six observations for noise."""

    def __init__(self) -> None:
        self.asked = 0

    def predict_many(self, tracks: Sequence[np.ndarray]) -> list[Prediction]:
        self.asked += len(tracks)
        return [Prediction(len(t) >= 6, min(len(t) / 12, 1), np.full(len(t), 1 / len(t), "f4")) for t in tracks]


def views(count: int = 2) -> list[list[CropTrack]]:
    """Two people, and somebody's reflection for three frames in each view."""
    return [
        [
            track(view, view, camera, RIGHT),
            track(7, view, camera, RIGHT + np.array([0, 0, 0.6]), slice(2, 5), height_m=0.3),
            track(9 - view, view, camera, LEFT),
        ]
        for view, camera in enumerate(cameras(count))
    ]


def test_what_the_filter_drops_is_not_triangulated() -> None:
    judge = ShortTracksAreNothing()
    tracker = Integrated3DTracker(judge, True, cameras=cameras(2))
    scene = tracker.process_scene(*views())
    assert [scene.tracks.members_of(int(thing)) for thing in scene.tracks.track_ids] == [
        [(0, 0), (1, 1)],
        [(0, 9), (1, 8)],
    ]
    assert [[said.is_persistent for said in view] for view in scene.decisions] == [[True, False, True]] * 2
    assert judge.asked == 6
    statistics = tracker.get_statistics()
    assert statistics == scene.statistics
    assert (statistics.total_tracks, statistics.filtered_out, statistics.kept) == (6, 2, 4)
    assert statistics.triangulated_points == 24
    assert statistics.filter_rate == pytest.approx(1 / 3)
    assert statistics.reduction_rate == pytest.approx(6 / 54)
    assert statistics.reprojection_median_px is not None
    assert statistics.reprojection_median_px < 1e-3


def test_without_the_filter_everything_is_and_nobody_is_asked() -> None:
    judge = ShortTracksAreNothing()
    scene = Integrated3DTracker(judge, False, cameras=cameras(2)).process_scene(*views())
    assert (judge.asked, scene.decisions) == (0, [])
    assert scene.statistics.things == 3
    assert scene.statistics.triangulated_points == 27
    assert scene.statistics.filter_rate == scene.statistics.reduction_rate == 0


def test_any_number_of_cameras() -> None:
    scene = Integrated3DTracker(ShortTracksAreNothing(), cameras=cameras(4)).process_scene(*views(4))
    assert len(scene.tracks.camera_ids) == 4
    assert scene.tracks.used.all()


def test_a_scene_without_tracks() -> None:
    scene = Integrated3DTracker(ShortTracksAreNothing(), cameras=cameras(2)).process_scene([], [])
    assert scene.statistics.total_tracks == scene.statistics.triangulated_points == 0
    assert scene.statistics.reprojection_median_px is scene.statistics.undropped_median_px is None


def test_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="there is no filter"):
        Integrated3DTracker(None, cameras=cameras(2))
    with pytest.raises(ValueError, match="two or more"):
        Integrated3DTracker(None, False, cameras=cameras(1))
    tracker = Integrated3DTracker(None, False, cameras=cameras(3))
    with pytest.raises(ValueError, match="process_scene first"):
        tracker.get_statistics()
    with pytest.raises(ValueError, match="there are 3"):
        tracker.process_scene([], [])


def test_things_of_a_generated_scene_are_where_they_are() -> None:
    """Boxes tremble by 0.5 to 1.5 px an edge at 2.6 to 5 m from two cameras 1 m apart."""
    errors = []
    for seed in range(2):
        scene = generate_scene(seed, SceneSettings(ranges="classic"))
        seen = [[made for made in scene.tracks if made.track.camera == view] for view in range(2)]
        found = Integrated3DTracker(None, False, cameras=scene.cameras).process_scene(
            *([made.track for made in view] for view in seen)
        )
        truth = {(view, made.track.track_id): made.object_id for view in range(2) for made in seen[view]}
        things = set()
        for thing in found.tracks.track_ids.tolist():
            (number,) = {truth[member] for member in found.tracks.members_of(thing)}
            things.add(number)
            rows = found.tracks.rows_of(thing)
            there = scene.positions[number, found.tracks.frame_numbers[rows]]
            errors.append(np.linalg.norm(found.tracks.positions[rows] - there, axis=1))
        assert things >= set(range(len(scene.positions)))
    assert np.median(np.concatenate(errors)) < 0.02
