"""Texture and change in numbers: they tell an opaque body from what shines through, under changing light, too."""

import pytest
import torch

from tests.persistence.tokenizer.clip_examples import clip
from videotracks.persistence.tokenizer.model import from_pixels
from videotracks.persistence.tokenizer.statistics import STATISTICS, statistics_of

#: Where energies of the first octave begin, and its correlations of middle and rim with the frame before.
_ENERGY, _SAME = 48, 96


def of(crops) -> torch.Tensor:
    found = statistics_of(from_pixels(torch.as_tensor(crops)[None]))
    assert found.shape == (1, len(crops), STATISTICS)
    return found[0]


def test_colours_are_those_of_the_cells() -> None:
    crops = torch.zeros((1, 64, 64, 3), dtype=torch.uint8)
    crops[:, 16:32, 48:, 1] = 255
    assert of(crops)[0, :48].tolist() == pytest.approx([-1] * 16 + [-1] * 7 + [1] + [-1] * 8 + [-1] * 16, abs=1e-5)


def test_texture_is_found_in_its_cell_and_octave() -> None:
    crops = torch.full((1, 64, 64, 3), 100, dtype=torch.uint8)
    crops[:, 32:48, 0:16:4] = crops[:, 32:48, 1:16:4] = 160
    energies = of(crops)[0, _ENERGY:_SAME].reshape(3, 16)
    assert energies.argmax().item() == 16 + 8  # stripes of two pixels are of the second octave
    assert energies[1, 8] > energies[1, 9] + 1


def test_a_still_body_keeps_its_texture_and_a_sliding_background_does_not() -> None:
    found = of(clip(3, 4))
    assert found[0, _SAME : _SAME + 4].tolist() == pytest.approx([1, 1, 1, 1], abs=1e-5)
    middle, rim = found[2, _SAME : _SAME + 2].tolist()
    assert middle > 0.7
    assert rim < 0.3


def test_light_that_changes_leaves_correlations_alone() -> None:
    crops = torch.from_numpy(clip(3, 1).repeat(3, axis=0)).float()
    crops *= torch.tensor([1.0, 0.7, 0.5])[:, None, None, None]
    found = of(crops.round().to(torch.uint8))
    assert found[2, _SAME] > 0.98
    assert (found[2, _ENERGY : _ENERGY + 16] < found[0, _ENERGY : _ENERGY + 16] - 0.4).all()


def test_no_texture_counts_as_unchanged() -> None:
    found = of(torch.full((2, 64, 64, 3), 90, dtype=torch.uint8))
    assert found[1, _SAME : _SAME + 4].tolist() == pytest.approx([1, 1, 1, 1])


def test_later_frames_have_no_say() -> None:
    crops = clip(3, 5)
    assert torch.equal(of(crops)[:3], of(crops[:3]))
