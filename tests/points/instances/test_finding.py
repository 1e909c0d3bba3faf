import numpy as np
import pytest

from tests.points.ball_examples import Balls, arc
from videotracks.points.instances.finding import InstanceSettings, find_instances

HOW = InstanceSettings()
RADII = np.array([0.25, 0.2, 0.15])


def paths(frames=8, fps=30.0):
    """Two balls that move towards each other, and one at rest; f8[T, 3, 3]."""
    t = np.arange(frames)[:, None] / fps
    nothing = 0 * t
    return np.stack(
        [
            np.hstack([-0.9 + 2 * t, nothing - 0.3, nothing + 3.6]),
            np.hstack([0.6 - 2 * t, nothing + 0.4, nothing + 4.4]),
            np.hstack([nothing + 1, nothing - 0.7, nothing + 4]),
        ],
        axis=1,
    )


def balls(views=3, *, centers=None, ids=None, reach=0.3, **more):
    centers = paths() if centers is None else centers
    ids = ids or [[1, 2, 3], [3, 1, 2], [7, 8, 9], [2, 3, 1]][:views]
    return Balls(arc(views, width=160, height=120, reach=reach), centers, RADII[: centers.shape[1]], ids, **more)


def names(instance):
    """The object ids of an instance by view, each of which must not change."""
    first = instance.object_ids[:, 0]
    assert (instance.object_ids == first[:, None]).all()
    return tuple(first.tolist())


@pytest.mark.parametrize("with_depth", [True, False])
def test_an_object_in_three_views_is_one_instance(with_depth):
    seen = balls(with_depth=with_depth)
    found = find_instances(seen, seen, HOW)
    assert {names(one) for one in found} == {(1, 3, 7), (2, 1, 8), (3, 2, 9)}
    assert [one.instance_id for one in found] == [1, 2, 3]


def test_centroids_lie_on_the_side_of_the_object_that_is_seen():
    seen = balls()
    for one in find_instances(seen, seen, HOW):
        ball = seen.ids[0].index(one.object_ids[0, 0])
        off = one.centroids - seen.centers[:, ball]
        assert one.centroids.dtype == np.float32
        assert (np.linalg.norm(off, axis=1) < RADII[ball]).all()
        assert (off[:, 2] < 0).all()  # towards the cameras


def test_without_depth_centroids_are_where_the_views_meet():
    seen = balls(with_depth=False)
    for one in find_instances(seen, seen, HOW):
        truth = seen.centers[:, seen.ids[0].index(one.object_ids[0, 0])]
        np.testing.assert_allclose(one.centroids, truth, atol=0.05)


def test_what_moves_comes_first():
    seen = balls()
    found = find_instances(seen, seen, HOW)
    assert [one.moving for one in found] == [True, True, False]
    assert names(found[2]) == (3, 2, 9)
    assert len(find_instances(seen, seen, InstanceSettings(most_instances=2))) == 2


@pytest.mark.parametrize("with_depth", [True, False])
def test_an_object_that_one_view_sees_alone_is_an_instance(with_depth):
    seen = balls(1, with_depth=with_depth)
    found = find_instances(seen, seen, HOW)
    assert {names(one) for one in found} == {(1,), (2,), (3,)}
    assert all(np.isfinite(one.centroids).all() == with_depth for one in found)


def test_walls_are_no_instances():
    seen = balls(with_wall=True)
    assert len(find_instances(seen, seen, HOW)) == 3
    allowed = InstanceSettings(background_share=1, background_borders=5)
    assert len(find_instances(seen, seen, allowed)) > 3


@pytest.mark.parametrize(
    ("reach", "beside"), [(0.3, [0.6, 0, 4.0]), (np.pi / 4, [0.0, 0.55, 4.2]), (np.pi / 2, [0, 0, 4.6])]
)
def test_an_object_between_two_cameras_is_one_and_what_stands_beside_it_another(reach, beside):
    """From one side, at a right angle, from opposite sides; balls of 50 cm are a hand's breadth from each other."""
    places = np.tile([[0, 0, 4.0], beside, [0, -0.7, 4.0]], (6, 1, 1))
    seen = Balls(arc(2, width=160, height=120, reach=reach), places, np.array([0.25] * 3), [[1, 2, 3], [2, 3, 1]])
    found = find_instances(seen, seen, HOW)
    assert {names(one) for one in found} == {(1, 2), (2, 3), (3, 1)}
    for one in found:
        assert (np.linalg.norm(one.centroids - places[:, one.object_ids[0, 0] - 1], axis=1) < 0.25).all()


