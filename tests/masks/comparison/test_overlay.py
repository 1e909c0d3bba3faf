"""Masks over a frame: whose colour is where, and that labels stay inside and apart."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.masks.comparison.comparison_examples import rectangle
from videotracks.masks.comparison.overlay import FILL, contour, draw_masks, drawable, drawables, label_plate
from videotracks.masks.packed import pack
from videotracks.palette import color_of, luminance, text_color_on

WIDTH, HEIGHT, GREY = 200, 120, 90


def drawn(masks, size=(WIDTH, HEIGHT), scale=1.0) -> np.ndarray:
    picture = np.full((size[1], size[0], 3), GREY, np.uint8)
    draw_masks(picture, drawables({i: pack(mask, scale) for i, mask in masks.items()}, *size))
    return picture.astype(int)


def glazed(identity: int) -> np.ndarray:
    return np.round(GREY * (1 - FILL) + FILL * np.array(color_of(identity)))


@given(st.integers(0, 5000))
@settings(max_examples=20)
def test_a_mask_is_filled_with_its_glaze_and_bordered_by_its_colour(identity) -> None:
    picture = drawn({identity: rectangle((60, 50, 60, 50), (WIDTH, HEIGHT))})
    assert np.abs(picture[70:95, 70:110] - glazed(identity)).max() <= 1
    for edge in (picture[52:100, 60], picture[52:100, 119], picture[50, 60:120], picture[99, 60:120]):
        assert (edge == color_of(identity)).all()


def test_nothing_is_drawn_outside_of_boxes_and_labels() -> None:
    picture = drawn({3: rectangle((60, 50, 60, 50), (WIDTH, HEIGHT))})
    label = label_plate("3", 10, color_of(3))
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[50:100, 60:120] = False
    outside[50 - label.shape[0] : 50, 60 : 60 + label.shape[1]] = False
    assert (picture[outside] == GREY).all()
    assert (picture[50 - label.shape[0] : 50, 60 : 60 + label.shape[1]] == label).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_every_pixel_of_any_mask_and_no_other_is_glazed(seed) -> None:
    rng = np.random.default_rng(seed)
    mask = np.kron(rng.random((12, 20)) < 0.4, np.ones((10, 10))).astype(bool)
    item = drawable("", color_of(1), pack(mask), WIDTH, HEIGHT)
    picture = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    x, y, width, height = item.box
    draw_masks(picture, [item._replace(label="")])
    plain = contour(mask, 2) & mask
    expected = np.where(plain[..., None], color_of(1), np.where(mask[..., None], glazed(1), GREY))
    box = np.zeros_like(mask)
    box[[y, y + height - 1], x : x + width] = box[y : y + height, [x, x + width - 1]] = True
    free = ~box
    plate = label_plate("", 10, color_of(1))
    free[:, : x + plate.shape[1] + 1] &= False  # where the empty label may lie
    assert np.abs(picture[free] - expected[free]).max(initial=0) <= 1


def test_the_contour_is_the_plain_one() -> None:
    mask = np.random.default_rng(0).random((30, 40)) < 0.8
    padded = np.pad(mask, 1)
    inner = np.ones_like(mask)
    for dy in (0, 1, 2):
        for dx in (0, 1, 2):
            inner &= padded[dy : dy + 30, dx : dx + 40]
    assert (contour(mask, 1) == (mask & ~inner)).all()


def test_the_same_object_has_the_same_colour_in_every_frame_and_size() -> None:
    mask = rectangle((60, 50, 60, 50), (WIDTH, HEIGHT))
    large, small = drawn({8: mask}), drawn({8: mask, 9: mask[::-1]}, (100, 60))
    assert tuple(large[75, 60]) == color_of(8)
    assert tuple(small[45, 31]) == color_of(8)


def test_a_small_mask_is_not_hidden_by_a_large_one() -> None:
    small, large = rectangle((80, 60, 20, 20), (WIDTH, HEIGHT)), rectangle((20, 20, 160, 90), (WIDTH, HEIGHT))
    for masks in ({1: small, 2: large}, {2: large, 1: small}):
        assert tuple(drawn(masks)[70, 80]) == color_of(1)


def test_masks_stored_smaller_are_drawn_where_they_lie() -> None:
    mask = rectangle((60, 40, 80, 60), (WIDTH, HEIGHT))
    item = drawable("1", color_of(1), pack(mask, 0.3), WIDTH, HEIGHT)
    found = np.zeros_like(mask)
    x, y, width, height = item.box
    found[y : y + height, x : x + width] = item.crop
    assert (found & mask).sum() / (found | mask).sum() > 0.9


def test_an_empty_mask_is_not_drawn() -> None:
    assert (drawn({1: np.zeros((HEIGHT, WIDTH), bool)}) == GREY).all()


@pytest.mark.parametrize(
    "box", [(0, 0, 30, 30), (170, 0, 30, 30), (0, 90, 30, 30), (170, 90, 30, 30), (0, 0, 200, 120)]
)
def test_a_label_lies_whole_inside_the_picture(box) -> None:
    plate = label_plate("4321", 10, color_of(4321))
    picture = drawn({4321: rectangle(box, (WIDTH, HEIGHT))})
    places = np.lib.stride_tricks.sliding_window_view(picture, plate.shape)[:, :, 0]
    assert (places == plate).all(axis=(2, 3, 4)).any()


def test_labels_of_neighbours_do_not_hide_one_another() -> None:
    masks = {i: rectangle((60 + i, 50 + i, 60 - i, 50 - i), (WIDTH, HEIGHT)) for i in range(1, 6)}
    picture = drawn(masks)
    for identity in masks:
        plate = label_plate(str(identity), 10, color_of(identity))
        places = np.lib.stride_tricks.sliding_window_view(picture, plate.shape)[:, :, 0]
        assert (places == plate).all(axis=(2, 3, 4)).any(), identity


def test_words_are_readable_on_their_plate() -> None:
    for identity in range(40):
        plate = label_plate("88", 14, color_of(identity))
        words = text_color_on(color_of(identity))
        assert (plate == words).all(axis=2).any()
        low, high = sorted((luminance(words), luminance(color_of(identity))))
        assert (high + 0.05) / (low + 0.05) > 4.5


def test_forty_masks_on_a_frame_of_720_lines_take_a_moment() -> None:
    rng = np.random.default_rng(0)
    boxes = zip(*(rng.integers(low, high, 40).tolist() for low, high in ((0, 900), (0, 500), (20, 350), (20, 200))))  # noqa: B905
    masks = {i: pack(rectangle(box, (1280, 720))) for i, box in enumerate(boxes, 1)}
    picture = np.full((720, 1280, 3), GREY, np.uint8)
    took = []
    for _ in range(5):
        begin = time.process_time()
        draw_masks(picture, drawables(masks, 1280, 720))
        took.append(time.process_time() - begin)
    assert min(took) < 0.06
