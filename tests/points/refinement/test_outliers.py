"""Outliers: wild points go, and whatever a thing can really do stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.points.scene_examples import scene
from videotracks.points.refinement.outliers import OutlierSettings, departures, find_outliers
from videotracks.points.refinement.visible_points import visible_points

random = np.random.default_rng(0)
T = np.arange(120) / 30


def found(track, visible=None, **others) -> list[int]:
    """The frames that are outliers of one track [T, 3]."""
    track = np.asarray(track)[:, None]
    visible = np.ones(len(track), bool) if visible is None else visible
    return np.flatnonzero(find_outliers(track, visible[:, None], OutlierSettings(**others))[:, 0]).tolist()


def jittery(track, sigma=0.005, seed=1):
    return np.asarray(track) + np.random.default_rng(seed).normal(0, sigma, (len(track), 3))


def along_x(x):
    return np.stack([x, 0 * x, 0 * x], axis=1)


real = {
    "rest": along_x(0 * T),
    "even motion": along_x(1.5 * T),
    "free fall": along_x(0.5 * 9.81 * T**2),
    "a throw out of rest": along_x(np.where(T > 2, 6 * (T - 2), 0)),
    "a throw that lasts half a second": along_x(np.clip(T - 2, 0, 0.5) * 8),
    "acceleration to a stop": along_x(np.clip(T - 2, 0, 0.4) ** 2 * 20),
    "a bounce": along_x(np.abs(T - 2) * 4),
    "a hand that waves after long rest": along_x(np.where(T > 2, 0.15 - 0.15 * np.cos(2 * np.pi * 2.5 * (T - 2)), 0)),
    "a walking foot": along_x(1.2 * T + 0.3 * np.sin(2 * np.pi * T)),
}


@pytest.mark.parametrize("case", real)
@pytest.mark.parametrize("sigma", [0.0, 0.002, 0.005])
def test_real_motion_survives(case: str, sigma: float) -> None:
    assert len(found(jittery(real[case], sigma))) <= 1


@pytest.mark.parametrize("case", real)
@pytest.mark.parametrize("at", [1, 2, 30, 75, 117, 118])
def test_a_lone_wild_point_is_found_and_nothing_beside_it(case: str, at: int) -> None:
    track = jittery(real[case], 0.002)
    track[at] += [0.2, 0.3, -0.2]
    assert at in found(track)
    assert len(set(found(track)) - {at}) <= 1


@pytest.mark.parametrize("at", [0, 119])
def test_a_wild_end_is_found(at: int) -> None:
    track = jittery(real["even motion"])
    track[at] += 0.3
    assert found(track) == [at]


def test_wild_points_side_by_side_are_found() -> None:
    track = jittery(real["a walking foot"])
    track[50] += [0.3, 0, 0]
    track[51] -= [0, 0.5, 0]
    assert found(track) == [50, 51]


@pytest.mark.parametrize("length", [2, 3, 5, 9])
@pytest.mark.parametrize("case", ["rest", "even motion", "a walking foot"])
def test_an_excursion_to_another_surface_is_found(case: str, length: int) -> None:
    track = jittery(real[case])
    track[40 : 40 + length] += [0.2, 0.5, 0.1]
    assert set(found(track)) >= set(range(40, 40 + length))
    assert len(found(track)) <= length + 1  # the first point after it has one witness only


def test_an_excursion_that_a_gap_cuts_off_is_found() -> None:
    track, visible = jittery(real["rest"]), np.ones(120, bool)
    track[60:63] += 0.4
    visible[45:60] = False
    assert set(found(track, visible)) >= {60, 61, 62}
    assert len(found(track, visible)) <= 4


def test_a_jump_without_return_is_left_alone() -> None:
    track = jittery(real["rest"])
    track[60:] += 0.4
    assert len(found(track)) <= 1


def test_a_step_over_a_gap_counts_per_frame() -> None:
    visible = np.ones(120, bool)
    visible[40:70] = False
    assert found(jittery(along_x(1.0 * T)), visible) == []
    moved_unseen = jittery(along_x(np.where(T > 1.8, 0.5, 0)))
    assert found(moved_unseen, visible) == []


def test_frames_that_are_not_visible_are_not_looked_at() -> None:
    track, visible = jittery(real["even motion"]), np.ones(120, bool)
    track[10], visible[10] = np.nan, False
    track[20], visible[20] = 1e9, False
    assert found(track, visible) == []


@given(st.integers(0, 7), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_tracks_of_few_points_are_no_trouble(count: int, seed: int) -> None:
    track = np.random.default_rng(seed).normal(0, 0.001, (count, 3))
    assert found(track) == []


def test_the_cubic_of_four_neighbours_is_exact_whatever_the_gaps() -> None:
    frames = np.array([0, 1, 4, 5, 9, 11, 12, 20])
    visible = np.zeros((21, 1), bool)
    visible[frames] = True
    t = np.arange(21)[:, None, None] / 10
    cubic = np.concatenate([t**3, 2 * t**2 - t, 3 * t], axis=2)
    inner = departures(visible_points(cubic, visible))[2:-2]
    np.testing.assert_allclose(inner, 0, atol=1e-12)


def test_departures_agree_with_the_plain_definition() -> None:
    p = random.normal(size=(11, 3))
    made = departures(visible_points(p[:, None], np.ones((11, 1), bool)))
    for i in range(11):
        lines, parabolas, between = [], [], []
        for side in (-1, 1):
            one, two, three = i + side, i + 2 * side, i + 3 * side
            if 0 <= two < 11:
                lines.append(p[i] - 2 * p[one] + p[two])
            if 0 <= three < 11:
                parabolas.append(p[i] - 3 * p[one] + 3 * p[two] - p[three])
        if 2 <= i <= 8:
            between.append(p[i] - (4 * p[i - 1] + 4 * p[i + 1] - p[i - 2] - p[i + 2]) / 6)
        elif i in (1, 9):
            between.append(p[i] - (p[i - 1] + p[i + 1]) / 2)
        else:
            lines, parabolas = [v / 2 for v in lines], [v / 3 for v in parabolas]
        assert made[i] == pytest.approx(min(np.linalg.norm(v) for v in lines + parabolas + between))


def test_of_a_scene_most_wild_points_are_found_and_few_good_ones_lost() -> None:
    made = scene(400)
    masked = find_outliers(made.measured, made.visible, OutlierSettings())
    wild, good = made.wild & made.visible, ~made.wild & made.visible
    assert (masked & wild).sum() / wild.sum() > 0.93
    for kind in range(4):
        of_kind = made.kind == kind
        assert (masked & good)[:, of_kind].sum() / good[:, of_kind].sum() < 0.01
