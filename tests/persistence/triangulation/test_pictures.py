"""Things in the world as pictures."""

from pathlib import Path

import numpy as np
import pytest

from tests.persistence.triangulation.rig_examples import LEFT, cameras
from tests.persistence.triangulation.test_recording import two_walkers
from videotracks.calibration.toml_files import write_toml
from videotracks.palette import color_of
from videotracks.persistence.triangulation.integrated import TriangulationSettings
from videotracks.persistence.triangulation.pictures import as_instances, draw_things, write_things
from videotracks.persistence.triangulation.recording import triangulate_recording
from videotracks.persistence.triangulation.tracks3d import TriangulatedTracks
from videotracks.points.instance_tracks import calibrated_cameras
from videotracks.points.pictures.scene import SceneSettings
from videotracks.points.pictures.trajectory_plots import TrajectoryPlotSettings
from videotracks.recording import probe_recording
from videotracks.video_writer import VideoWriter

TIMES = np.arange(12) / 25
PLOT = TrajectoryPlotSettings()


def things() -> TriangulatedTracks:
    rig = cameras(2)
    return triangulate_recording(rig, two_walkers(rig), TriangulationSettings())[0]


def test_each_thing_is_a_track_of_one_point_in_its_frames() -> None:
    shown = as_instances(things(), cameras(2), TIMES)
    assert list(shown) == [1, 2]
    np.testing.assert_allclose(shown[1].tracks_3d[:, 0], LEFT, atol=1e-4)
    assert shown[1].visible.all()
    assert shown[1].temporal_stride == 1


def test_long_videos_show_every_other_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videotracks.persistence.triangulation.pictures._MOST_FRAMES", 6)
    monkeypatch.setattr("videotracks.persistence.triangulation.pictures._MOST_THINGS", 1)
    shown = as_instances(things(), cameras(2), TIMES)
    assert list(shown) == [1]
    assert shown[1].temporal_stride == 2
    np.testing.assert_allclose(shown[1].tracks_3d[:, 0], LEFT[::2], atol=1e-4)
    np.testing.assert_allclose(shown[1].timestamps, TIMES[::2])


def test_the_picture_has_the_colour_of_each_thing() -> None:
    rgb = draw_things(things(), cameras(2), TIMES, PLOT)
    assert rgb.shape == (600, 1200, 3)
    above = rgb[:530]
    for thing in (1, 2):
        assert (above == color_of(thing)).all(axis=-1).sum() > 8
    nothing = TriangulatedTracks(**{**things().arrays(), **{
        "track_id": np.zeros(0, "i8"), "frame_numbers": np.zeros(0, "i8"), "positions": np.zeros((0, 3)),
        "errors_px": np.zeros((0, 2), "f4"),
    }})  # fmt: skip
    assert not (draw_things(nothing, cameras(2), TIMES, PLOT)[:530] == color_of(1)).all(axis=-1).any()


@pytest.mark.slow
def test_writes_a_scene_with_cameras_and_things(tmp_path: Path) -> None:
    source = tmp_path / "rig"
    source.mkdir()
    rig = cameras(2)
    write_toml(source / "cameras.toml", rig)
    for camera in rig:
        with VideoWriter(source / f"{camera.camera_id}.mp4", camera.width, camera.height, 25.0) as video:
            for level in range(12):
                video.write(np.full((camera.height, camera.width, 3), 20 * level, "u1"))
    recording = probe_recording(source, "rig")
    calibrated = calibrated_cameras(recording, source)
    write_things(tmp_path / "things.rrd", recording, source, things(), calibrated, SceneSettings(), cache=tmp_path)
    data = (tmp_path / "things.rrd").read_bytes()
    assert data.startswith(b"RRF")
    assert all(name in data for name in (b"thing_1", b"thing_2", b"cam_01"))
