"""Motion: jitter is none, however long it lasts, and what moves is seen to, however slowly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.points.scene_examples import scene
from videotracks.points.refinement.motion import MotionSettings, motion
from videotracks.points.refinement.outliers import OutlierSettings, find_outliers

METHODS = ("total", "max", "endpoint", "std")


def plain(points, visible, method):
    """The definitions, track by track."""
    values = []
    for n in range(points.shape[1]):
        seen = points[visible[:, n], n]
        if not len(seen):
            values.append(0.0)
        elif method == "total":
            values.append(np.linalg.norm(np.diff(seen, axis=0), axis=1).sum())
        elif method == "max":
            values.append(np.linalg.norm(seen - seen[0], axis=1).max())
        elif method == "endpoint":
            values.append(np.linalg.norm(seen[-1] - seen[0]))
        else:
            values.append(np.sqrt(seen.var(axis=0).sum()))
    return np.array(values)


@given(st.sampled_from(METHODS), st.integers(1, 12), st.integers(0, 5), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_without_regard_to_noise_it_is_the_plain_definition(method: str, frames: int, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    points, visible = random.normal(size=(frames, count, 3)), random.random((frames, count)) < 0.7
    made = motion(points, visible, MotionSettings(motion_method=method, noise_aware=False))
    np.testing.assert_allclose(made, plain(points, visible, method), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("frames", [30, 300, 2000])
@pytest.mark.parametrize("sigma", [(0.005, 0.005, 0.005), (0.001, 0.001, 0.01), (0.02, 0.02, 0.02)])
def test_jitter_is_no_motion_however_long_it_lasts(method: str, frames: int, sigma) -> None:
    noise = np.random.default_rng(3).normal(0, sigma, (frames, 50, 3))
    moved = motion(noise + np.array([1.0, 2.0, 3.0]), np.ones((frames, 50), bool), MotionSettings(motion_method=method))
    assert (moved > 0.01).sum() <= 1
    if method == "total":
        assert plain(noise, np.ones((frames, 50), bool), method).min() > 0.1


def test_jitter_that_lingers_is_no_motion_either() -> None:
    made = scene(400, 300, correlation=0.5, wild_share=0)
    moved = motion(made.measured, made.visible, MotionSettings())
    assert (moved[~made.moving] > 0.01).mean() < 0.1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("speed_m_s", [0.02, 0.1, 1.0, 10.0])
def test_even_motion_is_measured_whatever_its_speed(method: str, speed_m_s: float) -> None:
    frames = np.arange(300)
    truth = np.zeros((300, 50, 3))
    truth[..., 0] = speed_m_s * frames[:, None] / 30
    noisy = truth + np.random.default_rng(2).normal(0, 0.005, truth.shape)
    every = np.ones((300, 50), bool)
    moved = motion(noisy, every, MotionSettings(motion_method=method))
    assert (moved > 0.01).all()
    np.testing.assert_allclose(moved, plain(truth, every, method), rtol=0.35)


def test_a_hand_that_waves_on_the_spot_moves_although_it_ends_where_it_began() -> None:
    t = np.arange(151) / 30
    truth = np.zeros((151, 20, 3))
    truth[..., 1] = 0.1 - 0.1 * np.cos(2 * np.pi * t)[:, None]
    noisy = truth + np.random.default_rng(2).normal(0, 0.005, truth.shape)
    every = np.ones((151, 20), bool)
    assert (motion(noisy, every, MotionSettings(motion_method="total")) > 0.5).all()
    assert (motion(noisy, every, MotionSettings(motion_method="endpoint")) < 0.05).all()


@pytest.mark.parametrize("method", METHODS)
def test_what_was_never_or_once_seen_does_not_move(method: str) -> None:
    visible = np.zeros((10, 2), bool)
    visible[4, 1] = True
    for noise_aware in (True, False):
        made = motion(np.full((10, 2, 3), 7.0), visible, MotionSettings(motion_method=method, noise_aware=noise_aware))
        np.testing.assert_array_equal(made, [0, 0])
        assert motion(np.zeros((10, 0, 3)), visible[:, :0], MotionSettings(noise_aware=noise_aware)).shape == (0,)


def test_motion_without_any_jitter_is_no_trouble() -> None:
    points = np.zeros((50, 2, 3))
    points[:, 1, 2] = np.linspace(0, 0.2, 50)
    made = motion(points, np.ones((50, 2), bool), MotionSettings())
    assert made[0] == 0
    assert made[1] == pytest.approx(0.2, rel=0.25)


@pytest.mark.parametrize("method", METHODS)
def test_of_a_scene_static_is_told_from_moving(method: str) -> None:
    made = scene(800, seed=5)
    visible = made.visible & ~find_outliers(made.measured, made.visible, OutlierSettings())
    static = motion(made.measured, visible, MotionSettings(motion_method=method)) <= 0.01
    assert (static & ~made.moving).sum() / static.sum() >= 0.98
    assert (static & made.moving).sum() / made.moving.sum() <= 0.01
    assert (~static & ~made.moving).sum() / (~made.moving).sum() <= 0.02


@pytest.mark.parametrize(("frames", "precision", "least_seen"), [(60, 0.98, 1), (30, 0.97, 8)])
def test_in_short_clips_too_what_rests_is_told_from_what_moves(frames: int, precision: float, least_seen: int) -> None:
    """Two seconds; one second, of tracks seen for a quarter of it: a shorter one may creep within its jitter."""
    made = scene(2000, frames, seed=2)
    visible = made.visible & ~find_outliers(made.measured, made.visible, OutlierSettings())
    static = motion(made.measured, visible, MotionSettings()) <= 0.01
    judged = static & (made.visible.sum(axis=0) >= least_seen)
    assert (judged & ~made.moving).sum() / judged.sum() >= precision
    assert (static & ~made.moving).sum() / (~made.moving).sum() >= 0.97


def test_a_short_track_with_far_more_jitter_than_is_assumed_does_not_move() -> None:
    noise = np.random.default_rng(3).normal(0, 0.02, (30, 400, 3))
    moved = motion(noise, np.ones((30, 400), bool), MotionSettings())
    assert (moved > 0.01).mean() < 0.03
