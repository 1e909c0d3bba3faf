import numpy as np
import pytest

from tests.points.ball_examples import WALL_Z_M, Balls, arc
from videotracks.points.instances.finding import Instance, InstanceSettings, find_instances
from videotracks.points.instances.queries import QuerySettings, query_points

RADIUS = 0.4
HOW = QuerySettings(most_points=300)


def ball(views=3, *, frames=4, speed=0.0, **more):
    """One ball of 40 cm in the middle, and what of it is to be followed."""
    t = np.arange(frames)[:, None] / 30
    centers = np.stack([np.hstack([speed * t, 0 * t, 4 + 0 * t])], axis=1)
    size = {"width": more.pop("width", 160), "height": more.pop("height", 120)}
    seen = Balls(arc(views, reach=0.25, **size), centers, np.array([RADIUS]), [[1]] * views, **more)
    return seen, find_instances(seen, seen, InstanceSettings())[0]


def off_surface(seen, points):
    """How far points f4[N, 4] are from the surface of the ball at their time, f8[N] m."""
    return np.abs(np.linalg.norm(points[:, 1:] - seen.centers[points[:, 0].astype(int), 0], axis=1) - RADIUS)


def test_lifted_points_lie_on_the_object_at_their_frame():
    seen, instance = ball(speed=1.0)
    found = query_points(seen, seen, instance, HOW)
    assert found.method == "depth"
    assert found.points.dtype == np.float32
    assert len(found.points) == len(found.views) == 300
    assert set(found.views) == {0, 1, 2}
    assert off_surface(seen, found.points).max() < 1e-5
    assert (np.diff(found.points[:, 0]) >= 0).all()


def test_points_project_well_inside_the_mask_they_came_from():
    seen, instance = ball()
    found = query_points(seen, seen, instance, HOW)
    for t, view, point in zip(found.points[:, 0].astype(int), found.views, found.points[:, 1:], strict=True):
        pixel, _ = seen.cameras[view].project(point[None].astype("f8"))
        x, y = np.rint(pixel[0]).astype(int)
        near = slice(y - HOW.margin_px, y + HOW.margin_px + 1), slice(x - HOW.margin_px, x + HOW.margin_px + 1)
        assert seen.mask(view, t)[1][near].all()


def test_without_depth_points_are_matched_between_views_and_say_so():
    seen, instance = ball(with_depth=False, width=480, height=360, frames=2)
    found = query_points(seen, seen, instance, HOW)
    assert found.method == "matches"
    assert len(found.points) >= 12
    off = off_surface(seen, found.points)
    assert np.median(off) < 0.02
    assert off.max() < 0.15


def test_one_view_without_depth_gives_no_points():
    seen, instance = ball(1, with_depth=False)
    found = query_points(seen, seen, instance, HOW)
    assert found.points.shape == (0, 4)
    assert found.method == "matches"


def test_a_surface_that_several_views_see_is_not_asked_for_twice():
    seen, instance = ball()
    voxel = 0.05
    how = QuerySettings(voxel_m=voxel)
    found = query_points(seen, seen, instance, how)
    cells = np.floor((found.points[:, 1:] - instance.centroids[0]) / voxel)
    assert len(np.unique(cells, axis=0)) == len(found.points)
    assert set(found.points[:, 0]) == {0}  # a ball at rest shows nothing new later
    alone = [
        len(query_points(seen, seen, only(instance, view), QuerySettings(voxel_m=voxel)).points) for view in range(3)
    ]
    assert max(alone) < len(found.points) < sum(alone)


def only(instance, view):
    """The instance as one view sees it."""
    ids = np.full_like(instance.object_ids, -1)
    ids[view] = instance.object_ids[view]
    return Instance(instance.instance_id, ids, instance.centroids, instance.share, instance.moving)


def test_points_come_from_around_the_contact_or_the_first_frame():
    seen, instance = ball(1, frames=9, speed=3.0, hidden={(0, 0)}, width=80, height=60)
    how = {"frames_before": 1, "frames_after": 2, "voxel_m": 1e-4, "most_points": 10_000}
    first = query_points(seen, seen, instance, QuerySettings(**how))
    assert set(first.points[:, 0]) == {1, 2, 3}
    contact = query_points(seen, seen, instance, QuerySettings(**how, contact_frames={instance.instance_id: 5}))
    assert set(contact.points[:, 0]) == {4, 5, 6, 7}
    never = query_points(seen, seen, instance, QuerySettings(**how, contact_frames={instance.instance_id: 50}))
    assert len(never.points) == 0


def test_depth_edges_holes_and_what_shines_through_are_left_out():
    seen, instance = ball(1)
    balls = seen.mask(0, 0)[1]
    larger = seen.draw(0, 0)[2] == 0
    larger[55:65, 50:110] = True  # a mask that spills onto the wall
    depth = seen.depth(0, 0).copy()
    depth[52:54, 70:90], depth[66:68, 70:90] = 0, np.nan
    seen.drawn[0, 0] = (seen.rgb(0, 0), depth, np.where(larger, 0, -1))
    found = query_points(seen, seen, only_first(instance), QuerySettings(most_points=5000))
    assert 0 < len(found.points) < balls.sum()
    assert off_surface(seen, found.points).max() < 1e-5
    assert found.points[:, 3].max() < WALL_Z_M - 1


def only_first(instance):
    ids = np.full_like(instance.object_ids, -1)
    ids[:, 0] = instance.object_ids[:, 0]
    return Instance(instance.instance_id, ids, instance.centroids, instance.share, instance.moving)


def test_depth_out_of_range_is_not_believed():
    seen, instance = ball(1)
    assert len(query_points(seen, seen, instance, QuerySettings(farthest_m=3.5)).points) == 0
    assert len(query_points(seen, seen, instance, QuerySettings(nearest_m=4.5)).points) == 0


def test_equal_inputs_give_equal_points_and_another_seed_gives_others():
    seen, instance = ball()
    few = QuerySettings(most_points=40, voxel_m=0.001)
    first, again = (query_points(seen, seen, instance, few).points for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = query_points(seen, seen, instance, few.model_copy(update={"seed": 1})).points
    assert len(other) == 40
    assert not np.array_equal(first, other)


def test_an_object_too_small_for_its_margin_gives_no_points():
    seen, instance = ball(1, width=16, height=12)
    assert len(query_points(seen, seen, instance, QuerySettings(margin_px=5)).points) == 0


@pytest.mark.parametrize("with_depth", [True, False])
def test_progress_counts_the_frames_of_the_window(with_depth):
    seen, instance = ball(1, with_depth=with_depth, width=32, height=24)
    heard = []
    query_points(seen, seen, instance, HOW, lambda *at: heard.append(at))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]
