"""The picture of all tracks."""

import numpy as np
import pytest
from pydantic import ValidationError

from tests.points.camera_examples import ring
from tests.points.track_examples import straight, tracks_of
from tests.points.trail_examples import camera
from videotracks.palette import color_of
from videotracks.points.pictures.plot_panels import lay_out
from videotracks.points.pictures.trajectory_plots import TrajectoryPlotSettings, draw_trajectories
from videotracks.points.pictures.world_axes import Up

SIZE = TrajectoryPlotSettings(width_px=800, height_px=420)


def has(rgb: np.ndarray, color) -> np.ndarray:
    """Where a picture has a colour."""
    return np.abs(rgb.astype(int) - color).max(axis=-1) < 25


def legend_free(rgb: np.ndarray) -> np.ndarray:
    return rgb[:-40]


def upright(x: float, y: float):
    """A camera at (x, y, 1.5) that looks along +y, z upwards."""
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return camera(R=turn, t=-turn @ [x, y, 1.5])


def test_has_the_size_that_was_asked_for_and_every_instance_in_its_colour() -> None:
    apart = np.array([0, 0.3, 0.2])
    instances = {key: tracks_of(straight(30, count=2) + key * apart) for key in (1, 2, 5)}
    rgb = draw_trajectories(instances, ring(2), SIZE)
    assert (rgb.shape, rgb.dtype) == ((420, 800, 3), np.uint8)
    for half in (slice(0, 400), slice(400, 800)):
        for key in instances:
            assert has(legend_free(rgb)[:, half], color_of(key)).sum() > 10


def test_from_above_the_world_is_no_mirror_image() -> None:
    """With z up, x to the right and y upwards; with y down, as cameras have it, z upwards, ahead of the viewer."""
    for up, right, upwards in ((Up(2, 1), 0, 1), (Up(1, -1), 0, 2)):
        box = np.array([4.0, 1, 1])
        above, side = lay_out(up, np.zeros(3), box, 800, 420)
        origin, moved = above.pixels(np.zeros(3)), above.pixels(np.eye(3)[upwards])
        assert above.axes == (right, upwards)
        assert moved[1] < origin[1]
        assert above.pixels(np.eye(3)[right])[0] > origin[0]
        raised = side.pixels(np.eye(3)[up.axis] * up.sign)
        assert raised[1] < side.pixels(np.zeros(3))[1]


def test_both_panels_have_one_scale_and_hold_the_whole_scene() -> None:
    random = np.random.default_rng(1)
    for up in (Up(axis, sign) for axis in range(3) for sign in (-1, 1)):
        corners = np.sort(random.normal(0, [[10, 1, 3]], (2, 3)), axis=0)
        panels = lay_out(up, *corners, 800, 420)
        assert panels[0].scale == panels[1].scale
        for panel in panels:
            pixels = panel.pixels(corners)
            assert (pixels > 0).all()
            assert (pixels < [panel.right - panel.left, panel.bottom - panel.top]).all()
            one_metre = np.abs(np.diff(panel.pixels(np.stack([np.zeros(3), np.ones(3)])), axis=0))
            np.testing.assert_allclose(one_metre, panel.scale)


def test_gaps_stay_open() -> None:
    points = straight(100, velocity=(0.04, 0, 0))
    seen = np.ones((100, 1))
    whole = has(draw_trajectories({1: tracks_of(points, seen)}, [], SIZE), color_of(1)).sum()
    seen[20:80] = 0
    assert has(draw_trajectories({1: tracks_of(points, seen)}, [], SIZE), color_of(1)).sum() < 0.75 * whole


def test_a_wild_point_does_not_shrink_the_scene() -> None:
    points = straight(300, velocity=(0.01, 0.005, 0), count=10)
    plain = draw_trajectories({1: tracks_of(points)}, [upright(0, -2)], SIZE)
    points[17, 3] = 500
    wild = draw_trajectories({1: tracks_of(points)}, [upright(0, -2)], SIZE)
    assert has(wild, color_of(1)).sum() > 0.7 * has(plain, color_of(1)).sum()


@pytest.mark.parametrize(
    "instances",
    [
        {},
        {1: tracks_of(straight(5)).select(np.arange(0))},
        {1: tracks_of(np.full((5, 2, 3), np.nan))},
        {1: tracks_of(straight(5), np.zeros((5, 1)))},
    ],
    ids=["no instance", "no track", "not a number", "never visible"],
)
def test_without_anything_to_see_the_cameras_are_shown(instances) -> None:
    rgb = draw_trajectories(instances, [upright(0, -2), upright(3, -1)], SIZE)
    assert has(rgb[34:356], (31, 35, 40)).sum() > 4 * 40
    assert not has(legend_free(rgb), color_of(1)).any()
    assert draw_trajectories(instances, [], SIZE).shape == rgb.shape


def test_one_point_that_never_moves_is_a_dot() -> None:
    rgb = draw_trajectories({1: tracks_of(np.zeros((1, 1, 3)))}, [], SIZE)
    assert 2 * 5 < has(legend_free(rgb), color_of(1)).sum() < 2 * 60


def test_many_and_long_tracks_are_thinned() -> None:
    from time import process_time

    tracks = tracks_of(np.random.default_rng(0).normal(0, 1, (2000, 1500, 3)).cumsum(axis=0))
    began = process_time()
    draw_trajectories({1: tracks}, ring(2), SIZE)
    assert process_time() - began < 10


@pytest.mark.parametrize("wrong", [{"width_px": 10}, {"height_px": 100_000}, {"dpi": 300}])
def test_refuses_settings_without_meaning(wrong) -> None:
    with pytest.raises(ValidationError):
        TrajectoryPlotSettings(**wrong)
