import itertools
import json

import numpy as np
import pytest
from pydantic import ValidationError

from tests.people.tracklet_examples import moving_box, no_tracklets, random_tracklets, tracklets_of
from videotracks.errors import CorruptFileError
from videotracks.people.grouping import GroupingSettings, canonical_persons, group_tracklets
from videotracks.people.ranking import Components, Ranking, RankingSettings, primary_person, rank_persons
from videotracks.people.statistics import tracklet_statistics
from videotracks.tables import Persons, Tracklets

SIZE = (640, 480)
MIDDLE = (320.0, 240.0)


def persons_of(tracklets: Tracklets, **criteria: object) -> Persons:
    stats = tracklet_statistics(tracklets)
    return canonical_persons(tracklets, group_tracklets(stats, [30.0] * 4, GroupingSettings(**criteria)))  # type: ignore[arg-type]


def each_alone(*parts: dict[str, np.ndarray]) -> Persons:
    """Every tracklet a person of its own."""
    return persons_of(tracklets_of(*parts), min_area_ratio=1.3, max_area_ratio=1.3)


def all_in_one(persons: Persons) -> Persons:
    """One person of all boxes: what a later merge over views makes."""
    arrays = persons.arrays()
    tracklets = np.unique(persons.tracklet_id)
    return Persons(
        **arrays
        | {
            "person_id": np.full(persons.row_count, tracklets[0]),
            "person_ids": tracklets[:1],
            "num_tracklets_merged": np.array([len(tracklets)]),
            "original_tracklet_ids": tracklets,
            "original_tracklet_offsets": np.array([0, len(tracklets)]),
        }
    )


def components_of(persons: Persons, frames: int = 100) -> Components:
    (only,) = rank_persons(persons, [frames] * 4, [SIZE] * 4, RankingSettings()).rankings
    return only.components


def plain_components(persons: Persons, person: int, frames: int) -> list[float]:
    """One person, one view, box after box: the oracle."""
    of = persons.person_id == person
    at, boxes = persons.frame_numbers[of], persons.bboxes[of].astype("f8")
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    offset = np.mean([np.hypot(x - 320, y - 240) for x, y in centers]) / 400
    accelerations = []
    for i in range(1, len(at) - 1):
        before = (centers[i] - centers[i - 1]) / (at[i] - at[i - 1])
        after = (centers[i + 1] - centers[i]) / (at[i + 1] - at[i])
        accelerations.append((after - before) / ((at[i + 1] - at[i - 1]) / 2) / (boxes[i, 3] - boxes[i, 1]))
    spread = np.sqrt(np.var(accelerations, axis=0).sum()) if accelerations else np.inf
    return [len(at) / frames, len(at) / max(10, at[-1] - at[0] + 1), max(0.0, 1 - offset), 1 / (1 + spread)]


def test_components_equal_the_plain_loop() -> None:
    for seed in range(10):
        persons = persons_of(random_tracklets(seed, count=40, frames=100, longest=20), max_gap_s=0.2)
        ranking = rank_persons(persons, [200], [SIZE], RankingSettings())
        assert {one.person_id for one in ranking.rankings} == set(persons.person_ids.tolist())
        for one in ranking.rankings:
            found = list(one.components.model_dump().values())
            np.testing.assert_allclose(found, plain_components(persons, one.person_id, 200), atol=1e-9)
            assert all(0 <= value <= 1 for value in [*found, one.score])
            assert one.score == pytest.approx(np.dot(found, [0.4, 0.3, 0.2, 0.1]))
        scores = [one.score for one in ranking.rankings]
        assert scores == sorted(scores, reverse=True)


REFERENCE = {"start": 0, "frames": 30, "center": (328.0, 240.0)}
LESS = {
    "duration": {"frames": 20},
    "coverage": {"frames": [*range(29), 40]},
    "center": {"center": (320.0, 300.0)},
    "smoothness": {},
}


@pytest.mark.parametrize(("less", "first"), list(itertools.product(LESS, (1, 2))))
def test_each_component_alone_decides_the_order(less: str, first: int) -> None:
    worse = moving_box(**({"tracklet_id": 3 - first} | REFERENCE | LESS[less]))  # type: ignore[arg-type]
    if less == "smoothness":  # from one side of the middle to the other, and always as far from it as the reference
        worse["bboxes"][::2, [0, 2]] -= 16
    better = moving_box(tracklet_id=first, **REFERENCE)  # type: ignore[arg-type]
    persons = each_alone(*((better, worse) if first == 1 else (worse, better)))
    ranking = rank_persons(persons, [100], [SIZE], RankingSettings())
    assert [one.person_id for one in ranking.rankings] == [first, 3 - first]
    one, two = (one.components.model_dump() for one in ranking.rankings)
    assert {name for name in one if one[name] > two[name] + 1e-6} == {less}


