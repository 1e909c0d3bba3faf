"""Lenses: what they bend is straightened again, as OpenCV does, and what folds has no place in the picture."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from tests.geometry.camera_examples import TYPICAL, TYPICAL_FISHEYE, lenses
from videotracks.geometry.distortion import distort, fold_radius, undistort

GRID = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, 13), np.linspace(-0.6, 0.6, 9)), axis=-1).reshape(-1, 2)


@settings(max_examples=60, deadline=None)
@given(lenses())
def test_undistortion_inverts_distortion(lens) -> None:
    coefficients, fisheye = lens
    bent = distort(GRID, coefficients, fisheye=fisheye)
    inside = np.isfinite(bent).all(axis=1)
    # Where the radius is about to stop growing, digits of the ray are lost.
    inside &= np.hypot(*GRID.T) < 0.95 * fold_radius(coefficients, fisheye=fisheye)
    np.testing.assert_allclose(undistort(bent[inside], coefficients, fisheye=fisheye), GRID[inside], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(lenses())
def test_straightens_as_opencv_does(lens) -> None:
    coefficients, fisheye = lens
    near = GRID[np.hypot(*GRID.T) < 0.5]
    if fisheye:
        expected = cv2.fisheye.undistortPoints(near[None], np.eye(3), coefficients)[0]
    else:
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-13)
        expected = cv2.undistortPointsIter(near[None], np.eye(3), coefficients, np.eye(3), np.eye(3), until)
    np.testing.assert_allclose(undistort(near, coefficients, fisheye=fisheye), expected.reshape(-1, 2), atol=1e-7)


@pytest.mark.parametrize("fisheye", [False, True])
def test_the_radius_grows_up_to_the_fold_and_no_further(fisheye) -> None:
    coefficients = np.array([-0.3, 0, 0, 0])
    limit = fold_radius(coefficients, fisheye=fisheye)
    assert limit == pytest.approx(np.tan((1 / 0.9) ** 0.5) if fisheye else (1 / 0.9) ** 0.5)
    radii = np.linspace(0, 1.5 * limit, 3001)
    bent = distort(np.column_stack([radii, 0 * radii]), coefficients, fisheye=fisheye)[:, 0]
    assert (np.diff(bent[radii < limit]) > 0).all()
    assert np.isnan(bent[radii > limit]).all()


def test_what_the_plain_polynomial_folds_into_the_picture_has_no_place() -> None:
    """OpenCV maps the ray 1.8, 60 degrees aside, to 0.05: into the middle of the picture."""
    ray, coefficients = np.array([[1.8, 0]]), np.array([-0.3, 0, 0, 0])
    folded = cv2.projectPoints(np.array([[1.8, 0, 1]]), np.zeros(3), np.zeros(3), np.eye(3), coefficients)[0]
    assert abs(folded).max() < 0.06
    assert np.isnan(distort(ray, coefficients, fisheye=False)).all()


def test_a_pole_of_the_rational_model_is_a_fold() -> None:
    assert fold_radius(np.array([0, 0, 0, 0, 0, -0.25, 0, 0]), fisheye=False) == pytest.approx(2)


def test_no_ray_leads_beyond_what_the_lens_reaches() -> None:
    coefficients = np.array([-0.3, 0, 0, 0])
    reached = distort(np.array([[0.999 * fold_radius(coefficients, fisheye=False), 0]]), coefficients, fisheye=False)
    made = undistort(np.array([[0.1, 0], [reached[0, 0] + 0.01, 0], [5, 5], [np.nan, 0]]), coefficients, fisheye=False)
    assert np.isfinite(made).all(axis=1).tolist() == [True, False, False, False]
    fisheye = undistort(np.array([[0.1, 0], [np.pi, 0], [np.nan, 0]]), TYPICAL_FISHEYE, fisheye=True)
    assert np.isfinite(fisheye).all(axis=1).tolist() == [True, False, False]


@pytest.mark.parametrize("fisheye", [False, True])
def test_no_points_and_no_lens_are_no_trouble(fisheye) -> None:
    lens = TYPICAL_FISHEYE if fisheye else TYPICAL
    assert distort(np.zeros((0, 2)), lens, fisheye=fisheye).shape == (0, 2)
    assert undistort(np.zeros((0, 2)), lens, fisheye=fisheye).shape == (0, 2)
    np.testing.assert_array_equal(undistort(np.zeros((1, 2)), TYPICAL_FISHEYE, fisheye=True), [[0, 0]])
    np.testing.assert_array_equal(undistort(GRID, np.zeros(0), fisheye=False), GRID)


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e9])
def test_absurd_coefficients_are_no_error_of_arithmetic(size) -> None:
    for count in (4, 5, 8, 14):
        assert fold_radius(np.full(count, -size), fisheye=False) > 0
    distort(GRID, np.full(8, -size), fisheye=False)
    undistort(GRID, np.full(8, -size), fisheye=False)
