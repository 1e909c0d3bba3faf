"""Depth from pairs: exact depth of a drawn room, any lens and pose, and views that no one should match."""

import numpy as np
import pytest
from pydantic import ValidationError

from tests.points.stereo_examples import camera, converging, drawn
from videotracks.points.depth.rectification import RectifiedPair, Search, common_turn
from videotracks.points.depth.stereo import StereoMatcher, StereoSettings, choose_partners

SETTINGS = StereoSettings(longest_px=320)
FAR_M = 10.0


def found_depth(cameras, settings=SETTINGS):
    """Depth found and true of each view with a partner."""
    pictures = [drawn(c) for c in cameras]
    partners, _ = choose_partners(cameras, settings, FAR_M)
    matcher = StereoMatcher(cameras, partners, settings, FAR_M)
    assert not matcher.left_out
    depths = dict(matcher.depths({view: picture for view, (picture, _) in enumerate(pictures)}))
    return {view: (depth, pictures[view][1]) for view, depth in depths.items()}


def quality(found, truth):
    """Share of known pixels; of those: median relative error, and the share that is wrong by more than 5 %."""
    known = (found > 0) & (truth > 0)
    relative = np.abs(found - truth)[known] / truth[known]
    return known.mean(), np.median(relative), np.mean(relative > 0.05)


SMALL = {"size": (320, 240)}
RIGS = {
    "side by side": converging(**SMALL),
    "far apart": converging(0.8, **SMALL),
    "given the other way round": converging(**SMALL)[::-1],
    "one above the other": [camera("a", (0, -0.15, 0), **SMALL), camera("b", (0, 0.15, 0), **SMALL)],
    "rolled": [camera("a", (-0.15, 0, 0), roll=0.3, **SMALL), camera("b", (0.15, 0, 0), roll=-0.3, **SMALL)],
    "barrel": converging(lens=(-0.2, 0.05, 0.001, 0, 0), **SMALL),
    "fisheye": converging(lens=(0.03, -0.01, 0, 0), fisheye=True, **SMALL),
    "unlike": [camera("a", (-0.15, 0, 0), **SMALL), camera("b", (0.15, 0, 0), size=(480, 360), focal=1.1)],
    "upright": [camera("a", (-0.15, 0, 0), size=(240, 320)), camera("b", (0.15, 0, 0), size=(240, 320))],
}


@pytest.mark.parametrize("rig", RIGS)
def test_depth_of_a_room_is_found_through_any_lens_and_pose(rig):
    depths = found_depth(RIGS[rig])
    assert set(depths) == {0, 1}
    for found, truth in depths.values():
        assert found.dtype == np.float32
        assert found.shape == truth.shape
        share, error, wrong = quality(found, truth)
        assert share > 0.55
        assert error < 0.007
        assert wrong < 0.04


@pytest.mark.slow
def test_depth_at_full_size_is_within_a_three_hundredth():
    for found, truth in found_depth(converging(), StereoSettings()).values():
        share, error, wrong = quality(found, truth)
        assert share > 0.9
        assert error < 0.003
        assert wrong < 0.01


def test_pictures_that_are_matched_smaller_still_give_depth_of_every_pixel():
    found, truth = found_depth(converging(size=(640, 480)))[0]
    assert found.shape == (480, 640)
    share, error, _ = quality(found, truth)
    assert share > 0.6
    assert error < 0.01


def test_what_only_one_view_sees_stays_none():
    """Behind the box, as seen from the other camera: a false depth there would be a point in the air."""
    cameras = converging(0.8, **SMALL)
    (found, truth), (_, seen_by_other) = found_depth(cameras)[0], drawn(cameras[1])
    y, x = np.mgrid[: truth.shape[0], : truth.shape[1]]
    points = cameras[0].lift(np.stack([x, y], axis=-1).astype("f8"), truth.astype("f8"))
    pixels, depths = cameras[1].project(points)
    with np.errstate(invalid="ignore"):
        at = np.rint(np.nan_to_num(pixels, nan=-9)).astype(int)
    inside = ((at >= 0) & (at < (320, 240))).all(axis=-1)
    at[~inside] = 0
    hidden = inside & (depths > 1.1 * seen_by_other[at[..., 1], at[..., 0]])
    assert hidden.mean() > 0.02
    assert (found[hidden] > 0).mean() < 0.25


