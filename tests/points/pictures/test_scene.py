"""Scenes for the Rerun viewer, read back with Rerun's own tools."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from tests.points.camera_examples import ring
from tests.points.track_examples import straight, tracks_of
from tests.points.trail_examples import HEIGHT, WIDTH, GreyViews, camera, moving_right
from videotracks.errors import RecordingError
from videotracks.geometry.camera import Camera
from videotracks.points.pictures.scene import SceneSettings, write_scene
from videotracks.points.pictures.scene_cameras import ScenePicture, shown_frames, tracks_cameras
from videotracks.points.pictures.scene_tracks import thinned
from videotracks.points.pictures.scene_world import World
from videotracks.points.pictures.track_colors import track_colors
from videotracks.points.pictures.world_axes import guess_up

COMMAND = Path(sys.executable).with_name("rerun")


def rerun(*arguments: object, home: Path) -> str:
    """Rerun's command line. With a home of its own it is always in its first session, and sends nothing."""
    finished = subprocess.run(
        [COMMAND, *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout + finished.stderr


def columns(path: Path, entity: str) -> dict[str, list]:
    """Values by column, row after row, of what an entity has on the timelines."""
    from rerun.chunk import RrdReader

    found: dict[str, list] = {}
    for chunk in RrdReader(path).stream():
        if chunk.entity_path == entity and not chunk.is_static:
            batch = chunk.to_record_batch()
            for name, array in zip(batch.schema.names, batch.columns, strict=True):
                plain = array.cast(pa.int64()) if pa.types.is_duration(array.type) else array
                found.setdefault(name, []).extend(plain.to_pylist())
    return found


def entities(path: Path) -> set[str]:
    from rerun.chunk import RrdReader

    return {chunk.entity_path for chunk in RrdReader(path).stream()}


def recording_id(path: Path) -> str:
    from rerun.chunk import RrdReader

    (entry,) = RrdReader(path).recordings()
    return entry.recording_id


def write(path: Path, instances, views=None, *, name: str = "street", progress=lambda done, total: None, **options):
    write_scene(path, instances, views, SceneSettings(**options), recording_name=name, progress=progress)
    return path


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    """Two instances of 12 frames at every second frame of the video, seen by two cameras."""
    folder = tmp_path_factory.mktemp("scene")
    times = np.arange(12) / 15
    instances = {
        1: moving_right(12, rows=(30.0, 60.0), temporal_stride=2, timestamps=times),
        "cup": moving_right(12, rows=(90.0,), temporal_stride=2, timestamps=times),
    }
    views = GreyViews([camera("left"), camera("right view", t=np.array([-1.0, 0, 0]))], 12)
    return write(folder / "a.rrd", instances, views, trail_frames=3)


def test_reruns_own_check_finds_nothing_wrong(scene: Path, tmp_path: Path) -> None:
    assert "1 file verified without error" in rerun("rrd", "verify", scene, home=tmp_path)


def test_holds_cameras_instances_ground_and_axes(scene: Path, tmp_path: Path) -> None:
    told = rerun("rrd", "stats", scene, home=tmp_path)
    for entity in ("cameras/left", r"cameras/right\ view", "1/points", "1/trails", "cup/points", "cup/trails"):
        assert f"/world/{entity}: " in told
    assert {"/world", "/world/ground", "/world/axes"} <= entities(scene)


def test_frames_are_those_of_the_video_and_times_those_of_the_tracks(scene: Path) -> None:
    found = columns(scene, "/world/1/points")
    assert found["frame"] == list(range(0, 24, 2))
    np.testing.assert_allclose(np.array(found["time"]) / 1e9, np.arange(12) / 15, atol=1e-8)


def test_the_file_brings_its_layout_along(scene: Path) -> None:
    from rerun.chunk import RrdReader

    (layout,) = RrdReader(scene).blueprints()
    (content,) = RrdReader(scene).recordings()
    assert layout.application_id == content.application_id


def test_points_are_the_visible_ones_in_the_colours_of_their_tracks(tmp_path: Path) -> None:
    seen = np.ones((6, 3))
    seen[2, 1] = seen[3] = 0
    points = straight(6, count=3)
    points[4, 0] = np.nan
    asked = np.column_stack([np.zeros(3), points[0]]).astype("f4")
    tracks = tracks_of(points, seen, query_points=asked)
    found = columns(write(tmp_path / "a.rrd", {1: tracks}), "/world/1/points")
    colors = track_colors(asked).astype("i8")
    for t, (places, packed) in enumerate(zip(found["Points3D:positions"], found["Points3D:colors"], strict=True)):
        here = (seen[t] > 0.5) & np.isfinite(points[t]).all(axis=1)
        np.testing.assert_array_equal(np.array(places or np.zeros((0, 3)), "f4"), points[t][here].astype("f4"))
        expected = (colors[here] * [1 << 24, 1 << 16, 1 << 8]).sum(axis=1) + 255
        assert list(packed or []) == expected.tolist()


@pytest.mark.parametrize("trail_frames", [1, 3, 100])
def test_trails_reach_back_over_the_frames_since_a_point_appeared(tmp_path: Path, trail_frames: int) -> None:
    random = np.random.default_rng(5)
    points, seen = random.normal(0, 1, (20, 4, 3)).astype("f4"), random.random((20, 4)) < 0.8
    path = write(tmp_path / "a.rrd", {1: tracks_of(points, seen)}, trail_frames=trail_frames)
    found = columns(path, "/world/1/trails")
    for t, strips in enumerate(found["LineStrips3D:strips"]):
        expected = []
        for n in np.flatnonzero(seen[t]):
            begin = t
            while begin > max(0, t - trail_frames) and seen[begin - 1, n]:
                begin -= 1
            if begin < t:
                expected.append(points[begin : t + 1, n].tolist())
        assert (strips or []) == expected


def test_without_trails_there_are_none(tmp_path: Path) -> None:
    assert "/world/1/trails" not in entities(write(tmp_path / "a.rrd", {1: moving_right(5)}, trail_frames=0))


def test_long_tracks_are_laid_out_in_portions_that_join(tmp_path: Path, monkeypatch) -> None:
    tracks = tracks_of(straight(50, count=7))
    whole = columns(write(tmp_path / "a.rrd", {1: tracks}), "/world/1/trails")
    monkeypatch.setattr("videotracks.points.pictures.scene_tracks._CHUNK_PLACES", 100)
    portions = columns(write(tmp_path / "b.rrd", {1: tracks}), "/world/1/trails")
    assert whole["LineStrips3D:strips"] == portions["LineStrips3D:strips"]
    assert whole["frame"] == portions["frame"]


def test_zero_tracks_are_a_scene_with_the_cameras(tmp_path: Path) -> None:
    none = moving_right(5).select(np.arange(0))
    path = write(tmp_path / "a.rrd", {1: none}, GreyViews([camera()], 5))
    assert {"/world/cameras/cam_00", "/world/1/points"} <= entities(path)
    assert len(columns(path, "/world/cameras/cam_00")["frame"]) == 1
    assert "verified without error" in rerun("rrd", "verify", path, home=tmp_path)


def test_without_instances_or_views_a_scene_is_still_a_file(tmp_path: Path) -> None:
    assert "/world/ground" in entities(write(tmp_path / "a.rrd", {}))
    path = write(tmp_path / "b.rrd", {}, GreyViews([camera()], 11, fps=10))
    assert columns(path, "/world/cameras/cam_00")["frame"] == [0, 5, 10]


def test_cameras_come_from_the_tracks_where_there_are_no_views(tmp_path: Path) -> None:
    path = write(tmp_path / "a.rrd", {1: tracks_of(straight(5), views=3)})
    assert {f"/world/cameras/cam_{view:02}" for view in range(3)} <= entities(path)


def moved_ring(frames: int) -> tuple[list[Camera], np.ndarray, np.ndarray]:
    """Two cameras, and their intrinsics and extrinsics as tracks have them: each a metre further in every frame."""
    cameras = ring(2)
    intrs = np.stack([c.K for c in cameras])[:, None].repeat(frames, axis=1).astype("f4")
    extrs = np.stack([c.extrinsics for c in cameras])[:, None].repeat(frames, axis=1).astype("f4")
    extrs[..., 3] += np.arange(frames)[:, None]
    return cameras, intrs, extrs


def test_cameras_of_tracks_that_move_stand_where_they_are_in_each_frame() -> None:
    cameras, intrs, extrs = moved_ring(4)
    for found, expected in zip(tracks_cameras(tracks_of(straight(4), intrs=intrs, extrs=extrs)), cameras, strict=True):
        np.testing.assert_allclose(found.at(0).center, expected.center, atol=1e-5)
        np.testing.assert_allclose(found.at(3).t, expected.t + 3, atol=1e-5)
        assert abs(found.width - expected.width) <= 1


def test_a_camera_that_moves_has_a_pose_in_each_frame(tmp_path: Path) -> None:
    _, intrs, extrs = moved_ring(4)
    path = write(tmp_path / "a.rrd", {1: tracks_of(straight(4), intrs=intrs, extrs=extrs)})
    assert columns(path, "/world/cameras/cam_01")["frame"] == [0, 1, 2, 3]


def test_pictures_are_few_small_jpegs(tmp_path: Path) -> None:
    views = GreyViews([camera("a"), camera("b")], 23)
    path = write(tmp_path / "a.rrd", {1: moving_right(23)}, views, image_every=10, image_width_px=40)
    assert views.asked == [(view, t) for t in (0, 10, 20) for view in (0, 1)]
    found = columns(path, "/world/cameras/b")
    assert found["frame"] == [0, 10, 20]
    (blob,) = found["EncodedImage:blob"][0]
    assert cv2.imdecode(np.array(blob, np.uint8), cv2.IMREAD_COLOR).shape == (30, 40, 3)


@pytest.mark.parametrize("frame_count", [1, 99, 100_000, 10_000_000])
def test_long_videos_have_no_more_pictures(frame_count: int) -> None:
    for views in (1, 3, 50):
        shown = shown_frames(frame_count, views, 5, 2000)
        assert len(shown) >= 1
        assert len(shown) * views <= max(2000, views)
        assert shown.step >= 5 or len(shown) == 1


def test_many_points_are_thinned_and_the_name_says_so(tmp_path: Path) -> None:
    tracks = tracks_of(straight(50, count=400))
    small = write(tmp_path / "small.rrd", {1: tracks}, most_megabytes=0.5)
    large = write(tmp_path / "large.rrd", {1: tracks})
    assert small.stat().st_size < 700_000 < large.stat().st_size
    shown, step = thinned({1: tracks}, 10, 500_000)
    assert step > 1
    assert shown[1].points.shape[1] == -(-400 // step)
    assert f"1 of {step} tracks".encode() in small.read_bytes()


def test_pictures_are_those_of_a_camera_without_distortion() -> None:
    lens, matrix = np.array([-0.3, 0.1, 0.01, -0.01, 0]), np.array([[400.0, 0, 320], [0, 400, 240], [0, 0, 1]])
    bent = camera(distortion=lens, width=640, height=480, K=matrix)
    point = np.array([0.5, -0.3, 1.0])
    rgb = np.zeros((480, 640, 3), np.uint8)
    (x, y), _ = bent.project(point)
    cv2.circle(rgb, (round(x * 16), round(y * 16)), 6 * 16, (255, 255, 255), -1, shift=4)
    picture = ScenePicture(bent, 320)
    grey = cv2.imdecode(np.frombuffer(picture.jpeg(rgb, 95), np.uint8), cv2.IMREAD_GRAYSCALE).astype("f8")
    at = np.argwhere(grey > 128).mean(axis=0)[::-1]
    straight_at = picture.K @ point
    np.testing.assert_allclose(at, straight_at[:2], atol=0.4)


def test_a_small_picture_is_never_enlarged() -> None:
    picture = ScenePicture(camera(), 4000)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    np.testing.assert_allclose(picture.K, camera().K)


def test_the_same_content_has_the_same_id_and_other_content_another(tmp_path: Path) -> None:
    first = recording_id(write(tmp_path / "a.rrd", {1: moving_right(5)}))
    assert recording_id(write(tmp_path / "b.rrd", {1: moving_right(5)})) == first
    others = [
        write(tmp_path / "c.rrd", {1: moving_right(6)}),
        write(tmp_path / "d.rrd", {2: moving_right(5)}),
        write(tmp_path / "e.rrd", {1: moving_right(5)}, name="other"),
        write(tmp_path / "f.rrd", {1: moving_right(5)}, trail_frames=2),
    ]
    assert len({first, *map(recording_id, others)}) == 5


def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.rrd"
    path.write_bytes(b"earlier")
    views = GreyViews([camera()], 5)
    views.rgb = lambda view, t: np.zeros((3, 3, 3), np.uint8)
    with pytest.raises(RecordingError, match=r"view cam_00: a frame is uint8\[3, 3, 3\]"):
        write(path, {1: moving_right(5)}, views)
    assert path.read_bytes() == b"earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["a.rrd"]


@pytest.mark.parametrize("instances", [{"cameras": 0}, {1: 0, "1": 0}])
def test_refuses_instances_that_would_share_an_entity(tmp_path: Path, instances) -> None:
    with pytest.raises(ValueError, match="each needs a name of its own"):
        write(tmp_path / "a.rrd", {key: moving_right(5) for key in instances})


def test_names_of_any_kind_are_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.rrd", {"a/b c·ü": moving_right(5)}, name="Straße (2) / \N{SNOWMAN}")
    assert any("points" in entity and entity.startswith("/world/a") for entity in entities(path))
    assert "verified without error" in rerun("rrd", "verify", path, home=tmp_path)


def test_tells_its_progress(tmp_path: Path) -> None:
    told = []
    instances = {1: moving_right(11), 2: moving_right(11)}
    write(tmp_path / "a.rrd", instances, GreyViews([camera()], 11), progress=lambda *done: told.append(done[0]))
    assert told == [1, 2, 3, 4, 5]


def test_up_is_guessed_from_the_cameras_and_the_ground_lies_below_the_points() -> None:
    upright = camera(R=np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))  # looks along +y, z is up
    assert str(guess_up([upright])) == "+z"
    assert str(guess_up([camera()])) == "-y"
    assert str(guess_up([])) == "+z"
    random = np.random.default_rng(0)
    points = random.uniform((-1, -1, 0.2), (1, 1, 2), (5000, 3))
    points[:10, 2] = -40
    world = World.around([upright], [points])
    assert world.ground_m == pytest.approx(0.2, abs=0.05)
    assert (world.grid()[..., 2] == world.ground_m).all()


def test_the_ground_of_a_vast_scene_has_few_lines() -> None:
    far = World.around([camera(t=np.array([5e6, 0, 0])), camera(t=np.array([0, 0, -3e6]))], [])
    assert 4 <= len(far.grid()) <= 100
    assert len(World.around([], []).grid()) >= 2
