"""Accuracy of points: the metrics as a plain loop counts them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.points.camera_examples import ring, seen_by
from videotracks.points.accuracy import THRESHOLDS_M, median_reprojection_error, score_points
from videotracks.points.refinement.reprojection import Observations


def scored_plainly(truth, truth_visible, tracks, visible, thresholds):
    """Point by point, as the papers define it."""
    jaccards, withins = [], []
    frames, count = truth_visible.shape
    for threshold in thresholds:
        tp = fp = fn = near_count = 0
        for t in range(frames):
            for n in range(count):
                distance = np.sqrt(((truth[t, n] - tracks[t, n]) ** 2).sum())
                near = bool(distance < threshold)
                near_count += truth_visible[t, n] and near
                tp += visible[t, n] and truth_visible[t, n] and near
                fp += visible[t, n] and not (truth_visible[t, n] and near)
                fn += truth_visible[t, n] and not (visible[t, n] and near)
        # TAPVid's denominator: what is visible in truth, and the false positives.
        seen = int(truth_visible.sum())
        assert tp + fn == seen
        jaccards.append(tp / (seen + fp) if seen + fp else None)
        withins.append(near_count / seen if seen else None)
    errors = []
    for n in range(count):
        of_track = [np.linalg.norm(truth[t, n] - tracks[t, n]) for t in range(frames) if truth_visible[t, n]]
        errors += of_track
    right = [truth_visible[t, n] == visible[t, n] for t in range(frames) for n in range(count)]
    return jaccards, withins, np.mean(right) if right else None, np.median(errors) if errors else None


@given(st.integers(1, 6), st.integers(0, 4), st.integers(0, 999), st.floats(0.0, 1.0))
@settings(max_examples=80, deadline=None)
def test_agrees_with_the_plain_loop(frames: int, count: int, seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    truth = random.normal(size=(frames, count, 3))
    tracks = truth + random.normal(size=truth.shape) * random.choice([0, 0.02, 0.1, 0.5], (frames, count, 1))
    truth_visible, visible = random.random((2, frames, count)) < share
    made = score_points(truth, truth_visible, tracks, visible)
    jaccards, withins, right, error = scored_plainly(truth, truth_visible, tracks, visible, THRESHOLDS_M)
    assert made.jaccard == pytest.approx(jaccards)
    assert made.points_within == pytest.approx(withins)
    assert made.occlusion_accuracy == pytest.approx(right)
    assert made.median_trajectory_error_m == pytest.approx(error)
    assert made.average_jaccard == (None if None in jaccards else pytest.approx(np.mean(jaccards)))
    assert made.average_points_within == (None if None in withins else pytest.approx(np.mean(withins)))


def test_the_truth_itself_is_perfect() -> None:
    truth = np.random.default_rng(0).normal(size=(5, 3, 3))
    visible = np.ones((5, 3), bool)
    made = score_points(truth, visible, truth, visible)
    assert made.average_jaccard == made.average_points_within == made.occlusion_accuracy == 1
    assert made.median_trajectory_error_m == 0


def test_no_tracks_have_no_score() -> None:
    made = score_points(np.zeros((5, 0, 3)), np.zeros((5, 0), bool), np.zeros((5, 0, 3)), np.zeros((5, 0), bool))
    assert made.average_jaccard is made.occlusion_accuracy is made.median_trajectory_error_m is None
    assert made.n_tracks == 0


def test_a_position_that_is_no_number_is_infinitely_far() -> None:
    truth, visible = np.zeros((4, 1, 3)), np.ones((4, 1), bool)
    tracks = truth.copy()
    tracks[0] = np.nan
    assert score_points(truth, visible, tracks, visible).average_points_within == 0.75


def test_tracks_of_others_are_refused() -> None:
    visible = np.ones((4, 2), bool)
    with pytest.raises(ValueError, match="same tracks"):
        score_points(np.zeros((4, 2, 3)), visible, np.zeros((4, 3, 3)), visible)


def test_reprojection_is_the_median_over_all_views() -> None:
    cameras, points = ring(3), np.random.default_rng(0).uniform((-0.5, -0.5, 3.5), (0.5, 0.5, 4.5), (4, 5, 3))
    pixels, seen = seen_by(cameras, points), np.ones((3, 4, 5), bool)
    pixels[0] += [3, 4]
    pixels[1] += [6, 8]
    pixels[2] += [0, 7]
    assert median_reprojection_error(cameras, points, seen[0], Observations(pixels, seen)) == pytest.approx(7)
    assert median_reprojection_error(cameras, points, ~seen[0], Observations(pixels, seen)) is None


def test_only_what_is_counted_is_scored() -> None:
    truth, visible = np.zeros((3, 2, 3)), np.ones((3, 2), bool)
    tracks = truth.copy()
    tracks[2] = 9.0
    counted = np.array([[True, True], [True, True], [False, False]])
    made = score_points(truth, visible, tracks, visible, counted=counted)
    assert made.n_visible == 4
    assert made.average_jaccard == made.average_points_within == made.occlusion_accuracy == 1
    assert score_points(truth, visible, tracks, visible).average_points_within == pytest.approx(2 / 3)
