"""Where attention lies: against a plain loop, and equal attention is early, middle and late alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.persistence.analysis.decided_examples import decided
from videotracks.persistence.analysis.decided import MAX_NAME_CHARACTERS, attention_of, bounded_name

weights = st.lists(st.integers(0, 9), min_size=1, max_size=12)


def measured_plainly(importance):
    """Each observation cut into three equal parts, so that thirds never cut one."""
    total, count = sum(importance), len(importance)
    parts = np.repeat(np.array(importance) / total / 3, 3)
    thirds = [parts[i * count : (i + 1) * count].sum() for i in range(3)]
    peak = importance.index(max(importance))
    return (peak + 0.5) / count, peak, max(importance) / total, thirds


@settings(max_examples=40, deadline=None)
@given(st.lists(weights, min_size=1, max_size=5))
def test_agrees_with_the_plain_loop(tracks) -> None:
    found = attention_of([decided(w) for w in tracks])
    for i, importance in enumerate(tracks):
        assert found.telling[i] == (len(importance) > 1 and sum(importance) > 0)
        if sum(importance):
            position, peak, value, thirds = measured_plainly(importance)
            assert found.peak_position[i] == pytest.approx(position)
            assert found.peak_frame[i] == peak
            assert found.peak_value[i] == pytest.approx(value)
            assert found.thirds[i] == pytest.approx(thirds, abs=1e-9)


@pytest.mark.parametrize("count", [2, 3, 4, 50])
def test_equal_attention_is_spread_equally(count: int) -> None:
    found = attention_of([decided(np.full(count, 1 / count))])
    assert found.thirds[0] == pytest.approx([1 / 3] * 3)
    assert found.peak_to_uniform[0] == pytest.approx(1)


def test_the_frame_of_the_peak_counts_gaps() -> None:
    track = decided([0.1, 0.2, 0.7], frame_numbers=np.array([4, 6, 31]), duration_frames=28)
    assert attention_of([track]).peak_frame.tolist() == [27]


def test_no_tracks_have_no_attention() -> None:
    assert attention_of([]).thirds.shape == (0, 3)


@pytest.mark.parametrize(
    "changed",
    [
        {"importance": [0.5, np.nan]},
        {"importance": [1.5, -0.5]},
        {"importance": []},
        {"frame_numbers": np.array([3])},
        {"frame_numbers": np.array([3, 3])},
        {"confidence": float("nan")},
        {"label": 2},
        {"observations": 1},
        {"duration_frames": 1},
    ],
)
def test_refuses_a_track_that_cannot_be(changed) -> None:
    with pytest.raises(ValueError, match="track 1: "):
        decided(**{"importance": [0.5, 0.5], **changed})


def test_the_outcome_is_told_against_the_truth_where_there_is_one() -> None:
    found = [decided([1], keep, label).outcome for label in (1, 0, None) for keep in (True, False)]
    assert found == ["true_positive", "false_negative", "false_positive", "true_negative", "kept", "filtered"]


@given(st.text(max_size=400))
def test_names_are_short_and_can_be_written(text: str) -> None:
    name = bounded_name(text)
    assert len(name) <= MAX_NAME_CHARACTERS
    assert name.isprintable()
    name.encode("utf-8")


def test_a_name_that_is_no_unicode_can_be_written() -> None:
    assert bounded_name("clip\udcff\n\x1b[0m.mp4") == "clip [0m.mp4"
