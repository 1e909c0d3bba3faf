"""Depth beside a recording: found by its name, put to its frames, and never trusted."""

import zlib

import cv2
import h5py
import numpy as np
import pytest

from tests.videos import picture, write_video
from videotracks.errors import CorruptFileError, RecordingError
from videotracks.points.depth.sources import open_recorded
from videotracks.recording import probe_recording
from videotracks.sources import depth_files, depth_place

FRAMES, HEIGHT, WIDTH = 4, 48, 64


def millimetres(t=0, shape=(HEIGHT, WIDTH)):
    return (1000 + 100 * t + np.arange(np.prod(shape)) % 977).reshape(shape).astype("u2")


@pytest.fixture
def pair(tmp_path):
    folder = tmp_path / "pair"
    folder.mkdir()
    for name in ("left", "right"):
        write_video(folder / f"{name}.mp4", FRAMES)
    return folder


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", FRAMES)


def views(source):
    return probe_recording(source, "key").views


def put(folder, numbers=range(FRAMES), suffix=".png", shape=(HEIGHT, WIDTH)):
    folder.mkdir(parents=True, exist_ok=True)
    for t, number in enumerate(numbers):
        cv2.imwrite(str(folder / f"{number:04}{suffix}"), millimetres(t, shape))
    return folder


def put_hdf5(path, data, name="depth", **attributes):
    with h5py.File(path, "w") as file:
        made = file.create_dataset(name, data=data, chunks=True, compression="gzip")
        made.attrs.update(attributes)
    return path


def frames_of(source, view, **settings):
    with open_recorded(source, view, **settings) as depth:
        return [depth.frame(t) for t in range(view.frame_count)]


@pytest.mark.parametrize("suffix", [".png", ".pgm"])
def test_pictures_in_a_folder_per_view_are_millimetres(pair, suffix):
    put(pair / "depth" / "right", suffix=suffix)
    left, right = views(pair)
    assert open_recorded(pair, left) is None
    for t, depth in enumerate(frames_of(pair, right)):
        assert depth.dtype == np.float32
        np.testing.assert_allclose(depth, millimetres(t) / 1000, rtol=1e-6)


