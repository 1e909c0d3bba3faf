"""The calibration of a recording is found, belongs to its views, or says why not."""

import logging
import time

import numpy as np
import pytest

from tests.calibration.calibration_examples import assert_same, pose2sim_text, view, views_of, write_opencv
from tests.geometry.camera_examples import ring
from videotracks.calibration.reading import find_calibration, read_calibration
from videotracks.calibration.toml_files import write_toml
from videotracks.errors import CalibrationError
from videotracks.geometry.epipolar import epipolar_distances
from videotracks.geometry.triangulation import refine, reprojection_errors, triangulate
from videotracks.recording import probe_recording

CONFIG = """\
[project]
multi_person = true
[pose]
vid_img_extension = 'mp4'
[calibration]
calibration_type = 'convert'
[calibration.calculate.intrinsics]
overwrite_intrinsics = false
intrinsics_square_size = 60 # mm
"""


def test_the_cameras_come_in_the_order_of_the_views(tmp_path) -> None:
    cameras = ring(4)
    write_toml(tmp_path / "cameras.toml", cameras)
    order = [cameras[i] for i in (2, 0, 3, 1)]
    assert_same(read_calibration(tmp_path / "cameras.toml", views_of(order)), order, exactly=True)


def test_ours_comes_first_then_pose2sims_then_opencvs(tmp_path) -> None:
    write_opencv(tmp_path / "cam_00.yml", ring(1))
    assert find_calibration(tmp_path) == tmp_path / "cam_00.yml"
    write_opencv(tmp_path / "cam_01.yml", ring(2)[1:])
    assert find_calibration(tmp_path) == tmp_path
    (tmp_path / "Calib.toml").write_text(pose2sim_text(ring(1)))
    assert find_calibration(tmp_path) == tmp_path / "Calib.toml"
    (tmp_path / "cameras.toml").write_text("")
    assert find_calibration(tmp_path) == tmp_path / "cameras.toml"


def test_other_files_are_no_calibration(tmp_path) -> None:
    (tmp_path / "Config.toml").write_text(CONFIG)
    (tmp_path / "settings.yaml").write_text("K: 5\nmatrix: 3\n")
    (tmp_path / "large.toml").write_bytes(b"matrix = 1\ntranslation = 1\n" + b"#" * (1 << 21))
    (tmp_path / ".hidden.toml").write_text(pose2sim_text(ring(1)))
    (tmp_path / "folder.toml").mkdir()
    assert find_calibration(tmp_path) is None
    assert find_calibration(tmp_path / "Config.toml") is None
    assert find_calibration(tmp_path / "absent") is None
    with pytest.raises(CalibrationError, match=r"no calibration; expected cameras\.toml"):
        read_calibration(tmp_path, [view("cam_00")])


def test_looking_for_one_takes_no_time_in_hostile_files(tmp_path) -> None:
    for name, filling in (("a.toml", b"\n"), ("b.toml", b" "), ("c.yml", b"_"), ("d.yml", b"a_\n")):
        (tmp_path / name).write_bytes(filling * ((1 << 18) // len(filling)))
    before = time.perf_counter()
    assert find_calibration(tmp_path) is None
    assert time.perf_counter() - before < 2


def test_two_of_pose2sim_are_asked_about(tmp_path) -> None:
    for name in ("Calib_a.toml", "Calib_b.toml"):
        (tmp_path / name).write_text(pose2sim_text(ring(1)))
    with pytest.raises(CalibrationError, match=r"Calib_a\.toml and Calib_b\.toml"):
        find_calibration(tmp_path)


def test_each_camera_may_have_its_own_file_of_opencv(tmp_path) -> None:
    cameras = ring(3, (-0.1, 0.02, 0, 0, 0))
    for camera in cameras:
        write_opencv(tmp_path / f"{camera.camera_id}.yml", [camera])
    (tmp_path / "other.yaml").write_text("fps: 30\n")
    assert_same(read_calibration(tmp_path, views_of(cameras)), cameras)


@pytest.mark.parametrize("named", ["int_cam{}_img", "CAM-{}", "cam_{}", "Cam_000{}"])
def test_programs_that_write_a_name_otherwise_mean_the_same_camera(tmp_path, named) -> None:
    cameras = ring(3)
    text = pose2sim_text(cameras, named=lambda camera_id: named.format(int(camera_id[-2:])))
    (tmp_path / "Calib.toml").write_text(text)
    assert_same(read_calibration(tmp_path, views_of(cameras)[::-1]), cameras[::-1])


def test_names_that_are_the_same_but_for_zeros_are_not_guessed(tmp_path) -> None:
    cameras = ring(2)
    (tmp_path / "Calib.toml").write_text(pose2sim_text(cameras))
    with pytest.raises(CalibrationError, match=r"no camera for view 'cam_1'"):
        read_calibration(tmp_path, [view("cam_1"), view("cam_01")])


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["cam_00", "cam_01", "cam_07"], "no camera for view 'cam_07'"),
        (["cam_00"], "camera 'cam_01' is no view"),
        (["left", "right"], "no camera for view 'left'"),
    ],
)
def test_refuses_cameras_that_are_not_the_views(tmp_path, names, problem) -> None:
    write_toml(tmp_path / "cameras.toml", ring(2))
    with pytest.raises(CalibrationError, match=rf"cameras\.toml: {problem}.*cameras cam_00, cam_01; views"):
        read_calibration(tmp_path, [view(name) for name in names])


