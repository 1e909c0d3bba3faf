"""What detectors share: overlap, suppression, letterboxing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videotracks.people.detectors import clip_boxes, letterbox, non_maximum_suppression, overlaps

corners = st.floats(0, 100, width=32)
box = st.tuples(corners, corners, corners, corners).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]) + 1, max(c[1], c[3]) + 1)
)
boxes = st.lists(st.tuples(box, st.floats(0, 1, width=32)), max_size=15)


def plain_iou(a, b) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    inner = width * height
    return inner / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner)


def plain_suppression(bboxes, confidences, max_iou):
    """The oracle: the double loop."""
    kept: list[int] = []
    for row in sorted(range(len(bboxes)), key=lambda r: -confidences[r]):
        if all(plain_iou(bboxes[row], bboxes[other]) <= max_iou for other in kept):
            kept.append(row)
    return kept


@given(boxes, st.sampled_from([0.0, 0.3, 0.45, 0.9]))
@settings(max_examples=150, deadline=None)
def test_suppression_is_that_of_the_double_loop(found, max_iou):
    bboxes = np.array([b for b, _ in found], "f8").reshape(-1, 4)
    confidences = np.array([c for _, c in found], "f8")
    kept = non_maximum_suppression(bboxes, confidences, max_iou=max_iou)
    assert kept.tolist() == plain_suppression(bboxes.tolist(), confidences.tolist(), max_iou)


def test_a_box_inside_a_more_confident_one_goes_if_nested_boxes_are_to():
    bboxes = np.array([[0, 0, 100, 100], [10, 10, 30, 30]], "f4")
    confidences = np.array([0.9, 0.8], "f4")
    assert non_maximum_suppression(bboxes, confidences, max_iou=0.5).tolist() == [0, 1]
    assert non_maximum_suppression(bboxes, confidences, max_iou=0.5, max_nested=0.8).tolist() == [0]


def test_equal_confidences_keep_their_order():
    bboxes = np.array([[0, 0, 10, 10], [50, 0, 60, 10], [0, 0, 10, 10]], "f4")
    assert non_maximum_suppression(bboxes, np.full(3, 0.5, "f4"), max_iou=0.5).tolist() == [0, 1]


def test_overlap_over_union_and_over_the_smaller():
    others = np.array([[5, 0, 15, 10], [2, 2, 4, 4], [20, 0, 30, 9]], "f4")
    iou, nested = overlaps(np.array([0, 0, 10, 10], "f4"), others)
    assert iou == pytest.approx([1 / 3, 0.04, 0])
    assert nested == pytest.approx([0.5, 1, 0])


@given(st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_a_letterboxed_image_fits_at_the_top_left(height, width):
    boxed, scale = letterbox(np.full((height, width, 3), 200, np.uint8), 96, 64)
    assert boxed.shape == (96, 64, 3)
    bottom, right = max(1, round(height * scale)), max(1, round(width * scale))
    assert bottom <= 96
    assert right <= 64
    assert (bottom == 96) or (right == 64)
    assert (boxed[:bottom, :right] == 200).all()
    assert (boxed[bottom:] == 114).all()
    assert (boxed[:, right:] == 114).all()


def test_boxes_are_cut_to_the_frame():
    assert clip_boxes(np.array([[-5, -5, 700, 20]], "f4"), 640, 480).tolist() == [[0, 0, 640, 20]]
