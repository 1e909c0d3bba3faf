"""Pictures: originals stand unchanged above what comes back; curves go where the numbers go."""

import numpy as np
import pytest
import torch

from tests.persistence.tokenizer.clip_examples import TINY, clip
from videotracks.persistence.curve_plots import CurvePanel, draw_curves
from videotracks.persistence.tokenizer.model import VideoTokenizer, from_pixels, to_pixels
from videotracks.persistence.tokenizer.pictures import draw_reconstructions, draw_training
from videotracks.persistence.tokenizer.training import CURVES, TrainedTokenizer


def test_originals_stand_above_what_comes_back() -> None:
    torch.manual_seed(0)
    network = VideoTokenizer(TINY.network).eval()
    picture = draw_reconstructions(network, [clip(1, 2), clip(2, 3)])
    assert picture.shape == (64 * 4 + 6, 64 * 3, 3)
    assert np.array_equal(picture[:64, 64:128], clip(1, 2)[1])
    assert (picture[:128, 128:] == 255).all()
    x = from_pixels(torch.from_numpy(clip(2, 3)[None]))
    back = to_pixels(network.decode(network.encode(x).latents))[0, 2].numpy()
    assert np.abs(picture[198:, 128:].astype(int) - back).max() <= 1


def test_curves_rise_and_fall_with_the_numbers() -> None:
    steps = np.arange(10)
    rising = draw_curves(steps, [CurvePanel("x", {"a": steps})])
    falling = draw_curves(steps, [CurvePanel("x", {"a": -steps})])
    inside = slice(44, 206), slice(68, 390)
    colored = [(np.ptp(picture[inside].astype(int), axis=2) > 60) for picture in (rising, falling)]
    slopes = [np.polyfit(*np.nonzero(found)[::-1], 1)[0] for found in colored]
    assert slopes[0] < -0.3 < 0.3 < slopes[1]  # rows count downwards


@pytest.mark.parametrize("values", [[1.0], [np.nan, np.nan], [3.0, 3.0], [1.0, np.nan, 2.0], [1e30, -1e30]])
def test_any_numbers_make_a_picture(values) -> None:
    picture = draw_curves(np.arange(len(values)), [CurvePanel("x", {"a": np.array(values)})] * 3)
    assert picture.shape == (500, 840, 3)


def test_a_training_has_four_panels() -> None:
    curves = np.random.default_rng(0).random((5, len(CURVES))).astype("f4")
    curves[:, 0] = np.arange(5)
    assert draw_training(TrainedTokenizer(TINY, {}, curves)).shape == (500, 840, 3)
