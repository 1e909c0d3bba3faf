import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotracks.errors import RecordingError
from videotracks.people.motchallenge import detections_from_mot, public_detections, read_mot, write_mot
from videotracks.recording import Recording, View


def recording_of(cameras: list[str], frame_count: int) -> Recording:
    views = [
        View(
            camera=camera,
            file=f"{camera}.mp4",
            codec="h264",
            pixel_format="yuv420p",
            width=640,
            height=480,
            rotation=0,
            fps=25,
            frame_count=frame_count,
            duration_s=frame_count / 25,
            variable_frame_rate=False,
            tick=(1, 25),
            steps=[(1, frame_count - 1)],
        )
        for camera in cameras
    ]
    return Recording(key="street", name="street", source="street", views=views, content_hash="0" * 64, posters=[])


def test_frames_count_from_one_in_the_file_and_from_zero_here(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_text("2,7,30,40,10,20,1,1,0.5\n1,7,10,20,30,40,0,1,0.1\n")
    rows = read_mot(path)
    assert rows.frame_numbers.tolist() == [0, 1]
    assert rows.bboxes.tolist() == [[10, 20, 40, 60], [30, 40, 40, 60]]
    assert rows.confidences.tolist() == [0, 1]
    assert rows.ids.tolist() == [7, 7]


def test_the_class_is_read_where_the_file_has_one(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_text("1,1,0,0,9,9,1,7,1.0\n1,2,0,0,9,9,1,1,1.0\n")
    assert read_mot(path).classes.tolist() == [7, 1]


@pytest.mark.parametrize(
    "line", ["1,5,0,0,9,9,1,-1,-1,-1", "1,5,0,0,9,9,1,3.5,2.5,1.7", "1,5,0,0,9,9", "1,5,0,0,9,9,1,"]
)
def test_files_without_classes_hold_pedestrians(tmp_path, line):
    path = tmp_path / "gt.txt"
    path.write_text(f"{line}\n\n")
    rows = read_mot(path)
    assert (rows.classes.tolist(), rows.confidences.tolist()) == ([1], [1.0])


@pytest.mark.parametrize(
    "line", ["0,1,0,0,9,9", "1,1,0,0,9", "1,a,0,0,9,9", "1.5,1,0,0,9,9", "1,1,0,0,-9,9", "1,1,nan,0,9,9"]
)
def test_a_line_that_is_none_is_named_with_its_file(tmp_path, line):
    path = tmp_path / "gt.txt"
    path.write_text(f"1,1,0,0,9,9,1,1,1\n{line}\n")
    with pytest.raises(RecordingError, match=r"gt\.txt, line 2: expected frame \(from 1\), id, left"):
        read_mot(path)


def test_an_empty_file_holds_nothing(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("")
    assert read_mot(path).row_count == 0
    assert detections_from_mot([read_mot(path)], [5], ["a"]).counts.tolist() == [[0] * 5]


@given(
    rows=st.dictionaries(st.tuples(st.integers(0, 50), st.integers(1, 9)), st.tuples(*[st.integers(0, 900)] * 4)),
)
def test_what_is_written_is_read_again(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("mot") / "result.txt"
    frames, ids = np.array(list(rows), "i8").reshape(-1, 2).T
    left, top, width, height = np.array(list(rows.values()), "f8").reshape(-1, 4).T / 4
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    write_mot(path, ids, frames, boxes, np.full(len(ids), 0.25))
    again, order = read_mot(path), np.lexsort((ids, frames))
    np.testing.assert_array_equal(again.frame_numbers, frames[order])
    np.testing.assert_array_equal(again.ids, ids[order])
    np.testing.assert_allclose(again.bboxes, boxes[order], atol=0.0101)
    assert (again.confidences == 0.25).all()


def test_a_result_line_is_that_of_the_benchmark(tmp_path):
    path = tmp_path / "result.txt"
    write_mot(path, np.array([3]), np.array([0]), np.array([[10, 20.5, 40, 60]]), np.array([0.5]))
    assert path.read_text() == "1,3,10.00,20.50,30.00,39.50,0.5000,-1,-1,-1\n"


def test_public_detections_become_a_table_view_by_view(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "b.mp4").touch()
    (tmp_path / "a.det.txt").write_text("1,-1,0,0,10,20,0.9\n3,-1,5,5,10,20,0.8\n3,-1,50,5,10,20,0.4\n")
    (tmp_path / "b.det.txt").write_text("2,-1,0,0,10,20,0.7\n9,-1,0,0,10,20,0.7\n")
    found = public_detections(recording_of(["a", "b"], 4), tmp_path)
    assert found.counts.tolist() == [[1, 0, 2, 0], [0, 1, 0, 0]]
    assert found.camera.tolist() == [0, 0, 0, 1]
    assert found.frame_numbers.tolist() == [0, 2, 2, 1]
    np.testing.assert_allclose(found.confidences, [0.9, 0.8, 0.4, 0.7], atol=1e-6)
    assert found.camera_ids.tolist() == ["a", "b"]


def test_a_view_without_public_detections_is_named(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(RecordingError, match=r"no public detections of view a"):
        public_detections(recording_of(["a"], 4), tmp_path)


def test_scores_that_are_no_shares_go_through_the_logistic_function(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("1,-1,0,0,10,20,-2\n1,-1,0,0,10,20,0\n1,-1,0,0,10,20,3\n")
    found = detections_from_mot([read_mot(path)], [1], ["a"])
    np.testing.assert_allclose(found.confidences, [0.1192, 0.5, 0.9526], atol=1e-4)


@pytest.mark.testdata
def test_tud_campus_holds_scores_between_0_and_1_as_they_are(testdata):
    rows = read_mot(testdata / "mot" / "TUD-Campus" / "det.txt")
    found = detections_from_mot([rows], [71], ["campus"])
    assert found.row_count == 321
    np.testing.assert_allclose(found.confidences, rows.confidences, rtol=1e-6)


@pytest.mark.testdata
def test_mot17_truth_holds_classes_and_rows_that_do_not_count(testdata):
    rows = read_mot(testdata / "mot" / "MOT17-02-FRCNN" / "gt" / "gt.txt")
    assert set(np.unique(rows.confidences).tolist()) == {0.0, 1.0}
    assert 1 in rows.classes
    assert len(np.unique(rows.classes)) > 1


@pytest.mark.parametrize("line", ["1e300,1,0,0,9,9", "1e12,1,0,0,9,9", "1,1,0,0,inf,9", "\x00\x01\x02", "1" * 5000])
def test_numbers_that_no_recording_reaches_and_lines_without_end_are_refused(tmp_path, line):
    path = tmp_path / "det.txt"
    path.write_text(f"1,1,0,0,9,9,1,1,1\n{line}\n")
    with pytest.raises(RecordingError, match=r"det\.txt, line 2: expected frame"):
        read_mot(path)


def test_the_class_is_read_without_a_visibility_too(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_text("1,4,0,0,9,9,1,8\n")
    assert read_mot(path).classes.tolist() == [8]


def test_a_frame_that_the_view_does_not_have_is_named(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("1,-1,0,0,9,9\n4,-1,0,0,9,9\n")
    with pytest.raises(RecordingError, match=r"view left: expected frames 1 to 3, got frame 4"):
        detections_from_mot([read_mot(path)], [3], ["left"])


def test_public_detections_of_another_recording_are_refused(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.det.txt").write_text("8,-1,0,0,9,9\n")
    with pytest.raises(RecordingError, match=r"a\.det\.txt: expected rows .* 4 frames, got none before frame 8"):
        public_detections(recording_of(["a"], 4), tmp_path)


@given(content=st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_rows_or_a_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.txt"
    path.write_bytes(content)
    try:
        rows = read_mot(path)
    except RecordingError as error:
        assert "fuzz.txt, line" in str(error)  # noqa: PT017
    else:
        assert (rows.frame_numbers >= 0).all()
        assert np.isfinite(rows.bboxes).all()