def test_objects_further_apart_than_the_limit_are_two():
    places = np.tile([[0, 0, 4.0], [0.6, 0, 4.0]], (6, 1, 1))
    left, right = (
        Balls(arc(2, width=160, height=120), places[:, at], np.array([0.25]), [[1], [1]]) for at in ([0], [1])
    )

    class Both:
        cameras, frame_count, names_shared = left.cameras, 6, False

        def __getattr__(self, name):
            return lambda view, *frame: getattr((left, right)[view], name)(view, *frame)

    seen = Both()
    assert len(find_instances(seen, seen, HOW)) == 2
    assert len(find_instances(seen, seen, InstanceSettings(match_m=0.7))) == 1


def test_a_view_whose_ids_swap_is_put_right_by_place():
    seen = balls(1, swaps={(0, 4): [2, 1, 3]})
    found = find_instances(seen, seen, HOW)
    ids = {tuple(one.object_ids[0].tolist()) for one in found}
    assert ids == {(1,) * 4 + (2,) * 4, (2,) * 4 + (1,) * 4, (3,) * 8}


def test_a_new_id_in_one_view_goes_on_as_the_same_instance():
    seen = balls(2, swaps={(1, 3): [13, 11, 12]}, hidden={(1, 3), (1, 4)})
    found = find_instances(seen, seen, HOW)
    assert len(found) == 3
    for one in found:
        old = one.object_ids[1, 0]
        assert one.object_ids[1].tolist() == [old] * 3 + [-1] * 2 + [old + 10] * 3
        assert np.isfinite(one.centroids).all()  # the other view saw it


def test_an_object_that_comes_too_close_for_a_moment_stays_an_instance():
    z = np.array([3.0, 2.6, 2.2, 0.7, 0.7, 2.2, 2.6, 3.0])[:, None]
    seen = balls(1, centers=np.stack([np.hstack([0 * z, 0 * z, z])], axis=1), ids=[[1]])
    shares = [seen.mask(0, t)[1].mean() for t in range(8)]
    assert max(shares) > HOW.background_share > np.median(shares)
    found = find_instances(seen, seen, HOW)
    assert [len(one.frames) for one in found] == [8]


def test_frames_that_no_view_sees_have_no_centroid():
    seen = balls(2, hidden={(v, t) for v in (0, 1) for t in (0, 1, 5)})
    for one in find_instances(seen, seen, HOW):
        assert one.frames.tolist() == [2, 3, 4, 6, 7]
        assert np.isnan(one.centroids[[0, 1, 5]]).all()
        assert np.isfinite(one.centroids[one.frames]).all()


def test_what_flies_faster_than_it_is_followed_stays_one_by_its_speed():
    t = np.arange(8)[:, None] / 30
    seen = balls(1, centers=np.stack([np.hstack([-1.2 + 9 * t, 0 * t, 4 + 0 * t])], axis=1), ids=[[1]])
    found = find_instances(seen, seen, HOW)
    assert len(found) == 1
    assert len(found[0].frames) == 8


def test_names_that_the_views_share_are_believed():
    seen = balls(ids=[[4, 5, 6], [4, 5, 6], [5, 4, 6]], names_shared=True)
    found = find_instances(seen, seen, InstanceSettings(most_instances=1))
    assert [one.instance_id for one in found] == [4, 5, 6]
    assert all((one.object_ids == one.instance_id).all() for one in found)


def test_no_masks_are_no_instances():
    seen = balls(2, hidden={(v, t) for v in range(2) for t in range(8)})
    heard = []
    assert find_instances(seen, seen, HOW, lambda *at: heard.append(at)) == []
    assert heard == [(t + 1, 8) for t in range(8)]
