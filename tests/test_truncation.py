"""Files that are shorter than their container says."""

from pathlib import Path

import pytest

from tests.videos import write_video
from videotracks.truncation import bytes_missing

KINDS = [
    ("a.mp4", "libx264", {}),
    ("a.mp4", "libx264", {"movflags": "faststart"}),
    ("a.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    ("a.mkv", "libx264", {}),
    ("a.webm", "libvpx-vp9", {}),
    ("a.avi", "mpeg4", {}),
]


@pytest.mark.parametrize(("name", "codec", "options"), KINDS)
def test_counts_the_bytes_that_are_cut_off(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    path = write_video(tmp_path / name, 30, codec=codec, options=options)
    data = path.read_bytes()
    assert bytes_missing(path) == 0
    path.write_bytes(data[: len(data) // 2])
    assert 0 < bytes_missing(path) <= len(data) - len(data) // 2
    path.write_bytes(data[:-1])
    assert bytes_missing(path) == 1


@pytest.mark.parametrize(("name", "codec", "options"), KINDS)
def test_bytes_behind_the_end_are_no_matter(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    path = write_video(tmp_path / name, 10, codec=codec, options=options)
    path.write_bytes(path.read_bytes() + bytes(range(1, 100)))
    assert bytes_missing(path) == 0


@pytest.mark.parametrize("data", [b"", b"a", b"RIFF", b"RIFF\0\0\0\0AVI ", b"\x1a\x45\xdf\xa3", b"not a video" * 9])
def test_a_file_that_declares_nothing_lacks_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    assert bytes_missing(path) == 0


def test_a_matroska_segment_of_unknown_size_is_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 30, options={"live": "1"})
    path.write_bytes(path.read_bytes()[:-500])
    assert bytes_missing(path) == 0


def test_a_box_of_64_bits_and_one_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\x08free" + b"\0\0\0\x01mdat" + (1000).to_bytes(8, "big") + bytes(100))
    assert bytes_missing(path) == 1000 - 116
    path.write_bytes(b"\0\0\0\x08free" + b"\0\0\0\0mdat" + bytes(100))
    assert bytes_missing(path) == 0
