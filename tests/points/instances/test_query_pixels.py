import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from videotracks.points.instances.query_pixels import DepthBounds, choose_pixels, inner, sound_depth

BOUNDS = DepthBounds(nearest_m=0.1, farthest_m=10, edge_m=0.02, edge_share=0.02)


def blob(seed, size=(40, 56)):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    middle, radii = random.uniform(0, size, 2), random.uniform(3, 25, 2)
    return ((y - middle[0]) / radii[0]) ** 2 + ((x - middle[1]) / radii[1]) ** 2 <= 1


def picture(seed, size=(40, 56)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype("u1")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 4))
def test_the_inside_is_what_has_the_mask_all_around(seed, margin):
    mask = blob(seed)
    made = inner(mask, margin)
    padded = np.pad(mask, margin, constant_values=True)
    expected = np.lib.stride_tricks.sliding_window_view(padded, (2 * margin + 1,) * 2).all(axis=(2, 3))
    np.testing.assert_array_equal(made, expected & mask)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 200))
def test_pixels_are_in_the_mask_each_once_the_strongest_first(seed, count):
    mask = blob(seed)
    pixels, strengths = choose_pixels(mask, picture(seed), count)
    assert len(pixels) <= count
    assert mask[pixels[:, 1], pixels[:, 0]].all()
    assert len(np.unique(pixels, axis=0)) == len(pixels)
    assert (np.diff(strengths) <= 0).all()
    assert len(pixels) > 0 or not mask.any()


def test_corners_come_before_the_flat():
    rgb = np.full((60, 60, 3), 90, "u1")
    rgb[20:30, 20:30] = 200
    pixels, _ = choose_pixels(np.ones((60, 60), bool), rgb, 4)
    corners = np.array([[20, 20], [29, 20], [20, 29], [29, 29]])
    off = np.abs(pixels[:, None] - corners[None]).max(axis=-1)
    assert off.min(axis=1).max() <= 8  # one cell may hold two corners, then the edge is next


def test_pixels_are_spread_over_the_mask():
    pixels, _ = choose_pixels(np.ones((90, 120), bool), picture(0, (90, 120)), 200)
    cells = pixels // 30
    assert len(np.unique(cells, axis=0)) == 12
    assert np.unique(cells, axis=0, return_counts=True)[1].min() >= 8


def test_an_untextured_mask_has_pixels_all_the_same():
    pixels, strengths = choose_pixels(blob(3), np.zeros((40, 56, 3), "u1"), 20)
    assert len(pixels) == 20
    assert (strengths == 0).all()


def test_depth_is_sound_on_a_slope_and_not_at_its_holes_and_steps():
    depth = np.broadcast_to(np.linspace(1, 1.5, 60, dtype="f4"), (40, 60)).copy()
    depth[10, 10], depth[12, 30], depth[20, 20], depth[30, 30] = 0, np.nan, 1.6, np.inf
    mask = np.ones((40, 60), bool)
    expected = mask.copy()
    expected[[10, 12, 20, 30], [10, 30, 20, 30]] = False
    np.testing.assert_array_equal(sound_depth(mask, depth, BOUNDS), expected)


def test_depth_of_something_far_behind_the_object_is_not_sound():
    depth = np.full((40, 60), 2.0, "f4")
    depth[:, 45:] = 5
    made = sound_depth(np.ones((40, 60), bool), depth, BOUNDS)
    np.testing.assert_array_equal(made, np.broadcast_to(np.arange(60) < 45, (40, 60)))


def test_empty_masks_have_nothing_in_them():
    nothing = np.zeros((8, 8), bool)
    assert not inner(nothing, 2).any()
    assert not sound_depth(nothing, np.ones((8, 8), "f4"), BOUNDS).any()
    assert choose_pixels(nothing, picture(0, (8, 8)), 5)[0].shape == (0, 2)
