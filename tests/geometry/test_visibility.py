"""Visible is what lies in front, on the picture, and not behind a surface."""

import numpy as np
import pytest

from tests.geometry.camera_examples import pinhole
from videotracks.geometry.visibility import in_frame, visible_from


def test_the_picture_begins_half_a_pixel_before_the_first_centre() -> None:
    pixels = np.array([[-0.5, -0.5], [-0.6, 0], [639.4, 479.4], [639.5, 0], [0, 479.5], [np.nan, 0]])
    assert in_frame(pinhole(), pixels).tolist() == [True, False, True, False, False, False]


def test_points_behind_or_beside_the_camera_are_not_seen() -> None:
    points = np.array([[0.0, 0, 2], [0, 0, -2], [5, 0, 2], [0, 0, 0]])
    assert visible_from(pinhole(), points).tolist() == [True, False, False, False]


def test_a_point_from_outside_that_the_distortion_folds_back_is_not_seen() -> None:
    camera = pinhole(distortion=np.array([-0.3, 0, 0, 0]))
    assert visible_from(camera, np.array([[0.5, 0, 1.0], [1.8, 0, 1.0]])).tolist() == [True, False]


def test_a_surface_hides_what_is_behind_it_by_more_than_the_tolerance() -> None:
    depth = np.full((480, 640), 2.0, "f4")
    depths = np.array([1.0, 2.0, 2.05, 2.07, 5.0])
    points = np.column_stack([np.zeros(5), np.zeros(5), depths])
    assert visible_from(pinhole(), points, depth).tolist() == [True, True, True, False, False]
    exactly = visible_from(pinhole(), points, depth, relative=0, absolute_m=0)
    assert exactly.tolist() == [True, True, False, False, False]
    assert visible_from(pinhole(), points, depth, relative=0, absolute_m=0.06).tolist() == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("missing", [0, np.nan, -1, np.inf])
def test_a_hole_in_the_depth_map_hides_nothing(missing) -> None:
    assert visible_from(pinhole(), np.array([[0.0, 0, 3]]), np.full((480, 640), missing, "f4")).all()


@pytest.mark.parametrize("size", [(480, 640), (240, 320), (48, 64)])
def test_depth_maps_of_any_resolution_cover_the_picture(size) -> None:
    depth = np.full(size, 9.0, "f4")
    depth[: size[0] // 2, : size[1] // 2] = 1.0  # the upper left quarter is near
    corners = np.array([[0.0, 0], [639.4, 0], [0, 479.4], [639.4, 479.4], [319.4, 239.4], [319.6, 239.6]])
    seen = visible_from(pinhole(), pinhole().lift(corners, np.full(6, 5.0)), depth)
    assert seen.tolist() == [False, True, True, True, False, True]


def test_points_keep_their_axes() -> None:
    points = np.random.default_rng(0).uniform(-2, 2, (4, 5, 3))
    depth = np.full((480, 640), 1.0)
    seen = visible_from(pinhole(), points, depth)
    assert seen.shape == (4, 5)
    np.testing.assert_array_equal(seen.ravel(), visible_from(pinhole(), points.reshape(-1, 3), depth))
