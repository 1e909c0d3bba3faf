"""Points against views: the view that lies is left out, and where two remain the point is saved."""

import numpy as np
import pytest

from tests.points.camera_examples import ring, seen_by
from videotracks.geometry.camera_path import CameraPath
from videotracks.geometry.triangulation import triangulate
from videotracks.points.refinement.reprojection import Observations, check_against_views


def example(views=4, frames=5, count=6, seed=0):
    random = np.random.default_rng(seed)
    points = random.uniform((-0.5, -0.5, 3.5), (0.5, 0.5, 4.5), (frames, count, 3))
    cameras = ring(views)
    return cameras, points, seen_by(cameras, points), np.ones((views, frames, count), bool)


def test_what_all_views_confirm_is_left_as_it_is() -> None:
    cameras, points, pixels, visible = example()
    made = check_against_views(points, visible[0], cameras, Observations(pixels + 5, visible), 15)
    np.testing.assert_array_equal(made.points, points)
    assert not made.masked.any()
    assert not made.triangulated.any()


def test_cameras_that_move_are_asked_frame_by_frame() -> None:
    """Each view goes a step round the ring in every frame: with the poses of the first, nothing would fit."""
    frames, count = 4, 6
    stands = ring(7)
    points = np.random.default_rng(1).uniform((-0.5, -0.5, 3.5), (0.5, 0.5, 4.5), (frames, count, 3))
    whole = seen_by(stands, points)
    paths, pixels = [], np.empty((3, frames, count, 2))
    for view in range(3):
        way = stands[view : view + frames]
        paths.append(CameraPath(stands[view], np.array([c.R for c in way]), np.array([c.t for c in way])))
        pixels[view] = [whole[view + t, t] for t in range(frames)]
    visible = np.ones((3, frames, count), bool)
    pixels[0, 2, 1] += 300
    pulled = points.copy()
    pulled[2, 1] += 0.2
    made = check_against_views(pulled, visible[0], paths, Observations(pixels, visible), 15)
    assert np.argwhere(made.triangulated).tolist() == [[2, 1]]
    assert not made.masked.any()
    np.testing.assert_allclose(made.points, points, atol=1e-6)
    first = [path.at(0) for path in paths]
    astray = check_against_views(points, visible[0], first, Observations(pixels, visible), 15)
    assert astray.triangulated[1:].any()


@pytest.mark.parametrize("views", [3, 4])
def test_a_point_that_one_view_pulled_away_is_put_back(views: int) -> None:
    cameras, points, pixels, visible = example(views)
    pixels[1, 2, 3] += 200
    pulled = points.copy()
    pulled[2, 3] = triangulate(cameras, pixels[:, 2, 3:4], np.ones((views, 1), bool))
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
