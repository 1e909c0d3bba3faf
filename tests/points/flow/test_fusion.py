"""Fusion of views, search for patches and motion of neighbours, each against what is known by construction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.points.camera_examples import ring
from tests.points.rendered_scenes import turned
from videotracks.geometry.triangulation import refine, triangulate
from videotracks.points.flow.fusion import Fusion
from videotracks.points.flow.prediction import Prediction
from videotracks.points.flow.settings import FlowTrackerSettings


def sights(views: int, count: int, noise_px: float, seed: int = 0):
    """Cameras, points f8[N, 3], and pixels, rays and depths of them."""
    random = np.random.default_rng(seed)
    cameras = ring(views)
    points = random.uniform((-0.5, -0.5, 3.5), (0.5, 0.5, 4.5), (count, 3))
    seen = [camera.project(points) for camera in cameras]
    pixels = np.stack([at for at, _ in seen]) + random.normal(0, noise_px, (views, count, 2))
    rays = np.stack([camera.undistort(at) for camera, at in zip(cameras, pixels, strict=True)])
    return cameras, points, pixels, rays, np.stack([depths for _, depths in seen])


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 5), st.integers(0, 1000))
def test_is_where_triangulation_with_refinement_is(views, seed):
    cameras, points, pixels, rays, depths = sights(views, 20, 0.3, seed)
    fused = Fusion(cameras, FlowTrackerSettings()).fuse(
        rays, np.full_like(depths, np.nan), np.ones_like(depths), points + 0.03
    )
    everywhere = np.ones(depths.shape, bool)
    best = refine(cameras, triangulate(cameras, pixels, everywhere), pixels, everywhere)
    assert fused.settled.all()
    np.testing.assert_allclose(fused.points, best, atol=1e-3)


def test_depth_of_one_view_settles_a_point():
    cameras, points, _, rays, depths = sights(1, 50, 0.0)
    fused = Fusion(cameras, FlowTrackerSettings()).fuse(rays, depths, np.ones_like(depths), points + 0.05)
    assert fused.settled.all()
    np.testing.assert_allclose(fused.points, points, atol=1e-6)


def test_one_view_without_depth_stays_near_the_prediction():
    cameras, points, _, rays, depths = sights(1, 50, 0.0)
    expected = points + np.array([0.0, 0.0, 0.02])
    fused = Fusion(cameras, FlowTrackerSettings()).fuse(rays, depths * np.nan, np.ones_like(depths), expected)
    assert not fused.settled.any()
    assert np.linalg.norm(fused.points - expected, axis=1).max() < 0.02
    np.testing.assert_allclose(cameras[0].undistort(cameras[0].project(fused.points)[0]), rays[0], atol=1e-3)


@pytest.mark.parametrize("wrong", range(4))
def test_leaves_out_the_one_view_that_contradicts_three(wrong):
    cameras, points, _, rays, depths = sights(4, 50, 0.1)
    rays[wrong] += [0.03, 0.01]  # 18 px
    fused = Fusion(cameras, FlowTrackerSettings()).fuse(rays, depths * np.nan, np.ones_like(depths), points)
    assert not fused.used[wrong].any()
    assert fused.used.sum() == 3 * 50
    assert np.linalg.norm(fused.points - points, axis=1).max() < 0.01


def test_leaves_out_the_view_whose_depth_is_another_surface():
    cameras, points, _, rays, depths = sights(3, 50, 0.1)
    depths[1] -= 0.5
    fused = Fusion(cameras, FlowTrackerSettings()).fuse(rays, depths, np.ones_like(depths), points)
    assert not fused.used[1].any()
    assert np.linalg.norm(fused.points - points, axis=1).max() < 0.01


def test_of_two_views_that_contradict_the_expected_one_stays():
    cameras, points, _, rays, depths = sights(2, 50, 0.0)
    rays[0] += [0.0, 0.05]  # off the epipolar line
    fused = Fusion(cameras, FlowTrackerSettings()).fuse(rays, depths, np.ones_like(depths), points)
    assert not fused.used[0].any()
    assert fused.used[1].all()


def test_points_that_no_view_sees_are_nowhere():
    cameras, points, _, rays, depths = sights(2, 5, 0.0)
    fused = Fusion(cameras, FlowTrackerSettings()).fuse(rays, depths, np.zeros_like(depths), points)
    assert np.isnan(fused.points).all()
    assert not fused.settled.any()


def test_a_hidden_point_turns_with_its_neighbours():
    random = np.random.default_rng(0)
    body = random.uniform(-0.15, 0.15, (40, 3))
    prediction = Prediction(40, FlowTrackerSettings())
    path = [body @ turned(0.02 * t, (0.3, 1, 0.2)).T + [0.01 * t, 0, 3] for t in range(40)]
    prediction.begin(np.arange(40), path[0])
    seen = np.ones(40, bool)
    for t, points in enumerate(path[1:], 1):
        seen[:5] = t < 10
        held = prediction.carry(seen.copy(), np.where(seen[:, None], points, np.nan))
        prediction.take(seen.copy(), held.points)
    assert held.held.all()
    assert held.firm[:5].all()
    assert np.linalg.norm(held.points[:5] - path[-1][:5], axis=1).max() < 0.01


def test_a_hidden_point_without_neighbours_comes_to_rest_and_is_given_up():
    prediction = Prediction(1, FlowTrackerSettings(coasting_frames=5))
    prediction.begin(np.array([0]), np.zeros((1, 3)))
    for t in range(1, 6):
        points = np.array([[0.01 * t, 0, 0]])
        prediction.take(np.array([True]), prediction.carry(np.array([True]), points).points)
    held = []
    for _ in range(8):
        carried = prediction.carry(np.array([False]), np.full((1, 3), np.nan))
        held.append(bool(carried.held[0]))
        prediction.take(np.array([False]), carried.points)
    assert held == [True] * 5 + [False] * 3
    assert 0.05 < carried.points[0, 0] < 0.1


def test_patches_are_found_where_they_are():
    import cv2

    from videotracks.points.flow.patch_kernels import SIDE, describe, search

    random = np.random.default_rng(0)
    image = cv2.GaussianBlur(random.integers(0, 256, (120, 160), dtype=np.uint8), (0, 0), 1.5)
    image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
    at = random.uniform(30, 90, (50, 2)).astype("f4")
    patches = np.empty((50, SIDE * SIDE), "f4")
    describe(image, at, np.eye(2, dtype="f4")[None], patches)
    np.testing.assert_allclose((patches**2).sum(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(patches.sum(axis=1), 0, atol=1e-3)
    begin = at + random.uniform(-4, 4, at.shape).astype("f4")
    found, scores = np.empty_like(at), np.empty((50, 2), "f4")
    search(image, patches, begin, np.full(50, 6), found, scores)
    assert np.abs(found - at).max() < 0.5
    assert (scores[:, 0] > 0.9).all()
    assert (scores[:, 1] < scores[:, 0]).all()


def test_patches_outside_or_flat_match_nothing():
    from videotracks.points.flow.patch_kernels import SIDE, describe

    flat = np.full((50, 50), 100, np.uint8)
    random = np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)
    for image, at in (
        (flat, [25, 25]),
        (random, [2, 25]),
        (random, [np.nan, 5]),
        (random, [-1e9, 5]),
        (random, [25, 49]),
    ):
        patches = np.ones((1, SIDE * SIDE), "f4")
        describe(image, np.array([at], "f4"), np.eye(2, dtype="f4")[None], patches)
        assert (patches == 0).all()
