"""CoTracker3 and MVTracker behind the interface, tried with a repository of the tests that has their entry points."""

import logging
import textwrap
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tests.points.moving_camera import filmed
from tests.points.rendered_scenes import RenderedScene, RenderedViews, arc, boxes_scene
from videotracks.errors import ModelError
from videotracks.geometry.camera import Camera
from videotracks.points.accuracy import score_points
from videotracks.points.hub.trackers import (
    CoTrackerPointTracker,
    CoTrackerSettings,
    MVTrackerPointTracker,
    MVTrackerSettings,
)
from videotracks.points.hub.world import WorldInput

REPOSITORY = str(Path(__file__).parent / "hub_repository")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def scene() -> RenderedScene:
    return boxes_scene(arc(2, 160, 120, span=0.4), 16, per_body=4, occluder=False, seed=3)


def cotracker(**settings) -> CoTrackerPointTracker:
    return CoTrackerPointTracker(CoTrackerSettings(repository=REPOSITORY, **settings))


def mvtracker(**settings) -> MVTrackerPointTracker:
    return MVTrackerPointTracker(MVTrackerSettings(repository=REPOSITORY, **settings))


TRACKERS = {
    "offline": lambda **windows: cotracker(**windows),
    "online": lambda **windows: cotracker(entry="cotracker3_online", **windows),
    "mvtracker": lambda **windows: mvtracker(**windows),
}


@pytest.mark.parametrize("name", TRACKERS)
def test_follows_points_both_ways_from_their_own_frames(scene, name):
    times = np.arange(12) + 2
    followed = TRACKERS[name]().track(scene.views, scene.queries(times))
    assert followed.tracks.shape == (16, 12, 3)
    assert followed.tracks.dtype == np.float32
    assert followed.visibilities.shape == (16, 12)
    assert followed.visibilities.dtype == np.float32
    # A stand-in that finds whole pixels, of 2 cm each here, is near, not exact; in their own frames points are.
    off = np.linalg.norm(followed.tracks - scene.points, axis=2)
    assert np.nanmedian(off) < 0.05
    before, after = (np.arange(16)[:, None] < times), (np.arange(16)[:, None] > times)
    for side in (before, after):
        assert np.median(np.nan_to_num(off, nan=9)[side & scene.seen()]) < 0.06
    own = followed.tracks[times, np.arange(12)]
    np.testing.assert_allclose(own, scene.points[times, np.arange(12)], atol=1e-5)


@pytest.mark.parametrize("name", TRACKERS)
def test_windows_that_overlap_are_joined_to_the_same_tracks(scene, name):
    whole = TRACKERS[name]().track(scene.views, scene.queries(5))
    parts = TRACKERS[name](window_frames=12, overlap_frames=6).track(scene.views, scene.queries(5))
    both = (whole.visibilities > 0.5) & (parts.visibilities > 0.5)
    assert both.sum() >= 0.9 * (whole.visibilities > 0.5).sum()
    np.testing.assert_allclose(whole.tracks[both], parts.tracks[both], atol=0.05)


def test_the_model_never_sees_more_frames_than_a_window(scene, tmp_path):
    tracker = cotracker(window_frames=12, overlap_frames=4)
    tracker.track(scene.views, scene.queries(0))
    calls = tracker._model.forward.__globals__["CALLS"]
    assert len(calls) == 2 * 2
    assert {shape[1] for shape in calls} == {12, 8}


def test_the_online_model_is_fed_its_own_windows_to_the_last_frame(scene):
    tracker = cotracker(entry="cotracker3_online")
    followed = tracker.track(scene.views, scene.queries(0))
    assert {shape[1] for shape in tracker._model.forward.__globals__["CALLS"]} == {8}
    assert np.isfinite(followed.tracks[-1]).any()


def test_a_point_hidden_throughout_an_overlap_ends_there():
    from videotracks.points.hub.windows import Followed, in_windows

    def follow(frames, points):
        positions = np.repeat(points[None, :, 1:], len(frames), axis=0).astype("f4")
        visible = np.array([[t < 5 for _ in points] for t in frames], "f4")
        return Followed(positions, visible)

    made = in_windows(range(20), np.array([[0.0, 3, 4]]), follow, 10, 4)
    assert np.isfinite(made.positions[:10]).all()
    assert np.isnan(made.positions[10:]).all()
    assert (made.visibilities[10:] == 0).all()


def test_order_of_the_points_does_not_matter(scene):
    queries = scene.queries(np.arange(12))
    order = np.random.default_rng(0).permutation(12)
    straight, mixed = (cotracker().track(scene.views, q) for q in (queries, queries[order]))
    np.testing.assert_array_equal(straight.tracks[:, order], mixed.tracks)


def test_two_views_without_depth_are_triangulated(scene):
    followed = cotracker().track(scene.without_depth(), scene.queries(0))
    both = scene.visible[:, 0].all(axis=0)
    score = score_points(scene.points[:, both], scene.seen()[:, both], followed.tracks[:, both], scene.seen()[:, both])
    assert score.points_within[2] > 0.5


def test_no_points_are_no_tracks(scene):
    for tracker in (cotracker(), mvtracker()):
        followed = tracker.track(scene.views, np.zeros((0, 4), "f4"))
        assert followed.tracks.shape == (16, 0, 3)
        assert followed.visibilities.shape == (16, 0)


