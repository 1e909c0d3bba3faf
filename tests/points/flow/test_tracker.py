"""Points followed by optical flow through drawn scenes, whose truth is exact."""

import threading

import numpy as np
import pytest

from tests.points.rendered_scenes import RenderedScene, RenderedViews, arc, boxes_scene
from videotracks.errors import ModelError
from videotracks.points.accuracy import PointAccuracy, score_points
from videotracks.points.flow.tracker import EXPECTED, FlowPointTracker
from videotracks.points.trackers import PointTracker, Tracked


@pytest.fixture(scope="module")
def scene() -> RenderedScene:
    """Three views, 24 frames; something passes before the first box."""
    return boxes_scene(arc(3, span=0.7), 24, per_body=30, speed=1.6)


def score(scene: RenderedScene, followed: Tracked, points: np.ndarray | slice = slice(None)) -> PointAccuracy:
    return score_points(
        scene.points[:, points],
        scene.seen()[:, points],
        followed.tracks[:, points],
        followed.visibilities[:, points] > 0.5,
    )


def test_is_a_point_tracker():
    tracker: PointTracker = FlowPointTracker()
    assert tracker.provenance()["backend"] == tracker.name == "flow"


def test_several_views_with_depth_follow_to_a_few_millimetres(scene):
    reached = score(scene, FlowPointTracker().track(scene.views, scene.queries()))
    assert reached.average_points_within > 0.98
    assert reached.occlusion_accuracy > 0.94
    assert reached.median_trajectory_error_m < 0.01


def test_several_views_without_depth_are_triangulated(scene):
    by_two = scene.visible[:, 0].sum(axis=0) >= 2
    reached = score(scene, FlowPointTracker().track(scene.without_depth(), scene.queries()), by_two)
    assert reached.average_points_within > 0.85


def test_one_view_with_depth_is_lifted():
    one = boxes_scene(arc(1), 24, per_body=30, speed=1.6)
    reached = score(one, FlowPointTracker().track(one.views, one.queries()))
    assert reached.average_points_within > 0.9
    assert reached.occlusion_accuracy > 0.9


def test_frames_before_a_query_are_followed_backward(scene):
    last = len(scene.points) - 1
    there = scene.seen()[last]
    followed = FlowPointTracker().track(scene.views, scene.queries(last)[there])
    error = np.linalg.norm(followed.tracks - scene.points[:, there], axis=2)
    assert (error[0] < 0.05)[scene.seen()[0, there]].mean() > 0.9


def test_each_point_begins_in_its_own_frame(scene):
    random = np.random.default_rng(0)
    times = np.array([random.choice(np.flatnonzero(seen)) for seen in scene.seen().T])
    followed = FlowPointTracker().track(scene.views, scene.queries(times))
    own = followed.tracks[times, np.arange(len(times))]
    np.testing.assert_allclose(own, scene.points[times, np.arange(len(times))], atol=1e-5)
    assert score(scene, followed).average_points_within > 0.95


def test_a_point_is_found_again_after_something_passed_before_it():
    scene = boxes_scene(arc(1), 30, per_body=60, speed=2.2, seed=5)
    seen = scene.seen()
    hidden = (~seen).sum(axis=0)
    # The second box: the first has turned by then, and shows its sides at a flat angle.
    returns = seen[0] & seen[-4:].all(axis=0) & (hidden >= 3) & (scene.body == 2)
    assert returns.sum() >= 5
    followed = FlowPointTracker().track(scene.views, scene.queries())
    error = np.linalg.norm(followed.tracks - scene.points, axis=2)[:, returns]
    assert (followed.visibilities[-1, returns] > 0.5).mean() > 0.7
    assert np.median(np.nan_to_num(error[-1], nan=9)) < 0.03
    during = ~seen[:, returns]
    # Beside the edge of what passes, a point counts as seen within a pixel of it.
    assert (followed.visibilities[:, returns][during] <= 0.5).mean() > 0.75


def test_a_point_enters_a_view_that_did_not_see_it_at_first(scene):
    hidden_there = ~scene.visible[2, 0] & scene.visible[:2, 0].any(axis=0) & scene.visible[2, -1]
    hidden_before = hidden_there & ~scene.visible[:2, -1].any(axis=0)
    # Only the third view sees them at the end: they are visible there if they entered.
    if not hidden_before.any():
        pytest.skip("the scene has no such point")
    followed = FlowPointTracker().track(scene.views, scene.queries())
    assert (followed.visibilities[-1, hidden_before] > 0.5).all()