def test_noise_and_another_exposure_cost_little():
    cameras, random = converging(**SMALL), np.random.default_rng(0)
    partners, _ = choose_partners(cameras, SETTINGS, FAR_M)
    pictures = {}
    for view, gain in enumerate((1.0, 0.85)):
        grey = gain * drawn(cameras[view])[0] + random.normal(0, 4, (240, 320, 1))
        pictures[view] = np.clip(np.rint(grey), 0, 255).astype("u1")
    for view, found in StereoMatcher(cameras, partners, SETTINGS, FAR_M).depths(pictures):
        share, error, wrong = quality(found, drawn(cameras[view])[1])
        assert share > 0.6
        assert error < 0.01
        assert wrong < 0.04


def test_pictures_without_texture_give_no_depth():
    cameras = converging(**SMALL)
    partners, _ = choose_partners(cameras, SETTINGS, FAR_M)
    grey = np.full((240, 320, 3), 90, "u1")
    for _, depth in StereoMatcher(cameras, partners, SETTINGS, FAR_M).depths({0: grey, 1: grey}):
        assert (depth > 0).mean() < 0.02


def test_depth_beyond_far_is_none():
    cameras = converging(**SMALL)
    partners, _ = choose_partners(cameras, SETTINGS, 4.0)
    matcher = StereoMatcher(cameras, partners, SETTINGS, 4.0)
    for view, depth in matcher.depths({v: drawn(c)[0] for v, c in enumerate(cameras)}):
        assert 0 < depth.max() <= 4.0
        truth = drawn(cameras[view])[1]
        assert (depth[truth > 4.5] > 0).mean() < 0.05


def test_each_view_gets_the_partner_that_can_be_matched_best():
    a, b = converging(0.3, **SMALL)
    beside = camera("beside", (0.35, 0.02, 0.01), **SMALL)
    aside = camera("aside", (3.0, 0, 3.0), **SMALL)
    partners, reasons = choose_partners([a, b, beside, aside], SETTINGS, FAR_M)
    assert [p and p.view for p in partners] == [1, 0, 1, None]
    assert all(f"{name} sees" in reasons[3] for name in ("cam_00", "cam_01", "beside"))
    assert reasons[:3] == ["", "", ""]
    assert partners[0].baseline_m == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (camera("b", (-0.15, 0, 0), **SMALL), "stands at the same place"),
        (camera("b", (-0.2, 0, -1.0), **SMALL), "stands before or behind it"),
        (camera("b", (0, 0, 7.0), **SMALL), "stands before or behind it"),
        (camera("b", (0.15, 0, 0), (3, 0, 2.5), **SMALL), "of its space, 25% are needed"),
        (camera("b", (2.5, 0, 1.5), **SMALL), "°, 0.5° to 25° can be matched"),
        (camera("b", (-0.149, 0, 0), **SMALL), "sees it at 0"),
    ],
)
def test_views_that_cannot_be_matched_are_left_alone_and_it_is_said_why(other, says):
    partners, reasons = choose_partners([camera("a", (-0.15, 0, 0), **SMALL), other], SETTINGS, FAR_M)
    assert partners == [None, None]
    assert reasons[0].startswith("b ")
    assert says in reasons[0]


def test_a_single_view_has_no_partner():
    assert choose_partners([camera("a", (0, 0, 0))], SETTINGS, FAR_M) == ([None], ["there is no other view"])


@pytest.mark.parametrize("rig", ["side by side", "one above the other", "rolled", "fisheye"])
def test_the_same_point_lies_in_the_same_row_of_rectified_pictures(rig):
    """The rows of both maps that lead nearest to a point's pixels, against each other."""
    cameras = tuple(RIGS[rig])
    pair = RectifiedPair(cameras, cameras, Search(0.5, FAR_M, 128, 5, 5, 50, 1.0))
    for point in np.array([[0, 0, 3.0], [0.5, 0.3, 2.5], [-0.4, -0.2, 4.0]]):
        places = []
        for side, one in zip(pair._sides, cameras, strict=True):
            x, y = one.project(point)[0]
            away = (side.sampled_x - x) ** 2 + (side.sampled_y - y) ** 2
            places.append(np.unravel_index(away.argmin(), away.shape))
        assert abs(int(places[0][0]) - int(places[1][0])) <= 1


def test_the_common_turn_is_a_rotation_along_the_baseline():
    left, right = RIGS["rolled"]
    baseline_m, turn = common_turn(left, right)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    np.testing.assert_allclose(turn @ (right.center - left.center), [baseline_m, 0, 0], atol=1e-12)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="block_px must be odd"):
        StereoSettings(block_px=4)
