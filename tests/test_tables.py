"""Tables: the declared schema is what is checked and what is shown."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotracks import tables
from videotracks.errors import CorruptFileError
from videotracks.tables import Detections, Persons, Similarity, Table, Tracklets, TrackletStats, empty, is_ragged

ALL = [Detections, Tracklets, TrackletStats, Persons, Similarity]


def detections(**overrides: np.ndarray) -> Detections:
    """Two views of three frames: detections in (view 0, frame 0), twice in (0, 2), once in (1, 1)."""
    arrays = {
        "frame_numbers": np.array([0, 2, 2, 1]),
        "bboxes": np.zeros((4, 4), "f4"),
        "confidences": np.full(4, 0.5, "f4"),
        "classes": np.zeros(4, "i8"),
        "num_detections_per_frame": np.array([[1, 0, 2], [0, 1, 0]]),
        "camera": np.array([0, 0, 0, 1], "i2"),
        "camera_ids": np.array(["cam_00", "cam_01"]),
    }
    return Detections(**{**arrays, **overrides})


def persons(**overrides: np.ndarray) -> Persons:
    """Person 1 of tracklets 1 and 4 in two frames, person 3 of tracklet 3 in one."""
    arrays = {
        "person_id": np.array([1, 1, 3]),
        "camera": np.zeros(3, "i2"),
        "frame_numbers": np.array([0, 5, 2]),
        "bboxes": np.zeros((3, 4), "f4"),
        "confidences": np.ones(3, "f4"),
        "detection_indices": np.zeros(3, "i8"),
        "tracklet_id": np.array([1, 4, 3]),
        "person_ids": np.array([1, 3]),
        "num_tracklets_merged": np.array([2, 1]),
        "original_tracklet_ids": np.array([1, 4, 3]),
        "original_tracklet_offsets": np.array([0, 2, 3]),
    }
    return Persons(**{**arrays, **overrides})


@pytest.mark.parametrize("cls", ALL)
def test_every_column_says_its_type_and_what_it_holds(cls: type[Table]) -> None:
    for name, column in cls.columns().items():
        assert re.fullmatch(r"(f32|f64|i16|i64|str)\[.+\]", column.type_name), name
        assert column.doc, name


@pytest.mark.parametrize("cls", ALL)
def test_a_table_of_no_rows_is_a_table(cls: type[Table]) -> None:
    table = cls(**empty(cls, C=1)) if cls is Detections else cls(**empty(cls))
    assert table.row_count == 0
    assert cls.from_arrays(table.arrays()).row_count == 0


def test_types_are_written_as_people_write_them() -> None:
    columns = Detections.columns()
    assert columns["bboxes"].type_name == "f32[N, 4]"
    assert columns["num_detections_per_frame"].type_name == "i64[F or C, F]"
    assert Persons.columns()["original_tracklet_offsets"].type_name == "i64[P+1]"


def test_missing_and_unknown_arrays_are_named() -> None:
    arrays = {**empty(Tracklets), "extra": np.zeros(1)}
    del arrays["camera"]
    with pytest.raises(CorruptFileError, match=r"missing arrays \['camera'\], unknown arrays \['extra'\]"):
        Tracklets.from_arrays(arrays)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("bboxes", np.zeros((4, 4)), r"bboxes: expected f32\[N, 4\], got dtype float64"),
        ("bboxes", np.zeros((3, 4), "f4"), r"bboxes: expected f32\[N, 4\] \(N=4\), got shape \(3, 4\)"),
        ("camera_ids", np.array([b"a", b"b"]), "camera_ids: expected str"),
        ("camera", [0, 0, 0, 1], "got list"),
        ("bboxes", np.full((4, 4), np.nan, "f4"), "must be finite"),
        ("camera", np.array([0, 0, 1, 1], "i2"), "agree with num_detections_per_frame"),
        ("frame_numbers", np.array([2, 0, 2, 1]), "agree with num_detections_per_frame"),
        ("num_detections_per_frame", np.array([[1, 0, 1], [0, 1, 0]]), "sum to the number of rows"),
        ("num_detections_per_frame", np.array([[1, -1, 3], [0, 1, 0]]), "must not be negative"),
        ("num_detections_per_frame", np.array([1, 1, 2]), "one row per view"),
    ],
)
def test_detections_refuse(name: str, array: np.ndarray, message: str) -> None:
    with pytest.raises(CorruptFileError, match=message):
        detections(**{name: array})


def test_a_detection_is_found_by_view_frame_and_position() -> None:
    found = detections().row_of(np.array([0, 0, 1]), np.array([2, 2, 1]), np.array([0, 1, 0]))
    assert found.tolist() == [1, 2, 3]


@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=3))
def test_rows_of_all_detections_are_all_rows_in_order(counts: list[list[int]]) -> None:
    where = [(c, f, i) for c, row in enumerate(counts) for f, n in enumerate(row) for i in range(n)]
    camera, frame, index = np.array(where, dtype="i8").reshape(-1, 3).T
    arrays = empty(Detections, N=len(where))
    arrays |= {"camera": camera.astype("i2"), "frame_numbers": frame, "num_detections_per_frame": np.array(counts)}
    table = Detections(**{**arrays, "camera_ids": np.array([f"cam_{c}" for c in range(len(counts))])})
    assert table.row_of(camera, frame, index).tolist() == list(range(len(where)))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("tracklet_id", [2, 1, 1], "sorted by tracklet_id"),
        ("frame_numbers", [0, 0, 0], "must increase"),
        ("camera", [0, 1, 1], "stay in one view"),
    ],
)
def test_tracklets_refuse(name: str, values: list[int], message: str) -> None:
    arrays = empty(Tracklets, N=3)
    arrays |= {"tracklet_id": np.array([1, 1, 2]), "frame_numbers": np.array([0, 1, 0])}
    Tracklets(**arrays)
    with pytest.raises(CorruptFileError, match=message):
        Tracklets(**{**arrays, name: np.array(values, dtype=arrays[name].dtype)})


def test_persons_give_their_rows_and_tracklets() -> None:
    table = persons()
    assert table.rows_of(1) == slice(0, 2)
    assert table.tracklets_of(1).tolist() == [1, 4]
    assert table.tracklets_of(3).tolist() == [3]
    with pytest.raises(KeyError, match="no person 2"):
        table.rows_of(2)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"person_ids": [3, 1]}, "unique and ascending"),
        ({"person_ids": [1, 2]}, "must be those of the rows"),
        ({"original_tracklet_offsets": [0, 2, 2]}, "split original_tracklet_ids"),
        ({"original_tracklet_offsets": [0, -1, 3]}, "split original_tracklet_ids"),
        ({"num_tracklets_merged": [1, 2]}, "agree with original_tracklet_offsets"),
        ({"frame_numbers": [5, 5, 2]}, "one box a frame"),
    ],
)
def test_persons_refuse(overrides: dict[str, list[int]], message: str) -> None:
    with pytest.raises(CorruptFileError, match=message):
        persons(**{name: np.array(values) for name, values in overrides.items()})


def test_similarity_must_be_symmetric_and_finite() -> None:
    arrays = empty(Similarity, P=2, D=3)
    arrays["person_ids"] = np.array([1, 2])
    Similarity(**{**arrays, "similarity": np.array([[1, 0.5], [0.5, 1]], "f4")})
    for matrix, message in (([[1, 0.5], [0.2, 1]], "symmetric"), ([[1, np.nan], [np.nan, 1]], "finite")):
        with pytest.raises(CorruptFileError, match=message):
            Similarity(**{**arrays, "similarity": np.array(matrix, "f4")})


@given(st.lists(st.integers(0, 4)))
def test_offsets_made_from_lengths_are_ragged_and_no_others(lengths: list[int]) -> None:
    offsets = np.concatenate([[0], np.cumsum(np.array(lengths, dtype="i8"))])
    values = np.zeros(offsets[-1])
    assert is_ragged(values, offsets)
    assert not is_ragged(np.zeros(len(values) + 1), offsets)
    assert not is_ragged(values, offsets + 1)


def test_the_module_declares_the_documented_tables() -> None:
    declared = {n for n, v in vars(tables).items() if isinstance(v, type) and issubclass(v, Table) and v is not Table}
    assert {cls.__name__ for cls in ALL} <= declared
