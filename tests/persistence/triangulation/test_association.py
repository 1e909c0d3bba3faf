"""Association: who is one thing over all views, by place, size and appearance alone."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.persistence.triangulation.rig_examples import LEFT, RIGHT, cameras, track, way
from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath, ViewCamera
from videotracks.persistence.crop_tracks import CropTrack
from videotracks.persistence.triangulation.association import match_tracks
from videotracks.persistence.triangulation.evidence import EvidenceSettings, crossing_depths, gather_evidence
from videotracks.persistence.triangulation.sightings import Sightings

Named = set[tuple[int, int]]


def groups(
    views: list[list[CropTrack]],
    rig: Sequence[ViewCamera] | None = None,
    features: dict[int, np.ndarray] | None = None,
    settings: EvidenceSettings = EvidenceSettings(),  # noqa: B008
) -> list[Named]:
    seen = Sightings.of_crop_tracks(views)
    found = match_tracks(rig or cameras(len(views)), seen, settings, features)
    return [{(int(seen.views[row]), int(seen.ids[row])) for row in own} for own in found]


def test_people_are_told_apart_though_ids_and_order_mislead() -> None:
    rig = cameras(3)
    views = [
        [track(1, 0, rig[0], LEFT), track(2, 0, rig[0], RIGHT)],
        [track(1, 1, rig[1], RIGHT), track(2, 1, rig[1], LEFT)],
        [track(9, 2, rig[2], LEFT), track(1, 2, rig[2], RIGHT)],
    ]
    wanted = [{(0, 1), (1, 2), (2, 9)}, {(0, 2), (1, 1), (2, 1)}]
    assert groups(views) == wanted
    turned = groups([tracks[::-1] for tracks in views])
    assert sorted(map(sorted, turned)) == sorted(map(sorted, wanted))


def test_a_person_may_be_one_tracklet_after_the_other() -> None:
    rig = cameras(2)
    views = [
        [track(1, 0, rig[0], LEFT)],
        [track(1, 1, rig[1], LEFT, slice(0, 5)), track(2, 1, rig[1], LEFT, slice(5, None))],
    ]
    assert groups(views) == [{(0, 1), (1, 1), (1, 2)}]


def test_no_view_shows_two_of_a_group_in_one_frame() -> None:
    rig = cameras(3)
    twice = [track(1, 1, rig[1], LEFT), track(2, 1, rig[1], LEFT + np.array([0, 0, 0.02]))]
    found = groups([[track(1, 0, rig[0], LEFT)], twice, [track(1, 2, rig[2], LEFT)]])
    assert found == [{(0, 1), (1, 1), (2, 1)}]


def test_who_is_seen_by_one_view_alone_belongs_to_nobody() -> None:
    rig = cameras(2)
    assert groups([[track(1, 0, rig[0], LEFT), track(2, 0, rig[0], RIGHT)], [track(1, 1, rig[1], LEFT)]]) == [
        {(0, 1), (1, 1)}
    ]
    assert groups([[track(1, 0, rig[0], LEFT)], []]) == []
    early, late = slice(0, 6), slice(6, None)
    assert groups([[track(1, 0, rig[0], LEFT, early)], [track(1, 1, rig[1], LEFT, late)]]) == []


def test_many_frames_that_fit_outweigh_one_that_fits_perfectly() -> None:
    rig = cameras(2)
    trembling = LEFT + np.where(np.arange(len(LEFT)) % 2, 0.04, -0.04)[:, None] * [0, 0, 1]
    views = [[track(1, 0, rig[0], LEFT)], [track(1, 1, rig[1], trembling), track(2, 1, rig[1], LEFT, slice(3, 4))]]
    assert groups(views) == [{(0, 1), (1, 1)}]


def test_sights_that_meet_behind_a_camera_are_of_two_things() -> None:
    one, other = cameras(2)
    pixels, mirrored = one.project(LEFT[:3])[0], other.project(LEFT[:3])[0]
    assert (crossing_depths(one, other, pixels, mirrored) > 0).all()
    np.testing.assert_allclose(crossing_depths(one, other, pixels, mirrored)[0], one.project(LEFT[:3])[1], rtol=1e-9)
    # Beside a parallel camera, the right one sees things further left; what it sees further right is before nobody.
    beside = Camera("beside", one.width, one.height, one.K, one.distortion, False, one.R, one.t - [0.4, 0, 0])
    views = [[track(1, 0, one, LEFT)], [track(1, 1, beside, LEFT)]]
    assert groups(views, [one, beside]) == [{(0, 1), (1, 1)}]
    views = [[track(1, 0, beside, LEFT)], [track(1, 1, one, LEFT)]]
    assert groups(views, [one, beside]) == []


def test_size_in_the_world_tells_apart_who_stands_on_one_epipolar_line() -> None:
    one, other = cameras(2)
    ahead = one.center + (LEFT - one.center) * 0.7  # where the first view sees the same, but nearer
    trembling = LEFT + np.where(np.arange(len(LEFT)) % 2, 0.02, -0.02)[:, None] * [0, 0, 1]
    big, small = track(1, 1, other, trembling, height_m=1.7), track(2, 1, other, ahead, height_m=0.6)
    assert groups([[track(1, 0, one, LEFT, height_m=1.7)], [small, big]]) == [{(0, 1), (1, 1)}]


def test_a_few_cut_boxes_part_nobody() -> None:
    rig = cameras(2)
    cut = track(1, 1, rig[1], LEFT)
    cut.boxes[:3, 3] -= cut.boxes[:3, 3] - cut.boxes[:3, 1] - 4  # hidden up to the neck
    assert groups([[track(1, 0, rig[0], LEFT)], [cut]]) == [{(0, 1), (1, 1)}]


def test_appearance_tells_twins_apart() -> None:
    one, other = cameras(2)
    ahead = one.center + (LEFT - one.center) * 0.98
    views = [
        [track(1, 0, one, LEFT), track(2, 0, one, RIGHT)],
        [track(1, 1, other, ahead), track(2, 1, other, LEFT), track(3, 1, other, RIGHT)],
    ]
    red, green = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    for chosen in (2, 3):  # rows of the first two tracks of the second view
        features = {0: red, 1: green, 2: green, 3: green, 4: green, chosen: red}
        assert {(0, 1), (1, chosen - 1)} in groups(views, features=features)


def test_cameras_that_move_see_the_same_as_cameras_at_rest() -> None:
    rig = cameras(2)
    frames = len(LEFT)
    paths = [CameraPath(lens, np.tile(lens.R, (frames, 1, 1)), np.tile(lens.t, (frames, 1))) for lens in rig]
    views = [
        [track(1, 0, rig[0], LEFT), track(2, 0, rig[0], RIGHT)],
        [track(1, 1, rig[1], RIGHT), track(2, 1, rig[1], LEFT)],
    ]
    seen, settings = Sightings.of_crop_tracks(views), EvidenceSettings()
    still, moving = gather_evidence(rig, seen, settings), gather_evidence(paths, seen, settings)
    np.testing.assert_allclose(still.gains, moving.gains, atol=1e-9)
    assert groups(views, paths) == groups(views)


def test_evidence_is_summed_over_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = cameras(2)
    seen = Sightings.of_crop_tracks(
        [[track(1, 0, rig[0], LEFT), track(2, 0, rig[0], RIGHT)], [track(1, 1, rig[1], RIGHT)]]
    )
    whole = gather_evidence(rig, seen, EvidenceSettings())
    monkeypatch.setattr("videotracks.persistence.triangulation.evidence._CHUNK_PAIRS", 3)
    parts = gather_evidence(rig, seen, EvidenceSettings())
    np.testing.assert_allclose(parts.gains, whole.gains)
    assert parts.shared.tolist() == whole.shared.tolist() == [12, 12]
    assert whole.gains[1] == pytest.approx(12, abs=0.05)


def test_many_tracks_of_many_views_cost_little() -> None:
    """40 people in single file on their own lanes, each in five tracklets a view: all are found again."""
    rig = cameras(3)
    rng = np.random.default_rng(0)
    people = [way((*rng.uniform((-1.2, 7), (1.2, 9)), 0.9), (0.01, 0, 0), 30) for _ in range(8)]
    views = [
        [
            track(5 * who + part, view, camera, places, slice(6 * part, 6 * part + 6))
            for who, places in enumerate(people)
            for part in range(5)
        ]
        for view, camera in enumerate(rig)
    ]
    strict = EvidenceSettings(distance_share=0.001, distance_px=0.1)
    found = groups(views, settings=strict)
    assert len(found) == 40
    assert all(len({name for _, name in own}) == 1 and len(own) == 3 for own in found)
