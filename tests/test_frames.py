"""Frames as they are shown: colours, crops, rotation, and files that would lead elsewhere."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.videos import picture, rotate_mp4, write_video, write_with_cover
from videotracks.errors import RecordingError
from videotracks.frames import DecodedFrame, Frame, decode_video, frame_at, open_video, read_picture, read_pictures

BT709, BT601, BT2020 = 1, 5, 9
LIMITED, FULL = 1, 2
WIDTH, HEIGHT = 64, 48
BOXES = st.tuples(
    st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, WIDTH), st.integers(1, HEIGHT)
).map(lambda b: (b[0], b[1], max(b[2], b[0] + 1), max(b[3], b[1] + 1)))


def decode(path: Path, frames: int = 2, rotation: int = 0) -> list[Frame]:
    return list(decode_video(path, rotation, np.arange(frames) / 25))


def difference(first: np.ndarray, second: np.ndarray) -> int:
    return int(np.abs(first.astype(int) - second).max())


def part(rgb: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = box
    return rgb[top:bottom, left:right]


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> av.VideoFrame:
    """A frame of noise, as its decoder gives it."""
    path = write_video(tmp_path_factory.mktemp("noise") / "a.mp4", 2, noise=True, encoder={"crf": "1"})
    with open_video(path) as (container, stream):
        return next(container.decode(stream))


@given(box=BOXES, rotation=st.sampled_from([0, 90, 180, 270]))
def test_a_crop_is_that_part_of_the_frame(noise: av.VideoFrame, box: tuple[int, int, int, int], rotation: int) -> None:
    frame = DecodedFrame(0, 0.0, noise, rotation)
    if rotation % 180:
        left, top, right, bottom = box
        box = (top, left, bottom, right)
    crop = frame.crop(box)
    assert frame._rgb is None, "the whole frame was converted"
    assert difference(crop, part(frame.rgb(), box)) <= 3


def test_many_crops_of_a_frame_convert_it_once(noise: av.VideoFrame) -> None:
    frame = DecodedFrame(0, 0.0, noise, 0)
    boxes = [(x, y, x + 20, y + 30) for x in range(0, 40, 7) for y in range(0, 18, 5)]
    crops = [frame.crop(box) for box in boxes]
    assert frame._rgb is not None
    assert max(difference(crop, part(frame.rgb(), box)) for crop, box in zip(crops, boxes, strict=True)) <= 3


@pytest.mark.parametrize("colorspace", [None, BT709, BT601, BT2020])
@pytest.mark.parametrize("color_range", [None, LIMITED, FULL])
def test_crops_follow_matrix_and_range_of_the_stream(
    tmp_path: Path, colorspace: int | None, color_range: int | None
) -> None:
    path = write_video(tmp_path / "a.mp4", 2, noise=True, colorspace=colorspace, color_range=color_range)
    for frame in decode(path):
        assert difference(frame.crop((5, 3, 38, 41)), part(frame.rgb(), (5, 3, 38, 41))) <= 3


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv422p", "yuv420p10le", "gray"])
def test_crops_of_other_pixel_formats(tmp_path: Path, pixel_format: str) -> None:
    for frame in decode(write_video(tmp_path / "a.mkv", 2, codec="ffv1", pixel_format=pixel_format)):
        assert np.array_equal(frame.crop((5, 3, 38, 41)), part(frame.rgb(), (5, 3, 38, 41)))


def test_the_colours_are_those_that_were_recorded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 2, encoder={"crf": "1"})
    assert np.abs(decode(path)[0].rgb().astype(int) - picture(0)).mean() < 8


def test_frames_are_converted_in_several_threads_at_once(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 40, pixel_format="yuv444p", noise=True)
    alone = [frame.rgb() for frame in decode(path, 40)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda frame: frame.rgb(), decode(path, 40)))
    assert all(map(np.array_equal, alone, together))


def test_frames_of_another_size_are_brought_to_the_first(tmp_path: Path) -> None:
    small, large = write_video(tmp_path / "a.ts", 4), write_video(tmp_path / "b.ts", 4, size=(96, 64))
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    frames = decode(both, 8)
    assert {frame.rgb().shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert difference(frames[7].crop((3, 3, 20, 30)), part(frames[7].rgb(), (3, 3, 20, 30))) <= 3
    assert np.abs(frames[7].rgb().astype(int) - cv2.resize(picture(3, 96, 64), (WIDTH, HEIGHT))).mean() < 12


def test_says_which_frame_cannot_be_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 60, options={"movflags": "faststart"}, noise=True)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = b"\xff" * 20_000
    path.write_bytes(data)
    frames = decode_video(path, 0, np.arange(60) / 25)
    with pytest.raises(RecordingError, match=r"a\.mp4: frame [1-5]\d of 60 cannot be decoded"):
        list(frames)


def test_decodes_no_more_than_is_asked_for(tmp_path: Path) -> None:
    assert len(decode(write_video(tmp_path / "a.mp4", 10), 4)) == 4


def test_a_play_list_opens_no_other_file(tmp_path: Path) -> None:
    write_video(tmp_path / "other.mp4", 4)
    playlist = tmp_path / "a.mp4"
    for text in ("ffconcat version 1.0\nfile other.mp4\n", "#EXTM3U\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n"):
        playlist.write_text(text)
        with pytest.raises(RecordingError, match="cannot be decoded"):
            decode(playlist)


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    with open_video(write_with_cover(tmp_path / "a.mp4", 10)) as (_, stream):
        assert (stream.width, stream.height) == (64, 48)
    with (
        pytest.raises(RecordingError, match="no video in this file"),
        open_video(write_with_cover(tmp_path / "b.mp4", 0)),
    ):
        pass


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_finds_a_frame_far_from_its_key_frame(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, 40, encoder={"crf": "1"})
    for index in (0, 13, 39):
        assert np.abs(frame_at(path, 0, index / 25).astype(int) - picture(index)).mean() < 8


def test_a_frame_found_is_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 4)
    rotate_mp4(path, 90)
    assert frame_at(path, 270, 0.08).shape == (WIDTH, HEIGHT, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("keep", [0, 0.5, 0.98])
def test_refuses_a_picture_that_was_cut_off(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    assert read_picture(path).shape == (48, 64, 3)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(RecordingError, match=r"a\.\w+: (truncated|not a picture)"):
        read_picture(path)


def test_pictures_of_two_sizes_are_no_sequence(tmp_path: Path) -> None:
    for index, width in enumerate((64, 64, 32)):
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture(0, width, 48))
    frames = read_pictures(tmp_path, np.arange(3) / 30)
    assert len(list(itertools.islice(frames, 2))) == 2
    with pytest.raises(RecordingError, match=r"2\.png: 32×48 px"):
        next(frames)
