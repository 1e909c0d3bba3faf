import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.people.tracklet_examples import moving_box, random_tracklets, tracklets_of
from videotracks.errors import CorruptFileError
from videotracks.people.grouping import Groups, canonical_persons
from videotracks.tables import Tracklets, empty


def groups_of(*members: list[int]) -> Groups:
    offsets = np.concatenate([[0], np.cumsum([len(group) for group in members])])
    return Groups(**(empty(Groups) | {"tracklet_ids": np.concatenate(members), "offsets": offsets}))


def plain_rows(tracklets: Tracklets, members: list[list[int]]) -> list[tuple]:
    """(person, camera, frame, tracklet, row) of every box that stays, box after box: the oracle."""
    best: dict[tuple, tuple] = {}
    for group in members:
        for tracklet in group:
            for row in np.flatnonzero(tracklets.tracklet_id == tracklet):
                key = (group[0], int(tracklets.camera[row]), int(tracklets.frame_numbers[row]))
                if key not in best or tracklets.confidences[row] > tracklets.confidences[best[key][1]]:
                    best[key] = (tracklet, int(row))
    return [(*key, *kept) for key, kept in sorted(best.items())]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 8), st.integers(1, 40))
def test_equals_the_plain_loop_for_any_groups(seed: int, count: int, group_count: int, frames: int) -> None:
    tracklets = random_tracklets(seed, count, frames, cameras=2)
    random = np.random.default_rng(seed)
    ids = random.permutation(np.unique(tracklets.tracklet_id))
    labels = random.integers(group_count, size=count)
    members = [ids[labels == label].tolist() for label in range(group_count) if np.any(labels == label)]
    persons = canonical_persons(tracklets, groups_of(*members))
    plain = plain_rows(tracklets, members)
    found = zip(persons.person_id, persons.camera, persons.frame_numbers, persons.tracklet_id, strict=True)
    assert [tuple(map(int, row)) for row in found] == [row[:4] for row in plain]
    rows = np.array([row[4] for row in plain])
    np.testing.assert_array_equal(persons.bboxes, tracklets.bboxes[rows])
    np.testing.assert_array_equal(persons.confidences, tracklets.confidences[rows])
    np.testing.assert_array_equal(persons.detection_indices, tracklets.detection_indices[rows])
    for group in members:
        assert persons.tracklets_of(group[0]).tolist() == group


def test_on_a_shared_frame_the_more_confident_box_stays_and_the_earlier_at_a_tie() -> None:
    first, second = moving_box(1, 0, 4, (10, 10)), moving_box(2, 2, 4, (90, 90))
    first["confidences"][:] = [0.5, 0.5, 0.5, 0.7]
    second["confidences"][:] = [0.6, 0.7, 0.5, 0.5]
    persons = canonical_persons(tracklets_of(first, second), groups_of([1, 2]))
    assert persons.frame_numbers.tolist() == [0, 1, 2, 3, 4, 5]
    assert persons.tracklet_id.tolist() == [1, 1, 2, 1, 2, 2]


def test_a_person_has_the_id_of_the_first_tracklet_and_persons_are_sorted() -> None:
    tracklets = tracklets_of(*(moving_box(i, 10 * (5 - i), 5, (10, 10)) for i in (1, 2, 3)))
    persons = canonical_persons(tracklets, groups_of([3, 1], [2]))
    assert persons.person_ids.tolist() == [2, 3]
    assert persons.num_tracklets_merged.tolist() == [1, 2]
    assert persons.tracklets_of(3).tolist() == [3, 1]
    assert persons.frame_numbers[persons.rows_of(3)].tolist() == [20, 21, 22, 23, 24, 40, 41, 42, 43, 44]


@pytest.mark.parametrize("members", [[[1]], [[1], [2], [3]]])
def test_groups_of_other_tracklets_are_refused(members: list[list[int]]) -> None:
    tracklets = tracklets_of(moving_box(1, 0, 2, (0, 0)), moving_box(2, 0, 2, (0, 0)))
    with pytest.raises(CorruptFileError, match="materialize tracklet_stats"):
        canonical_persons(tracklets, groups_of(*members))


def test_a_tracklet_in_two_groups_is_refused() -> None:
    with pytest.raises(CorruptFileError, match="two groups"):
        groups_of([1, 2], [2])
