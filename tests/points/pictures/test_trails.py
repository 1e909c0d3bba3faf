"""Trails drawn on the views."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.points.track_examples import tracks_of
from tests.points.trail_examples import GREY, HEIGHT, WIDTH, at_pixels, camera, grey, moving_right
from videotracks.errors import RecordingError
from videotracks.geometry.camera_path import CameraPath
from videotracks.points.pictures.projected_tracks import project_tracks
from videotracks.points.pictures.trails import Brush, Drawing, TrailSettings, draw_trails, trail_segments
from videotracks.points.tracks import PointTracks
from videotracks.recording import probe_recording, read_frames


def drawing(tracks: PointTracks, depth_of=None) -> Drawing:
    (seen,) = project_tracks(camera(), [tracks], depth_of)
    return Drawing.of(tracks, seen)


def test_a_point_at_rest_passes_through_the_picture_of_a_camera_that_moves() -> None:
    still = camera()
    shifts = still.t + 0.1 * np.arange(4)[:, None] * np.array([1, 0, 0])
    path = CameraPath(still, np.repeat(still.R[None], 4, axis=0), shifts)
    tracks = tracks_of(np.tile([0.0, 0.0, 4.0], (4, 3, 1)), views=1)
    (seen,) = project_tracks(path, [tracks])
    for t in range(4):
        np.testing.assert_allclose(seen.pixels[t], path.at(t).project(tracks.tracks_3d[t].astype("f8"))[0], atol=1e-3)
    assert (np.diff(seen.pixels[:, 0, 0]) > 1).all()


def drawn(tracks: PointTracks, t: int, depth_of=None, **options) -> np.ndarray:
    """What frame ``t`` looks like: the difference to the plain frame, i8[H, W]."""
    (rgb,) = grey(1)
    brush = Brush(HEIGHT, WIDTH, TrailSettings(**options))
    brush.draw(rgb, [drawing(tracks, depth_of)], t)
    return np.abs(rgb.astype(int) - GREY).max(axis=2)


def elsewhere(tracks: PointTracks) -> PointTracks:
    """The same tracks, asked for in the last frame: no ring hides what is looked at."""
    asked = tracks.query_points.copy()
    asked[:, 0] = tracks.frame_count - 1
    return PointTracks(**{name: getattr(tracks, name) for name in PointTracks.__slots__} | {"query_points": asked})


def test_a_trail_fades_evenly_towards_its_older_end() -> None:
    marked = drawn(elsewhere(moving_right(20)), 15, trail_frames=10)
    middles = [marked[60, 20 + 6 * 15 - 6 * age - 3] for age in range(1, 10)]  # the first is hidden by the point
    steps = -np.diff(middles)
    assert marked[60, 20 + 6 * 15 - 6 * 10 - 4] == 0
    assert (np.abs(steps - np.mean(steps)) <= 1.5).all()
    assert middles[-1] == pytest.approx(0.1 * middles[0] / 0.9, abs=2)


@pytest.mark.parametrize(("trail_frames", "reach"), [(0, 0), (1, 1), (4, 4), (10, 10), (-1, 15), (100, 15)])
def test_a_trail_is_as_long_as_asked_for(trail_frames: int, reach: int) -> None:
    marked = drawn(elsewhere(moving_right(20)), 15, trail_frames=trail_frames)
    now = 20 + 6 * 15
    touched = np.flatnonzero(marked[60])
    assert touched.max() == now + 3
    assert touched.min() == pytest.approx(min(now - 6 * reach, now - 3), abs=1)


def test_points_and_lines_have_the_size_that_was_asked_for() -> None:
    marked = drawn(elsewhere(moving_right(20, step_px=8)), 5, point_radius_px=5, line_px=4)
    full = marked.max()
    assert (marked[:, 60] >= full * 0.4).sum() == pytest.approx(11, abs=1)
    assert (marked[:, 50] > 0).sum() == pytest.approx(5, abs=1)


def test_a_segment_needs_both_its_ends_and_the_point_of_now() -> None:
    seen = np.ones((20, 1))
    seen[10] = 0
    tracks = elsewhere(moving_right(20, visibilities=seen))
    assert not drawn(tracks, 10).any()
    marked = drawn(tracks, 14)
    x = [20 + 6 * t for t in range(20)]
    assert not marked[60, x[9] + 2 : x[11] - 1].any()
    assert marked[60, x[12]] > 0
    assert marked[60, x[8]] > 0


def test_long_trails_leave_frames_out_but_never_bridge_a_gap() -> None:
    frames = 600
    seen = np.ones((frames, 1))
    seen[295:316] = 0
    x = 5 + 0.25 * np.arange(frames)
    tracks = elsewhere(at_pixels(np.stack([x, np.full(frames, 60.0)], axis=1)[:, None], visibilities=seen))
    at, _ = trail_segments(frames - 2, -1)
    assert max(np.diff(at)) > 1
    marked = drawn(tracks, frames - 2, trail_frames=-1)
    assert not marked[60, 79:84].any()
    assert marked[60, 75] > 0
    assert marked[60, 87] > 0


@settings(max_examples=60, deadline=None)
@given(t=st.integers(0, 100_000), trail_frames=st.one_of(st.just(-1), st.integers(0, 100_000)))
def test_every_trail_ends_now_fades_and_has_a_bounded_number_of_segments(t: int, trail_frames: int) -> None:
    at, opacities = trail_segments(t, trail_frames)
    assert at[-1] == t
    assert (np.diff(at) > 0).all()
    assert len(opacities) == len(at) - 1 <= 130
    assert at[0] >= (0 if trail_frames < 0 else t - trail_frames)
    assert (np.diff(opacities) > 0).all()
    assert ((opacities > 0) & (opacities <= 1)).all()


def test_frames_left_out_of_a_long_trail_stay_out_as_time_goes_on() -> None:
    earlier, later = (set(trail_segments(t, 1000)[0].tolist()) for t in (3000, 3001))
    assert {at for at in earlier if 2001 <= at < 3000} <= later


def test_the_query_frame_has_a_ring() -> None:
    tracks = moving_right(20)
    x, ring = 20, 2.5 * 3
    first, second = drawn(tracks, 0), drawn(tracks, 1)
    assert first[60, int(x + ring)] > 100
    assert first[int(60 - ring), x] > 100
    assert not first[60, x + 5]
    assert second[60, int(x + 6 + ring)] == 0


def test_nothing_is_drawn_of_points_that_the_view_cannot_see() -> None:
    behind = moving_right(20)
    behind.tracks_3d[..., 2] = -1
    aside = moving_right(20, left=WIDTH + 2)
    unknown = moving_right(20)
    unknown.tracks_3d[...] = np.nan
    for tracks in (behind, aside, unknown, moving_right(20, visibilities=np.full((20, 1), 0.5))):
        assert not any(drawn(tracks, t).any() for t in (0, 10))


def test_a_point_behind_a_surface_is_hidden_where_there_is_depth() -> None:
    depth = np.full((HEIGHT, WIDTH), np.nan, "f4")
    depth[:, 80:] = 0.5
    tracks = moving_right(20)
    assert drawn(tracks, 15).any()
    assert not drawn(tracks, 15, depth_of=lambda t: depth).any()
    assert drawn(tracks, 5, depth_of=lambda t: depth).any()
    assert drawn(tracks, 15, depth_of=lambda t: None).any()


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_runs_count_the_visible_frames_up_to_now(data: st.DataObject) -> None:
    frames, count = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4))
    seen = np.array(data.draw(st.lists(st.booleans(), min_size=frames * count, max_size=frames * count)))
    seen = seen.reshape(frames, count)
    runs = drawing(at_pixels(np.full((frames, count, 2), 50.0), visibilities=seen)).seen.runs
    for n in range(count):
        length = 0
        for t in range(frames):
            length = length + 1 if seen[t, n] else 0
            assert runs[t, n] == length


def test_smooth_strokes_match_a_plain_drawing_of_distances() -> None:
    tracks = elsewhere(at_pixels([[[30.3, 40.6]], [[101.7, 77.2]], [[10, 10]]]))
    marked = drawn(tracks, 1, trail_frames=1, point_radius_px=0.5, line_px=6)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    begin, end = np.array([30.3, 40.6]), np.array([101.7, 77.2])
    way = end - begin
    along = np.clip(((x - begin[0]) * way[0] + (y - begin[1]) * way[1]) / (way @ way), 0, 1)
    distance = np.hypot(x - begin[0] - along * way[0], y - begin[1] - along * way[1])
    coverage = np.clip(3.5 - distance, 0, 1)
    assert np.abs(marked - coverage * marked.max()).max() <= 2


def test_where_two_segments_meet_no_bead_appears() -> None:
    marked = drawn(elsewhere(moving_right(20, step_px=6)), 15, trail_frames=10)
    joint = marked[60, 20 + 6 * 10 - 1 : 20 + 6 * 10 + 2]
    assert joint.max() <= marked[60, 20 + 6 * 10 + 3] + 1


def test_the_depth_of_a_frame_is_read_once_for_all_instances() -> None:
    asked = []
    project_tracks(camera(), [moving_right(5), moving_right(5, rows=(20.0, 30.0))], asked.append)
    assert asked == [0, 1, 2, 3, 4]


def read(path: Path) -> list[np.ndarray]:
    (view,) = probe_recording(path, "video").views
    return [frame.rgb() for frame in read_frames(path, view)]


def test_writes_a_video_per_instance_and_one_of_all(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    instances = {1: moving_right(12, rows=(30.0,)), "cup": moving_right(12, rows=(90.0,))}
    made = draw_trails(
        iter(grey(12)),
        camera(),
        instances,
        tmp_path,
        TrailSettings(crf=5),
        fps=15,
        progress=lambda *done: told.append(done),
    )
    assert list(made) == ["1/cam_00.mp4", "cup/cam_00.mp4", "combined/cam_00.mp4"]
    assert all(path == tmp_path / name for name, path in made.items())
    assert told[-1] == (12, 12)
    for name, rows in (("1", [True, False]), ("cup", [False, True]), ("combined", [True, True])):
        frames = read(made[f"{name}/cam_00.mp4"])
        assert len(frames) == 12
        marked = np.abs(frames[10].astype(int) - GREY).max(axis=2)
        assert [bool((marked[row, 60:84] > 40).any()) for row in (30, 90)] == rows
    (view,) = probe_recording(made["1/cam_00.mp4"], "video").views
    assert view.codec == "h264"
    assert view.fps == pytest.approx(15)


def test_the_only_instance_is_all_of_them(tmp_path: Path) -> None:
    made = draw_trails(grey(4), camera(), {7: moving_right(4)}, tmp_path, TrailSettings(), fps=30)
    assert made["7/cam_00.mp4"].read_bytes() == made["combined/cam_00.mp4"].read_bytes()


def test_a_rate_that_is_asked_for_replaces_that_of_the_view(tmp_path: Path) -> None:
    made = draw_trails(grey(6), camera(), {1: moving_right(6)}, tmp_path, TrailSettings(fps=30), fps=60)
    (view,) = probe_recording(made["1/cam_00.mp4"], "video").views
    assert view.fps == pytest.approx(30)


@pytest.mark.parametrize("instances", [{}, {1: moving_right(4).select(np.arange(0))}])
def test_without_tracks_the_frames_stay_as_they_are(tmp_path: Path, instances) -> None:
    made = draw_trails(grey(4), camera(), instances, tmp_path, TrailSettings(crf=5), fps=30)
    assert len(made) == len(instances) + 1
    for path in made.values():
        frames = read(path)
        assert len(frames) == 4
        assert all(np.abs(frame.astype(int) - GREY).max() <= 3 for frame in frames)


def test_reads_no_more_frames_than_were_tracked_and_each_once(tmp_path: Path) -> None:
    taken = []

    def frames():
        for number, frame in enumerate(grey(20)):
            taken.append(number)
            yield frame

    draw_trails(frames(), camera(), {1: moving_right(5), 2: moving_right(5)}, tmp_path, TrailSettings(), fps=30)
    assert taken == [0, 1, 2, 3, 4]


def test_refuses_a_view_that_ends_before_its_tracks_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cam_00: it ends after 3 of 5 tracked frames"):
        draw_trails(grey(3), camera(), {1: moving_right(5)}, tmp_path, TrailSettings(), fps=30)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_refuses_frames_of_another_size_than_the_camera(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"frame 0 is uint8\[60, 80, 3\]; .*\[120, 160, 3\] expected"):
        draw_trails([np.zeros((60, 80, 3), np.uint8)], camera(), {}, tmp_path, TrailSettings(), fps=30)


def test_refuses_instances_that_were_tracked_through_different_frames(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"instances of \[4, 5\] frames"):
        draw_trails(grey(5), camera(), {1: moving_right(4), 2: moving_right(5)}, tmp_path, TrailSettings(), fps=30)


@pytest.mark.parametrize(("key", "camera_id"), [("combined", "cam_00"), ("..", "cam_00"), (1, "../../x"), ("a/b", "c")])
def test_refuses_names_that_are_no_file_names(tmp_path: Path, key, camera_id: str) -> None:
    with pytest.raises(ValueError, match="name"):
        draw_trails(grey(5), camera(camera_id), {key: moving_right(5)}, tmp_path / "a", TrailSettings(), fps=30)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("wrong", [{"trail_frames": -2}, {"line_px": 0}, {"fps": 0}, {"colour": "red"}])
def test_refuses_settings_without_meaning(wrong) -> None:
    with pytest.raises(ValidationError):
        TrailSettings(**wrong)
