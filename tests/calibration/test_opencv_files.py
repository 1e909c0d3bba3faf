"""OpenCV's YAML: read as its FileStorage writes it, and never more than read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calibration.calibration_examples import assert_same, write_opencv
from tests.geometry.camera_examples import ring
from videotracks.calibration.opencv_files import read_yaml
from videotracks.errors import CalibrationError

LENS = (-0.1, 0.02, 0.001, -1e-5, 0.0)
PLAIN = """\
%YAML:1.0
---
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 5e2, 0., 320., 0., 500., 240., 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 1
   cols: 4
   dt: d
   data: [ 1e-2, 0., 0., 0. ]
R: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 1., 0., 0., 0., 1., 0., 0., 0., 1. ]
t: [ 0., 0., 2.5 ]
"""


@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.parametrize("prefixed", [False, True])
def test_reads_what_opencv_writes(tmp_path, prefixed, vector) -> None:
    given = ring(3 if prefixed else 1, LENS)
    path = tmp_path / ("all.yml" if prefixed else "cam_00.yml")
    write_opencv(path, given, prefixed=prefixed, vector=vector)
    assert_same(read_yaml(path, ()), given)


def test_one_camera_is_named_like_the_only_view_or_like_the_file(tmp_path) -> None:
    (tmp_path / "left.yml").write_text(PLAIN)
    assert [c.camera_id for c in read_yaml(tmp_path / "left.yml", ["cam_00"])] == ["cam_00"]
    assert [c.camera_id for c in read_yaml(tmp_path / "left.yml", ["left", "right"])] == ["left"]


def test_reads_floats_without_a_point_and_fisheye_lenses(tmp_path) -> None:
    (tmp_path / "a.yml").write_text(PLAIN + "fisheye_model: 1\n")
    (camera,) = read_yaml(tmp_path / "a.yml", ())
    assert camera.fisheye
    assert (camera.K[0, 0], camera.distortion[0]) == (500, 0.01)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("image_width: 640\n", "", "image_width: is missing"),
        ("image_width: 640", "image_width: wide", "image_width: .*not a number"),
        ("image_width: 640", "image_width: 640.5", "image_width: expected whole"),
        ("image_width: 640", "image_width: 0", "image_width: 0×480"),
        ("camera_matrix: !!opencv-matrix\n   rows: 3", "camera_matrix: !!opencv-matrix\n   rows: 4", "camera_matrix: "),
        ("   rows: 3\n", "", "camera_matrix: expected a matrix"),
        ("   rows: 3\n", "   rows: 1000000000\n", "camera_matrix: rows and cols"),
        ("   rows: 3\n", "   rows: true\n", "camera_matrix: rows and cols"),
        ("5e2, ", "", "camera_matrix: .*a list of 8"),
        ("5e2", ".Nan", "camera_matrix: .*not a number"),
        ("5e2", "nan", "camera_matrix: .*not finite"),
        ("5e2", "-5e2", "camera_matrix: focal"),
        ("cols: 4", "cols: 3", "distortion_coefficients: "),
        ("distortion_coefficients", "distortions", "distortion_coefficients: expected one of"),
        ("[ 1., 0., 0., 0., 1.", "[ -1., 0., 0., 0., 1.", "R: no rotation"),
        ("t: [ 0., 0., 2.5 ]", "t: [ 0., 0. ]", "t: "),
        ("t: [ 0., 0., 2.5 ]", "t: 2.5", "t: expected a matrix"),
        ("t: [ 0., 0., 2.5 ]", "", "T: expected one of T, t, tvec, found none"),
        ("t: [ 0., 0., 2.5 ]", "t: [ 0., 0., 2.5 ]\nT: [ 0., 0., 1. ]", "T: .*found T and t"),
        ("R: !!opencv", "rvec: !!opencv", "rvec: expected 3×1"),
        ("image_height: 480", "image_height: 480\nfisheye_model: 2", "fisheye_model: expected"),
        ("image_height: 480", "image_height: 480\nfisheye_model: [1]", "fisheye_model: expected"),
        ("camera_matrix: ", "camera_matrices: ", "no camera_matrix"),
        ("data: [ 5e2", "data: [ 5e2, [", "not valid YAML"),
        ("image_width: 640", "image_width: !!python/object/apply:os.system ['true']", "image_width: .*not a number"),
        ("image_width: 640", "image_width: &a [*a]", "not valid YAML"),
        ("image_width: 640", f"image_width: {'[' * 5000}", "not valid YAML"),
        ("image_width: 640", "image_width: 2001-99-99", "image_width: .*not a number"),
        ("   rows: 3\n", "   rows: [3]\n", "camera_matrix: rows"),
        ("image_width: 640", "? [1, 2]\n: 3\n? {a: b}\n: 4\nimage_width: 640", "not valid YAML"),
    ],
)
def test_refuses_what_is_wrong_and_names_it(tmp_path, old, new, key) -> None:
    assert old in PLAIN
    (tmp_path / "cam_00.yml").write_text(PLAIN.replace(old, new, 1))
    with pytest.raises(CalibrationError, match=f"cam_00[.]yml: {key}"):
        read_yaml(tmp_path / "cam_00.yml", ())


def test_names_the_camera_of_keys_with_names_before_them(tmp_path) -> None:
    write_opencv(tmp_path / "all.yml", ring(2, LENS), prefixed=True)
    text = (tmp_path / "all.yml").read_text()
    (tmp_path / "all.yml").write_text(text.replace("cam_01_T", "cam_01_X"))
    with pytest.raises(CalibrationError, match=r"all\.yml: cam_01_T: expected one of"):
        read_yaml(tmp_path / "all.yml", ())


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "plain", "%YAML:1.0\n---\n"])
def test_refuses_what_has_no_keys(tmp_path, text) -> None:
    (tmp_path / "a.yml").write_text(text)
    with pytest.raises(CalibrationError, match="keys and values"):
        read_yaml(tmp_path / "a.yml", ())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_an_error_or_still_cameras(tmp_path_factory, data) -> None:
    text = PLAIN.encode()
    at = data.draw(st.integers(0, len(text) - 1))
    path = tmp_path_factory.mktemp("damaged") / "cam_00.yml"
    path.write_bytes(text[:at] + data.draw(st.binary(max_size=4)) + text[at + data.draw(st.integers(0, 40)) :])
    try:
        assert len(read_yaml(path, ())) == 1
    except CalibrationError as error:
        problem = str(error)
        assert problem.startswith(str(path))
