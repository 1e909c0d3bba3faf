"""Dedup: masks compared as thumbnails, as a plain loop over pixels would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.masks.tracking.following import drawn
from videotracks.masks.tracking.dedup import DedupStore, ThumbnailSize, new_candidates, thumbnail_iou

MASKS = arrays(bool, st.tuples(st.integers(0, 4), st.just(9), st.just(13)))


def iou_plainly(a, b) -> float:
    return (a & b).sum() / max(1, (a | b).sum())


@settings(max_examples=40, deadline=None)
@given(MASKS, MASKS)
def test_the_overlap_of_thumbnails_is_that_of_their_pixels(a, b) -> None:
    size = ThumbnailSize(9, 13, 256)  # never finer than the video
    found = thumbnail_iou(size.shrink_all(a), size.shrink_all(b))
    assert found.shape == (len(a), len(b))
    assert found.tolist() == [[iou_plainly(x, y) for y in b] for x in a]


@settings(max_examples=40, deadline=None)
@given(MASKS, MASKS, st.sampled_from([0.0, 0.3, 0.6, 1.0]))
def test_accepts_as_the_plain_loop_does(candidates, tracked, limit) -> None:
    size, known, expected = ThumbnailSize(9, 13, 256), list(tracked), []
    for place, mask in enumerate(candidates):
        if not any(iou_plainly(mask, other) > limit for other in known):
            known.append(mask)
            expected.append(place)
    assert new_candidates(size.shrink_all(candidates), size.shrink_all(tracked), limit) == expected


@pytest.mark.parametrize(("shape", "side", "small"), [((720, 1280), 256, (144, 256)), ((90, 40), 45, (45, 20))])
def test_the_longer_side_is_as_long_as_asked(shape, side, small) -> None:
    assert ThumbnailSize(*shape, side).shape == small


def test_masks_of_different_sizes_meet_on_one_grid() -> None:
    size = ThumbnailSize(480, 640, 64)
    large, small = drawn((200, 100, 120, 200), 480, 640), drawn((50, 25, 30, 50), 120, 160)
    assert thumbnail_iou(size.shrink_all([large]), size.shrink_all([small])).item() == 1.0


def test_a_wire_does_not_vanish() -> None:
    size = ThumbnailSize(720, 1280, 256)
    wire = np.zeros((720, 1280), bool)
    for row in range(720):
        wire[row, row : row + 2] = True
    assert np.bitwise_count(size.shrink(wire)).sum() > 40


def test_the_store_keeps_what_candidates_will_be_compared_with_and_no_more() -> None:
    size = ThumbnailSize(9, 13, 256)
    store, thumbnails = DedupStore(size, [3, 6]), size.shrink_all([np.ones((9, 13), bool)] * 2)
    for position in range(8):
        store.keep(position, thumbnails)
        store.keep(position, thumbnails[:1])
    assert [len(store.at(position)) for position in range(8)] == [0, 0, 0, 3, 0, 0, 3, 0]
    store.forget(4)
    store.keep(3, thumbnails)
    assert [len(store.at(position)) for position in (3, 6)] == [0, 3]
