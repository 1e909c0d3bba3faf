"""Files of poses: read frame by frame, written and read back, or refused with the line."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calibration.calibration_examples import view
from tests.geometry.camera_examples import ring
from videotracks.calibration.pose_files import read_poses, write_poses
from videotracks.calibration.reading import read_calibration
from videotracks.calibration.toml_files import write_toml
from videotracks.errors import CalibrationError
from videotracks.geometry.camera_path import CameraPath
from videotracks.geometry.rotation import of_quaternions, to_quaternions

LENS = ring(1)[0]
STILL = "0 0 0 0 0 0 1"
FRAMES_TOML = f'[[camera]]\nid = "cam_00"\nsize = [1280, 720]\nK = {LENS.K.tolist()}\n'


def read(tmp_path, text: str, frames: int) -> CameraPath:
    (tmp_path / "poses.txt").write_text(text)
    return read_poses(tmp_path / "poses.txt", LENS, frames)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_quaternions_turn_as_opencv_does_and_come_back(seed: int) -> None:
    vectors = np.random.default_rng(seed).uniform(-1, 1, (5, 3)) * np.array([[1.8], [1], [1e-3], [1e-8], [0]])
    angles = np.linalg.norm(vectors, axis=1, keepdims=True)
    quaternions = np.hstack([vectors * np.sinc(angles / (2 * np.pi)) / 2, np.cos(angles / 2)])
    turns = of_quaternions(2 * quaternions)
    np.testing.assert_allclose(turns, [cv2.Rodrigues(v)[0] for v in vectors], atol=1e-9)
    np.testing.assert_allclose(to_quaternions(turns), quaternions, atol=1e-9)


def test_half_a_turn_comes_back() -> None:
    turn = of_quaternions(np.array([[0.6, 0.8, 0, 0]]))
    np.testing.assert_allclose(of_quaternions(to_quaternions(turn)), turn, atol=1e-12)


def test_a_line_leads_from_the_camera_to_the_world(tmp_path) -> None:
    """A camera at (1, 2, 3) that looks along x: what is 5 m before it is at (6, 2, 3)."""
    half = np.sqrt(0.5)
    path = read(tmp_path, f"# a comment\n1 2 3 0 {half} 0 {half}  # the first\n\n4, 5, 6, 0, 0, 0, 1\n", 2)
    np.testing.assert_allclose(path.at(0).center, [1, 2, 3], atol=1e-12)
    np.testing.assert_allclose(path.at(0).project(np.array([6.0, 2, 3]))[1], 5)
    np.testing.assert_allclose(path.at(1).center, [4, 5, 6])


def test_what_is_written_is_read_back(tmp_path) -> None:
    cameras = ring(4)
    path = CameraPath(LENS, np.array([c.R for c in cameras]), np.array([c.t for c in cameras]))
    write_poses(tmp_path / "poses.txt", path, np.arange(4) / 30)
    made = read_poses(tmp_path / "poses.txt", LENS, 4)
    np.testing.assert_allclose(made.turns, path.turns, atol=1e-11)
    np.testing.assert_allclose(made.shifts, path.shifts, atol=1e-11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STILL, "1 poses for 2 frames of cam_00"),
        (f"{STILL}\n{STILL}\n{STILL}", "3 poses for 2 frames"),
        (f"{STILL}\n0 0 0 0 0 1", "line 2: 6 values; expected 7, as in the lines before"),
        ("0 0 0 0 0 1", r"line 1: 6 values; expected \[t\] x y z qx qy qz qw"),
        (f"0 {STILL}\n{STILL}", "line 2: 7 values; expected 8"),
        (f"# one\n{STILL}\n0 0 x 0 0 0 1", "line 3: '0 0 x 0 0 0 1': expected finite numbers"),
        (f"{STILL}\n0 0 nan 0 0 0 1", "line 2: .*finite"),
        (f"{STILL}\n0 0 0 0 0 0.5 0.5", r"line 2: quaternion .* is 0\.707 long; expected 1"),
        (f"{STILL}\n0 0 0 0 0 0 0", "line 2: quaternion .* is 0 long"),
        (f"2 {STILL}\n1 {STILL}", "line 2: time 1 after 2"),
        ("#" * 70_000, "larger than the poses of 2 frames"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_refuses_what_are_no_poses_and_names_the_line(tmp_path, text, message) -> None:
    (tmp_path / "poses.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CalibrationError, match=message):
        read_poses(tmp_path / "poses.txt", LENS, 2)


def test_poses_beside_the_views_make_a_camera_move(tmp_path) -> None:
    (tmp_path / "cam_00.mp4").touch()
    (tmp_path / "cam_00.poses.txt").write_text(f"1 {STILL}\n")
    (tmp_path / "cameras.toml").write_text(FRAMES_TOML)
    (camera,) = read_calibration(tmp_path, [view("cam_00")])
    assert isinstance(camera, CameraPath)
    np.testing.assert_array_equal(camera.at(0).center, 0)
    write_toml(tmp_path / "cameras.toml", ring(2)[:1])  # what it says of the pose counts for nothing then
    (other,) = read_calibration(tmp_path, [view("cam_00", ring(1)[0].width, ring(1)[0].height)])
    np.testing.assert_array_equal(other.at(0).extrinsics, camera.at(0).extrinsics)


def test_a_camera_without_any_pose_is_refused(tmp_path) -> None:
    (tmp_path / "cam_00.mp4").touch()
    (tmp_path / "cameras.toml").write_text(FRAMES_TOML)
    with pytest.raises(CalibrationError, match=r"R: expected R and t.*none given.*cam_00\.poses\.txt"):
        read_calibration(tmp_path, [view("cam_00")])
