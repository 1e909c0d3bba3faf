"""True masks: what is written reads back, and what is no mask is refused by name."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from videotracks.errors import RecordingError
from videotracks.masks.annotations import read_annotation, write_annotation


def test_object_ids_read_back(tmp_path: Path) -> None:
    ids = np.zeros((7, 11), np.uint8)
    ids[1:3, 2:5], ids[4:, 6:] = 3, 254
    write_annotation(tmp_path / "00000.png", ids)
    assert np.array_equal(read_annotation(tmp_path / "00000.png", 7, 11), ids)


def test_a_black_and_white_picture_is_one_object(tmp_path: Path) -> None:
    grey = np.zeros((4, 6), np.uint8)
    grey[1:3, 1:4] = 255
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey).convert("1").save(tmp_path / "binary.png")
    for name in ("grey.png", "binary.png"):
        assert np.array_equal(read_annotation(tmp_path / name, 4, 6), grey // 255)


def test_ids_of_a_grey_picture_stay_as_they_are(tmp_path: Path) -> None:
    ids = np.array([[0, 1, 2]], np.uint8)
    Image.fromarray(ids).save(tmp_path / "a.png")
    assert np.array_equal(read_annotation(tmp_path / "a.png", 1, 3), ids)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16"])
def test_pictures_of_colours_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (6, 4)).save(tmp_path / "a.png")
    with pytest.raises(RecordingError, match=r"a\.png.*object ids"):
        read_annotation(tmp_path / "a.png", 4, 6)


def test_another_size_is_refused(tmp_path: Path) -> None:
    write_annotation(tmp_path / "a.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(RecordingError, match=r"6 x 4 px.*6 x 5 px"):
        read_annotation(tmp_path / "a.png", 5, 6)


def test_a_file_that_is_no_png_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    with pytest.raises(RecordingError, match=r"a\.png"):
        read_annotation(tmp_path / "a.png", 5, 6)
    Image.new("L", (6, 5)).save(tmp_path / "b.png", format="BMP")
    with pytest.raises(RecordingError, match=r"b\.png"):
        read_annotation(tmp_path / "b.png", 5, 6)
