"""The parts of following: whose motion a pixel follows, which neighbours agree, and who may claim a pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.masks.flow.flow_examples import RED, Disc, clip
from videotracks.masks.flow.fields import COLOURS, FlowFields, look_at, unmatched
from videotracks.masks.flow.motion import affine, motion_odds
from videotracks.masks.flow.refinement import Sighting, boxed, even_box, whole
from videotracks.masks.flow.search import leap
from videotracks.masks.flow.separation import layers_of


def relaxed_plainly(chance, lab, likeness, pixels, sweeps, trust, over):
    """Each open pixel drawn to the mean of its own first chance and its neighbours', one after another."""
    first, height, width = chance.copy(), *chance.shape
    for sweep in range(sweeps):
        for y, x in pixels[:: 1 if sweep % 2 == 0 else -1]:
            total, mean = trust, trust * first[y, x]
            for v, u in ((y, x + 1), (y, x - 1), (y + 1, x), (y - 1, x)):
                if 0 <= v < height and 0 <= u < width:
                    distance = int(((lab[y, x].astype(int) - lab[v, u]) ** 2).sum()) // 4
                    weight = likeness[min(distance, len(likeness) - 1)]
                    total, mean = total + weight, mean + weight * chance[v, u]
            chance[y, x] += over * (mean / total - chance[y, x])
    return chance


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_the_walker_agrees_with_the_plain_loop(seed, height, width, sweeps) -> None:
    from videotracks.masks.flow._kernels import OVER, TRUST, relax

    random = np.random.default_rng(seed)
    chance = random.random((height, width)).astype("f4")
    lab = random.integers(0, 256, (height, width, 3)).astype("u1")
    likeness = np.sort(random.random(4096).astype("f4"))[::-1].copy()
    pixels = np.ascontiguousarray(np.argwhere(random.random((height, width)) < 0.6), "i4")
    expected = relaxed_plainly(chance.astype("f8"), lab, likeness, pixels, sweeps, TRUST, OVER)
    relax(chance, lab, likeness, pixels, np.empty((len(pixels), 5), "f4"), sweeps)
    assert np.allclose(chance, expected, atol=1e-4)


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=6), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_an_affine_motion_is_found_among_outliers(motion, seed) -> None:
    random = np.random.default_rng(seed)
    expected = np.array(motion, "f4").reshape(3, 2)
    places = np.column_stack([np.ones(200), random.uniform(-0.5, 0.5, (200, 2))]).astype("f4")
    assert np.allclose(affine(places, places @ expected), expected, atol=0.02)
    steps = places @ expected
    steps[:10] += 50
    assert np.abs(places @ affine(places, steps) - places @ expected)[10:].max() < 1.5


def test_a_pixel_speaks_for_the_one_that_it_moves_with() -> None:
    steps = np.zeros((20, 30, 2), "f4")
    steps[:, 10:] = 4, 1
    inside, outside = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    inside[:, 20:], outside[:, :8] = True, True
    odds = motion_odds(steps, inside, outside)
    assert odds[:, 10:].min() > 2
    assert odds[:, :10].max() < -2
    assert np.abs(motion_odds(np.ones_like(steps), inside, outside)).max() < 0.01
    assert not motion_odds(steps, inside & (np.arange(30) > 29), outside).any()


def test_what_another_hides_has_no_match() -> None:
    images, truth = clip([Disc((60, 64), (8, 0), RED, 24)], 2)
    fields = FlowFields(images)
    assert np.median(fields.between(0, 1).steps[truth[0, 0][::2, ::2]], axis=0) == pytest.approx((8, 0), abs=0.5)
    hidden = (truth[1, 0] & ~truth[0, 0])[::2, ::2]  # ground that is seen in frame 0 alone
    assert fields.between(0, 1).unmatched[hidden].mean() > 0.5
    assert fields.between(0, 1).unmatched[:, 70:].mean() < 0.05
    still = np.zeros((8, 8, 2), "f4")
    assert not unmatched(still, still).any()


def test_colours_have_codes_below_their_number() -> None:
    look = look_at(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("u1"))
    assert look.code.max() < COLOURS
    assert len(np.unique(look.code)) > 500


def test_a_part_far_from_the_main_one_is_not_the_objects() -> None:
    chance = np.zeros((40, 60), "f4")
    chance[5:25, 5:25], chance[5:25, 26:30], chance[30:34, 50:54] = 1, 0.9, 1
    kept = whole(chance, chance)
    assert np.array_equal(kept[:, :40], chance[:, :40])
    assert not kept[:, 40:].any()


@given(st.tuples(*[st.floats(-300, 300)] * 4), st.floats(0, 40))
@settings(max_examples=50)
def test_boxes_are_even_and_in_the_frame(corners, rim) -> None:
    x0, x1 = sorted(corners[:2])
    y0, y1 = sorted(corners[2:])
    box = even_box(x0, y0, x1, y1, rim, (96, 64))
    assert all(at % 2 == 0 for at in box)
    assert 0 <= box.x0 <= 96
    assert box.x1 <= 96
    if not box.is_empty:
        assert box.x0 <= max(x0 - rim, 0)
        assert box.x1 >= min(x1 + rim, 96)
        assert box.y0 <= max(y0 - rim, 0)
        assert box.y1 >= min(y1 + rim, 64)


def test_layers_keep_objects_apart_that_lie_on_one_another() -> None:
    masks = np.zeros((4, 40, 40), bool)
    masks[0, :20, :20] = masks[1, 4:12, 4:12] = masks[2, 20:, 20:] = masks[3, 6:10, 6:10] = True
    assert layers_of(list(masks)) == [[0, 2], [1], [3]]
    assert layers_of([]) == []


def test_a_leap_is_taken_only_to_pixels_like_its_own() -> None:
    images, truth = clip([Disc((50, 60), (24, 0), RED, 14)], 2)
    box = boxed(truth[0, 0], (0, 0), (192, 128))
    seen = Sighting(box, truth[0, 0][box.slices].astype("f4"))
    before, after = map(look_at, images)
    assert leap(seen, before, after, (0, 0)) == pytest.approx((24, 0), abs=1)
    gone = look_at(clip([], 1)[0][0])
    assert leap(seen, before, gone, (0, 0)) is None
    plain = look_at(np.full_like(images[0], 90))  # everywhere alike: no place is better than another
    assert leap(seen, plain, plain, (0, 0)) is None
