"""Epipolar geometry: nought for two sights of one point, and pixels for what lies beside the line."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.geometry.camera_examples import cameras, pinhole, ring
from videotracks.geometry.epipolar import epipolar_distances, essential_matrix, fundamental_matrix


@settings(max_examples=30, deadline=None)
@given(cameras(), cameras(), st.integers(0, 2**32 - 1))
def test_sights_of_one_point_lie_on_each_others_lines(first, second, seed) -> None:
    points = np.random.default_rng(seed).uniform(-0.5, 0.5, (20, 3))
    seen, others = first.project(points)[0], second.project(points)[0]
    distances = epipolar_distances(first, second, seen, others)
    apart = np.linalg.norm(first.center - second.center) > 0.1
    assert np.nanmax(distances, initial=0) < 1e-5 or not apart


def test_agrees_with_opencv() -> None:
    first, second = ring(5)[:2]
    lines = cv2.computeCorrespondEpilines(np.array([[[100.0, 200]]]), 1, fundamental_matrix(first, second))[0, 0]
    made = fundamental_matrix(first, second) @ (100, 200, 1)
    np.testing.assert_allclose(made / np.hypot(*made[:2]), lines, rtol=1e-5)
    turn, _, direction = cv2.decomposeEssentialMat(essential_matrix(first, second))
    turns = [turn, cv2.decomposeEssentialMat(essential_matrix(first, second))[1]]
    assert min(np.abs(t - second.R @ first.R.T).max() for t in turns) < 1e-9
    moved = second.t - second.R @ first.R.T @ first.t
    np.testing.assert_allclose(np.abs(direction[:, 0]), np.abs(moved / np.linalg.norm(moved)), atol=1e-9)


def test_a_shift_across_the_lines_is_its_own_size() -> None:
    """Two cameras side by side: the lines are rows."""
    beside = pinhole(camera_id="cam_01", t=np.array([-1.0, 0, 0]))
    seen = np.array([[100.0, 200], [300, 50]])
    others = seen + np.array([[-30, 7], [-80, -2]])
    np.testing.assert_allclose(epipolar_distances(pinhole(), beside, seen, others), [7, 2])


def test_one_place_has_no_lines() -> None:
    assert np.isnan(epipolar_distances(pinhole(), pinhole(), np.ones((1, 2)), np.ones((1, 2)))).all()
