"""Overlap: bits and run lengths say what counting pixels says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from videotracks.masks.overlap import areas, containment_matrix, encode, iou_matrix
from videotracks.masks.packed import pack


@st.composite
def mask_lists(draw):
    """Two lists of masks of one size: noise, blocks, empty and full ones; some wider than a word."""
    shape = draw(st.tuples(st.integers(1, 9), st.sampled_from([1, 3, 8, 21, 64, 65, 128, 130])))
    kinds = st.sampled_from(["noise", "block", "rows", "empty", "full"])

    def one() -> np.ndarray:
        kind = draw(kinds)
        if kind == "noise":
            return draw(arrays(bool, shape))
        mask = np.full(shape, kind == "full")
        if kind in ("block", "rows"):
            y, x = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
            mask[y : y + draw(st.integers(1, 9)), x if kind == "block" else 0 :] = True
        return mask

    return [[one() for _ in range(draw(st.integers(0, 4)))] for _ in range(2)]


def counted(a, b):
    """Intersections, and areas, pixel by pixel."""
    return (
        np.array([[np.sum(x & y) for y in b] for x in a], "f8").reshape(len(a), len(b)),
        np.array([np.sum(x) for x in a], "f8"),
        np.array([np.sum(y) for y in b], "f8"),
    )


def divided(numerator, denominator):
    return np.divide(numerator, denominator, out=np.zeros(numerator.shape), where=denominator > 0)


forms = pytest.mark.parametrize("form", [list, lambda masks: [pack(m) for m in masks], encode])


@forms
@settings(max_examples=60)
@given(mask_lists())
def test_overlaps_are_those_of_counted_pixels(form, lists) -> None:
    common, area_a, area_b = counted(*lists)
    a, b = map(form, lists)
    assert np.array_equal(iou_matrix(a, b), divided(common, area_a[:, None] + area_b - common))
    assert np.array_equal(containment_matrix(a, b), divided(common, np.broadcast_to(area_a[:, None], common.shape)))
    assert areas(a).tolist() == area_a.tolist()


@forms
@settings(max_examples=30)
@given(mask_lists())
def test_a_list_against_itself_is_symmetric(form, lists) -> None:
    masks = form(lists[0])
    matrix = iou_matrix(masks, masks)
    assert np.array_equal(matrix, iou_matrix(masks, list(masks)))
    assert np.array_equal(np.diag(matrix), (areas(masks) > 0).astype(float))


@settings(max_examples=60)
@given(mask_lists())
def test_run_lengths_are_byte_for_byte_those_of_pycocotools(lists) -> None:
    masks = lists[0]
    expected = [coco.encode(np.asfortranarray(mask.view("u1"))) for mask in masks]
    assert encode(masks) == expected
    assert encode([pack(mask) for mask in masks]) == expected
    for mask, rle in zip(masks, encode(masks), strict=True):
        assert np.array_equal(coco.decode(rle), mask)


def test_a_run_goes_on_from_one_column_to_the_next() -> None:
    mask = np.zeros((4, 5), bool)
    mask[2:, 1] = mask[:, 2] = mask[0, 3] = True
    (rle,) = encode([mask])
    assert rle == coco.frPyObjects({"size": [4, 5], "counts": [6, 7, 7]}, 4, 5)


def test_large_masks_meet_only_where_they_meet() -> None:
    yy, xx = np.mgrid[:720, :1280]
    masks = [np.hypot(yy - 300, xx - x) < 90 for x in (100, 190, 600, 1279)]
    common, area, _ = counted(masks, masks)
    assert common[0, 1] > 0 == common[0, 2]
    assert np.array_equal(iou_matrix(masks, masks), common / (area[:, None] + area - common))


def test_refuses_masks_of_several_sizes() -> None:
    small, large = np.ones((4, 4), bool), np.ones((4, 5), bool)
    for a, b in (([small], [large]), ([small, large], [small])):
        with pytest.raises(ValueError, match="one size"):
            iou_matrix(a, b)
        with pytest.raises(ValueError, match="one size"):
            containment_matrix(encode(a), encode(b))


def test_refuses_to_mix_masks_with_run_lengths() -> None:
    masks = [np.ones((4, 4), bool)]
    with pytest.raises(ValueError, match="encode"):
        iou_matrix(masks, encode(masks))
