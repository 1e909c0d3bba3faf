"""What a recording really holds, down to the last frame, and its frames as they are shown."""

import contextlib
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import ValidationError

from tests.videos import picture, remux, rotate_mp4, write_video
from videotracks.errors import RecordingError
from videotracks.recording import Recording, View, poster_frames, probe_recording, read_frames, view_path


def probe(path: Path) -> Recording:
    return probe_recording(path, "video")


def decodable(path: Path) -> int:
    """Frames that FFmpeg gets out of a file before it ends or fails."""
    frames = 0
    with contextlib.suppress(av.error.FFmpegError), av.open(str(path)) as container:
        for _ in container.decode(video=0):
            frames += 1
    return frames


def decoded(path: Path, recording: Recording) -> list[np.ndarray]:
    view = recording.views[0]
    return [frame.rgb() for frame in read_frames(view_path(path, view), view)]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mov", "mjpeg", "yuvj420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
        ("a.h264", "libx264", "yuv420p"),
    ],
)
def test_counts_every_frame_of_every_container(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    path = write_video(tmp_path / name, 37, codec=codec, pixel_format=pixel_format)
    found = probe(path)
    (view,) = found.views
    assert (view.frame_count, view.width, view.height) == (37, 64, 48)
    assert view.fps == pytest.approx(25, rel=0.02)
    assert view.duration_s == pytest.approx(37 / 25, rel=0.03)
    assert not view.variable_frame_rate
    assert len(view.timestamps_s) == 37
    assert len(decoded(path, found)) == 37


def test_times_of_a_variable_frame_rate_are_exact(tmp_path: Path) -> None:
    ticks = [0, 40, 80, 500, 540, 580, 2000, 2040]
    path = write_video(tmp_path / "a.mkv", 8, ticks=ticks)
    (view,) = probe(path).views
    assert np.allclose(view.timestamps_s * 1000, ticks, atol=0.5)
    assert view.variable_frame_rate
    assert view.fps == pytest.approx(7 / 2.04)


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (33, 31)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mkv", 3, size=size, codec="ffv1")
    found = probe(path)
    assert (found.views[0].width, found.views[0].height) == size
    assert decoded(path, found)[0].shape == (size[1], size[0], 3)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotated_video_is_shown_upright(tmp_path: Path, degrees: int) -> None:
    path = write_video(tmp_path / "a.mp4", 4)
    plain = decoded(path, probe(path))[0]
    rotate_mp4(path, degrees)
    found = probe(path)
    shown = decoded(path, found)[0]
    assert shown.shape[:2] == (found.views[0].height, found.views[0].width)
    assert np.array_equal(shown, np.rot90(plain, -degrees // 90))
    assert poster_frames(path, found.views[0], 1)[0].shape == shown.shape


def test_pictures_are_a_recording(tmp_path: Path) -> None:
    import cv2

    folder = tmp_path / "sequence" / "img1"
    folder.mkdir(parents=True)
    for index in range(5):
        cv2.imwrite(str(folder / f"{index + 1:06d}.png"), picture(index)[..., ::-1])
    (tmp_path / "sequence" / "seqinfo.ini").write_text("[Sequence]\nframeRate=14\n")
    found = probe(tmp_path / "sequence")
    assert (found.views[0].frame_count, found.views[0].fps) == (5, 14)
    assert np.array_equal(decoded(tmp_path / "sequence", found)[3], picture(3))


def test_views_of_a_folder(tmp_path: Path) -> None:
    for camera, frames in (("cam_00", 5), ("cam_01", 7)):
        write_video(tmp_path / f"{camera}.mp4", frames)
    assert [(v.camera, v.file, v.frame_count) for v in probe(tmp_path).views] == [
        ("cam_00", "cam_00.mp4", 5),
        ("cam_01", "cam_01.mp4", 7),
    ]


def test_the_hash_is_of_the_content_not_of_the_name(tmp_path: Path) -> None:
    first = probe(write_video(tmp_path / "a.mp4")).content_hash
    (tmp_path / "a.mp4").rename(tmp_path / "b.mp4")
    assert probe(tmp_path / "b.mp4").content_hash == first
    assert probe(write_video(tmp_path / "b.mp4", 21)).content_hash != first


def test_refuses_a_file_that_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"not a video" * 100)
    with pytest.raises(RecordingError, match=r"a\.mp4: not a video"):
        probe(path)


def test_refuses_a_file_with_sound_only(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(RecordingError, match="no video in this file"):
        probe(path)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"movflags": "faststart"}),
        ("a.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mov", "mjpeg", {"movflags": "faststart"}),
        ("a.mkv", "libx264", {}),
        ("a.webm", "libvpx-vp9", {}),
        ("a.avi", "mpeg4", {}),
    ],
)
@pytest.mark.parametrize("keep", [0.4, 0.7])
def test_refuses_a_truncated_file_and_says_how_much_is_there(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], keep: float
) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_video(tmp_path / name, 60, codec=codec, options=options, pixel_format=pixel_format, noise=True)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(RecordingError, match=rf"{name}: truncated: \d+ of (59|60) frames are there") as refused:
        probe(path)
    assert abs(int(str(refused.value).split("truncated: ")[1].split()[0]) - decodable(path)) <= 2


def test_a_file_that_lost_no_frame_is_not_truncated(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 60)
    path.write_bytes(path.read_bytes()[:-20])
    assert probe(path).views[0].frame_count == 60