def test_what_nobody_sees_is_expected_with_its_neighbours_not_claimed(scene):
    followed = FlowPointTracker().track(scene.views, scene.queries())
    expected = followed.visibilities == np.float32(EXPECTED)
    unknown = np.isnan(followed.tracks).any(axis=2)
    assert (followed.visibilities[unknown] == 0).all()
    assert np.isfinite(followed.tracks[expected]).all()


def test_a_point_that_no_view_sees_is_nowhere_but_in_its_own_frame(scene):
    behind = np.array([[3, 0.0, 0.0, 9.0]], "f4")  # beyond the wall
    followed = FlowPointTracker().track(scene.views, behind)
    np.testing.assert_array_equal(followed.tracks[3, 0], behind[0, 1:])
    assert (followed.visibilities <= 0.5).all()


def test_depth_with_holes_and_nan_is_no_obstacle(scene):
    random = np.random.default_rng(0)
    depths = scene.views.depths.copy()
    depths[random.random(depths.shape) < 0.1] = 0
    depths[random.random(depths.shape) < 0.1] = np.nan
    depths[0] = np.nan
    views = RenderedViews(scene.views.cameras, scene.views.frames, depths)
    reached = score(scene, FlowPointTracker().track(views, scene.queries()), scene.visible[1:, 0].any(axis=0))
    assert reached.average_points_within > 0.85


def test_depth_at_half_the_size_serves(scene):
    views = RenderedViews(scene.views.cameras, scene.views.frames, scene.views.depths[:, :, ::2, ::2])
    assert score(scene, FlowPointTracker().track(views, scene.queries())).average_points_within > 0.9


def test_pictures_without_texture_invent_nothing(scene):
    flat = np.full_like(scene.views.frames, 128)
    followed = FlowPointTracker().track(RenderedViews(scene.views.cameras, flat, None), scene.queries())
    assert (followed.visibilities[1:] <= 0.5).all()


def test_gives_the_same_every_time(scene):
    first, second = (FlowPointTracker().track(scene.without_depth(), scene.queries(7)) for _ in range(2))
    np.testing.assert_array_equal(first.tracks, second.tracks)
    np.testing.assert_array_equal(first.visibilities, second.visibilities)


def test_reads_each_frame_once_per_way_and_tells_of_its_progress(scene):
    scene.views.asked.clear()
    told: list[tuple[int, int | None]] = []
    FlowPointTracker().track(scene.views, scene.queries(2), lambda done, total: told.append((done, total)))
    assert len(scene.views.asked) == 3 * (22 + 3)
    assert [done for done, _ in told] == list(range(1, 26))
    assert threading.active_count() < 8


def test_no_points_are_no_tracks(scene):
    followed = FlowPointTracker().track(scene.views, np.zeros((0, 4), "f4"))
    assert followed.tracks.shape == (24, 0, 3)
    assert followed.visibilities.shape == (24, 0)


def test_a_single_frame_and_a_single_point(scene):
    views = RenderedViews(scene.views.cameras, scene.views.frames[:, :1], scene.views.depths[:, :1])
    followed = FlowPointTracker().track(views, scene.queries()[:1])
    np.testing.assert_allclose(followed.tracks[0], scene.points[0, :1], atol=1e-5)
    assert followed.visibilities[0, 0] == 1


def test_refuses_one_view_without_depth(scene):
    with pytest.raises(ModelError, match="nothing to lift"):
        FlowPointTracker().track(scene.only([0]).without_depth(), scene.queries())


@pytest.mark.parametrize(
    "queries",
    [
        np.zeros((3, 3), "f4"),
        np.zeros(4, "f4"),
        np.array([["0", "0", "0", "1"]]),
        np.array([[0, np.nan, 0, 1]], "f4"),
        np.array([[-1, 0, 0, 1]], "f4"),
        np.array([[24, 0, 0, 1]], "f4"),
        np.array([[0.5, 0, 0, 1]], "f4"),
    ],
)
def test_refuses_what_are_no_query_points(scene, queries):
    with pytest.raises(ModelError, match="query points"):
        FlowPointTracker().track(scene.views, queries)
