"""Video that browsers play."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.videos import picture
from videotracks.frames import decode_video
from videotracks.recording import probe_recording, read_frames
from videotracks.video_writer import VideoWriter


def write(path: Path, frames: int = 12, width: int = 64, height: int = 48, fps: float = 25, crf: int = 23) -> Path:
    with VideoWriter(path, width, height, fps, crf=crf) as video:
        for index in range(frames):
            video.write(picture(index, width, height))
    return path


def test_written_video_reads_back(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", fps=29.97)
    (view,) = probe_recording(path, "video").views
    assert (view.codec, view.width, view.height, view.frame_count) == ("h264", 64, 48, 12)
    assert view.fps == pytest.approx(29.97, abs=0.01)
    for frame in read_frames(path, view):
        assert np.abs(frame.rgb().astype(int) - picture(frame.index)).mean() < 10


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (33, 31), (3, 2)])
def test_an_odd_size_loses_its_last_column_or_row(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write(tmp_path / "a.mp4", 2, *size)
    (frame,) = decode_video(path, 0, np.zeros(1))
    assert (frame.width, frame.height) == (size[0] // 2 * 2, size[1] // 2 * 2)


def test_colours_say_what_they_are_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [180, 90, 30]], np.uint8)
    rgb = np.repeat(np.repeat(colours[None], 48, axis=0), 16, axis=1)
    with VideoWriter(path, 96, 48, 25, crf=1) as video:
        video.write(rgb)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    (frame,) = decode_video(path, 0, np.zeros(1))
    assert np.abs(frame.rgb()[:, 8::16].astype(int) - rgb[:, 8::16]).max() <= 4


def test_browsers_can_play_it_before_it_is_loaded(tmp_path: Path) -> None:
    data = write(tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("fps", [1 / 3600, 0.5, 23.976, 60, 2000])
def test_any_rate(tmp_path: Path, fps: float) -> None:
    assert len(list(decode_video(write(tmp_path / "a.mp4", 3, fps=fps), 0, np.arange(3)))) == 3


@pytest.mark.parametrize(("width", "height", "fps"), [(1, 48, 25), (64, 0, 25), (64, 48, 0), (64, 48, float("nan"))])
def test_refuses_what_cannot_be_written(tmp_path: Path, width: int, height: int, fps: float) -> None:
    with pytest.raises(ValueError, match=r"a\.mp4: expected at least 2×2 px"):
        VideoWriter(tmp_path / "a.mp4", width, height, fps)


@pytest.mark.parametrize(
    "frame", [np.zeros((48, 60, 3), np.uint8), np.zeros((48, 64, 3)), np.zeros((48, 64), np.uint8)]
)
def test_refuses_a_frame_that_was_not_announced_and_leaves_nothing(tmp_path: Path, frame: np.ndarray) -> None:
    path = tmp_path / "a.mp4"
    with pytest.raises(ValueError, match="expected u8"), VideoWriter(path, 64, 48, 25) as video:  # noqa: PT012
        video.write(picture(0))
        video.write(frame)
    assert not path.exists()


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    still = rng.integers(0, 256, (180, 320, 3), np.uint8)
    clutter, written = [], set()
    for number in range(12):
        path = tmp_path / f"{number}.mp4"
        with VideoWriter(path, 320, 180, 20) as video:
            for shift in range(30):
                video.write(np.roll(still, 3 * shift, axis=1))
        written.add(path.read_bytes())
        clutter.append(rng.integers(0, 256, int(rng.integers(1, 3_000_000)), np.uint8))  # memory is not always zero
    assert len(written) == 1
