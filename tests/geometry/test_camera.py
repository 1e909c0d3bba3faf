"""A camera projects as OpenCV does, lifts back what it projects, and refuses to be none."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.geometry.camera_examples import cameras, pinhole, rotation
from videotracks.errors import CalibrationError

seeds = st.integers(0, 2**32 - 1)


def scene(seed, count=60):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 3))


@settings(max_examples=40, deadline=None)
@given(cameras(), seeds)
def test_projects_as_opencv_does(camera, seed) -> None:
    points = scene(seed)
    turn = cv2.Rodrigues(camera.R)[0]
    if camera.fisheye:
        expected = cv2.fisheye.projectPoints(points[None], turn, camera.t, camera.K, camera.distortion)[0][0]
    else:
        expected = cv2.projectPoints(points, turn, camera.t, camera.K, camera.distortion)[0][:, 0]
    pixels, depths = camera.project(points)
    seen = np.isfinite(pixels).all(axis=1)
    assert seen.mean() > 0.5
    np.testing.assert_allclose(pixels[seen], expected[seen], atol=1e-6)
    np.testing.assert_allclose(depths, (points @ camera.R.T + camera.t)[:, 2])


@settings(max_examples=40, deadline=None)
@given(cameras(), seeds)
def test_lifts_back_what_it_projects(camera, seed) -> None:
    points = scene(seed)
    pixels, depths = camera.project(points)
    seen = np.isfinite(pixels).all(axis=1)
    np.testing.assert_allclose(camera.lift(pixels[seen], depths[seen]), points[seen], atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(cameras(), seeds)
def test_the_jacobian_is_the_slope_of_the_projection(camera, seed) -> None:
    points, step = scene(seed, 20), 1e-6
    ahead, behind = (points[:, None] + sign * step * np.eye(3) for sign in (1, -1))
    slopes = (camera.project(ahead)[0] - camera.project(behind)[0]) / (2 * step)
    seen = np.isfinite(slopes).all(axis=(1, 2))
    jacobian = camera.projection_jacobian(points)[seen]
    np.testing.assert_allclose(jacobian, np.swapaxes(slopes, 1, 2)[seen], rtol=1e-5, atol=1e-2)


def test_the_matrix_projects_where_there_is_no_distortion() -> None:
    camera = pinhole(R=rotation([0.1, -0.2, 0.3]), t=np.array([0.1, 0.2, 4]))
    points = scene(0)
    made = np.column_stack([points, np.ones(len(points))]) @ camera.projection_matrix.T
    np.testing.assert_allclose(made[:, :2] / made[:, 2:], camera.project(points)[0])
    np.testing.assert_allclose(camera.project(camera.center[None])[1], 0, atol=1e-12)


def test_skew_shifts_columns_by_rows_and_back() -> None:
    camera = pinhole(K=np.array([[500.0, 10, 320], [0, 500, 240], [0, 0, 1]]))
    pixels, depths = camera.project(np.array([[0.0, 1, 5]]))
    np.testing.assert_allclose(pixels, [[322, 340]])
    np.testing.assert_allclose(camera.lift(pixels, depths), [[0, 1, 5]], atol=1e-12)


def test_what_is_not_in_front_has_no_pixel() -> None:
    pixels, depths = pinhole().project(np.array([[0.0, 0, -1], [1, 1, 0], [0, 0, 1]]))
    assert np.isnan(pixels).all(axis=1).tolist() == [True, True, False]
    assert depths.tolist() == [-1, 0, 1]


def test_points_may_have_any_leading_axes() -> None:
    points = scene(1, 24) + np.array([0, 0, 3])
    camera = pinhole(distortion=np.array([0.1, 0.01, 0.001, 0.002]))
    pixels, depths = camera.project(points.reshape(2, 3, 4, 3))
    np.testing.assert_array_equal(pixels.reshape(-1, 2), camera.project(points)[0])
    np.testing.assert_allclose(camera.lift(pixels, depths).reshape(-1, 3), points)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"camera_id": ""}, "camera_id"),
        ({"camera_id": "a\nb"}, "camera_id"),
        ({"width": 0}, "size"),
        ({"height": 1 << 20}, "size"),
        ({"K": np.eye(4)}, "K: shape"),
        ({"K": np.diag([500.0, -500, 1])}, "K: focal"),
        ({"K": np.array([[500.0, 0, 1], [1, 500, 1], [0, 0, 1]])}, "K: expected"),
        ({"K": np.diag([500.0, 500, 2])}, "K: expected"),
        ({"K": np.diag([500.0, np.nan, 1])}, "K: holds"),
        ({"distortion": np.zeros(3)}, "distortion: 3"),
        ({"distortion": np.zeros(5), "fisheye": True}, "distortion: 5 coefficients; OpenCV's fisheye"),
        ({"distortion": np.array([1e300, 0, 0, 0])}, "distortion: at most"),
        ({"R": -np.eye(3)}, "R: no rotation"),
        ({"R": np.diag([1.0, 1, -1])}, "R: no rotation"),
        ({"R": np.diag([1.0, 1, 1.01])}, "R: no rotation"),
        ({"t": np.zeros((3, 1))}, "t: shape"),
        ({"t": np.array([0, np.inf, 0])}, "t: holds"),
    ],
)
def test_refuses_what_is_no_camera(changes, field) -> None:
    with pytest.raises(CalibrationError, match=f"^{field}"):
        pinhole(**changes)


def test_cannot_be_changed_from_outside() -> None:
    matrix = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
    camera = pinhole(K=matrix)
    matrix[0, 0] = 1
    assert camera.K[0, 0] == 500
    with pytest.raises(ValueError, match="read-only"):
        camera.K[0, 0] = 1
