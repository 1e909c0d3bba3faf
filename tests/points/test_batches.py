from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videotracks.errors import ModelError
from videotracks.points.batches import BatchSettings, merge_batches, split_points, track_in_batches
from videotracks.points.trackers import Tracked

BATCHES = st.builds(
    BatchSettings,
    most_points=st.integers(1, 40),
    order=st.sampled_from(["time", "random"]),
    seed=st.integers(0, 3),
)


class Echo:
    """A tracker whose tracks stay where they were asked for; it notes how many points it got."""

    name = "echo"

    def __init__(self):
        self.sizes = []

    def provenance(self):
        return {}

    def track(self, views, query_points, progress):
        self.sizes.append(len(query_points))
        for t in range(views.frame_count):
            progress(t + 1, views.frame_count)
        return echoed(query_points, views.frame_count)


class Nothing:
    frame_count, cameras, fps = 7, (), 30.0


def echoed(query_points, frames):
    tracks = np.repeat(query_points[None, :, 1:], frames, axis=0).astype("f4")
    return Tracked(tracks, np.repeat(query_points[None, :, 0], frames, axis=0).astype("f4") / frames)


def queries(count, seed=0):
    random = np.random.default_rng(seed)
    return np.column_stack([random.integers(0, 7, count), random.normal(0, 1, (count, 3))]).astype("f4")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 150), BATCHES)
def test_merging_undoes_splitting(count, how):
    points = queries(count)
    batches = split_points(points, how)
    merged = merge_batches(batches, [echoed(points[batch], 7) for batch in batches], 7)
    whole = echoed(points, 7)
    np.testing.assert_array_equal(merged.tracks, whole.tracks)
    np.testing.assert_array_equal(merged.visibilities, whole.visibilities)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 150), BATCHES)
def test_batches_are_few_equal_and_hold_each_point_once(count, how):
    batches = split_points(queries(count), how)
    sizes = [len(batch) for batch in batches]
    assert sum(sizes) == count
    assert len(batches) == -(-count // how.most_points)
    assert max(sizes, default=0) <= how.most_points
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
    assert all((np.diff(batch) > 0).all() for batch in batches)
    assert set(np.concatenate([[], *batches]).astype(int)) == set(range(count))


def test_batches_by_time_follow_each_other():
    points = queries(100)
    batches = split_points(points, BatchSettings(most_points=9))
    assert all(points[a, 0].max() <= points[b, 0].min() for a, b in pairwise(batches))


def test_random_batches_are_mixed_and_the_same_each_time():
    points = np.sort(queries(100), axis=0)
    how = BatchSettings(most_points=50, order="random", seed=4)
    first, second = split_points(points, how), split_points(points, how)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert points[first[0], 0].min() < 2
    assert points[first[0], 0].max() > 4
    assert not np.array_equal(first[0], split_points(points, how.model_copy(update={"seed": 5}))[0])


def test_a_tracker_gets_its_batches_and_the_result_is_in_the_order_of_the_points():
    points, tracker, heard = queries(23), Echo(), []
    merged = track_in_batches(tracker, Nothing(), points, BatchSettings(most_points=10), lambda *at: heard.append(at))
    assert tracker.sizes == [8, 8, 7]
    np.testing.assert_array_equal(merged.tracks, echoed(points, 7).tracks)
    assert heard == [(done, 21) for done in range(1, 22)]


def test_no_points_ask_no_tracker():
    tracker = Echo()
    merged = track_in_batches(tracker, Nothing(), queries(0), BatchSettings())
    assert not tracker.sizes
    assert merged.tracks.shape == (7, 0, 3)
    assert merged.visibilities.shape == (7, 0)


def test_refuses_a_tracker_that_loses_points():
    class Loser(Echo):
        def track(self, views, query_points, progress):
            return echoed(query_points[1:], views.frame_count)

    with pytest.raises(ModelError, match="'echo', batch 1 of 1"):
        track_in_batches(Loser(), Nothing(), queries(5), BatchSettings())


def test_refuses_batches_that_share_a_point():
    points = queries(4)
    with pytest.raises(ValueError, match="each of 0 to 3 once"):
        merge_batches([np.array([0, 1]), np.array([1, 2])], [echoed(points[:2], 7)] * 2, 7)