def test_refuses_a_camera_that_stands_there_twice(tmp_path) -> None:
    write_toml(tmp_path / "cameras.toml", ring(1))
    text = (tmp_path / "cameras.toml").read_text()
    (tmp_path / "cameras.toml").write_text(text + text[text.index("[[camera]]") :])
    with pytest.raises(CalibrationError, match="'cam_00' stands there twice"):
        read_calibration(tmp_path, [view("cam_00")])


@pytest.mark.parametrize("size", [(640, 360), (2560, 1440), (854, 480)])
def test_intrinsics_follow_the_resolution_of_the_view_and_the_log_says_so(tmp_path, caplog, size) -> None:
    (camera,) = ring(1, (-0.1, 0.02, 0, 0))
    write_toml(tmp_path / "cameras.toml", [camera])
    with caplog.at_level(logging.WARNING):
        (made,) = read_calibration(tmp_path, [view("cam_00", *size)])
    assert "cam_00 was calibrated at 1280×720 px, but the view has" in caplog.text
    assert (made.width, made.height) == size
    points = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    corners = np.array(size) / (1280, 720)
    np.testing.assert_allclose(made.project(points)[0] + 0.5, (camera.project(points)[0] + 0.5) * corners)


@pytest.mark.parametrize(("size", "hint"), [((1280, 960), ""), ((720, 1280), "turned by 90°"), ((1280, 718), "")])
def test_refuses_a_picture_of_another_shape(tmp_path, size, hint) -> None:
    write_toml(tmp_path / "cameras.toml", ring(1))
    with pytest.raises(CalibrationError, match=rf"cameras\.toml: size: camera 'cam_00' .* 1280×720 .*{hint}"):
        read_calibration(tmp_path, [view("cam_00", *size)])


#: A post's rim and the bolts of three brackets on the treadmill of two_people, px in each view of frame 0, read by eye
#: to about 1 px; NaN where something is before them.
SEEN = np.array(
    [
        [[968.6, 1410.4], [530.1, 1018.2], [82.9, 1038.0], [296.2, 1344.7]],
        [[646.8, 1341.8], [840.4, 1059.7], [np.nan, np.nan], [np.nan, np.nan]],
        [[93.9, 1050.4], [554.3, 1488.0], [948.0, 1221.2], [np.nan, np.nan]],
        [[616.4, 922.9], [332.6, 1463.2], [892.1, 1428.8], [939.2, 1053.6]],
    ]
)
#: How far the pictures of the footage lie beside those that were calibrated: a grey margin at their left and the
#: points above say so (18 px before, 0.9 px after).
SHIFT_PX = np.array([[38.5, -16.6], [13.8, -9.5], [31.6, 2.2], [7.7, -8.4]])


@pytest.fixture(scope="module")
def two_people(testdata):
    folder = testdata / "multiview" / "two_people"
    return read_calibration(folder, probe_recording(folder, "two_people").views)


@pytest.mark.testdata
def test_the_cameras_of_real_footage_look_at_one_place(two_people) -> None:
    left, right, rays = np.zeros((3, 3)), np.zeros(3), []
    for camera in two_people:
        middle = np.array([[(camera.width - 1) / 2, (camera.height - 1) / 2]])
        ray = camera.lift(middle, np.ones(1))[0] - camera.center
        rays.append(ray / np.linalg.norm(ray))
        across = np.eye(3) - np.outer(rays[-1], rays[-1])
        left, right = left + across, right + across @ camera.center
    place = np.linalg.solve(left, right)
    for camera, ray in zip(two_people, rays, strict=True):
        along = (place - camera.center) @ ray
        assert 3 < along < 4
        assert np.linalg.norm(place - camera.center - along * ray) < 0.2


@pytest.mark.testdata
def test_real_points_meet_where_the_treadmill_is(two_people) -> None:
    visible = np.isfinite(SEEN[..., 0])
    points = triangulate(two_people, SEEN, visible)
    assert np.abs(points[1:, 2]).max() < 0.05  # the ground of the calibration is the treadmill
    assert 0.15 < points[0, 2] < 0.25
    shifted = SEEN - SHIFT_PX[:, None]
    points = refine(two_people, triangulate(two_people, shifted, visible), shifted, visible)
    assert np.nanmax(reprojection_errors(two_people, points, shifted, visible)) < 2.5
    both = visible[0] & visible[3]
    distances = epipolar_distances(two_people[0], two_people[3], shifted[0][both], shifted[3][both])
    assert distances.max() < 5
