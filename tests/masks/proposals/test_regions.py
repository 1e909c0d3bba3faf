"""Regions: pieces stop at edges, and the tree joins what belongs together first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.masks.proposals.picture_examples import BLUE, RED, flat, iou, noisy, texture, tiles
from videotracks.masks.proposals.regions import (
    CELL_PX,
    MergeTree,
    Pieces,
    cut_up,
    edge_strength,
    grow,
    lab_of,
    merge_regions,
)


def cut(picture: np.ndarray) -> tuple[np.ndarray, Pieces]:
    lab = lab_of(picture)
    return lab, cut_up(edge_strength(lab))


def mask_of(tree: MergeTree, pieces: Pieces, region: int) -> np.ndarray:
    rank = tree.rank[pieces.labels]
    return (rank >= tree.start[region]) & (rank < tree.stop[region])


sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=25, deadline=None)  # the first call compiles
@given(sizes, st.integers(0, 9))
def test_every_piece_is_there_once_and_connected(size, seed) -> None:
    _, pieces = cut(np.random.default_rng(seed).integers(0, 256, (*size, 3), "u1"))
    assert pieces.labels.shape == size
    assert np.unique(pieces.labels).tolist() == list(range(pieces.total))
    assert pieces.total == -(-size[0] // CELL_PX) * -(-size[1] // CELL_PX)
    for piece in range(pieces.total):
        assert ndimage.label(pieces.labels == piece)[1] == 1


def test_pieces_do_not_cross_edges() -> None:
    picture, masks = tiles()
    _, pieces = cut(noisy(picture, 4))
    for mask in masks:
        share = ndimage.mean(mask, pieces.labels, np.arange(pieces.total))
        assert np.minimum(share, 1 - share).max() < 0.25
        assert iou((share > 0.5)[pieces.labels], mask) > 0.95


def test_borders_are_those_of_a_plain_count() -> None:
    lab, pieces = cut(texture(20, 30))
    edges = edge_strength(lab)
    plain: dict[tuple[int, int], list[float]] = {}
    for y in range(20):
        for x in range(30):
            for v, u in ((y + 1, x), (y, x + 1)):
                if v < 20 and u < 30 and pieces.labels[y, x] != pieces.labels[v, u]:
                    pair = sorted((int(pieces.labels[y, x]), int(pieces.labels[v, u])))
                    plain.setdefault((pair[0], pair[1]), []).append(max(edges[y, x], edges[v, u]))
    assert [tuple(pair) for pair in pieces.pairs.tolist()] == sorted(plain)
    assert pieces.length.tolist() == [len(plain[key]) for key in sorted(plain)]
    assert pieces.strength == pytest.approx([np.mean(plain[key]) for key in sorted(plain)], rel=1e-5)


def test_labels_meet_on_the_ridge_between_them() -> None:
    barrier = np.zeros((5, 9), "f4")
    barrier[:, 6] = 10
    labels = np.full((5, 9), -1, "i4")
    labels[2, 0], labels[2, 8] = 0, 1
    grow(barrier, labels)
    assert (labels[:, :6] == 0).all()
    assert (labels[:, 7:] == 1).all()


@settings(max_examples=25, deadline=None)  # the first call compiles
@given(sizes, st.integers(0, 9))
def test_the_tree_holds_every_join_once_and_heights_never_fall(size, seed) -> None:
    lab, pieces = cut(np.random.default_rng(seed).integers(0, 256, (*size, 3), "u1"))
    tree = merge_regions(lab, pieces)
    nodes = 2 * pieces.total - 1
    assert tree.area[-1] == size[0] * size[1]
    assert (tree.start[-1], tree.stop[-1]) == (0, pieces.total)
    assert sorted(tree.rank.tolist()) == list(range(pieces.total))
    assert sorted(tree.parts[pieces.total :].ravel().tolist()) == list(range(nodes - 1))
    assert (tree.birth <= tree.death).all()
    for region in range(pieces.total, nodes):
        one, two = tree.parts[region]
        assert tree.area[region] == tree.area[one] + tree.area[two]
        mask = mask_of(tree, pieces, region)
        assert (mask == (mask_of(tree, pieces, one) | mask_of(tree, pieces, two))).all()
        assert ndimage.label(mask)[1] == 1


def test_what_is_of_one_colour_is_one_region_before_it_joins_anything_else() -> None:
    picture, _ = tiles()
    lab, pieces = cut(noisy(picture, 4))
    tree = merge_regions(lab, pieces)
    part = np.zeros(picture.shape[:2], bool)
    part[40:90, 30:80] = True
    found = max(range(len(tree.birth)), key=lambda region: iou(mask_of(tree, pieces, region), part))
    assert iou(mask_of(tree, pieces, found), part) > 0.95
    assert tree.death[found] > 3 * tree.birth[found]


def test_textures_of_one_mean_colour_are_told_apart() -> None:
    picture = flat(160, 160)
    stripes = np.where(np.arange(80) // 4 % 2, 90, 150).astype("u1")
    picture[:, :80] = stripes[None, :, None]
    picture[:, 80:] = np.where(np.arange(160) // 4 % 2, 90, 150).astype("u1")[:, None, None]
    lab, pieces = cut(noisy(picture, 2))
    tree = merge_regions(lab, pieces)
    left = np.zeros((160, 160), bool)
    left[:, :80] = True
    assert max(iou(mask_of(tree, pieces, region), left) for region in tree.parts[-1]) > 0.9


def test_a_slow_change_of_colour_parts_less_than_an_edge() -> None:
    picture = flat(120, 240)
    picture[..., 0] = np.linspace(40, 220, 240).astype("u1")
    picture[40:80, 100:140] = BLUE
    lab, pieces = cut(picture)
    tree = merge_regions(lab, pieces)
    square = np.zeros((120, 240), bool)
    square[40:80, 100:140] = True
    assert max(iou(mask_of(tree, pieces, region), square) for region in tree.parts[-1]) > 0.9


def test_motion_parts_what_looks_the_same() -> None:
    lab, pieces = cut(texture(120, 120))
    motion, seen = np.zeros((120, 120, 2), "f4"), np.ones((120, 120), bool)
    motion[:, :56, 0] = 5
    left = motion[..., 0] > 0
    parted = merge_regions(lab, pieces, motion, seen)
    assert max(iou(mask_of(parted, pieces, region), left) for region in parted.parts[-1]) > 0.85
    plain = merge_regions(lab, pieces)
    assert max(iou(mask_of(plain, pieces, region), left) for region in plain.parts[-1]) < 0.85
    unseen = merge_regions(lab, pieces, motion, ~seen)
    assert (unseen.parts == plain.parts).all()


def test_a_region_cut_strictly_is_its_largest_part_and_laxly_what_holds_it() -> None:
    picture = flat(64, 64)
    picture[:, 40:] = RED
    lab, pieces = cut(picture)
    tree = merge_regions(lab, pieces)
    whole = len(tree.birth) - 1
    large = max(tree.parts[whole], key=lambda part: tree.area[part])
    assert tree.at(whole, tree.birth[whole]) == whole
    assert tree.at(whole, tree.birth[whole] * 0.99) == large
    assert tree.at(large, tree.birth[whole]) == whole
    assert tree.area[large] == 40 * 64
