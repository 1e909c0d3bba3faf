"""Depth of a recording from what there is: recorded, else of pairs, else none and why; or a model's."""

import numpy as np
import pytest
from pydantic import ValidationError

from tests.geometry.camera_examples import pinhole
from tests.points.depth.test_sources import put
from tests.points.stereo_examples import camera, converging, drawn
from tests.videos import write_video
from videotracks.errors import CalibrationError, CorruptFileError
from videotracks.geometry.camera import Camera
from videotracks.points.depth.maps import DepthSettings, make_depth
from videotracks.points.depth.stereo import StereoSettings
from videotracks.points.depth.store import DepthStore
from videotracks.recording import probe_recording
from videotracks.video_writer import VideoWriter

FRAMES = 3
CAMERA = pinhole(width=64, height=48, K=np.array([[60.0, 0, 31], [0, 60, 24], [0, 0, 1]]))
STEREO = DepthSettings(stereo=StereoSettings(longest_px=320))


class Everywhere:
    """A model that sees two metres everywhere, a metre more with every frame."""

    name = "everywhere"

    def __init__(self):
        self.asked: list[Camera | None] = []

    def provenance(self):
        return {"backend": self.name, "device": "cpu"}

    def depth(self, rgb, camera):
        self.asked.append(camera)
        return np.full(rgb.shape[:2], 1.0 + len(self.asked), "f4")


@pytest.fixture
def pair(tmp_path):
    folder = tmp_path / "pair"
    folder.mkdir()
    for name, frames in (("left", FRAMES), ("right", FRAMES + 2)):
        write_video(folder / f"{name}.mp4", frames)
    return folder


def room(folder, cameras, frames=2):
    """A recording of the drawn room, its box moving."""
    folder.mkdir()
    for one in cameras:
        with VideoWriter(folder / f"{one.camera_id}.mp4", one.width, one.height, 30) as video:
            for t in range(frames):
                video.write(drawn(one, 0.05 * t)[0])
    return folder


def made(source, cameras, tmp_path, settings=None, **further):
    return make_depth(probe_recording(source, "key"), source, cameras, tmp_path / "depth.h5", settings, **further)


def test_recorded_depth_comes_first_and_frames_without_are_none(pair, tmp_path):
    put(pair / "depth" / "left", [0, 2])
    told = []
    store, report = made(pair, [], tmp_path, progress=lambda done, total: told.append((done, total)))
    with store:
        assert store.cameras == ["left", "right"]
        assert [store.frame_count(view) for view in (0, 1)] == [FRAMES, FRAMES + 2]
        assert [store.frame(0, t).any() for t in range(FRAMES)] == [True, False, True]
        assert not store.has_depth(1)
    left, right = report
    assert (left.kind, left.frames, left.frames_with_depth) == ("files", FRAMES, 2)
    assert left.known_share == pytest.approx(2 / 3)
    assert (right.kind, right.frames_with_depth, right.known_share) == ("none", 0, 0)
    assert "no depth lies beside the recording; stereo needs calibration" in right.detail
    assert told[-1] == (FRAMES, FRAMES)


def test_depth_out_of_range_is_none(pair, tmp_path):
    put(pair / "depth" / "left", range(FRAMES))
    store, report = made(pair, [], tmp_path, DepthSettings(near_m=1.5, far_m=1.8))
    with store:
        found = store.frame(0, 0)
        np.testing.assert_allclose(found[found > 0].min(), 1.5, atol=0.0011)
        np.testing.assert_allclose(found[found > 0].max(), 1.8, atol=0.0011)
    assert 0 < report[0].known_share < 0.5


def test_two_views_that_can_be_matched_give_each_other_depth(tmp_path):
    cameras = converging(size=(320, 240))
    source = room(tmp_path / "room", cameras)
    store, report = made(source, cameras, tmp_path, STEREO)
    with store:
        for view, one in enumerate(cameras):
            for t in range(2):
                truth, found = drawn(one, 0.05 * t)[1], store.frame(view, t)
                known = found > 0
                assert known.mean() > 0.5
                assert np.median(np.abs(found - truth)[known] / truth[known]) < 0.01
    assert [view.kind for view in report] == ["stereo", "stereo"]
    assert "with cam_01, 0.30 m beside it, at 6." in report[0].detail
    assert report[0].known_share > 0.5


