"""Candidate masks of the flow segmenter: whole, connected, at full size, and scored by how firmly they stand."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.masks.proposals.picture_examples import (
    GREY,
    flat,
    iou,
    moving_square,
    noisy,
    texture,
    tiles,
)
from videotracks.masks.proposals.objects import propose_objects

LEVELS = (2, 4, 6)


def best(proposals, mask) -> float:
    return max((iou(proposal.mask, mask) for proposal in proposals), default=0.0)


@settings(max_examples=12, deadline=None)  # the first call compiles
@given(st.integers(1, 60), st.integers(1, 60), st.booleans(), st.integers(0, 5))
def test_masks_are_connected_and_as_large_as_the_picture(height, width, has_neighbour, seed) -> None:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (height, width, 3), "u1")
    neighbour = random.integers(0, 256, (height, width, 3), "u1") if has_neighbour else None
    for proposals in propose_objects(picture, neighbour, LEVELS).values():
        for mask, stability in proposals:
            assert mask.dtype == bool
            assert mask.shape == (height, width)
            assert cv2.connectedComponents(mask.astype("u1"), connectivity=4)[0] == 2
            assert 0 <= stability <= 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3)])
def test_tiny_pictures_are_no_trouble(shape) -> None:
    picture = texture(*shape)
    assert set(propose_objects(picture, picture, LEVELS)) == set(LEVELS)


@pytest.mark.parametrize("shape", [(1, 1), (90, 160), (600, 1000)])
def test_a_constant_picture_is_at_most_one_object(shape) -> None:
    picture = flat(*shape)
    for proposals in propose_objects(picture, picture, LEVELS).values():
        assert len(proposals) <= 1


def test_a_slow_change_of_colour_is_no_object() -> None:
    picture = flat(180, 320)
    picture[..., 1] = np.linspace(60, 200, 320).astype("u1")
    for proposals in propose_objects(picture, None, LEVELS).values():
        assert len(proposals) <= 1


def test_boxes_and_their_parts_are_found_on_every_level() -> None:
    picture, boxes = tiles()
    found = propose_objects(noisy(picture, 4), None, LEVELS)
    for box in boxes:
        rows = np.arange(180)[:, None]
        for part in (box & (rows < 90), box & (rows >= 90)):
            firm = [proposal for level in LEVELS for proposal in found[level] if proposal.stability >= 0.9]
            assert best(firm, part) > 0.9


def test_outlines_of_large_pictures_lie_on_edges_to_the_pixel() -> None:
    picture = flat(540, 960, GREY)
    disc = np.zeros((540, 960), "u1")
    cv2.circle(disc, (483, 271), 97, 1, cv2.FILLED)
    picture[disc > 0] = (210, 90, 40)
    found = propose_objects(noisy(picture, 5), None, [2])[2]
    assert best(found, disc > 0) > 0.98


def test_a_square_on_its_own_texture_is_found_by_motion_only() -> None:
    frame, following, square = moving_square()
    moving = propose_objects(frame, following, LEVELS)
    still = propose_objects(frame, None, LEVELS)
    assert best(moving[2], square) > 0.7
    for level in LEVELS:
        assert best(still[level], square) < 0.5


def test_a_frame_of_another_place_is_as_none() -> None:
    one, other = texture(seed=1), texture(seed=2)
    cut, alone = propose_objects(one, other, [4])[4], propose_objects(one, None, [4])[4]
    assert len(cut) == len(alone)
    assert all((a.mask == b.mask).all() for a, b in zip(cut, alone, strict=True))


def test_levels_grow_finer_within_their_bounds() -> None:
    picture = noisy(np.repeat(np.repeat(np.random.default_rng(3).integers(0, 256, (9, 16, 3), "u1"), 30, 0), 30, 1), 5)
    found = propose_objects(picture, None, (0, *LEVELS))
    counts = [len(found[level]) for level in (0, *LEVELS)]
    assert counts == sorted(counts)
    assert all(count <= limit for count, limit in zip(counts, (10, 20, 40, 80), strict=True))
    sizes = [np.median([proposal.mask.sum() for proposal in found[level]]) for level in LEVELS]
    assert sizes[0] > sizes[1] > sizes[2]


def test_scores_tell_firm_regions_from_chance_ones() -> None:
    picture, _ = tiles()
    firm = propose_objects(noisy(picture, 4), None, [2])[2]
    chance = [p for level in LEVELS for p in propose_objects(texture(270, 480), None, [level])[level]]
    assert np.mean([p.stability >= 0.9 for p in firm]) > 0.7
    assert np.mean([p.stability >= 0.9 for p in chance]) < 0.5


def test_proposals_of_a_level_lie_beside_each_other() -> None:
    picture, _ = tiles()
    for proposals in propose_objects(noisy(picture, 12), None, LEVELS).values():
        for i, one in enumerate(proposals):
            for other in proposals[:i]:
                smaller = min(one.mask.sum(), other.mask.sum())
                assert (one.mask & other.mask).sum() <= 0.55 * smaller


def test_the_same_frames_give_the_same_proposals() -> None:
    frame, following, _ = moving_square()
    one, two = (propose_objects(frame, following, LEVELS) for _ in range(2))
    for level in LEVELS:
        assert [p.stability for p in one[level]] == [p.stability for p in two[level]]
        assert all((a.mask == b.mask).all() for a, b in zip(one[level], two[level], strict=True))


def test_refuses_what_is_no_frame_or_no_level() -> None:
    picture = flat(40, 40)
    with pytest.raises(ValueError, match=r"RGB u8\[H, W, 3\], not float32"):
        propose_objects(picture.astype("f4"), None, [2])
    with pytest.raises(ValueError, match="neighbouring frame"):
        propose_objects(picture, flat(40, 41), [2])
    with pytest.raises(ValueError, match=r"levels \[-1, 11\]"):
        propose_objects(picture, None, [2, -1, 11])


@pytest.mark.testdata
@pytest.mark.slow
def test_the_runner_of_parkour_is_among_the_coarse_candidates(testdata) -> None:
    """DAVIS parkour with the next frame as neighbour."""
    folder = testdata / "masks" / "parkour"
    overlaps = []
    for index in range(5, 95, 10):
        frame, following = (
            cv2.cvtColor(cv2.imread(str(folder / "JPEGImages" / f"{i:05d}.jpg")), cv2.COLOR_BGR2RGB)
            for i in (index, index + 1)
        )
        truth = cv2.imread(str(folder / "Annotations" / f"{index:05d}.png"), cv2.IMREAD_GRAYSCALE) > 0
        overlaps.append(best(propose_objects(frame, following, [2])[2], truth))
    assert np.mean(overlaps) > 0.7
    assert np.mean(np.array(overlaps) > 0.5) > 0.85
