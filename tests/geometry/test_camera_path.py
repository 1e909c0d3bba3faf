"""A camera that moves offers what one at rest does, frame by frame."""

import numpy as np
import pytest

from tests.geometry.camera_examples import ring
from videotracks.errors import CalibrationError
from videotracks.geometry.camera_path import CameraPath, as_seen, project_through


def moving(count: int = 4) -> CameraPath:
    cameras = ring(count)
    return CameraPath(cameras[0], np.array([c.R for c in cameras]), np.array([c.t for c in cameras]))


def test_is_the_camera_of_each_frame() -> None:
    path = moving()
    assert (path.camera_id, path.frame_count) == ("cam_00", 4)
    for frame, camera in enumerate(ring(4)):
        np.testing.assert_array_equal(path.at(frame).extrinsics, camera.extrinsics)
        np.testing.assert_array_equal(path.extrinsics[frame], camera.extrinsics)
    assert path.lens.at(3) is path.lens
    with pytest.raises(IndexError, match="frame 4 of 4 with a pose"):
        path.at(4)


def test_every_nth_frame_is_left() -> None:
    path = moving(7).every(3, 3)
    np.testing.assert_array_equal(path.shifts, moving(7).shifts[[0, 3, 6]])


def test_points_of_each_frame_are_projected_by_its_own_pose() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (4, 5, 3))
    pixels, depths = project_through(moving(), points)
    for frame, camera in enumerate(ring(4)):
        np.testing.assert_allclose(pixels[frame], camera.project(points[frame])[0])
        np.testing.assert_allclose(depths[frame], camera.project(points[frame])[1])
    still = ring(1)[0]
    np.testing.assert_array_equal(project_through(still, points)[0], still.project(points)[0])


def test_another_lens_goes_the_same_way() -> None:
    other = ring(2)[1]
    assert as_seen(ring(1)[0], other) is other
    np.testing.assert_array_equal(as_seen(moving(), other).at(2).t, moving().at(2).t)


def test_refuses_what_are_no_poses_and_names_the_frame() -> None:
    path = moving()
    turns, shifts = path.turns.copy(), path.shifts.copy()
    turns[2] *= 1.1
    with pytest.raises(CalibrationError, match="cam_00, frame 2: no pose"):
        CameraPath(path.lens, turns, shifts)
    shifts[1, 0] = np.nan
    with pytest.raises(CalibrationError, match="frame 1: no pose"):
        CameraPath(path.lens, path.turns, shifts)
    with pytest.raises(CalibrationError, match=r"shapes .*expected \[T, 3, 3\]"):
        CameraPath(path.lens, path.turns[:2], path.shifts)
