"""Packed masks: what goes in comes out, and nothing that does not fit comes in."""

import base64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from videotracks.errors import CorruptFileError
from videotracks.masks.packed import (
    MAX_PIXELS,
    PackedMask,
    bounding_box,
    from_json,
    pack,
    stored_shape,
    to_json,
    unpack,
    unpack_full,
)

masks = st.tuples(st.integers(1, 13), st.integers(1, 13)).flatmap(lambda shape: arrays(bool, shape))


def box_filtered_plainly(mask, shape):
    """Every stored pixel by the area of every source pixel in it, in units of 1/(h·w) px²."""
    (height, width), (h, w) = mask.shape, shape
    result = np.zeros(shape, bool)
    for i in range(h):
        for j in range(w):
            area = 0
            for y in range(height):
                tall = min((i + 1) * height, (y + 1) * h) - max(i * height, y * h)
                for x in range(width):
                    wide = min((j + 1) * width, (x + 1) * w) - max(j * width, x * w)
                    area += int(mask[y, x]) * max(tall, 0) * max(wide, 0)
            result[i, j] = 2 * area >= height * width
    return result


@given(masks)
def test_unpacks_what_was_packed(mask) -> None:
    packed = pack(mask)
    assert packed.shape == packed.full_resolution_shape == mask.shape
    assert packed.bits == np.packbits(mask.ravel()).tobytes()
    assert np.array_equal(unpack(packed), mask)
    assert np.array_equal(unpack_full(packed), mask)


@settings(max_examples=60)
@given(masks, st.floats(0.05, 1))
def test_the_scale_is_a_box_filter_of_at_least_a_half(mask, scale) -> None:
    packed = pack(mask, scale)
    assert packed.shape == tuple(max(1, round(side * scale)) for side in mask.shape)
    assert packed.full_resolution_shape == mask.shape
    assert np.array_equal(unpack(packed), box_filtered_plainly(mask, packed.shape))


def test_exactly_half_an_area_counts() -> None:
    half = np.zeros((720, 1280), bool)
    half[::2] = True
    assert unpack(pack(half, 0.5)).all()
    assert not unpack(pack(~half & (np.arange(1280) != 0), 0.5))[:, 0].any()  # one pixel less in each box


@given(masks, st.floats(0.05, 1))
def test_full_size_takes_the_stored_pixel_at_the_centre(mask, scale) -> None:
    packed = pack(mask, scale)
    small, (h, w) = unpack(packed), packed.shape
    height, width = mask.shape
    expected = [[small[(2 * y + 1) * h // (2 * height), (2 * x + 1) * w // (2 * width)] for x in range(width)]
                for y in range(height)]  # fmt: skip
    assert np.array_equal(unpack_full(packed), expected)


@pytest.mark.parametrize("scale", [0, -0.1, 1.01, float("nan")])
def test_refuses_a_scale_that_is_none(scale) -> None:
    with pytest.raises(ValueError, match="scale"):
        stored_shape((10, 10), scale)


@pytest.mark.parametrize("mask", [np.zeros((2, 2), "u1"), np.zeros((0, 4), bool), np.zeros((1, 2, 2), bool)])
def test_refuses_to_pack_what_is_no_mask(mask) -> None:
    with pytest.raises(ValueError, match="bool"):
        pack(mask)


@given(masks)
def test_the_bounding_box_touches_what_is_set(mask) -> None:
    box = bounding_box(mask)
    ys, xs = np.nonzero(mask)
    expected = (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1) if len(xs) else None
    assert box == expected


@given(masks, st.sampled_from([1.0, 0.3]))
def test_json_gives_the_mask_back(mask, scale) -> None:
    packed = pack(mask, scale)
    assert from_json(to_json(packed), "here") == packed
    assert to_json(packed)["packed_bits_b64"] == base64.b64encode(packed.bits).decode()


def test_json_may_leave_out_the_full_size_and_say_more() -> None:
    value = {"shape": [1, 9], "packed_bits_b64": base64.b64encode(b"\xff\x80").decode(), "id": 7}
    assert from_json(value, "here") == PackedMask(b"\xff\x80", (1, 9), (1, 9))


@pytest.mark.parametrize(
    "change",
    [
        {"shape": None}, {"shape": [3]}, {"shape": [2, 4, 1]}, {"shape": [0, 9]}, {"shape": [-1, -9]},
        {"shape": [1.0, 9]}, {"shape": [True, 9]}, {"shape": ["1", 9]}, {"shape": [1, float("nan")]},
        {"shape": [1, 8]}, {"shape": [1, 25]}, {"shape": [MAX_PIXELS, 9]}, {"full_resolution_shape": [0, 0]},
        {"full_resolution_shape": [MAX_PIXELS, 2]}, {"full_resolution_shape": "9"},
        {"packed_bits_b64": None}, {"packed_bits_b64": "/4A"}, {"packed_bits_b64": "/4A=AAAA"},
        {"packed_bits_b64": "/4=A"}, {"packed_bits_b64": "/4\nA"}, {"packed_bits_b64": "//8="},
        {"packed_bits_b64": "/4é="}, {"packed_bits_b64": "////"},
    ],
)  # fmt: skip
def test_refuses_json_that_does_not_fit(change) -> None:
    value = {"shape": [1, 9], "full_resolution_shape": [1, 9], "packed_bits_b64": "/4A="}
    from_json(value, "here")
    with pytest.raises(CorruptFileError, match=r"^file\.json, object 3: "):
        from_json({**value, **change}, "file.json, object 3")


@pytest.mark.parametrize("value", [None, [], "mask", 3])
def test_refuses_json_that_is_no_object(value) -> None:
    with pytest.raises(CorruptFileError, match="object"):
        from_json(value, "here")
