"""Smoothing: without delay, over what was seen, and within its word about the ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfiltfilt

from videotracks.points.refinement.smoothing import (
    TWO_PASSES,
    SmoothingSettings,
    interpolate_gaps,
    short_gaps,
    smooth,
)

RATE = 30.0
PADDING = 8  # frames: 1.5 periods of 6 Hz at 30 frames/s, rounded up


def walk(frames, count=1, seed=0):
    return np.random.default_rng(seed).normal(0, 0.02, (frames, count, 3)).cumsum(axis=0)


def everywhere(points):
    return np.ones(points.shape[:2], bool)


def spans_of(seen):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(int), [0]])))
    return list(zip(edges[::2], edges[1::2], strict=True))


@given(st.integers(1, 60), st.integers(0, 6), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_each_span_is_filtered_as_scipy_does_it_alone(frames: int, count: int, seed: int) -> None:
    points = walk(frames, count, seed)
    visible = np.repeat(np.random.default_rng(seed).random((frames // 5 + 1, count)) < 0.6, 5, axis=0)[:frames]
    made = smooth(points, visible, RATE, SmoothingSettings(max_endpoint_shift_m=10))
    cutoff = np.arctan(np.tan(np.pi * 6 / RATE) / TWO_PASSES) / np.pi * RATE
    sections = butter(2, cutoff, fs=RATE, output="sos")
    expected, long = points.copy(), 0
    for n in range(count):
        for begin, end in spans_of(visible[:, n]):
            if end - begin > PADDING:
                long += 1
                expected[begin:end, n] = sosfiltfilt(sections, points[begin:end, n], axis=0, padlen=PADDING)
    np.testing.assert_allclose(made.points, expected, atol=1e-9)
    assert made.spans == long


def test_a_gap_too_short_for_the_filter_does_not_cut_a_span() -> None:
    points, visible = walk(60), np.ones((60, 1), bool)
    visible[30:32] = False  # half a period of 6 Hz is 2.5 frames
    points[30:32] = np.nan
    made = smooth(points, visible, RATE, SmoothingSettings())
    assert made.spans == 1
    assert np.isfinite(made.points[visible]).all()
    assert np.isnan(made.points[30:32]).all()
    visible[32] = False
    assert smooth(points, visible, RATE, SmoothingSettings()).spans == 2


def test_slow_motion_passes_and_jitter_does_not() -> None:
    t = np.arange(600) / RATE
    for hertz, least, most in [(0.5, 0.999, 1.001), (6.0, 0.70, 0.715), (14.0, 0.0, 0.01)]:
        wave = np.zeros((600, 1, 3))
        wave[:, 0, 0] = np.sin(2 * np.pi * hertz * t)
        made = smooth(wave, everywhere(wave), RATE, SmoothingSettings(max_endpoint_shift_m=10)).points
        gain = np.ptp(made[100:500, 0, 0]) / np.ptp(wave[100:500, 0, 0])
        assert least <= gain <= most


def test_nothing_is_delayed() -> None:
    t = np.arange(200) / RATE
    wave = np.zeros((200, 1, 3))
    wave[:, 0, 1] = np.sin(2 * np.pi * 2 * t)
    made = smooth(wave, everywhere(wave), RATE, SmoothingSettings()).points
    lags = [np.corrcoef(made[20:180, 0, 1], wave[20 + lag : 180 + lag, 0, 1])[0, 1] for lag in (-1, 0, 1)]
    assert np.argmax(lags) == 1


@given(st.integers(9, 60), st.floats(0, 0.02), st.integers(0, 99), st.sampled_from([12.9, 25, 30, 59.94, 240]))
@settings(max_examples=40, deadline=None)
def test_ends_move_no_farther_than_it_says(frames: int, most_m: float, seed: int, rate: float) -> None:
    points = walk(frames, 4, seed) * 5
    made = smooth(points, everywhere(points), rate, SmoothingSettings(max_endpoint_shift_m=most_m))
    moved = np.linalg.norm(made.points - points, axis=2)[[0, -1]]
    assert moved.max() <= made.endpoint_shift_m + 1e-12
    assert made.endpoint_shift_m <= most_m


def test_an_end_that_would_move_too_far_is_held() -> None:
    points = walk(60) * 20
    free = smooth(points, everywhere(points), RATE, SmoothingSettings(max_endpoint_shift_m=10))
    assert free.endpoint_shift_m > 1e-4
    held = smooth(points, everywhere(points), RATE, SmoothingSettings(max_endpoint_shift_m=1e-5))
    assert held.endpoint_shift_m == pytest.approx(1e-5)
    np.testing.assert_array_equal(held.points[PADDING:-PADDING], free.points[PADDING:-PADDING])


@pytest.mark.parametrize("rate", [None, 12.0])
def test_without_a_frame_rate_that_allows_it_nothing_is_smoothed(rate: float | None) -> None:
    points = walk(60)
    made = smooth(points, everywhere(points), rate, SmoothingSettings())
    np.testing.assert_array_equal(made.points, points)
    assert (made.spans, made.short_spans) == (0, 1)


def test_gaps_below_the_limit_are_short_and_those_at_the_ends_are_none() -> None:
    visible = np.array([0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0], bool)[:, None]
    assert np.flatnonzero(short_gaps(visible, 3)[:, 0]).tolist() == [3, 4]
    assert np.flatnonzero(short_gaps(visible, 4)[:, 0]).tolist() == [3, 4, 6, 7, 8]
    assert not short_gaps(visible[:, :0], 4).any()


def test_gaps_are_filled_on_the_line_and_beyond_the_ends_by_the_nearest() -> None:
    points = np.full((8, 1, 3), np.nan)
    points[[2, 6], 0] = [[0, 0, 0], [4, 8, -4]]
    known = np.isfinite(points).all(axis=2)
    filled = interpolate_gaps(points, known, ~known)
    assert filled[:, 0, 0].tolist() == [0, 0, 0, 1, 2, 3, 4, 4]
    np.testing.assert_array_equal(filled[4, 0], [2, 4, -2])
