"""Which object lies inside which: the rule beside its plain form, and the files that keep it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.masks.comparison.comparison_examples import archive, rectangle
from videotracks.errors import CorruptFileError
from videotracks.masks.hierarchy import containment
from videotracks.masks.hierarchy.files import (
    INDEX_NAME,
    RELATIONS_NAME,
    Hierarchy,
    Index,
    read_hierarchy,
    relations_of,
    write_hierarchy,
)
from videotracks.masks.hierarchy.tree import HierarchySettings, build_hierarchy

SIZE = (48, 32)
ONCE = HierarchySettings(min_shared_frames=1)


def box(*xywh):
    return rectangle(xywh, SIZE)


def hierarchy(folder, levels, rule=ONCE, scales=None):
    """The hierarchy of masks by level, frame and object."""
    scales = scales or {}
    readers = {
        level: archive(folder / f"{level}.npz", level, frames, scales.get(level, 1.0))
        for level, frames in levels.items()
    }
    return build_hierarchy(readers, rule)


def parents(found: Hierarchy):
    return {(level, i): entry.parent for level, at in found.index.root.items() for i, entry in at.objects.items()}


def plain_parents(levels, rule):
    """The rule word for word: sums over the frames that both are seen in, then the smallest of those that contain."""
    found = {}
    objects = {(level, i) for level, frames in levels.items() for masks in frames.values() for i in masks}
    for level, child in objects:
        fits = []
        for above, parent in objects:
            both = [
                (levels[level][f][child], levels[above][f][parent])
                for f in levels[level]
                if above < level and child in levels[level][f] and parent in levels[above].get(f, {})
            ]
            both = [(a, b) for a, b in both if a.any() and b.any()]
            if len(both) < rule.min_shared_frames or not both:
                continue
            if sum((a & b).sum() for a, b in both) / sum(a.sum() for a, _ in both) >= rule.containment:
                fits.append((sum(b.sum() for _, b in both) / len(both), -above, parent))
        found[level, child] = (-min(fits)[1], min(fits)[2]) if fits else None
    return found


boxes = st.tuples(st.integers(0, 30), st.integers(0, 20), st.integers(1, 18), st.integers(1, 12))
frames = st.dictionaries(st.integers(0, 4), st.dictionaries(st.integers(1, 4), boxes, max_size=3), max_size=4)


@given(st.fixed_dictionaries({2: frames, 4: frames, 6: frames}), st.sampled_from([0.51, 0.8, 0.95]), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_parents_are_those_of_the_plain_rule(tmp_path_factory, drawn, share, shared_frames) -> None:
    levels = {
        level: {f: {i: box(*b) for i, b in seen.items()} for f, seen in at.items()} for level, at in drawn.items()
    }
    rule = HierarchySettings(containment=share, min_shared_frames=shared_frames)
    assert parents(hierarchy(tmp_path_factory.mktemp("h"), levels, rule)) == plain_parents(levels, rule)


@pytest.mark.parametrize(("outside", "parent"), [(0, (2, 1)), (1, (2, 1)), (2, None)])
def test_ninety_five_per_cent_are_enough_and_less_is_not(tmp_path, outside, parent) -> None:
    fine = {0: {5: box(10 + outside, 4, 20, 1)}}
    found = hierarchy(tmp_path, {2: {0: {1: box(10, 4, 20, 20)}}, 4: fine})
    assert parents(found)[4, 5] == parent


def test_the_smallest_object_of_any_coarser_level_is_the_parent(tmp_path) -> None:
    levels = {2: {0: {1: box(0, 0, 48, 32)}}, 4: {0: {1: box(0, 0, 20, 20)}}, 6: {0: {1: box(2, 2, 4, 4)}}}
    assert parents(hierarchy(tmp_path, levels)) == {(2, 1): None, (4, 1): (2, 1), (6, 1): (4, 1)}
    levels[4][0][1] = box(30, 20, 10, 10)
    assert parents(hierarchy(tmp_path, levels))[6, 1] == (2, 1)


def test_of_two_as_small_the_finer_is_the_parent(tmp_path) -> None:
    same = box(0, 0, 20, 20)
    levels = {2: {0: {1: same}}, 4: {0: {9: same}}, 6: {0: {3: box(2, 2, 4, 4)}}}
    assert parents(hierarchy(tmp_path, levels)) == {(2, 1): None, (4, 9): (2, 1), (6, 3): (4, 9)}


def test_only_frames_that_both_are_seen_in_count(tmp_path) -> None:
    coarse = {f: {1: box(0, 0, 20, 20)} for f in range(3)}
    fine = {f: {1: box(2, 2, 4, 4)} for f in range(3)} | {f: {1: box(30, 2, 10, 10)} for f in range(3, 9)}
    assert parents(hierarchy(tmp_path, {2: coarse, 4: fine}))[4, 1] == (2, 1)
    coarse[3] = {1: box(0, 0, 20, 20)}  # now it is seen outside too
    assert parents(hierarchy(tmp_path, {2: coarse, 4: fine}))[4, 1] is None


def test_objects_seen_together_too_rarely_are_not_related(tmp_path) -> None:
    levels = {2: {f: {1: box(0, 0, 20, 20)} for f in range(2)}, 4: {f: {1: box(2, 2, 4, 4)} for f in range(5)}}
    assert parents(hierarchy(tmp_path, levels, HierarchySettings(min_shared_frames=3)))[4, 1] is None
    assert parents(hierarchy(tmp_path, levels, HierarchySettings(min_shared_frames=2)))[4, 1] == (2, 1)


def test_levels_stored_at_different_sizes_are_compared(tmp_path) -> None:
    levels = {2: {0: {1: box(0, 0, 20, 20)}}, 4: {0: {1: box(4, 4, 12, 12), 2: box(30, 4, 12, 12)}}}
    found = parents(hierarchy(tmp_path, levels, scales={4: 0.5}))
    assert found[4, 1] == (2, 1)
    assert found[4, 2] is None


def test_sums_do_not_grow_with_the_frames(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(containment, "_PENDING_ROWS", 10)
    levels = {
        2: {f: {1: box(0, 0, 20, 20), 2: box(20, 0, 20, 20)} for f in range(40)},
        4: {f: {i: box(2 + i, 2, 4, 4) for i in range(3)} for f in range(40)},
    }
    sums = containment.PairSums()
    readers = {level: archive(tmp_path / f"{level}.npz", level, at) for level, at in levels.items()}
    for frame in range(40):
        sums.add(readers[4].masks(frame), readers[2].masks(frame))
        assert len(sums._keys) + sum(len(keys) for keys, _ in sums._pending) <= 6 + 10 + 6
    ids, totals = sums.totals()
    assert ids.tolist() == [[0, 1], [0, 2], [1, 1], [1, 2], [2, 1], [2, 2]]
    assert (totals[:, 3] == 40).all()
    assert totals[0].tolist() == [16 * 40, 16 * 40, 400 * 40, 40]


def example(folder):
    levels = {
        2: {f: {1: box(0, 0, 40, 30), 2: box(40, 0, 8, 8)} for f in range(4)},
        4: {f: {1: box(2, 2, 20, 20), 2: box(41, 1, 5, 5)} for f in range(1, 4)},
        6: {f: {1: box(3, 3, 5, 5), 2: box(12, 3, 5, 5), 3: box(30, 24, 4, 4)} for f in (0, 2, 3)},
    }
    return hierarchy(folder, levels)


def test_the_files_hold_what_the_specification_says(tmp_path) -> None:
    files = write_hierarchy(tmp_path, example(tmp_path))
    index, relations = (json.loads(files[name].read_text()) for name in (INDEX_NAME, RELATIONS_NAME))
    assert list(index) == ["2", "4", "6"], "index.json is by level"
    assert index["6"]["objects"]["1"] == {
        "parent_id": 1, "parent_level": 4, "frames": [0, 2, 3], "frame_count": 3, "first_frame": 0, "last_frame": 3,
    }  # fmt: skip
    assert index["2"]["objects"]["2"]["parent_id"] is None
    assert index["4"]["frames"]["1"] == {"frame_name": "frame_000001", "objects": [1, 2]}
    assert relations["hierarchy"]["2"]["1"] == {
        "parent": None, "parent_level": None, "children": [1, 3], "child_levels": [4, 6], "descendant_count": 4,
    }  # fmt: skip
    assert relations["hierarchy"]["4"]["1"] == {
        "parent": 1, "parent_level": 2, "children": [1, 2], "child_levels": [6, 6], "descendant_count": 2,
    }  # fmt: skip


def test_files_read_as_they_were_written(tmp_path) -> None:
    found = example(tmp_path)
    assert read_hierarchy(write_hierarchy(tmp_path, found)) == found
    nobody = hierarchy(tmp_path, {2: {}, 4: {0: {}}})
    assert read_hierarchy(write_hierarchy(tmp_path, nobody)) == nobody


def change_index(change):
    def apply(files):
        value = json.loads(files[INDEX_NAME].read_text())
        change(value)
        files[INDEX_NAME].write_text(json.dumps(value))

    return apply


BROKEN = {
    "no JSON": lambda files: files[INDEX_NAME].write_text("{"),
    "a list": lambda files: files[INDEX_NAME].write_text("[]"),
    "a parent of a finer level": change_index(lambda v: v["4"]["objects"]["1"].update(parent_level=6)),
    "a parent that is not there": change_index(lambda v: v["4"]["objects"]["1"].update(parent_id=77)),
    "a parent without its level": change_index(lambda v: v["4"]["objects"]["1"].update(parent_level=None)),
    "a wrong count": change_index(lambda v: v["4"]["objects"]["1"].update(frame_count=9)),
    "frames in disorder": change_index(lambda v: v["4"]["objects"]["1"].update(frames=[1, 3, 2])),
    "no frames": change_index(lambda v: v["4"]["objects"]["1"].update(frames=[])),
    "an object of no frame": change_index(lambda v: v["4"]["frames"]["1"].update(objects=[1])),
    "another field": change_index(lambda v: v["4"].update(more=1)),
    "other relations": change_index(lambda v: v["4"]["objects"]["1"].update(parent_id=None, parent_level=None)),
    "endless nesting": lambda files: files[RELATIONS_NAME].write_text("[" * 100_000),
}


@pytest.mark.parametrize("case", BROKEN)
def test_refuses_files_that_contradict_themselves(tmp_path, case) -> None:
    files = write_hierarchy(tmp_path, example(tmp_path))
    BROKEN[case](files)
    with pytest.raises(CorruptFileError, match="materialise mask_hierarchy again"):
        read_hierarchy(files)


def test_refuses_a_file_that_is_too_large(tmp_path, monkeypatch) -> None:
    files = write_hierarchy(tmp_path, example(tmp_path))
    monkeypatch.setattr("videotracks.masks.hierarchy.files.MAX_BYTES", 50)
    with pytest.raises(CorruptFileError, match="at most 50 bytes"):
        read_hierarchy(files)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30))
@settings(max_examples=30)
def test_descendants_are_all_that_lead_up(links) -> None:
    """Object i of level i + 1 lies in object links[i] % i of its level, or in none."""
    index = {}
    for i, link in enumerate(links):
        above = link % i if i and link % 3 else None
        index[i + 1] = {
            "objects": {i: {"parent_id": above, "parent_level": None if above is None else above + 1, "frames": [0],
                            "frame_count": 1, "first_frame": 0, "last_frame": 0}},
            "frames": {0: {"frame_name": "frame_000000", "objects": [i]}},
        }  # fmt: skip
    tree = relations_of(Index.model_validate(index)).hierarchy

    def lead_up(i):
        parent = tree[i + 1][i].parent
        return [] if parent is None else [parent, *lead_up(parent)]

    for i in range(len(links)):
        assert tree[i + 1][i].descendant_count == sum(i in lead_up(other) for other in range(len(links)))
        assert tree[i + 1][i].children == [o for o in range(len(links)) if tree[o + 1][o].parent == i]
        assert tree[i + 1][i].child_levels == [o + 1 for o in tree[i + 1][i].children]


def test_progress_counts_the_frames_that_are_compared(tmp_path) -> None:
    told = []
    levels = {2: {f: {1: box(0, 0, 9, 9)} for f in range(5)}, 4: {f: {1: box(0, 0, 9, 9)} for f in range(3, 8)}}
    readers = {level: archive(tmp_path / f"{level}.npz", level, at) for level, at in levels.items()}
    build_hierarchy(readers, ONCE, lambda *at: told.append(at))
    assert told == [(1, 2), (2, 2)]


def test_numbers_that_do_not_fit_into_a_key_are_refused() -> None:
    from videotracks.masks.packed import pack

    mask = pack(np.ones((2, 2), bool))
    with pytest.raises(ValueError, match="numbers of objects"):
        containment.PairSums().add({1 << 31: mask}, {1: mask})
