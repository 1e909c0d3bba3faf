"""J and F beside their plain definitions, pixel by pixel."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from videotracks.masks.accuracy import boundary, boundary_accuracy, over_sequence, region_similarity

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))
PAIRS = SIZES.flatmap(lambda size: st.tuples(arrays(bool, size), arrays(bool, size)))


def edge_plainly(mask):
    """Pixels of which one of the three neighbours to the right and below is of the other kind."""
    height, width = mask.shape
    return {
        (y, x)
        for y in range(height)
        for x in range(width)
        for b, a in ((y, x + 1), (y + 1, x), (y + 1, x + 1))
        if b < height and a < width and mask[y, x] != mask[b, a]
    }


def share_near_plainly(edge, other, radius):
    near = sum(any((y - b) ** 2 + (x - a) ** 2 <= radius**2 for b, a in other) for y, x in edge)
    return near / len(edge)


@given(PAIRS)
@settings(max_examples=60)
def test_region_similarity_is_intersection_over_union(pair) -> None:
    made, truth = ({tuple(p) for p in np.argwhere(mask).tolist()} for mask in pair)
    expected = len(made & truth) / len(made | truth) if made | truth else 1
    assert region_similarity(*pair) == pytest.approx(expected)


@given(SIZES.flatmap(lambda size: arrays(bool, size)))
@settings(max_examples=60)
def test_a_boundary_lies_where_neighbours_differ(mask) -> None:
    assert {tuple(p) for p in np.argwhere(boundary(mask)).tolist()} == edge_plainly(mask)


@given(PAIRS, st.floats(0, 0.4))
@settings(max_examples=60)
def test_boundary_accuracy_counts_pixels_within_the_disc(pair, tolerance) -> None:
    made, truth = map(edge_plainly, pair)
    radius = math.ceil(tolerance * math.hypot(*pair[0].shape))
    if made and truth:
        precision, recall = share_near_plainly(made, truth, radius), share_near_plainly(truth, made, radius)
        expected = 2 * precision * recall / (precision + recall) if precision + recall else 0
    else:
        expected = 1 if not made and not truth else 0
    assert boundary_accuracy(*pair, tolerance) == pytest.approx(expected)


def test_the_tolerance_is_eight_thousandths_of_the_diagonal() -> None:
    """On 480 by 854 px: 7.8, rounded up to 8 px."""
    truth = np.zeros((480, 854), bool)
    truth[:, 100:200] = True
    assert boundary_accuracy(np.roll(truth, 8, axis=1), truth) == 1
    assert boundary_accuracy(np.roll(truth, 9, axis=1), truth) == 0


def test_recall_counts_frames_above_half_and_decay_compares_the_quarters() -> None:
    score = over_sequence([1.0, 0.9, 0.8, 0.6, 0.6, 0.5, 0.4, 0.2])
    assert score.mean == pytest.approx(0.625)
    assert score.recall == pytest.approx(5 / 8)
    # Parts of the DAVIS toolkit for 8 frames: 1-3, 3-5, 5-6, 6-8.
    assert score.decay == pytest.approx(0.9 - np.mean([0.5, 0.4, 0.2]))


def test_refuses_masks_of_different_sizes_and_sequences_too_short() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\)"):
        region_similarity(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
    with pytest.raises(ValueError, match="same height"):
        boundary_accuracy(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
    with pytest.raises(ValueError, match="3 frames"):
        over_sequence([1, 1, 1])
