"""TOML calibration: ours comes back to the last bit, and what is wrong in a file is named."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calibration.calibration_examples import assert_same, pose2sim_text
from tests.geometry.camera_examples import cameras, ring
from videotracks.calibration.toml_files import read_toml, write_toml
from videotracks.errors import CalibrationError

LENS = (-0.1, 0.02, 0.001, -0.001)
OURS = """\
[[camera]]
id = "cam_00"
size = [640, 480]
K = [[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]
distortion = [0.1, 0.0, 0.0, 0.0]
R = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
t = [0, 0, 2.5]
"""


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@settings(max_examples=30, deadline=None)
@given(camera=cameras(), name=st.text(min_size=1).filter(str.isprintable))
def test_ours_comes_back_to_the_last_bit(tmp_path_factory, camera, name) -> None:
    path = tmp_path_factory.mktemp("toml") / "cameras.toml"
    given = [dataclasses.replace(camera, camera_id=name), dataclasses.replace(camera, camera_id=f"{name}2")]
    write_toml(path, given)
    assert_same(read_toml(path), given, exactly=True)


def test_reads_extrinsics_in_one_matrix_and_fisheye_lenses(tmp_path) -> None:
    text = OURS.replace("R = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nt = [0, 0, 2.5]", 'model = "fisheye"')
    text += "extrinsics = [[1, 0, 0, 0.5], [0, 1, 0, 0.25], [0, 0, 1, 2]]\n"
    (camera,) = read_toml(written(tmp_path / "cameras.toml", text))
    assert camera.fisheye
    assert camera.t.tolist() == [0.5, 0.25, 2]


def test_distortion_may_be_left_out(tmp_path) -> None:
    (camera,) = read_toml(written(tmp_path / "c.toml", OURS.replace("distortion = [0.1, 0.0, 0.0, 0.0]\n", "")))
    assert len(camera.distortion) == 0


def test_a_rounded_rotation_becomes_the_nearest_one(tmp_path) -> None:
    text = OURS.replace("[[1, 0, 0], [0, 1, 0], [0, 0, 1]]", "[[0.866, -0.5, 0], [0.5, 0.866, 0], [0, 0, 1]]")
    (camera,) = read_toml(written(tmp_path / "c.toml", text))
    np.testing.assert_allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-15)
    assert camera.R[1, 0] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('id = "cam_00"', "", "camera 1 id: is missing"),
        ('id = "cam_00"', "id = 7", "camera 1 id: expected a text"),
        ('"cam_00"', '"a\\nb"', r"'a\\nb' id"),
        ("size = [640, 480]", "", "'cam_00' size: is missing"),
        ("[640, 480]", "[640]", "size: expected 2 finite numbers: a list of 1"),
        ("[640, 480]", "[640.5, 480]", "size: expected whole"),
        ("[640, 480]", "[0, 480]", "size: 0×480"),
        ("[640, 480]", "[640, -480]", "size: 640×-480"),
        ("[640, 480]", '"640x480"', "size: expected .* not a list"),
        ("[640, 480]", "[true, 480]", "size: expected .* not a number"),
        ("[[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]", "[500.0, 0, 320, 0, 500, 240, 0, 0, 1]", "K: .*a list of 9"),
        ("[[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]", "[[500.0, 0], [0, 500], [0, 0]]", "K: .*a list of 2"),
        ("500.0", "nan", "K: .*not finite"),
        ("500.0", "inf", "K: .*not finite"),
        ("500.0", "-500.0", "K: focal"),
        ("500.0", f"1{'0' * 400}", "K: "),
        ("[0.1, 0.0, 0.0, 0.0]", "[0.1, 0.0, 0.0]", "distortion: 3 coefficients"),
        ("[0.1, 0.0, 0.0, 0.0]", f"[{'0.0,' * 15}]", "distortion: .*a list of 15"),
        ("distortion", "distorsion", "distorsion: unknown"),
        ("R = [[1, 0, 0]", "R = [[-1, 0, 0]", "R: no rotation"),
        ("R = [[1, 0, 0]", "R = [[1, 0, 0.1]", "R: no rotation"),
        ("R = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]", "", "R: expected R and t, or extrinsics .*; t given"),
        ("t = [0, 0, 2.5]", "t = [0, 0, 2.5]\nextrinsics = []", "R: expected R and t, or"),
        ("t = [0, 0, 2.5]", "t = [[0], [0], [2.5]]", "t: .*not a number"),
        ("t = [0, 0, 2.5]", 't = [0, 0, 2.5]\nmodel = "omni"', "model: expected"),
        ("[[camera]]", "[camera]", "camera: expected tables"),
        ("[[camera]]", "unit = 'mm'\n[[camera]]", "unit: unknown"),
        ("[[camera]]", "[[cameras]]", "no cameras"),
        ("[[camera]]", "[[camera]", "not valid TOML"),
        ("[640, 480]", "[" * 50_000, "not valid TOML"),
        ("[640, 480]", f"{{a{'.a' * 100} = 1}}", "more than 32 points"),
        ("500.0", "5" * 5_000, "not valid TOML|K: "),
    ],
)
def test_refuses_what_is_wrong_and_names_it(tmp_path, old, new, key) -> None:
    assert old in OURS
    path = written(tmp_path / "cameras.toml", OURS.replace(old, new, 1))
    with pytest.raises(CalibrationError, match=f"cameras.toml: .*{key}"):
        read_toml(path)


def test_reads_what_pose2sim_writes(tmp_path) -> None:
    given = ring(4, LENS)
    assert_same(read_toml(written(tmp_path / "Calib.toml", pose2sim_text(given))), given)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("name = ", "nam = ", "name: is missing"),
        ("matrix = ", "matrices = ", "matrix: is missing"),
        ("matrix = [[1000.0,", "matrix = [[-1000.0,", "matrix: focal"),
        ("distortions = [-0.1,", "distortions = [nan,", "distortions: "),
        ("distortions = [-0.1,", "distortions = [", "distortions: 3 coefficients"),
        ("rotation = [", "rotation = [0.0, ", "rotation: .*a list of 4"),
        ("rotation = [", "rotation = [1e300, 0, 0] # ", "rotation: no rotation vector"),
        ("translation = ", "translations = ", "translation: is missing"),
        ("fisheye = false", "fisheye = 'no'", "fisheye: expected true or false"),
    ],
)
def test_refuses_what_is_wrong_with_pose2sims(tmp_path, old, new, key) -> None:
    text = pose2sim_text(ring(2, LENS))
    assert old in text
    with pytest.raises(CalibrationError, match=rf"Calib.toml: \[cam_00\] {key}"):
        read_toml(written(tmp_path / "Calib.toml", text.replace(old, new, 1)))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_an_error_or_still_cameras(tmp_path_factory, data) -> None:
    text = data.draw(st.sampled_from([OURS, pose2sim_text(ring(2, LENS))])).encode()
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.binary(max_size=4)) + text[at + data.draw(st.integers(0, 40)) :]
    path = tmp_path_factory.mktemp("damaged") / "cameras.toml"
    path.write_bytes(damaged)
    try:
        assert all(np.isfinite(camera.projection_matrix).all() for camera in read_toml(path))
    except CalibrationError as error:
        problem = str(error)
        assert problem.startswith(str(path))


def test_refuses_files_that_are_too_large_absent_or_no_text(tmp_path) -> None:
    (tmp_path / "large.toml").write_bytes(b"#" * (1 << 21))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name, problem in (("large.toml", "larger"), ("bytes.toml", "UTF-8"), ("absent.toml", "cannot be read")):
        with pytest.raises(CalibrationError, match=f"{name}: .*{problem}"):
            read_toml(tmp_path / name)


def test_refuses_to_write_two_cameras_of_one_name(tmp_path) -> None:
    with pytest.raises(ValueError, match="own name"):
        write_toml(tmp_path / "cameras.toml", ring(2)[:1] * 2)
    with pytest.raises(ValueError, match="own name"):
        write_toml(tmp_path / "cameras.toml", [])
