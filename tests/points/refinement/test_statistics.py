"""Statistics: the keys are a format that others read."""

import json

import numpy as np
import pytest

from tests.points.track_examples import straight, tracks_of
from videotracks.points.refinement.refining import RefinementSettings, refine
from videotracks.points.refinement.statistics import RefinementStatistics, combined, motion_statistics


def statistics_of(moving: int, static: int) -> RefinementStatistics:
    points = np.concatenate([straight(40, count=moving), np.zeros((40, static, 3))], axis=1)
    return refine(tracks_of(points), RefinementSettings()).statistics


def test_the_keys_are_those_of_the_format() -> None:
    made = json.loads(statistics_of(2, 1).model_dump_json())
    assert list(made) == [
        "n_original", "alignment", "outliers", "motion_filtering", "smoothing", "n_refined", "total_reduction_factor",
    ]  # fmt: skip
    assert list(made["alignment"]) == [
        "n_original", "n_valid", "n_invalid", "fraction_valid", "visibility_min", "visibility_max", "visibility_mean",
    ]  # fmt: skip
    assert list(made["motion_filtering"]) == [
        "n_original", "n_moving", "n_static", "fraction_moving", "motion_threshold", "motion_method", "motion_min",
        "motion_max", "motion_mean", "motion_median", "motion_moving_min", "motion_moving_mean", "motion_static_max",
    ]  # fmt: skip
    assert "max_endpoint_shift_m" in made["smoothing"]


def test_they_come_back_from_their_json() -> None:
    made = statistics_of(2, 1)
    assert RefinementStatistics.model_validate_json(made.model_dump_json()) == made


def test_motion_is_summed_up_over_moving_and_static() -> None:
    made = motion_statistics(np.array([0.0, 0.004, 0.5, 1.5]), 0.01, "max")
    assert (made.n_original, made.n_moving, made.n_static, made.fraction_moving) == (4, 2, 2, 0.5)
    assert (made.motion_min, made.motion_max, made.motion_mean) == (0, 1.5, pytest.approx(0.501))
    assert made.motion_median == pytest.approx(0.252)
    assert (made.motion_moving_min, made.motion_moving_mean, made.motion_static_max) == (0.5, 1.0, 0.004)


def test_when_none_remain_the_reduction_is_null() -> None:
    made = statistics_of(0, 3)
    assert made.n_refined == 0
    assert json.loads(made.model_dump_json())["total_reduction_factor"] is None


def test_instances_are_added_up() -> None:
    made = combined({"1": statistics_of(3, 1), "2": statistics_of(0, 2), "5": statistics_of(0, 0)})
    assert (made.n_instances, made.n_original, made.n_static, made.n_refined) == (3, 6, 3, 3)
    assert made.total_reduction_factor == 2
    assert list(made.instances) == ["1", "2", "5"]
    assert combined({}).total_reduction_factor is None