def test_the_weights_decide_which_component_counts() -> None:
    long_aside = moving_box(1, 0, 80, (20, 20))
    short_central = moving_box(2, 0, 20, MIDDLE)
    persons = each_alone(long_aside, short_central)
    by_default = rank_persons(persons, [100], [SIZE], RankingSettings())
    central = RankingSettings(duration_weight=0, coverage_weight=0, center_weight=1, smoothness_weight=0)
    assert by_default.primary_person == 1
    assert rank_persons(persons, [100], [SIZE], central).primary_person == 2


def test_weights_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"must sum to 1, not 1\.1"):
        RankingSettings(duration_weight=0.5)


def test_equal_scores_go_to_the_one_seen_longer_then_to_the_smaller_id() -> None:
    same = [moving_box(i, 0, 10, MIDDLE) for i in (1, 2)]
    longer = moving_box(3, 0, 11, MIDDLE)
    weights = RankingSettings(duration_weight=0, coverage_weight=1, center_weight=0, smoothness_weight=0)
    ranking = rank_persons(each_alone(*same, longer), [100], [SIZE], weights)
    assert [(one.person_id, one.rank, one.is_primary) for one in ranking.rankings] == [
        (3, 1, True),
        (1, 2, False),
        (2, 3, False),
    ]


def test_what_cannot_be_measured_is_not_given() -> None:
    assert components_of(each_alone(moving_box(1, 5, 1, MIDDLE))).smoothness == 0
    assert components_of(each_alone(moving_box(1, 5, 2, MIDDLE))).smoothness == 0
    assert components_of(each_alone(moving_box(1, 5, 3, MIDDLE))).smoothness == 1


def test_a_flicker_has_not_covered_its_time() -> None:
    flicker = moving_box(1, 50, 1, MIDDLE)
    seen_half_the_time = moving_box(2, 0, list(range(0, 60, 2)), MIDDLE)
    persons = each_alone(flicker, seen_half_the_time)
    ranking = rank_persons(persons, [1000], [SIZE], RankingSettings())
    assert ranking.primary_person == 2
    assert ranking.rankings[1].components.coverage == 0.1
    bare = rank_persons(persons, [1000], [SIZE], RankingSettings(coverage_min_frames=1))
    assert bare.primary_person == 1


def test_smoothness_does_not_depend_on_the_size_of_the_picture() -> None:
    def shaky(scale: float) -> Persons:
        part = moving_box(1, 0, 30, MIDDLE, size=(20 * scale, 40 * scale))
        part["bboxes"] += scale * np.sin(np.arange(30)).astype("f4")[:, None]
        return each_alone(part)

    assert components_of(shaky(1)).smoothness == pytest.approx(components_of(shaky(4)).smoothness, rel=1e-4)
    assert components_of(shaky(1)).smoothness < 0.99


def test_views_side_by_side_count_a_frame_once() -> None:
    parts = [moving_box(i + 1, 10 * i, 30, MIDDLE, velocity=(5 * i, 0), camera=i) for i in range(3)]
    one = components_of(all_in_one(each_alone(*parts)))
    assert one.duration == 0.5
    assert one.coverage == 1
    assert one.smoothness == pytest.approx(1, abs=1e-5)


def test_a_box_at_the_corner_is_not_central_and_one_outside_not_less() -> None:
    assert components_of(each_alone(moving_box(1, 0, 5, (0, 0)))).center == pytest.approx(0)
    assert components_of(each_alone(moving_box(1, 0, 5, (-30, -30)))).center == 0


def test_persons_of_another_recording_are_refused() -> None:
    persons = each_alone(moving_box(1, 95, 10, MIDDLE, camera=1))
    with pytest.raises(CorruptFileError, match="frame 104 of view 1, which has 100 frames"):
        rank_persons(persons, [200, 100], [SIZE] * 2, RankingSettings())
    with pytest.raises(CorruptFileError, match="view 1, which has 0 frames"):
        rank_persons(persons, [200], [SIZE], RankingSettings())


def test_no_persons_give_an_empty_ranking() -> None:
    persons = persons_of(no_tracklets())
    ranking = rank_persons(persons, [100], [SIZE], RankingSettings())
    assert json.loads(ranking.model_dump_json()) == {"rankings": [], "primary_person": None}
    assert primary_person(persons, ranking).row_count == 0


def test_the_primary_person_is_the_first_with_its_rows_alone() -> None:
    persons = persons_of(
        tracklets_of(
            moving_box(1, 0, 5, (50, 50)), moving_box(2, 0, 20, MIDDLE), moving_box(3, 25, 20, MIDDLE, confidence=0.4)
        )
    )
    ranking = rank_persons(persons, [100], [SIZE], RankingSettings())
    primary = primary_person(persons, ranking)
    assert ranking.primary_person == 2
    assert primary.person_ids.tolist() == [2]
    assert primary.original_tracklet_ids.tolist() == [2, 3]
    assert np.unique(primary.tracklet_id).tolist() == [2, 3]
    assert primary.row_count == 40
    assert Ranking.model_validate_json(ranking.model_dump_json()) == ranking