def test_a_single_view_needs_no_folder_of_its_own(tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    write_video(folder / "cam.mp4", FRAMES)
    put(folder / "depth")
    assert len(frames_of(folder, views(folder)[0])) == FRAMES
    assert len(depth_files(folder, "cam")) == FRAMES


def test_beside_a_file_and_beside_what_a_link_leads_to(clip, tmp_path):
    place = put(clip.with_name("clip.depth"))
    link = tmp_path / "elsewhere" / "other.mp4"
    link.parent.mkdir()
    link.symlink_to(clip)
    assert depth_place(clip, "cam_00") == depth_place(link, "cam_00") == place


def test_hdf5_is_millimetres_or_metres_by_its_dtype(pair):
    data = np.stack([millimetres(t) for t in range(FRAMES)])
    put_hdf5(pair / "left.depth.h5", data)
    put_hdf5(pair / "right.depth.h5", (data / 1000).astype("f4"))
    for view in views(pair):
        np.testing.assert_allclose(np.stack(frames_of(pair, view)), data / 1000, rtol=1e-6)
        assert depth_files(pair, view.camera) == [pair / f"{view.camera}.depth.h5"]


def test_half_precision_and_an_end_before_the_views(pair):
    put_hdf5(pair / "left.depth.h5", np.full((2, HEIGHT, WIDTH), 1.5, "f2"))
    found = frames_of(pair, views(pair)[0])
    assert [depth is None for depth in found] == [False, False, True, True]
    assert (found[1] == 1.5).all()


def test_the_unit_is_stated_by_the_file_else_by_the_setting(pair):
    put(pair / "depth" / "left")
    left, right = views(pair)
    np.testing.assert_allclose(frames_of(pair, left, unit_m=0.0002)[0], millimetres() * 0.0002, rtol=1e-6)
    (pair / "depth" / "left" / "scale.txt").write_text("0.0025\n")
    np.testing.assert_allclose(frames_of(pair, left, unit_m=0.0002)[0], millimetres() * 0.0025, rtol=1e-6)
    assert pair / "depth" / "left" / "scale.txt" in depth_files(pair, "left")
    put_hdf5(pair / "right.depth.h5", millimetres()[None], scale=0.0005)
    np.testing.assert_allclose(frames_of(pair, right)[0], millimetres() * 0.0005, rtol=1e-6)


@pytest.mark.parametrize("text", ["", "mm", "0", "-1", "nan", "1e9", "0.001 0.001"])
def test_a_scale_that_is_none_is_refused(pair, text):
    (put(pair / "depth" / "left") / "scale.txt").write_text(text)
    with pytest.raises(RecordingError, match=r"scale\.txt.*metres per unit"):
        open_recorded(pair, views(pair)[0])
    put_hdf5(pair / "right.depth.h5", millimetres()[None], scale=-1.0)
    with pytest.raises(CorruptFileError, match=r"right\.depth\.h5.*scale is -1.0"):
        open_recorded(pair, views(pair)[1])


def test_as_many_pictures_as_frames_belong_to_them_in_order(clip):
    put(clip.with_name("clip.depth"), [3, 7, 20, 100])
    assert [depth[0, 0] for depth in frames_of(clip, views(clip)[0])] == pytest.approx([1.0, 1.1, 1.2, 1.3])


def test_order_is_by_number_not_by_name(pair):
    folder = put(pair / "depth" / "left", range(8, 8 + FRAMES))
    for file in sorted(folder.iterdir()):
        file.rename(folder / f"{int(file.stem)}.png")  # 8, 9, 10, 11
    assert [depth[0, 0] for depth in frames_of(pair, views(pair)[0])] == pytest.approx([1.0, 1.1, 1.2, 1.3])


def test_fewer_pictures_are_frames_by_their_number_and_the_others_have_none(clip):
    put(clip.with_name("clip.depth"), [1, 3])
    found = frames_of(clip, views(clip)[0])
    assert [None if depth is None else round(float(depth[0, 0]), 3) for depth in found] == [None, 1.0, None, 1.1]


def test_pictures_of_a_sequence_and_of_its_depth_are_matched_by_their_numbers(tmp_path):
    folder = tmp_path / "sequence"
    folder.mkdir()
    for number in (11, 12, 13, 14):
        cv2.imwrite(str(folder / f"{number}.jpg"), picture(number))
    put(folder / "depth", [12, 14])
    found = frames_of(folder, views(folder)[0])
    assert [depth is None for depth in found] == [True, False, True, False]


@pytest.mark.parametrize("numbers", [[1, 9], [0, 1, 2, 3, 4]])
def test_numbers_that_are_no_frames_are_refused(clip, numbers):
    put(clip.with_name("clip.depth"), numbers)
    with pytest.raises(RecordingError, match=r"clip\.depth.*is no frame of cam_00"):
        open_recorded(clip, views(clip)[0])


def test_depth_in_two_places_is_refused(pair):
    put(pair / "depth" / "left")
    put_hdf5(pair / "left.depth.h5", millimetres()[None])
    with pytest.raises(RecordingError, match="both hold depth of left"):
        open_recorded(pair, views(pair)[0])


def test_an_empty_folder_is_no_depth(pair):
    (pair / "depth" / "left").mkdir(parents=True)
    assert open_recorded(pair, views(pair)[0]) is None
    assert depth_files(pair, "left") == []


def test_smaller_maps_of_the_same_shape_are_taken_and_others_refused(pair):
    put(pair / "depth" / "left", shape=(HEIGHT // 4, WIDTH // 4))
    put(pair / "depth" / "right", shape=(HEIGHT, HEIGHT))
    left, right = views(pair)
    with open_recorded(pair, left) as depth:
        assert depth.size == (12, 16)
    with pytest.raises(RecordingError, match="right: depth of 48×48 px for pictures of 64×48"):
        open_recorded(pair, right)


def damaged(folder, number, change):
    path = folder / f"{number:04}.png"
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[: len(data) // 2],
        lambda data: data[:-12],
        lambda data: data[: len(data) // 2] + b"XXXXXXXX" + data[len(data) // 2 + 8 :],
        lambda data: cv2.imencode(".png", millimetres().astype("u1"))[1].tobytes(),
        lambda data: cv2.imencode(".png", np.zeros((HEIGHT, WIDTH, 3), "u2"))[1].tobytes(),
        lambda data: cv2.imencode(".png", millimetres(shape=(24, 32)))[1].tobytes(),
        lambda data: data[:16] + (1 << 20).to_bytes(4, "big") * 2 + data[24:],
        lambda data: b"P5 64 48 255\n" + bytes(64 * 48),
        lambda data: b"P5 64 48 65535\n" + bytes(64),
        lambda data: b"P5 99999 99999 65535\n" + bytes(64),
    ],
)
def test_a_picture_that_is_no_whole_depth_is_refused_by_name(clip, change):
    damaged(put(clip.with_name("clip.depth")), 2, change)
    with (
        open_recorded(clip, views(clip)[0]) as depth,
        pytest.raises(CorruptFileError, match=r"clip\.depth/0002\.png"),
    ):
        depth.frame(2)


def test_hdf5_that_is_something_else_is_refused_by_name(pair):
    path, left = pair / "left.depth.h5", views(pair)[0]
    path.write_bytes(b"no HDF5")
    with pytest.raises(CorruptFileError, match=r"left\.depth\.h5: no complete depth file.*write it again"):
        open_recorded(pair, left)
    put_hdf5(path, millimetres()[None], name="disparity")
    with pytest.raises(CorruptFileError, match=r"left\.depth\.h5: depth is missing"):
        open_recorded(pair, left)
    put_hdf5(path, np.zeros((FRAMES + 1, HEIGHT, WIDTH), "u2"))
    with pytest.raises(RecordingError, match="5 frames of depth, left has 4"):
        open_recorded(pair, left)
    with h5py.File(path, "w") as file:
        made = file.create_dataset(
            "depth", (FRAMES, HEIGHT, WIDTH), "f4", chunks=(1, HEIGHT, WIDTH), compression="gzip"
        )
        made.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(5_000_000)))
    with (
        open_recorded(pair, left) as depth,
        pytest.raises(CorruptFileError, match=r"left\.depth\.h5: depth: .*inflates beyond"),
    ):
        depth.frame(0)