def test_a_view_with_recorded_depth_still_serves_the_other_as_partner(tmp_path):
    cameras = converging(size=(320, 240))
    source = room(tmp_path / "room", cameras)
    put(source / "depth" / "cam_00", range(2), shape=(240, 320))
    store, report = made(source, cameras, tmp_path, STEREO)
    with store:
        assert store.has_depth(1)
    assert [view.kind for view in report] == ["files", "stereo"]


def test_views_that_cannot_be_matched_have_none_and_the_report_says_why(tmp_path):
    cameras = [camera("a", (-2, 0, 2), size=(320, 240)), camera("b", (2, 0, 2), size=(320, 240))]
    store, report = made(room(tmp_path / "room", cameras), cameras, tmp_path, STEREO)
    with store:
        assert [store.has_depth(view) for view in (0, 1)] == [False, False]
        assert not store.frame(0, 1).any()
    assert [view.kind for view in report] == ["none", "none"]
    assert "no view for stereo: b sees" in report[0].detail


def test_one_view_without_depth_is_an_empty_file_not_an_error(tmp_path):
    source = write_video(tmp_path / "clip.mp4", FRAMES)
    for kind in ("auto", "files", "stereo"):
        store, report = made(source, [CAMERA], tmp_path, DepthSettings(kind=kind))
        with store:
            assert not store.has_depth(0)
        assert report[0].kind == "none"
        assert report[0].detail


def test_no_source_stands_in_for_the_one_that_was_asked_for(tmp_path):
    cameras = converging(size=(320, 240))
    source = room(tmp_path / "room", cameras)
    store, report = made(source, cameras, tmp_path, DepthSettings(kind="files"))
    store.close()
    assert [view.kind for view in report] == ["none", "none"]
    put(source / "depth" / "cam_00", range(2), shape=(240, 320))
    store, report = made(source, cameras, tmp_path, STEREO.model_copy(update={"kind": "stereo"}))
    store.close()
    assert [view.kind for view in report] == ["stereo", "stereo"]


def test_a_model_sees_every_frame_with_its_camera(pair, tmp_path):
    model = Everywhere()
    store, report = made(pair, [CAMERA, CAMERA], tmp_path, DepthSettings(kind="model"), model=model)
    with store:
        assert [store.frame(0, t)[0, 0] for t in range(FRAMES)] == pytest.approx([2, 3, 4])
    assert model.asked == [CAMERA] * (2 * FRAMES + 2)
    assert {view.kind for view in report} == {"model"}
    assert report[0].detail == "backend everywhere, device cpu"


@pytest.mark.parametrize(("kind", "model"), [("model", None), ("auto", Everywhere()), ("files", Everywhere())])
def test_a_model_is_given_for_the_kind_model_alone(pair, tmp_path, kind, model):
    with pytest.raises(ValueError, match="a model is given for the kind model"):
        made(pair, [], tmp_path, DepthSettings(kind=kind), model=model)


def test_cameras_that_are_not_of_the_views_are_refused(pair, tmp_path):
    with pytest.raises(CalibrationError, match="1 cameras for 2 views"):
        made(pair, [CAMERA], tmp_path)
    with pytest.raises(CalibrationError, match="view right"):
        made(pair, [CAMERA, pinhole()], tmp_path)


def test_damaged_depth_stops_and_leaves_no_file_that_opens(pair, tmp_path):
    (put(pair / "depth" / "left", range(FRAMES)) / "0001.png").write_bytes(b"")
    with pytest.raises(CorruptFileError, match=r"0001\.png"):
        made(pair, [], tmp_path)
    with pytest.raises(CorruptFileError, match="format_version"):
        DepthStore.open(tmp_path / "depth.h5")


def test_settings_out_of_order_are_refused():
    with pytest.raises(ValidationError, match="must be below far_m"):
        DepthSettings(near_m=3, far_m=2)
