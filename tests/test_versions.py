"""Versions follow the content: equal content, equal version."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from videotracks.files import Files
from videotracks.tables import Detections, Tracklets, empty
from videotracks.versions import content_version, data_version_of


class Summary(BaseModel):
    persons: int
    names: list[str] = []


class Handle:
    def __init__(self, path: Path) -> None:
        self.path = path


class OwnVersion(Handle):
    def content_version(self) -> str:
        return "of my own"


def test_a_version_is_the_beginning_of_the_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert data_version_of(b"abc") == data_version_of(tmp_path / "a") == "ba7816bf8f01cfea"


def test_tables_of_equal_arrays_have_one_version() -> None:
    first, second = (empty(Detections, C=1, F=3) for _ in range(2))
    first["camera_ids"], second["camera_ids"] = np.array(["a"]), np.array(["a"], "U20")
    assert content_version(Detections(**first)) == content_version(Detections(**second))


def test_a_table_of_other_values_shape_or_class_has_another_version() -> None:
    base = empty(Tracklets, N=2)
    changed = {**base, "frame_numbers": np.array([0, 1])}
    changed["tracklet_id"] = base["tracklet_id"] = np.array([1, 2])
    tables = [
        Tracklets(**base),
        Tracklets(**changed),
        Tracklets(**empty(Tracklets)),
        Detections(**empty(Detections, C=1)),
    ]
    assert len({content_version(table) for table in tables}) == 4


def test_models_differ_by_their_fields_alone() -> None:
    assert content_version(Summary(persons=1)) == content_version(Summary(names=[], persons=1))
    assert content_version(Summary(persons=1)) != content_version(Summary(persons=1, names=["ä"]))


def test_files_differ_by_names_and_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for folder, page in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / folder / "webp").mkdir(parents=True)
        (tmp_path / folder / "webp" / "x.webp").write_text("x")
        (tmp_path / folder / "page.html").write_text(page)
    a, b, c = (
        content_version(Files({"page.html": tmp_path / f / "page.html", "webp": tmp_path / f / "webp"})) for f in "abc"
    )
    assert a == b != c
    assert a != content_version(Files({"other.html": tmp_path / "a" / "page.html", "webp": tmp_path / "a" / "webp"}))


def test_a_handle_is_its_file_unless_it_knows_better(tmp_path: Path) -> None:
    (tmp_path / "1.h5").write_bytes(b"1")
    (tmp_path / "2.h5").write_bytes(b"2")
    assert content_version(Handle(tmp_path / "1.h5")) != content_version(Handle(tmp_path / "2.h5"))
    assert content_version(OwnVersion(tmp_path / "1.h5")) == "of my own"


def test_what_has_no_content_has_no_version() -> None:
    with pytest.raises(TypeError, match="int: neither table"):
        content_version(3)
