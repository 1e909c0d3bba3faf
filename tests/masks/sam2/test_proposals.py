"""Automatic masks: the grid of each level, and what is left of what the network says."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.masks.sam2.sam2_micro import micro_network
from videotracks.errors import ModelError
from videotracks.masks.sam2 import proposals as sam2_proposals
from videotracks.masks.sam2.proposals import GRAINS, ProposalGenerator, _without_specks
from videotracks.masks.sam2.segmenter import Sam2Segmenter

IMAGE = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def network() -> Any:
    return micro_network(seed=4)


@pytest.fixture
def segmenter(network: Any) -> Sam2Segmenter:
    return Sam2Segmenter.of_model(network, {})


def test_a_higher_level_looks_finer() -> None:
    grains = [GRAINS[level] for level in sorted(GRAINS)]
    for coarse, fine in pairwise(grains):
        assert (coarse.points_per_side, coarse.crop_layers) < (fine.points_per_side, fine.crop_layers)
        assert coarse.min_area > fine.min_area


def test_proposals_have_the_size_of_the_frame_whatever_the_network_sees(segmenter: Sam2Segmenter) -> None:
    found = segmenter.propose(IMAGE, None, [1, 3])
    assert list(found) == [1, 3]
    assert sum(map(len, found.values()))
    for proposal in [*found[1], *found[3]]:
        assert proposal.mask.shape == (90, 160)
        assert proposal.mask.dtype == bool
        assert proposal.mask.any()
        assert 0 <= proposal.stability <= 1


def test_the_stability_is_that_of_sam2(network: Any, segmenter: Sam2Segmenter) -> None:
    generator = ProposalGenerator(network, 1, "cpu")
    records = [
        {"segmentation": np.ones((90, 160), bool), "stability_score": 0.25},
        {"segmentation": np.zeros((90, 160), bool), "stability_score": 0.75},
    ]
    generator._generator.generate = lambda image: records
    assert [proposal.stability for proposal in generator.propose(IMAGE)] == [0.25]


def test_the_grid_and_the_crops_are_those_of_the_level(network: Any) -> None:
    for level, grain in GRAINS.items():
        generator = ProposalGenerator(network, level, "cpu")._generator
        assert len(generator.point_grids[0]) == grain.points_per_side**2
        assert generator.crop_n_layers == grain.crop_layers
        assert generator.stability_score_thresh == 0


def test_large_frames_take_fewer_points_at_a_time(network: Any) -> None:
    generator = ProposalGenerator(network, 1, "cpu")
    generator._generator.generate = lambda image: []
    for shape, points in (((90, 160, 3), 64), ((2160, 3840, 3), 2)):
        assert generator.propose(np.zeros(shape, np.uint8)) == []
        assert generator._generator.points_per_batch == points


@pytest.mark.parametrize("level", [1, 6])
def test_a_frame_without_objects_has_no_proposals(network: Any, level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam2_proposals, "MIN_PREDICTED_IOU", 1.0)
    monkeypatch.setitem(GRAINS, level, GRAINS[level]._replace(points_per_side=2))
    assert Sam2Segmenter.of_model(network, {}).propose(IMAGE, None, [level]) == {level: []}


def test_equal_frames_give_equal_proposals(segmenter: Sam2Segmenter) -> None:
    first, again = (segmenter.propose(IMAGE, None, [1])[1] for _ in range(2))
    assert [p.stability for p in first] == [p.stability for p in again]
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("level", [0, 7])
def test_refuses_a_level_that_there_is_not(segmenter: Sam2Segmenter, level: int) -> None:
    with pytest.raises(ModelError, match=f"level {level}: the levels of detail are 1 .* to 6"):
        segmenter.propose(IMAGE, None, [level])


def test_holes_and_islands_below_the_smallest_area_go() -> None:
    mask = np.zeros((50, 50), bool)
    mask[10:40, 10:40] = True
    wanted = mask.copy()
    wanted[12:18, 12:18] = mask[12:18, 12:18] = False  # a hole of 36 px
    mask[30:32, 30:32] = False  # one of 4 px
    mask[2:4, 2:4] = True  # an island of 4 px
    assert np.array_equal(_without_specks(mask, 20), wanted)
    assert np.array_equal(_without_specks(mask, 1), mask)
    assert not _without_specks(mask, 1000).any()
    assert not _without_specks(np.eye(50, dtype=bool)[::-1] & (np.arange(50) % 4 == 0), 5).any()
