import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from videotracks.masks.comparison.frames import choose_frames

frames = st.lists(st.integers(0, 500), max_size=60, unique=True)


@given(frames, frames, st.integers(2, 20))
def test_keeps_the_limit_the_ends_and_frames_with_candidates_first(with_candidates, with_masks, most) -> None:
    chosen = choose_frames(with_candidates, with_masks, most)
    every = sorted({*with_candidates, *with_masks})
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(every)
    assert len(chosen) == min(most, len(every))
    if every:
        assert {chosen[0], chosen[-1]} == {every[0], every[-1]}
    inner = set(chosen) - {every[0], every[-1]} if every else set()
    if set(with_candidates) - set(chosen):
        assert inner <= set(with_candidates), "others only when all frames with candidates are there"


def test_frames_with_candidates_are_spread_evenly() -> None:
    chosen = choose_frames(range(0, 1000, 10), range(1000), 11)
    assert np.diff(chosen).max() <= 130
    assert np.diff(chosen).min() >= 40


def test_others_fill_the_widest_gaps() -> None:
    assert choose_frames([0, 10], range(101), 5) in ([0, 10, 32, 55, 100], [0, 10, 55, 77, 100], [0, 10, 55, 78, 100])
    assert choose_frames([], range(101), 5) == [0, 25, 50, 75, 100]


def test_a_single_frame_is_chosen_once() -> None:
    assert choose_frames([7], [7], 12) == [7]
    assert choose_frames([], [], 12) == []
