import numpy as np
import pytest

from tests.points.ball_examples import Balls, arc
from videotracks.points.instances.sightings import of_one_surface, pair_costs, sightings_of

LIMITS = {"match_m": 0.15, "epipolar_share": 0.02}


def balls(with_depth=True):
    centers = np.array([[[-0.7, -0.4, 3.7], [0.5, 0.3, 4.2], [0.2, -0.6, 3.9]]])
    return Balls(arc(3, reach=0.3), centers, np.array([0.25, 0.2, 0.15]), [[1, 2, 3]] * 3, with_depth=with_depth)


def seen_by(balls):
    return [sightings_of(v, 0, balls.mask(v, 0), camera, balls.depth(v, 0)) for v, camera in enumerate(balls.cameras)]


def test_a_sighting_says_where_the_mask_is_and_what_it_touches():
    mask = np.zeros((240, 320), bool)
    mask[:10, 300:] = True
    (found,) = sightings_of(0, 4, {7: mask, 8: np.zeros_like(mask)}, arc(1)[0], None)
    sighting = found.sighting
    assert (sighting.frame, sighting.object_id, sighting.borders) == (4, 7, 2)
    assert sighting.pixel == (309.5, 4.5)
    assert sighting.share == 200 / (240 * 320)
    assert np.isnan(sighting.point).all()
    assert {(300, 0), (319, 0), (300, 9), (319, 9)} <= set(map(tuple, found.outline.astype(int).tolist()))


def test_its_place_is_the_middle_of_the_surface_though_the_mask_spills():
    drawn = balls()
    mask = drawn.mask(1, 0)[1]
    (exact,) = sightings_of(1, 0, {1: mask}, drawn.cameras[1], drawn.depth(1, 0))
    spilled = mask.copy()
    spilled[:, 1:] |= mask[:, :-1]
    (found,) = sightings_of(1, 0, {1: spilled}, drawn.cameras[1], drawn.depth(1, 0))
    assert np.linalg.norm(np.subtract(exact.sighting.point, drawn.centers[0, 0])) < 0.25
    np.testing.assert_allclose(found.sighting.point, exact.sighting.point, atol=0.01)


@pytest.mark.parametrize("with_depth", [True, False])
def test_sightings_of_one_object_fit_and_those_of_others_do_not(with_depth):
    drawn = balls(with_depth)
    here = seen_by(drawn)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        costs = pair_costs(here, first, second, drawn.cameras, **LIMITS)
        assert (np.diag(costs) < 1).all()
        assert (costs.argmin(axis=1) == np.arange(3)).all()
        assert (costs.argmin(axis=0) == np.arange(3)).all()


def test_cameras_at_one_place_say_nothing_without_depth():
    drawn = balls(with_depth=False)
    here = seen_by(drawn)
    assert np.isinf(pair_costs([here[0], here[0]], 0, 1, [drawn.cameras[0]] * 2, **LIMITS)).all()


def test_a_view_that_sees_nothing_has_no_costs():
    drawn = balls()
    assert pair_costs([seen_by(drawn)[0], []], 0, 1, drawn.cameras[:2], **LIMITS).shape == (3, 0)


def test_depths_far_from_the_rest_are_of_something_else():
    depths = np.array([2.0, 2.01, 1.99, 2.02, 5.0, 0.3])
    assert of_one_surface(depths).tolist() == [True] * 4 + [False] * 2
    assert of_one_surface(np.zeros(0)).shape == (0,)
