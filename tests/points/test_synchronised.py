"""Views for trackers: the same moment in every view, at another rate and size, with the cameras that go with it."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.geometry.camera_examples import cameras as any_camera
from tests.geometry.camera_examples import pinhole
from tests.videos import picture, write_video
from videotracks.errors import CalibrationError, CorruptFileError, RecordingError
from videotracks.geometry.camera_path import CameraPath
from videotracks.points.depth.store import DepthStore, DepthWriter, ViewSize
from videotracks.points.synchronised import SynchronisedViews, shrunk, shrunk_depth
from videotracks.points.trackers import paths_of
from videotracks.recording import probe_recording

CAMERA = pinhole(width=64, height=48, K=np.array([[60.0, 0, 31], [0, 61, 24], [0, 0, 1]]))


@pytest.fixture
def pictures(tmp_path):
    """A recording of one view: seven pictures without loss."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(7):
        cv2.imwrite(str(folder / f"{index:03}.png"), picture(index)[:, :, ::-1])
    return folder


@pytest.fixture
def pair(tmp_path):
    folder = tmp_path / "pair"
    folder.mkdir()
    write_video(folder / "cam_00.mp4", 7)
    write_video(folder / "cam_01.mp4", 5)
    return folder


def opened(folder, cache, cameras=(CAMERA,), depth=None, **settings):
    return SynchronisedViews.open(probe_recording(folder, "key"), folder, cameras, depth, cache=cache, **settings)


def test_frames_are_the_recordings_in_any_order(pictures, tmp_path):
    with opened(pictures, tmp_path) as views:
        assert (views.frame_count, views.fps) == (7, 30)
        for t in (6, 0, 3):
            np.testing.assert_array_equal(views.rgb(0, t), picture(t))
        assert not views.rgb(0, 0).flags.writeable
        assert views.depth(0, 0) is None
        with pytest.raises(IndexError, match="frame 7 of 7"):
            views.rgb(0, 7)


def test_a_camera_that_moves_is_given_frame_by_frame(pictures, tmp_path):
    cameras = [dataclasses.replace(CAMERA, t=np.array([0, 0, float(t)])) for t in range(7)]
    path = CameraPath(CAMERA, np.array([c.R for c in cameras]), np.array([c.t for c in cameras]))
    with opened(pictures, tmp_path, [path], stride=3, downsample=2) as views:
        assert [views.camera(0, t).t[2] for t in range(3)] == [0, 3, 6]
        assert views.camera(0, 2).width == views.cameras[0].width == CAMERA.width // 2
        assert isinstance(paths_of(views)[0], CameraPath)
        views.place([CameraPath(CAMERA, path.turns[:3], path.shifts[:3] + 1)])
        assert [views.camera(0, t).t[2] for t in range(3)] == [1, 2, 3]
        assert views.camera(0, 2).width == CAMERA.width // 2
        with pytest.raises(IndexError, match="frame 3 of 3"):
            views.camera(0, 3)
    with opened(pictures, tmp_path) as views:
        assert views.camera(0, 4) is views.cameras[0] is paths_of(views)[0]


def test_stride_takes_every_nth_frame_and_slows_the_rate(pictures, tmp_path):
    with opened(pictures, tmp_path, stride=3) as views:
        assert (views.frame_count, views.fps) == (3, 10)
        np.testing.assert_allclose(views.timestamps_s, [0, 0.1, 0.2])
        for t in range(3):
            np.testing.assert_array_equal(views.rgb(0, t), picture(3 * t))


def test_a_stride_longer_than_the_recording_leaves_its_first_frame(pictures, tmp_path):
    with opened(pictures, tmp_path, stride=100) as views:
        assert (views.frame_count, views.fps) == (1, 1)


def test_pixels_are_means_of_blocks_and_the_rest_is_cut_off(pictures, tmp_path):
    with opened(pictures, tmp_path, downsample=5) as views:
        blocks = picture(2)[:45, :60].reshape(9, 5, 12, 5, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(views.rgb(0, 2), blocks, atol=0.51)
        assert (views.cameras[0].width, views.cameras[0].height) == (12, 9)


def test_views_end_with_the_shortest(pair, tmp_path):
    told = []
    cameras = [CAMERA, dataclasses.replace(CAMERA, camera_id="cam_01")]
    progress = lambda done, total: told.append((done, total))  # noqa: E731
    with opened(pair, tmp_path, cameras, stride=2, progress=progress) as views:
        assert views.frame_count == 3
        assert [camera.camera_id for camera in views.cameras] == ["cam_00", "cam_01"]
        for view in range(2):
            assert np.abs(views.rgb(view, 2).astype("f4") - picture(4)).mean() < 8
    assert told[-1] == (10, 10)


def test_nothing_stays_on_the_disk(pictures, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    with opened(pictures, cache) as views:
        frame = views.rgb(0, 0)
    assert not list(cache.iterdir())
    np.testing.assert_array_equal(frame, picture(0))


@settings(max_examples=30, deadline=None)
@given(any_camera(), st.integers(1, 9), st.floats(-0.3, 0.3), st.floats(-0.2, 0.2))
def test_a_shrunk_camera_sees_a_point_where_the_shrunk_picture_has_it(camera, n, x, y):
    point = camera.center + camera.R.T @ [3 * x, 3 * y, 3]
    (u, v), depth = camera.project(point)
    (small_u, small_v), small_depth = shrunk(camera, n).project(point)
    np.testing.assert_allclose([n * (small_u + 0.5) - 0.5, n * (small_v + 0.5) - 0.5], [u, v], atol=1e-6)
    assert depth == small_depth


def test_a_point_of_light_stays_where_the_camera_says(tmp_path):
    """A blob drawn at a known place and shrunk by the very way of pictures: its centroid against the camera's."""
    rows, columns = np.mgrid[:48, :64]
    blob = 255 * np.exp(-((columns - 33.3) ** 2 + (rows - 20.6) ** 2) / 40)
    folder = tmp_path / "blob"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), np.repeat(np.rint(blob)[..., None], 3, axis=2))
    with opened(folder, tmp_path, downsample=4) as views:
        seen = views.rgb(0, 0)[..., 0].astype("f8")
        small = views.cameras[0]
    rows, columns = np.mgrid[: seen.shape[0], : seen.shape[1]]
    centroid = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
    at, _ = small.project(CAMERA.lift(np.array([33.3, 20.6]), np.array(2.0)))
    np.testing.assert_allclose(centroid, at, atol=0.03)


