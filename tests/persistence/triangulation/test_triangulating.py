"""Triangulation: positions from the views that agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.persistence.triangulation.rig_examples import LEFT, RIGHT, cameras, track
from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath
from videotracks.persistence.triangulation.sightings import Sightings
from videotracks.persistence.triangulation.triangulating import (
    TriangulatingSettings,
    agreeing_positions,
    triangulate_groups,
)

SETTINGS = TriangulatingSettings()


def seen(rig: list, places: np.ndarray) -> np.ndarray:
    return np.stack([camera.project(places)[0] for camera in rig])


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 4), st.tuples(st.floats(-1, 1), st.floats(7, 10), st.floats(0.2, 1.8)))
def test_exact_sights_give_the_exact_place(views: int, place: tuple[float, float, float]) -> None:
    rig = cameras(views)
    found = agreeing_positions(rig, seen(rig, np.array([place])), 15)
    np.testing.assert_allclose(found.positions, [place], atol=1e-6)
    assert (found.errors < 1e-3).all()


@pytest.mark.parametrize("wrong", range(4))
def test_the_view_that_disagrees_is_dropped(wrong: int) -> None:
    rig = cameras(4)
    pixels = seen(rig, LEFT)
    pixels[wrong] += [25, 40]
    found = agreeing_positions(rig, pixels, 3)
    np.testing.assert_allclose(found.positions, LEFT, atol=1e-6)
    assert np.isnan(found.errors[wrong]).all()
    assert np.nanmax(found.first_errors) > 3


def test_two_views_that_disagree_give_no_position() -> None:
    rig = cameras(2)
    pixels = seen(rig, LEFT)
    pixels[1, :, 1] += 60
    found = agreeing_positions(rig, pixels, 15)
    assert np.isnan(found.positions).all()
    assert np.isnan(found.errors).all()


def test_nothing_is_placed_behind_a_camera_or_from_one_view() -> None:
    rig = cameras(2)
    one = rig[0]
    beside = Camera("beside", one.width, one.height, one.K, one.distortion, False, one.R, one.t - [0.4, 0, 0])
    assert np.isfinite(agreeing_positions([one, beside], seen([one, beside], LEFT), 15).positions).all()
    assert np.isnan(agreeing_positions([beside, one], seen([one, beside], LEFT), 15).positions).all()
    pixels = seen(rig, LEFT)
    pixels[0, 3:] = np.nan
    assert np.isfinite(agreeing_positions(rig, pixels, 15).positions[:, 0]).tolist() == [True] * 3 + [False] * 9


def test_things_are_numbered_as_they_appear_and_know_their_tracks() -> None:
    rig = cameras(3)
    late = slice(4, None)
    views = [
        [track(7, 0, rig[0], RIGHT, late), track(3, 0, rig[0], LEFT)],
        [track(5, 1, rig[1], RIGHT, late), track(4, 1, rig[1], LEFT)],
        [track(8, 2, rig[2], LEFT, slice(0, 2))],
    ]
    sightings = Sightings.of_crop_tracks(views)
    told: list[tuple[int, int | None]] = []
    made = triangulate_groups(rig, sightings, [[0, 2], [1, 3, 4]], SETTINGS, lambda *done: told.append(done))
    tracks = made.tracks
    assert tracks.members_of(1) == [(0, 3), (1, 4), (2, 8)]
    assert tracks.members_of(2) == [(0, 7), (1, 5)]
    assert tracks.frame_numbers[tracks.rows_of(2)].tolist() == list(range(4, 12))
    np.testing.assert_allclose(tracks.positions[tracks.rows_of(1)], LEFT, atol=1e-4)
    assert tracks.used[tracks.rows_of(1)].sum(axis=0).tolist() == [12, 12, 2]
    assert (made.asked, made.refused, made.dropped_views) == (20, 0, 0)
    assert made.undropped_median_px < 1e-3
    assert told == [(1, 2), (2, 2)]


def test_counts_what_was_dropped_and_refused() -> None:
    rig = cameras(3)
    sightings = Sightings.of_crop_tracks([[track(1, v, camera, LEFT)] for v, camera in enumerate(rig)])
    sightings.boxes[sightings.in_view(1)][:, [1, 3]] += np.where(np.arange(12) < 5, 70, 0)[:, None]
    sightings.boxes[sightings.in_view(2)][:, [1, 3]] -= np.where(np.arange(12) < 2, 90, 0)[:, None]
    made = triangulate_groups(rig, sightings, [[0, 1, 2]], SETTINGS)
    assert (made.asked, made.refused, made.dropped_views) == (12, 2, 3)
    assert made.tracks.frame_numbers.tolist() == list(range(2, 12))


def test_a_camera_that_moves_is_where_it_is_in_each_frame() -> None:
    rig = cameras(2)
    shifts = np.tile(rig[1].t, (12, 1)) + np.arange(12)[:, None] * [0.05, 0, 0]
    path = CameraPath(rig[1], np.tile(rig[1].R, (12, 1, 1)), shifts)
    moving = [[track(1, 0, rig[0], LEFT)], [track(1, 1, rig[1], LEFT)]]
    sightings = Sightings.of_crop_tracks(moving)
    pixels = np.array([path.at(frame).project(place)[0] for frame, place in enumerate(LEFT)])
    sightings.boxes[sightings.in_view(1)] = np.concatenate([pixels - 4, pixels + 5], axis=1)
    made = triangulate_groups([rig[0], path], sightings, [[0, 1]], SETTINGS)
    np.testing.assert_allclose(made.tracks.positions, LEFT, atol=1e-4)


def test_no_groups_make_an_empty_table() -> None:
    made = triangulate_groups(cameras(2), Sightings.of_crop_tracks([[], []]), [], SETTINGS)
    assert made.tracks.row_count == 0
    assert np.isnan(made.undropped_median_px)
