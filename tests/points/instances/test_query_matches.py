import numpy as np
import pytest

from tests.points.ball_examples import Balls, arc
from videotracks.points.instances.query_matches import MatchBounds, match_views

BOUNDS = MatchBounds(epipolar_px=2.0, nearest_m=0.1, farthest_m=10.0)
RADIUS = 0.6


@pytest.fixture(scope="module")
def ball():
    cameras = arc(3, width=480, height=360, reach=0.2)
    return Balls(cameras, np.array([[[0.0, 0, 4]]]), np.array([RADIUS]), [[1]] * 3)


def pictures(ball):
    return {view: ball.rgb(view, 0) for view in range(3)}


def masks(ball):
    return {view: ball.mask(view, 0)[1] for view in range(3)}


def off_surface(points):
    return np.abs(np.linalg.norm(points - [0, 0, 4], axis=1) - RADIUS)


def test_matched_points_lie_on_the_object(ball):
    found = match_views(ball.cameras, pictures(ball), masks(ball), BOUNDS)
    assert len(found.points) == len(found.views) == len(found.strengths) >= 20
    assert set(found.views) <= {0, 1}
    assert np.median(off_surface(found.points)) < 0.02
    assert np.quantile(off_surface(found.points), 0.95) < 0.1
    assert ((found.strengths >= 0) & (found.strengths <= 1)).all()


def test_the_same_pictures_give_the_same_points(ball):
    first, again = (match_views(ball.cameras, pictures(ball), masks(ball), BOUNDS) for _ in range(2))
    np.testing.assert_array_equal(first.points, again.points)


def test_points_stay_inside_the_masks_of_all_views(ball):
    halved = masks(ball)
    halved[2] = halved[2].copy()
    halved[2][:180] = False
    found = match_views(ball.cameras, pictures(ball), halved, BOUNDS)
    assert len(found.points)
    pixels, _ = ball.cameras[2].project(found.points)
    assert pixels[:, 1].min() >= 179.5


def test_pictures_of_other_things_match_nothing(ball):
    random = np.random.default_rng(0)
    noise = {view: random.integers(0, 256, (360, 480, 3)).astype("u1") for view in range(3)}
    found = match_views(ball.cameras, noise, masks(ball), BOUNDS)
    assert len(found.points) <= 10  # of some thousand features


def test_points_out_of_range_are_not_believed(ball):
    near = BOUNDS._replace(farthest_m=3.0)
    assert len(match_views(ball.cameras, pictures(ball), masks(ball), near).points) == 0


def test_cameras_at_one_place_give_no_points(ball):
    cameras = [ball.cameras[0], ball.cameras[0]]
    same = {0: ball.rgb(0, 0), 1: ball.rgb(0, 0)}
    found = match_views(cameras, same, {v: ball.mask(0, 0)[1] for v in (0, 1)}, BOUNDS)
    assert found.points.shape == (0, 3)


def test_empty_masks_and_flat_pictures_give_no_points(ball):
    nothing = {view: np.zeros((360, 480), bool) for view in range(3)}
    assert match_views(ball.cameras, pictures(ball), nothing, BOUNDS).points.shape == (0, 3)
    flat = {view: np.full((360, 480, 3), 90, "u1") for view in range(3)}
    assert match_views(ball.cameras, flat, masks(ball), BOUNDS).points.shape == (0, 3)
