"""Points against views: the view that lies is left out, and where two remain the point is saved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.points.camera_examples import ring, seen_by
from videotracks.points.reprojection import Observations, check_against_views, reprojection_errors, triangulated


def example(views=4, frames=5, count=6, seed=0):
    random = np.random.default_rng(seed)
    points = random.uniform((-0.5, -0.5, 3.5), (0.5, 0.5, 4.5), (frames, count, 3))
    cameras = ring(views)
    return cameras, points, seen_by(cameras, points), np.ones((views, frames, count), bool)


@given(st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_triangulation_finds_the_point(views: int, seed: int) -> None:
    cameras, points, pixels, _ = example(views, 2, 6, seed)
    truth, seen = points.reshape(-1, 3), pixels.reshape(views, -1, 2)
    used = np.random.default_rng(seed).random((views, 12)) < 0.6
    used[:2] = True
    near = truth + np.random.default_rng(seed).normal(0, 0.3, truth.shape)
    np.testing.assert_allclose(triangulated(cameras, near, seen, used), truth, atol=1e-6)


def test_errors_are_distances_in_pixels_where_a_view_saw_the_point() -> None:
    cameras, points, pixels, visible = example(2, 1, 3)
    pixels[1, 0, 2] += [3, 4]
    visible[0, 0, 1] = False
    points = points[0].copy()
    made = reprojection_errors(cameras, points, pixels[:, 0], visible[:, 0])
    np.testing.assert_allclose(made, [[0, np.nan, 0], [0, 0, 5]], atol=1e-9)
    points[0, 2] = -9
    assert np.isinf(reprojection_errors(cameras, points, pixels[:, 0], visible[:, 0])[:, 0]).all()


def test_what_all_views_confirm_is_left_as_it_is() -> None:
    cameras, points, pixels, visible = example()
    made = check_against_views(points, visible[0], cameras, Observations(pixels + 5, visible), 15)
    np.testing.assert_array_equal(made.points, points)
    assert not made.masked.any()
    assert not made.triangulated.any()


@pytest.mark.parametrize("views", [3, 4])
def test_a_point_that_one_view_pulled_away_is_put_back(views: int) -> None:
    cameras, points, pixels, visible = example(views)
    pixels[1, 2, 3] += 200
    pulled = points.copy()
    pulled[2, 3] = triangulated(cameras, points[2, 3:4], pixels[:, 2, 3:4], np.ones((views, 1), bool))
    made = check_against_views(pulled, visible[0], cameras, Observations(pixels, visible), 15)
    assert np.argwhere(made.triangulated).tolist() == [[2, 3]]
    assert not made.masked.any()
    np.testing.assert_allclose(made.points, points, atol=1e-6)


def test_where_two_views_contradict_each_other_nobody_is_believed() -> None:
    cameras, points, pixels, visible = example(2)
    pixels[1, 2, 3] += 200
    made = check_against_views(points, visible[0], cameras, Observations(pixels, visible), 15)
    assert np.argwhere(made.masked).tolist() == [[2, 3]]
    assert not made.triangulated.any()
    np.testing.assert_array_equal(made.points, points)


def test_points_that_no_view_saw_or_that_are_not_visible_are_not_judged() -> None:
    cameras, points, pixels, visible = example()
    pixels += 500
    visible[:, 1, 2] = False
    shown = np.zeros((5, 6), bool)
    shown[1, 2] = True
    assert not check_against_views(points, shown, cameras, Observations(pixels, visible), 15).masked.any()


def test_pixels_that_are_no_numbers_are_not_seen() -> None:
    cameras, points, pixels, visible = example()
    pixels[2] = np.nan
    assert not check_against_views(points, visible[0], cameras, Observations(pixels, visible), 15).masked.any()


def test_observations_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[V, T, N, 2\]"):
        Observations(np.zeros((2, 3, 4, 2)), np.zeros((2, 3, 5), bool))
    with pytest.raises(ValueError, match="bool"):
        Observations(np.zeros((2, 3, 4, 2)), np.zeros((2, 3, 4)))
