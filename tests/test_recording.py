"""What a recording really holds, down to the last frame, and its frames as they are shown."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.videos import picture, rotate_mp4, write_video
from videotracks.errors import RecordingError
from videotracks.recording import Recording, poster_frames, probe_recording, read_frames, view_path
from videotracks.video_writer import VideoWriter


def probe(path: Path) -> Recording:
    return probe_recording(path, "video")


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


@pytest.mark.parametrize("colorspace", [None, 1, 5])
@pytest.mark.parametrize("box", [(0, 0, 64, 48), (5, 3, 38, 41), (13, 20, 14, 21), (62, 46, 64, 48)])
def test_a_crop_is_that_part_of_the_frame(
    tmp_path: Path, colorspace: int | None, box: tuple[int, int, int, int]
) -> None:
    path = write_video(tmp_path / "a.mp4", 2, colorspace=colorspace)
    (view,) = probe(path).views
    for frame in read_frames(path, view):
        crop = frame.crop(box)
        left, top, right, bottom = box
        assert np.abs(crop.astype(int) - frame.rgb()[top:bottom, left:right]).max() <= 3


def test_the_colours_are_those_that_were_recorded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 2, options={"crf": "1"})
    error = decoded(path, probe(path))[0].astype(int) - picture(0)
    assert np.abs(error).mean() < 8


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


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.97])
def test_refuses_a_truncated_file_and_says_what_is_there(tmp_path: Path, keep: float) -> None:
    path = write_video(tmp_path / "a.mp4", 60, options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(RecordingError, match=r"a\.mp4: (truncated: \d+ of the 60 frames|not a video|.*without a)"):
        probe(path)


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


def test_written_video_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 65, 48, 29.97) as video:
        for index in range(12):
            video.write(picture(index, 65, 48))
    (view,) = probe(path).views
    assert (view.codec, view.width, view.height, view.frame_count) == ("h264", 64, 48, 12)
    assert view.fps == pytest.approx(29.97, abs=0.01)
    assert np.abs(decoded(path, probe(path))[5].astype(int) - picture(5, 65, 48)[:, :64]).mean() < 10


def test_a_video_that_could_not_be_finished_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"

    def write() -> None:
        with VideoWriter(path, 64, 48, 25) as video:
            video.write(picture(0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert not path.exists()
