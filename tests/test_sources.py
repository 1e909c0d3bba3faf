"""What counts as a recording, and its partition key."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotracks.errors import RecordingError
from videotracks.sources import (
    annotation_file,
    find_sources,
    is_recording,
    mask_annotations,
    partition_key,
    pose_file,
    recording_files,
    view_files,
)

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


@given(st.text())
def test_every_name_gives_a_key_and_always_the_same(name: str) -> None:
    assert KEY.fullmatch(partition_key(name))
    assert partition_key(name) == partition_key(name)


@given(st.from_regex(KEY, fullmatch=True))
def test_a_name_that_is_a_key_stays(name: str) -> None:
    assert partition_key(name) == name


@given(st.text(), st.text())
def test_two_names_share_no_key(first: str, second: str) -> None:
    assert (partition_key(first) == partition_key(second)) == (first == second)


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("My Video", "my-video-"),
        ("../../etc/passwd", "etc-passwd-"),
        ("Größe", "groe-"),
        ("🎥", "video-"),
        ("_x", "x-"),
    ],
)
def test_a_name_that_loses_something_gets_a_hash(name: str, begin: str) -> None:
    assert re.fullmatch(re.escape(begin) + "[0-9a-f]{8}", partition_key(name))


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_finds_files_folders_of_views_and_sequences(tmp_path: Path) -> None:
    touch(tmp_path / "street.mp4")
    touch(tmp_path / "rig" / "cam_01.mp4")
    touch(tmp_path / "rig" / "cam_00.mp4")
    touch(tmp_path / "mot" / "img1" / "000001.jpg")
    touch(tmp_path / "notes.txt")
    touch(tmp_path / ".hidden.mp4")
    (tmp_path / "empty").mkdir()
    assert list(find_sources(tmp_path)) == ["mot", "rig", "street"]
    assert [view.camera for view in view_files(tmp_path / "rig")] == ["cam_00", "cam_01"]


def test_pictures_are_ordered_by_number(tmp_path: Path) -> None:
    for name in ("frame_10.png", "frame_9.png", "frame_100.png"):
        touch(tmp_path / name)
    assert [p.name for p in recording_files(tmp_path)] == ["frame_9.png", "frame_10.png", "frame_100.png"]


def test_two_recordings_of_one_key_are_refused_with_both_names(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4")
    touch(tmp_path / "a.avi")
    with pytest.raises(RecordingError, match=r"a\.avi and .*a\.mp4 have the same key"):
        find_sources(tmp_path)


def test_finds_ground_truth_beside_a_linked_file(tmp_path: Path) -> None:
    video = touch(tmp_path / "far" / "walk.mp4")
    truth = touch(tmp_path / "far" / "walk.gt.txt")
    link = tmp_path / "walk.mp4"
    link.symlink_to(video)
    assert annotation_file(link, "cam_00", "gt") == truth
    assert annotation_file(link, "cam_00", "det") is None


def test_ground_truth_of_a_view_has_its_name(tmp_path: Path) -> None:
    for name in ("cam_00.mp4", "cam_01.mp4", "cam_01.gt.txt", "gt.txt"):
        touch(tmp_path / name)
    assert annotation_file(tmp_path, "cam_00", "gt") is None
    assert annotation_file(tmp_path, "cam_01", "gt") == tmp_path / "cam_01.gt.txt"


def test_finds_ground_truth_beside_a_link(tmp_path: Path) -> None:
    link = tmp_path / "walk.mp4"
    link.symlink_to(touch(tmp_path / "far" / "video_7.mp4"))
    truth = touch(tmp_path / "walk.gt.txt")
    assert annotation_file(link, "cam_00", "gt") == truth
    assert recording_files(link) == [link, truth]


def test_poses_of_a_view_have_its_name_or_lie_alone_beside_one_view(tmp_path: Path) -> None:
    touch(tmp_path / "color" / "1.png")
    assert pose_file(tmp_path, "cam_00") is None
    alone = touch(tmp_path / "pose.txt")
    assert view_files(tmp_path)[0].path == tmp_path / "color"
    assert pose_file(tmp_path, "cam_00") == alone
    assert alone in recording_files(tmp_path)
    named = touch(tmp_path / "cam_00.poses.txt")
    with pytest.raises(RecordingError, match=r"both hold poses of cam_00"):
        pose_file(tmp_path, "cam_00")
    alone.unlink()
    assert pose_file(tmp_path, "cam_00") == named
    assert pose_file(named, "cam_00") is None


def test_a_link_is_a_recording_even_if_its_target_is_gone(tmp_path: Path) -> None:
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "linked").symlink_to(touch(tmp_path / "far" / "deep" / "cam_00.mp4").parent)
    assert list(find_sources(tmp_path)) == ["gone", "linked"]


def test_a_folder_of_views_that_share_a_name_is_refused_alone(tmp_path: Path) -> None:
    touch(tmp_path / "rig" / "cam_00.mp4")
    touch(tmp_path / "rig" / "cam_00.avi")
    touch(tmp_path / "street.mp4")
    assert list(find_sources(tmp_path)) == ["rig", "street"]
    with pytest.raises(RecordingError, match="two views have the same name"):
        view_files(tmp_path / "rig")


@given(st.text(st.characters(codec="utf-8"), min_size=81))
def test_a_long_name_keeps_its_hash(name: str) -> None:
    assert re.fullmatch(r".*-[0-9a-f]{8}", partition_key(name))


@pytest.mark.parametrize(("one", "other"), [("A", "a"), ("é", "e\u0301"), ("a b", "a-b"), ("a" * 90, "a" * 91)])
def test_names_that_look_alike_have_two_keys(one: str, other: str) -> None:
    assert partition_key(one) != partition_key(other)


def test_true_masks_lie_where_davis_keeps_them(tmp_path: Path) -> None:
    touch(tmp_path / "parkour" / "JPEGImages" / "00000.jpg")
    first = touch(tmp_path / "parkour" / "Annotations" / "00000.png")
    touch(tmp_path / "parkour" / "Annotations" / "notes.png")
    assert is_recording(tmp_path / "parkour")
    assert mask_annotations(tmp_path / "parkour", "cam_00") == {0: first}
    assert first in recording_files(tmp_path / "parkour")


def test_each_view_has_masks_of_its_own(tmp_path: Path) -> None:
    rig = tmp_path / "rig"
    for camera in ("cam_00", "cam_01"):
        touch(rig / f"{camera}.mp4")
    touch(rig / "Annotations" / "00000.png")
    of_second = touch(rig / "Annotations" / "cam_01" / "00012.png")
    assert mask_annotations(rig, "cam_00") == {}
    assert mask_annotations(rig, "cam_01") == {12: of_second}


def test_masks_of_a_file_lie_beside_it(tmp_path: Path) -> None:
    video = touch(tmp_path / "street.mp4")
    mask = touch(tmp_path / "street.Annotations" / "00003.png")
    assert mask_annotations(video, "cam_00") == {3: mask}
    assert list(find_sources(tmp_path)) == ["street"]
