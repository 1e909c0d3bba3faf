"""Crops to bytes and back: what each codec keeps, and what it refuses."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from videotracks.errors import CorruptFileError
from videotracks.people.crop_codecs import codec, jpeg_size


def photo(height: int = 280, width: int = 120, seed: int = 0) -> np.ndarray:
    """Content as a camera delivers it: smooth shapes, edges, a little grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 220, (height // 20 + 2, width // 20 + 2, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(float)
    cv2.ellipse(image, (width // 2, height // 3), (width // 5, height // 6), 0, 0, 360, (200, 160, 140), -1)
    cv2.rectangle(image, (width // 4, height // 2), (3 * width // 4, height - 1), (40, 50, 90), -1)
    return np.clip(image + rng.normal(0, 1.0, image.shape), 0, 255).astype(np.uint8)


def decoded(name: str, rgb: np.ndarray) -> np.ndarray:
    return codec(name).decode(np.frombuffer(codec(name).encode(rgb), np.uint8), *rgb.shape[:2])


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


images = hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))


@given(images)
@settings(max_examples=60, deadline=None)
def test_exact_gives_back_every_bit(rgb):
    assert np.array_equal(decoded("exact", rgb), rgb)


def test_exact_takes_a_slice_of_a_frame():
    frame = photo(100, 100)
    assert np.array_equal(decoded("exact", frame[10:50, 20:33]), frame[10:50, 20:33])


def test_exact_takes_at_most_six_tenths_of_the_raw_size_on_photographs():
    rgb = photo()
    assert len(codec("exact").encode(rgb)) <= 0.6 * rgb.nbytes


def test_jpeg_keeps_forty_decibels_in_a_quarter_of_the_raw_size_on_photographs():
    rgb = photo()
    assert psnr(rgb, decoded("jpeg", rgb)) >= 40
    assert len(codec("jpeg").encode(rgb)) <= 0.25 * rgb.nbytes


def test_jpeg_keeps_the_order_of_the_channels_and_full_chroma():
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, ::2, 0], rgb[:, 1::2, 2] = 250, 250  # columns of red and blue: subsampled chroma would mix them
    assert np.abs(decoded("jpeg", rgb).astype(int) - rgb).max() < 40


@pytest.mark.parametrize("name", ["jpeg", "exact"])
def test_an_empty_crop_is_no_bytes(name):
    nothing = np.zeros((0, 0, 3), np.uint8)
    assert codec(name).encode(nothing) == b""
    assert decoded(name, nothing).shape == (0, 0, 3)


@pytest.mark.parametrize("name", ["jpeg", "exact"])
@pytest.mark.parametrize("size", [(279, 120), (280, 121), (120, 280), (0, 0), (-1, 5), (60_000, 60_000), (9000, 7000)])
def test_a_size_that_is_not_the_crops_is_refused(name, size):
    data = np.frombuffer(codec(name).encode(photo()), np.uint8)
    with pytest.raises(CorruptFileError):
        codec(name).decode(data, *size)


@pytest.mark.parametrize("name", ["jpeg", "exact"])
def test_cut_bytes_are_refused(name):
    data = np.frombuffer(codec(name).encode(photo()), np.uint8)
    with pytest.raises(CorruptFileError):
        codec(name).decode(data[: len(data) // 2], 280, 120)


def test_an_exact_crop_that_would_inflate_further_is_refused():
    bomb = np.frombuffer(struct.pack("<II", 40, 40) + zlib.compress(bytes(10_000_000)), np.uint8)
    with pytest.raises(CorruptFileError, match="bytes of pixels"):
        codec("exact").decode(bomb, 40, 40)


def test_other_image_formats_are_refused_as_jpeg():
    png = cv2.imencode(".png", photo())[1].reshape(-1)
    with pytest.raises(CorruptFileError, match="no complete JPEG"):
        codec("jpeg").decode(png, 280, 120)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_crash_the_header_reader(data):
    jpeg_size(data)
    jpeg_size(b"\xff\xd8\xff" + data + b"\xff\xd9")


def test_an_unknown_codec_is_refused():
    with pytest.raises(CorruptFileError, match="webp"):
        codec("webp")


@pytest.mark.parametrize("part", [2, 4, 8])
def test_jpeg_is_read_smaller_with_sizes_rounded_up(part):
    odd, even = photo(281, 123), photo(280, 120)
    small = [
        codec("jpeg").decode(np.frombuffer(codec("jpeg").encode(c), np.uint8), *c.shape[:2], part) for c in (odd, even)
    ]
    assert small[0].shape == (-(-281 // part), -(-123 // part), 3)
    expected = cv2.resize(even, (120 // part, 280 // part), interpolation=cv2.INTER_AREA)
    assert np.abs(small[1].astype(int) - expected).mean() < 4


def test_exact_crops_come_whole_whatever_part_is_asked_for():
    rgb = photo()
    data = np.frombuffer(codec("exact").encode(rgb), np.uint8)
    assert np.array_equal(codec("exact").decode(data, *rgb.shape[:2], 4), rgb)