GROUPS_OF_20 = {"x264-params": "keyint=20:min-keyint=20:open-gop=1:bframes=3:b-adapt=0:scenecut=0"}


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("lost", [range(1), range(5), range(20), range(20, 21), range(25, 28), range(39, 42)])
def test_frames_that_need_lost_ones_are_not_counted(tmp_path: Path, name: str, lost: range) -> None:
    whole = write_video(tmp_path / f"whole_{name}", 60, encoder=GROUPS_OF_20)
    path = remux(whole, tmp_path / name, leave_out=lost)
    found = probe(path)
    assert found.views[0].frame_count == len(decoded(path, found)) == decodable(path)


def test_a_trimmed_video_shows_what_its_edit_list_keeps(tmp_path: Path) -> None:
    path = remux(write_video(tmp_path / "whole.mp4", 60), tmp_path / "a.mp4", later_s=-0.2)
    found = probe(path)
    assert found.views[0].frame_count == len(decoded(path, found)) == 55
    assert np.abs(decoded(path, found)[0].astype(int) - picture(5)).mean() < 12


def test_posters_are_spread_over_a_video_with_one_key_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 60, encoder={"crf": "1", "x264-params": "keyint=300:scenecut=0"})
    posters = poster_frames(path, probe(path).views[0], 3)
    for poster, index in zip(posters, (10, 30, 50), strict=True):
        assert np.abs(poster.astype(int) - picture(index)).mean() < 8


def test_progress_goes_forward_over_all_bytes(tmp_path: Path) -> None:
    for camera in ("cam_00.mp4", "cam_01.avi"):
        codec = "mpeg4" if camera.endswith("avi") else "libx264"
        write_video(tmp_path / camera, 200, codec=codec)
    seen: list[tuple[int, int | None]] = []
    probe_recording(tmp_path, "video", lambda done, total: seen.append((done, total)))
    total = 2 * sum(path.stat().st_size for path in tmp_path.iterdir())
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (total, total)
    assert {of for _, of in seen} == {total}


@pytest.mark.parametrize(
    "change",
    [
        {"steps": [(1, 10**12)]},
        {"steps": [(1, 10**12)], "frame_count": 10**12 + 1},
        {"steps": [(-1, 19)]},
        {"steps": [(20, -1), (1, 20)]},
        {"tick": (0, 1)},
        {"frame_count": 21},
    ],
)
def test_refuses_stored_times_that_cannot_be(tmp_path: Path, change: dict) -> None:
    (view,) = probe(write_video(tmp_path / "a.mp4", 20)).views
    with pytest.raises(ValidationError):
        View.model_validate({**view.model_dump(), **change})


def test_the_hash_of_one_file_is_its_sha256(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    assert probe(path).content_hash == sha256(path.read_bytes()).hexdigest()
    (tmp_path / "a.gt.txt").write_text("1,1,0,0,5,5,1,1,1\n")
    assert probe(path).content_hash != sha256(path.read_bytes()).hexdigest()


def test_the_hash_of_a_folder_knows_every_file_by_its_name(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 5)
    write_video(tmp_path / "b.mp4", 7)
    hashes = {probe(tmp_path).content_hash}
    (tmp_path / "a.mp4").rename(tmp_path / "c.mp4")
    hashes.add(probe(tmp_path).content_hash)
    (tmp_path / "cameras.toml").write_text("")
    hashes.add(probe(tmp_path).content_hash)
    assert len(hashes) == 3


def test_links_lead_to_a_recording_and_inside_one(tmp_path: Path) -> None:
    (tmp_path / "rig").mkdir()
    (tmp_path / "rig" / "cam_00.mp4").symlink_to(write_video(tmp_path / "far.mp4", 4))
    (tmp_path / "linked").symlink_to(tmp_path / "rig")
    found = probe(tmp_path / "linked")
    assert len(list(read_frames(view_path(tmp_path / "linked", found.views[0]), found.views[0]))) == 4
    assert found.content_hash == probe(tmp_path / "rig").content_hash


@pytest.mark.slow
@pytest.mark.testdata
def test_real_clips_hold_as_many_frames_as_can_be_decoded(testdata: Path) -> None:
    for path in sorted((testdata / "clips").glob("*.*")):
        (view,) = probe(path).views
        assert view.frame_count == decodable(path), path.name


@pytest.mark.testdata
def test_real_views_and_sequences(testdata: Path) -> None:
    rig = probe(testdata / "multiview" / "two_people")
    assert [(v.camera, v.frame_count, v.width, v.height) for v in rig.views] == [
        (f"cam_0{i}", 100, 1088, 1920) for i in range(1, 5)
    ]
    (sequence,) = probe(testdata / "mot" / "MOT17-02-FRCNN").views
    assert (sequence.fps, sequence.width, sequence.file) == (30, 1920, "img1")


def test_refuses_a_video_whose_index_is_missing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 60)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    with pytest.raises(RecordingError, match="not a video that can be read"):
        probe(path)


def test_says_which_frame_cannot_be_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 10)
    (view,) = probe(path).views
    longer = view.model_copy(update={"steps": [(view.steps[0][0], 14)], "frame_count": 15})
    with pytest.raises(RecordingError, match="ends after 10 of 15 frames"):
        list(read_frames(path, longer))


def test_a_view_never_leads_out_of_its_recording(tmp_path: Path) -> None:
    (tmp_path / "rig").mkdir()
    write_video(tmp_path / "secret.mp4", 2)
    write_video(tmp_path / "rig" / "cam_00.mp4", 2)
    (view,) = probe(tmp_path / "rig").views
    with pytest.raises(RecordingError, match="lies outside"):
        view_path(tmp_path / "rig", view.model_copy(update={"file": "../secret.mp4"}))


def test_reads_from_and_to_a_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 10)
    (view,) = probe(path).views
    assert [frame.index for frame in read_frames(path, view, start=3, stop=6)] == [3, 4, 5]