def test_the_world_of_mvtracker_is_scaled_and_back(scene):
    given = WorldInput(scene.views, 0)
    points = np.column_stack([np.zeros(12), scene.points[0]])
    window = given.window(range(3), points)
    assert window["rgbs"].shape == (2, 12, 3, 120, 160)  # filled up with the last frame
    np.testing.assert_array_equal(window["rgbs"][:, 2], window["rgbs"][:, -1])
    np.testing.assert_allclose(given.to_world(window["query_points_3d"][:, 1:]), scene.points[0], atol=1e-5)
    for view, camera in enumerate(scene.views.cameras):
        turn, shift = window["extrs"][view, 0, :, :3], window["extrs"][view, 0, :, 3]
        local = window["query_points_3d"][:, 1:] @ turn.T + shift
        pixels = (local @ window["intrs"][view, 0].T)[:, :2] / local[:, 2:]
        np.testing.assert_allclose(pixels, camera.project(scene.points[0])[0], atol=1e-2)
        with np.errstate(invalid="ignore"):
            ratio = window["depths"][view, 0, 0] / scene.views.depth(view, 0)
        np.testing.assert_allclose(local[:, 2] / camera.project(scene.points[0])[1], np.nanmedian(ratio), rtol=1e-4)


def test_mvtracker_gets_the_pose_of_each_frame():
    view, scene, _ = filmed(3, 0.4, per_body=4, occluder=False)
    given = WorldInput(view, 0)
    window = given.window(range(3), np.column_stack([np.zeros(12), scene.points[0]]))
    for t in range(3):
        turn, shift = window["extrs"][0, t, :, :3], window["extrs"][0, t, :, 3]
        local = window["query_points_3d"][:, 1:] @ turn.T + shift
        pixels = (local @ window["intrs"][0, t].T)[:, :2] / local[:, 2:]
        np.testing.assert_allclose(pixels, view.camera(0, t).project(scene.points[0])[0], atol=1e-2)


def test_mvtracker_gets_pictures_without_distortion(scene):
    one = scene.views.cameras[0]
    bent = Camera("bent", one.width, one.height, one.K, np.array([-0.3, 0.1, 0, 0]), False, one.R, one.t)
    views = RenderedViews([bent], scene.views.frames[:1], scene.views.depths[:1])
    window = WorldInput(views, 0).window([0], np.zeros((0, 4)))
    ray = np.array([[0.4, 0.3]])
    straight = (ray @ one.K[:2, :2].T + one.K[:2, 2])[0].round().astype(int)
    there = bent.project(np.column_stack([ray, [1.0]]) @ bent.R - bent.t @ bent.R)[0][0].round().astype(int)
    assert abs(straight - there).max() >= 3
    x, y = straight
    near = scene.views.frames[0, 0, there[1] - 1 : there[1] + 2, there[0] - 1 : there[0] + 2].reshape(-1, 3)
    assert (near.min(axis=0) - 1 <= window["rgbs"][0, 0, :, y, x]).all()
    assert (window["rgbs"][0, 0, :, y, x] <= near.max(axis=0) + 1).all()


def test_refuses_mvtracker_without_depth(scene):
    with pytest.raises(ModelError, match="cam_00 has no depth"):
        mvtracker().track(scene.without_depth(), scene.queries(0))


def test_says_under_which_licence_the_model_comes(scene, caplog):
    for tracker, licence in ((cotracker(), "CC BY-NC"), (mvtracker(), "LICENSE")):
        with caplog.at_level(logging.WARNING):
            tracker.track(scene.views, scene.queries(0)[:1])
        assert licence in caplog.text
        assert licence in tracker.provenance()["licence"]
        assert tracker.provenance()["device"] == "cpu"
        assert len(tracker.provenance()["hubconf_sha256"]) == 64


@pytest.mark.parametrize("repository", ["/nowhere/at/all", "../co-tracker", "https://example.com/x", "justaname"])
def test_refuses_what_is_no_repository(scene, repository):
    tracker = CoTrackerPointTracker(CoTrackerSettings(repository=repository))
    with pytest.raises(ModelError, match="checkout's path or owner/name"):
        tracker.track(scene.views, scene.queries(0))


def test_refuses_a_folder_without_hubconf(scene, tmp_path):
    with pytest.raises(ModelError, match=r"no hubconf\.py"):
        CoTrackerPointTracker(CoTrackerSettings(repository=str(tmp_path))).track(scene.views, scene.queries(0))


def test_refuses_a_gpu_that_is_not_there(scene):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ModelError, match="no GPU"):
        cotracker(device="cuda").track(scene.views, scene.queries(0))


def test_refuses_windows_that_overlap_whole():
    with pytest.raises(ValidationError, match="less than window_frames"):
        CoTrackerSettings(window_frames=12, overlap_frames=12)


WRONG = {
    "another shape": ("tracks[:, :-1], visible", "shape"),
    "NaN": ("tracks * float('nan'), visible", "no finite numbers"),
    "no pair": ("tracks", "is expected"),
    "no tensors": ("tracks.numpy(), visible", "a tensor"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_refuses_what_no_such_model_gives(scene, tmp_path, wrong):
    given, message = WRONG[wrong]
    code = f"""
        import torch

        class Model(torch.nn.Module):
            def forward(self, video, queries):
                tracks = torch.zeros(1, video.shape[1], queries.shape[1], 2)
                visible = torch.ones(tracks.shape[:3])
                return {given}

        def cotracker3_offline(pretrained=True):
            return Model()
    """
    (tmp_path / "hubconf.py").write_text(textwrap.dedent(code))
    tracker = CoTrackerPointTracker(CoTrackerSettings(repository=str(tmp_path)))
    with pytest.raises(ModelError, match=message):
        tracker.track(scene.views, scene.queries(0))


def test_names_what_the_code_of_a_repository_fails_with(scene, tmp_path):
    (tmp_path / "hubconf.py").write_text("import a_package_that_is_not_there\n")
    with pytest.raises(ModelError, match="a_package_that_is_not_there"):
        CoTrackerPointTracker(CoTrackerSettings(repository=str(tmp_path))).track(scene.views, scene.queries(0))