def test_a_picture_shrunk_to_nothing_is_refused():
    with pytest.raises(ValueError, match="64×48 px cannot be shrunk 49 times"):
        shrunk(CAMERA, 49)


@pytest.mark.parametrize("n", [2, 3])
def test_depth_of_a_slope_is_averaged_and_holes_do_not_count(n):
    rows, columns = np.mgrid[: 6 * n, : 4 * n]
    slope = (2 + 0.001 * rows + 0.002 * columns).astype("f4")
    means = slope.reshape(6, n, 4, n).mean(axis=(1, 3))
    np.testing.assert_allclose(shrunk_depth(slope, n), means, rtol=1e-6)
    slope[0, 0] = 0
    slope[:n, n : 2 * n] = 0
    found = shrunk_depth(slope, n)
    assert found[0, 0] == pytest.approx(slope[:n, :n][slope[:n, :n] > 0].mean())
    assert found[0, 1] == 0
    np.testing.assert_allclose(found[1:], means[1:], rtol=1e-6)


def test_no_depth_hangs_between_two_surfaces():
    edge = np.full((4, 8), 1, "f4")
    edge[:, 3:] = 4
    edge[2:] *= np.where(np.arange(8) == 3, 0, 1)
    found = shrunk_depth(edge, 2)
    assert set(np.unique(found)) == {1, 4}


def depth_of(path, camera, frames, height, width):
    columns = (np.arange(width) + 0.5) / width
    with DepthWriter(path, [ViewSize(camera, frames, height, width)]) as writer:
        for t in range(frames):
            writer.write(0, t, np.broadcast_to(1 + t + columns, (height, width)).astype("f4"))
    return DepthStore.open(path)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (12, 16), (96, 128)])
@pytest.mark.parametrize("downsample", [1, 2])
def test_depth_of_any_resolution_lies_under_its_pixels(pictures, tmp_path, height, width, downsample):
    with (
        depth_of(tmp_path / "depth.h5", "cam_00", 7, height, width) as store,
        opened(pictures, tmp_path, depth=store, stride=2, downsample=downsample) as views,
    ):
        found = views.depth(0, 3)
        assert found.shape == views.rgb(0, 3).shape[:2]
        expected = 7 + (np.arange(64 // downsample) + 0.5) * downsample / 64
        np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=0.5 / min(width, 64) + 0.001)


def test_depth_of_another_view_or_without_any_is_none(pictures, tmp_path):
    with DepthWriter(tmp_path / "none.h5", [ViewSize("cam_00", 7, 48, 64)]):
        pass
    with depth_of(tmp_path / "other.h5", "other", 7, 48, 64) as other, DepthStore.open(tmp_path / "none.h5") as none:
        for store in (other, none):
            with opened(pictures, tmp_path, depth=store) as views:
                assert views.depth(0, 0) is None


def test_depth_that_ends_early_is_refused(pictures, tmp_path):
    with (
        depth_of(tmp_path / "depth.h5", "cam_00", 6, 48, 64) as store,
        pytest.raises(CorruptFileError, match=r"depth\.h5: 6 frames of depth for cam_00, 7 are needed"),
    ):
        opened(pictures, tmp_path, depth=store)


def test_cameras_that_are_not_of_the_views_are_refused(pictures, tmp_path):
    with pytest.raises(CalibrationError, match="0 cameras for 1 views"):
        opened(pictures, tmp_path, [])
    with pytest.raises(CalibrationError, match="camera cam_00 has 640×480 px, view cam_00 64×48"):
        opened(pictures, tmp_path, [pinhole()])


def test_a_disk_that_is_too_small_is_refused_before_decoding(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 7 * 64 * 48 * 3 - 1}))
    with pytest.raises(RecordingError, match="raise the stride or the downsampling"):
        opened(pictures, tmp_path)
