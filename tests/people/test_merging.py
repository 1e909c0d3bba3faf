"""Merging: average linkage as a plain loop would do it, and never across people seen side by side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.people.crop_examples import persons_of
from videotracks.errors import CorruptFileError
from videotracks.people.merging import MergingSettings, cluster, merge_persons, seen_together
from videotracks.tables import Similarity


def similarity_of(ids, matrix) -> Similarity:
    return Similarity(
        person_ids=np.array(ids, "i8"), similarity=np.array(matrix, "f4"), features=np.zeros((0, 4), "f4"),
        feature_offsets=np.zeros(len(ids) + 1, "i8"), feature_camera=np.zeros(0, "i2"),
        feature_frame_numbers=np.zeros(0, "i8"),
    )  # fmt: skip


def clustered_plainly(matrix, apart, threshold):
    """Every pair of clusters anew at every step."""
    clusters = [[i] for i in range(len(matrix))]
    while True:
        best = None
        for x in range(len(clusters)):
            for y in range(x + 1, len(clusters)):
                if any(apart[i][j] for i in clusters[x] for j in clusters[y]):
                    continue
                mean = np.mean([matrix[i][j] for i in clusters[x] for j in clusters[y]])
                if mean >= threshold and (best is None or mean > best[0] + 1e-9):
                    best = mean, x, y
        if best is None:
            return sorted(sorted(c) for c in clusters if len(c) > 1)
        _, x, y = best
        clusters[x] += clusters.pop(y)


@st.composite
def problems(draw):
    count = draw(st.integers(1, 9))
    # Distinct powers keep means distinct: the order of equal means is another test.
    values = draw(st.permutations(range(1, count * (count - 1) // 2 + 1)))
    matrix, apart = np.eye(count), np.zeros((count, count), bool)
    upper = np.triu_indices(count, 1)
    matrix[upper] = np.sqrt(np.array(values)) / np.sqrt(len(values) + 1) if len(values) else 0
    apart[upper] = draw(st.lists(st.sampled_from([False, False, True]), min_size=len(values), max_size=len(values)))
    return np.maximum(matrix, matrix.T), apart | apart.T, draw(st.floats(0.05, 0.95))


@given(problems())
def test_agrees_with_the_plain_loop(problem) -> None:
    matrix, apart, threshold = problem
    found = cluster(matrix, apart, threshold)
    assert sorted(members for members, _ in found) == clustered_plainly(matrix, apart, threshold)
    for members, weakest in found:
        assert weakest >= threshold
        assert not apart[np.ix_(members, members)].any()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(0, 6)), min_size=1, unique=True))
def test_seen_together_is_sharing_a_frame_of_a_view(rows) -> None:
    places = {p: [(c, f) for q, c, f in rows if q == p] for p in {r[0] for r in rows}}
    ids = np.array(sorted(places))
    expected = [[a != b and bool(set(places[a]) & set(places[b])) for b in ids] for a in ids]
    assert seen_together(persons_of(places), ids).tolist() == expected


def test_joins_a_person_who_comes_back_under_the_first_name() -> None:
    persons = persons_of({2: [(0, 50), (0, 51)], 5: [(0, 0), (0, 1)], 9: [(0, 0)]})
    merged, report = merge_persons(
        persons, similarity_of([2, 5, 9], [[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]]), 0.7
    )
    assert merged.person_ids.tolist() == [5, 9]
    assert merged.tracklets_of(5).tolist() == [5, 2]
    assert merged.frame_numbers[merged.rows_of(5)].tolist() == [0, 1, 50, 51]
    assert merged.tracklet_id[merged.rows_of(5)].tolist() == [5, 5, 2, 2]
    (merge,) = report.merges
    assert (merge.person_id, merge.members) == (5, [2, 5])
    assert merge.linkage_similarity == pytest.approx(0.9)
    assert [(p.a, p.b) for p in merge.pairs] == [(2, 5)]
    assert report.blocked == []
    assert type(report).model_validate_json(report.model_dump_json()) == report


def test_people_seen_side_by_side_stay_two_and_the_report_says_where() -> None:
    persons = persons_of({1: [(0, 3), (1, 7)], 2: [(0, 4), (1, 7)]})
    merged, report = merge_persons(persons, similarity_of([1, 2], [[1, 0.95], [0.95, 1]]), 0.7)
    assert merged.person_ids.tolist() == [1, 2]
    (blocked,) = report.blocked
    assert (blocked.a, blocked.b, blocked.camera, blocked.frame) == (1, 2, 1, 7)


def test_the_same_frame_of_two_views_is_no_hindrance() -> None:
    merged, _ = merge_persons(persons_of({1: [(0, 3)], 2: [(1, 3)]}), similarity_of([1, 2], [[1, 0.8], [0.8, 1]]), 0.7)
    assert merged.person_ids.tolist() == [1]
    assert merged.camera.tolist() == [0, 1]


def test_side_by_side_is_kept_through_merging() -> None:
    # 1 and 2 are joined first; 3 is like both but was seen with 1.
    persons = persons_of({1: [(0, 1)], 2: [(0, 5)], 3: [(0, 1)]})
    merged, _ = merge_persons(persons, similarity_of([1, 2, 3], [[1, 0.95, 0.8], [0.95, 1, 0.9], [0.8, 0.9, 1]]), 0.7)
    assert [merged.tracklets_of(int(p)).tolist() for p in merged.person_ids] == [[1, 2], [3]]


def test_persons_who_were_not_compared_stay_and_nobody_is_invented() -> None:
    persons = persons_of({1: [(0, 1)], 2: [(0, 5)]})
    merged, report = merge_persons(persons, similarity_of([2], [[1]]), 0.7)
    assert merged.person_ids.tolist() == [1, 2]
    assert report.merges == []
    with pytest.raises(CorruptFileError, match="materialise"):
        merge_persons(persons, similarity_of([4], [[1]]), 0.7)


def test_no_persons_at_all() -> None:
    merged, report = merge_persons(persons_of({}), similarity_of([], np.zeros((0, 0))), 0.7)
    assert merged.row_count == 0
    assert report.merges == report.blocked == []


def test_the_threshold_may_be_left_to_the_reidentifier() -> None:
    assert MergingSettings().threshold is None
    assert MergingSettings(threshold=0.8).threshold == 0.8
