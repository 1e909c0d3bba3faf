"""Triangulation: exact for exact pixels, as good as the pixels for noisy ones, and nothing where views say nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.geometry.camera_examples import pinhole, ring
from videotracks.geometry.triangulation import refine, reprojection_errors, triangulate

LENS = (-0.1, 0.02, 0.001, -0.001, 0.003)


def sights(cameras, points):
    return np.stack([camera.project(points)[0] for camera in cameras])


def scene(seed, count=50):
    return np.random.default_rng(seed).uniform((-1, -1, 0), (1, 1, 2), (count, 3))


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1), st.sampled_from([(), LENS]))
def test_exact_pixels_give_the_exact_points(count, seed, lens) -> None:
    cameras, points = ring(5 if count == 2 else count, lens)[:count], scene(seed)
    visible = np.random.default_rng(seed).random((count, len(points))) < 0.7
    made = triangulate(cameras, sights(cameras, points), visible)
    known = visible.sum(axis=0) >= 2
    np.testing.assert_allclose(made[known], points[known], atol=1e-9)
    assert np.isnan(made[~known]).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_a_pixel_of_noise_is_a_centimetre_at_four_metres(count, seed) -> None:
    """A pixel of 1000 px focal length is 4 mm at 4 m; 1 px of noise stays within four times the sum over the views."""
    cameras, points = ring(5 if count == 2 else count, LENS)[:count], scene(seed)
    pixels = sights(cameras, points) + np.random.default_rng(seed).normal(0, 1, (count, len(points), 2))
    visible = np.ones(pixels.shape[:2], bool)
    linear = triangulate(cameras, pixels, visible)
    assert np.median(np.linalg.norm(linear - points, axis=1)) < 0.01
    made = refine(cameras, linear, pixels, visible)
    before, after = (np.square(reprojection_errors(cameras, p, pixels, visible)).sum(axis=0) for p in (linear, made))
    assert (after <= before).all()
    np.testing.assert_allclose(after[:10], [least_cost(cameras, made[n], pixels[:, n]) for n in range(10)], rtol=1e-4)


def least_cost(cameras, near, seen):
    """Of one point alone, with the derivative by differences."""
    from scipy.optimize import least_squares

    return 2 * least_squares(lambda x: (sights(cameras, x[None])[:, 0] - seen).ravel(), near, xtol=1e-12).cost


def test_refinement_recovers_from_a_bad_start() -> None:
    cameras, points = ring(3, LENS), scene(0)
    pixels, visible = sights(cameras, points), np.ones((3, 50), bool)
    start = points + np.random.default_rng(0).normal(0, 0.1, points.shape)
    np.testing.assert_allclose(refine(cameras, start, pixels, visible, steps=6), points, atol=1e-8)
    np.testing.assert_array_equal(refine(cameras, start, pixels, visible, steps=0), start)


def test_views_without_weight_do_not_count() -> None:
    cameras, points = ring(3), scene(0)
    pixels, visible = sights(cameras, points), np.ones((3, 50), bool)
    pixels[2] += 100
    weights = np.array([1.0, 2, 0])[:, None] * visible
    np.testing.assert_allclose(triangulate(cameras, pixels, visible, weights), points, atol=1e-9)
    np.testing.assert_allclose(refine(cameras, points, pixels, visible, weights), points, atol=1e-9)


def test_what_counts_more_pulls_more() -> None:
    cameras, points = ring(3), scene(0)
    pixels, visible = sights(cameras, points), np.ones((3, 50), bool)
    pixels[2] += 20
    lightly = np.array([1.0, 1, 0.01])[:, None] * visible
    for solve in (triangulate, lambda *given: refine(given[0], points, *given[1:])):
        off, less = (np.linalg.norm(solve(cameras, pixels, visible, w) - points, axis=1) for w in (None, lightly))
        assert (less < 0.2 * off).all()


def test_missing_pixels_are_not_seen() -> None:
    cameras, points = ring(3), scene(0, 4)
    pixels, visible = sights(cameras, points), np.ones((3, 4), bool)
    pixels[0, 1], pixels[:2, 2] = np.nan, np.nan
    made = triangulate(cameras, pixels, visible)
    np.testing.assert_allclose(made[[0, 1, 3]], points[[0, 1, 3]], atol=1e-9)
    assert np.isnan(made[2]).all()
    assert np.isnan(refine(cameras, made, pixels, visible)[2]).all()


def test_two_cameras_at_one_place_settle_no_depth() -> None:
    cameras = [pinhole(), pinhole(camera_id="cam_01")]
    pixels = np.full((2, 1, 2), 100.0)
    assert np.isnan(triangulate(cameras, pixels, np.ones((2, 1), bool))).all()


def test_parallel_rays_meet_nowhere() -> None:
    cameras = [pinhole(), pinhole(camera_id="cam_01", t=np.array([-1.0, 0, 0]))]
    pixels = np.array([[[320.0, 240]], [[320, 240]]])
    made = triangulate(cameras, pixels, np.ones((2, 1), bool))
    assert np.isnan(made).all() or np.abs(made).max() > 1e9


def test_far_origins_cost_no_digits() -> None:
    """Cameras surveyed in the grid of a country stand a thousand kilometres from its origin."""
    away = np.array([500_000.0, 5_000_000, 100])
    cameras = [
        pinhole(camera_id=c.camera_id, K=c.K, width=1280, height=720, R=c.R, t=c.t - c.R @ away) for c in ring(4)
    ]
    points = scene(0) + away
    made = triangulate(cameras, sights(cameras, points), np.ones((4, 50), bool))
    np.testing.assert_allclose(made, points, atol=1e-6, rtol=0)


def test_errors_are_distances_and_infinite_behind_a_camera() -> None:
    cameras = [pinhole(), pinhole(camera_id="cam_01")]
    points = np.array([[0.0, 0, 1], [0, 0, -1], [0, 0, 1]])
    pixels = np.tile([323.0, 244], (2, 3, 1))
    visible = np.array([[True, True, True], [True, False, False]])
    errors = reprojection_errors(cameras, points, pixels, visible)
    np.testing.assert_array_equal(errors, [[5, np.inf, 5], [5, np.nan, np.nan]])


def test_no_points_are_no_trouble() -> None:
    nothing = np.zeros((3, 0, 2)), np.zeros((3, 0), bool)
    assert triangulate(ring(3), *nothing).shape == (0, 3)
    assert refine(ring(3), np.zeros((0, 3)), *nothing).shape == (0, 3)
    assert reprojection_errors(ring(3), np.zeros((0, 3)), *nothing).shape == (3, 0)


@pytest.mark.parametrize(("views", "shape"), [(2, (3, 5)), (3, (3, 4)), (3, (15,))])
def test_refuses_shapes_that_do_not_fit(views, shape) -> None:
    with pytest.raises(ValueError, match="cameras, pixels"):
        triangulate(ring(views), np.zeros((3, 5, 2)), np.ones(shape, bool))


def test_refuses_weights_below_zero() -> None:
    with pytest.raises(ValueError, match="weights"):
        triangulate(ring(3), np.zeros((3, 5, 2)), np.ones((3, 5), bool), np.full((3, 5), -1.0))
