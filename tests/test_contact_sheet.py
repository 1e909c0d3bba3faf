"""Contact sheets: bounded in bytes, pictures in their places with their shape kept."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from videotracks.contact_sheet import GAP_PX, LABEL_PX, MAX_BYTES, PAPER, contact_sheet, data_uri_image, letterbox


def opened(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def plain(height: int, width: int, color: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def test_tiles_fill_rows_from_the_left() -> None:
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    sheet = opened(contact_sheet([plain(144, 96, c) for c in colors], columns=2))
    assert sheet.shape == (2 * (144 + GAP_PX) + GAP_PX, 2 * (96 + GAP_PX) + GAP_PX, 3)
    for i, color in enumerate(colors):
        y, x = 76 + i // 2 * (144 + GAP_PX), 52 + i % 2 * (96 + GAP_PX)
        assert np.abs(sheet[y, x].astype(int) - color).max() < 20


def test_labels_take_a_line_below_and_long_ones_are_cut() -> None:
    sheet = opened(contact_sheet([plain(144, 96, (0, 0, 0))] * 2, ["person 3 " * 20, ""], columns=8))
    assert sheet.shape[:2] == (144 + LABEL_PX + 2 * GAP_PX, 2 * (96 + GAP_PX) + GAP_PX)
    written = np.abs(sheet[GAP_PX + 144 :].astype(int) - PAPER).max(axis=(0, 2)) > 100
    assert written[: 96 + GAP_PX].any()
    assert not written[96 + 3 * GAP_PX :].any()


def test_a_sheet_of_noise_stays_below_the_limit() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 40, 3)).astype(np.uint8)
    jpeg = contact_sheet(list(noise))
    assert len(jpeg) <= MAX_BYTES
    assert opened(jpeg).ndim == 3


def test_a_sheet_too_large_gets_smaller_tiles_and_keeps_its_labels() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 144, 96, 3)).astype(np.uint8)
    jpeg = contact_sheet(list(noise), ["7"] * 24)
    sheet = opened(jpeg)
    assert len(jpeg) <= MAX_BYTES
    step = (sheet.shape[0] - GAP_PX) // 3
    assert step < 144 + LABEL_PX + GAP_PX
    line = sheet[step - LABEL_PX : step, GAP_PX : GAP_PX + 10].astype(int)
    assert (np.abs(line - PAPER).max(axis=2) > 100).sum() > 5


def test_what_cannot_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="fits into 10 bytes"):
        contact_sheet([plain(20, 20, (1, 2, 3))], max_bytes=10)


def test_nothing_to_show_is_a_blank_sheet() -> None:
    assert opened(contact_sheet([])).max() < 60
    assert opened(contact_sheet([np.zeros((0, 0, 3), np.uint8)])).max() < 60


def test_letterbox_keeps_the_aspect() -> None:
    boxed = letterbox(plain(100, 400, (255, 255, 255)), 96, 144)
    white = (boxed == 255).all(axis=2)
    assert boxed.shape == (144, 96, 3)
    assert white.any(axis=1).sum() == 24
    assert white.any(axis=0).all()


def test_markdown_carries_the_bytes_and_no_markup_of_the_label() -> None:
    text = data_uri_image(b"abc", "](x)<b>")
    assert text == f"![  x  b ](data:image/jpeg;base64,{base64.b64encode(b'abc').decode()})"
