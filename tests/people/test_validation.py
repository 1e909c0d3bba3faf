"""The comparisons behind the checks: what passes, what does not, and which numbers they give."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from videotracks.baseline import AnimationFile
from videotracks.people import validation as v
from videotracks.people.crop_tally import CropTally
from videotracks.people.validation import ValidationSettings, Verdict
from videotracks.tables import Persons, Tracklets, TrackletStats, empty


def tracklets(*rows: tuple[int, list[int]]) -> Tracklets:
    ids = np.repeat([i for i, _ in rows], [len(f) for _, f in rows]).astype("i8")
    frames = np.array([f for _, frames in rows for f in frames], dtype="i8")
    n = len(ids)
    return Tracklets(
        ids, np.zeros(n, "i2"), frames, np.ones((n, 4), "f4"), np.ones(n, "f4"), ids.copy()
    )  # fmt: skip


def stats(source: Tracklets, **changes: Any) -> TrackletStats:
    ids, counts = np.unique(source.tracklet_id, return_counts=True)
    columns = empty(TrackletStats, N=len(ids))
    columns |= {
        "tracklet_id": ids,
        "duration": counts,
        "start_frame": np.array([source.frame_numbers[source.tracklet_id == i].min() for i in ids], dtype="i8"),
        "end_frame": np.array([source.frame_numbers[source.tracklet_id == i].max() for i in ids], dtype="i8"),
    }
    return TrackletStats.from_arrays(columns | changes)


def persons(source: Tracklets, *groups: list[int]) -> Persons:
    parts = [np.flatnonzero(np.isin(source.tracklet_id, group)) for group in groups]
    parts = [part[np.argsort(source.frame_numbers[part], kind="stable")] for part in parts]
    rows = np.concatenate(parts)
    first = np.array([group[0] for group in groups], dtype="i8")
    sizes = np.array([len(group) for group in groups], dtype="i8")
    return Persons(
        np.repeat(first, [len(p) for p in parts]), source.camera[rows], source.frame_numbers[rows],
        source.bboxes[rows], source.confidences[rows], source.detection_indices[rows], source.tracklet_id[rows],
        first, sizes, np.concatenate(groups).astype("i8"), np.concatenate([[0], np.cumsum(sizes)]),
    )  # fmt: skip


SOURCE = tracklets((1, [0, 1, 2, 3]), (2, [6, 7]), (5, [2, 3, 4]))
STATS = stats(SOURCE)
PERSONS = persons(SOURCE, [1, 2], [5])


@pytest.mark.parametrize(
    "verdict",
    [
        v.compare_statistics(STATS, None),
        v.persons_against_baseline(PERSONS, None),
        v.animations_against_baseline([], None),
        v.time_against_baseline({"tracklets": 1.0}, None),
        v.time_against_baseline({"tracklets": 1.0}, {"other": 1.0}),
        v.accuracy_against_baseline({"HOTA": 0.5}, None),
    ],
)
def test_no_baseline_is_said_as_such(verdict: Verdict) -> None:
    assert not verdict.passed
    assert verdict.severity == "warn"
    assert "no baseline" in verdict.description
    assert "videotracks baseline capture VIDEO" in verdict.description
    assert verdict.numbers["has_baseline"] is False


def test_equal_statistics_pass() -> None:
    verdict = v.compare_statistics(STATS, stats(SOURCE))
    assert verdict.passed
    assert verdict.numbers["tracklets"] == verdict.numbers["baseline_tracklets"] == 3


@pytest.mark.parametrize(("difference", "passes"), [(0.0004, True), (0.0006, False), (-0.0006, False), (np.nan, False)])
def test_velocities_are_compared_to_three_decimals(difference: float, passes: bool) -> None:
    velocity = np.zeros((3, 2))
    velocity[1, 1] = difference
    verdict = v.compare_statistics(stats(SOURCE, mean_velocity=velocity), STATS)
    assert verdict.passed is passes
    assert verdict.numbers["velocities_differing"] == (0 if passes else 1)
    assert passes or verdict.description == "1 velocities differ (2)"


@pytest.mark.parametrize("column", ["start_frame", "end_frame", "duration"])
def test_other_frames_and_counts_do_not_pass(column: str) -> None:
    changed = getattr(STATS, column).copy()
    changed[2] += 1
    verdict = v.compare_statistics(replace(STATS, **{column: changed}), STATS)
    assert (verdict.passed, verdict.severity) == (False, "error")
    assert verdict.numbers[f"{column}s_differing"] == 1
    assert "(5)" in verdict.description


def test_tracklets_are_matched_by_id() -> None:
    verdict = v.compare_statistics(stats(tracklets((2, [6, 7]), (9, [1]))), STATS)
    assert not verdict.passed
    assert verdict.numbers["tracklets_added"] == 1
    assert verdict.numbers["tracklets_gone"] == 2
    assert "1 tracklets added (9)" in verdict.description
    assert "2 tracklets gone (1, 5)" in verdict.description


def test_statistics_of_all_tracklets_match() -> None:
    assert v.statistics_match_tracklets(STATS, SOURCE).passed


@pytest.mark.parametrize(
    ("other", "number"),
    [
        (tracklets((1, [0, 1, 2, 3]), (2, [6, 7])), "unknown"),
        (tracklets((1, [0, 1, 2, 3]), (2, [6, 7]), (5, [2, 3, 4]), (8, [1])), "missing"),
        (tracklets((1, [0, 1, 2, 3]), (2, [6, 7]), (5, [2, 3])), "durations_differing"),
    ],
)
def test_statistics_of_other_tracklets_do_not_match(other: Tracklets, number: str) -> None:
    verdict = v.statistics_match_tracklets(STATS, other)
    assert (verdict.passed, verdict.severity, verdict.numbers[number]) == (False, "error", 1)


def test_repeated_statistics_do_not_match() -> None:
    verdict = v.statistics_match_tracklets(stats(SOURCE, tracklet_id=np.array([1, 2, 2])), SOURCE)
    assert verdict.numbers["repeated"] == 1
    assert not verdict.passed


def test_persons_who_hold_every_tracklet_once_pass() -> None:
    verdict = v.persons_structure(PERSONS, SOURCE)
    assert verdict.passed
    assert verdict.description == "3 tracklets, each in one of 2 persons"


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        (persons(SOURCE, [1, 2]), "tracklets_in_no_person"),
        (persons(SOURCE, [1, 2], [5, 2]), "tracklets_in_two_persons"),
        (replace(PERSONS, original_tracklet_ids=np.array([1, 2, 7])), "tracklets_unknown"),
        (replace(PERSONS, detection_indices=np.array([1, 1, 1, 1, 2, 9, 5, 5, 5])), "foreign_boxes"),
        (replace(PERSONS, tracklet_id=np.array([1, 1, 1, 1, 2, 5, 5, 5, 5])), "foreign_boxes"),
        (replace(PERSONS, frame_numbers=np.array([0, 1, 2, 3, 6, 8, 2, 3, 4])), "foreign_boxes"),
    ],
)
def test_persons_of_wrong_structure_do_not_pass(changed: Persons, number: str) -> None:
    verdict = v.persons_structure(changed, SOURCE)
    assert (verdict.passed, verdict.severity, verdict.numbers[number]) == (False, "error", 1)


def test_columns_of_different_lengths_do_not_pass() -> None:
    broken = replace(PERSONS)
    object.__setattr__(broken, "detection_indices", PERSONS.detection_indices[:-1])
    verdict = v.persons_structure(broken, SOURCE)
    assert not verdict.passed
    assert "frame_numbers 9, detection_indices 8" in verdict.description


def test_the_box_of_another_persons_tracklet_is_foreign() -> None:
    # Both persons keep their tracklets, but a box of tracklet 5 stands in person 1.
    swapped = replace(PERSONS, tracklet_id=np.array([1, 1, 5, 1, 2, 2, 5, 5, 5]),
                      detection_indices=np.array([1, 1, 5, 1, 2, 2, 5, 5, 5]))  # fmt: skip
    assert v.persons_structure(swapped, SOURCE).numbers["foreign_boxes"] == 1


def test_persons_may_differ_from_the_baseline_within_the_tolerance() -> None:
    before = persons(SOURCE, [1], [2], [5])
    verdict = v.persons_against_baseline(PERSONS, before)
    assert verdict.passed
    assert verdict.numbers["persons_difference"] == -1
    assert verdict.numbers["persons_with_the_same_id"] == 2
    strict = v.persons_against_baseline(persons(SOURCE, [5]), before)
    assert (strict.passed, strict.severity) == (False, "warn")


def tally(frames: int, **changes: int) -> CropTally:
    return CropTally(**({"frames": frames, "crops": frames, "empty": 0, "covered": frames} | changes))


def test_a_crop_for_every_frame_passes() -> None:
    verdict = v.crops_coverage(PERSONS, {1: tally(6), 5: tally(3)})
    assert verdict.passed
    assert verdict.numbers["least_coverage"] == 1.0


LONG = tracklets((1, list(range(1000))), (2, list(range(100))))
LONG_PERSONS = persons(LONG, [1], [2])


@pytest.mark.parametrize(
    ("tallies", "severity", "said"),
    [
        ({1: tally(1000), 2: tally(94)}, "warn", "1 persons with too few crops (2)"),
        ({1: tally(1000), 2: tally(100, empty=1, covered=99)}, "warn", "1 empty crops"),
        ({1: tally(880), 2: tally(100)}, "error", "10.9% of all crops are missing"),
        ({1: tally(1000)}, "warn", "1 persons with too few crops (2)"),
        ({1: tally(1000, crops=999), 2: tally(100)}, "error", "differ in length (1)"),
        ({1: tally(1000), 2: tally(100), 7: tally(1)}, "error", "persons who do not exist (7)"),
        ({}, "error", "100.0% of all crops are missing"),
        ({1: tally(1000, covered=0), 2: tally(100)}, "error", "90.9% of all crops are missing"),
    ],
)
def test_missing_crops_do_not_pass(tallies: dict[int, CropTally], severity: str, said: str) -> None:
    verdict = v.crops_coverage(LONG_PERSONS, tallies)
    assert (verdict.passed, verdict.severity) == (False, severity)
    assert said in verdict.description


def test_95_of_100_crops_are_enough() -> None:
    assert v.crops_coverage(LONG_PERSONS, {1: tally(1000), 2: tally(95)}).passed


def test_crops_are_tallied_from_the_file(tmp_path: Path) -> None:
    from videotracks.people.crop_store import CropStore
    from videotracks.people.crop_tally import tally_crops
    from videotracks.people.crops import CropSettings, CropWriter, write_crops_by_person
    from videotracks.tables import Detections

    source = tracklets((1, [0, 1, 2]))
    source = replace(source, detection_indices=np.zeros(3, "i8"))
    detections = Detections(
        source.frame_numbers, source.bboxes, source.confidences, np.zeros(3, "i8"), np.ones(3, "i8"),
        source.camera, np.array(["cam"]),
    )  # fmt: skip
    with CropWriter(tmp_path / "all.h5", CropSettings()) as writer:
        encoded = [writer.encode(np.full((8, 8, 3), 9, "u1")), b"", writer.encode(np.full((8, 8, 3), 9, "u1"))]
        rows = crop_rows(source)
        writer.append(rows, encoded, [(8, 8), (0, 0), (8, 8)])
    whole = persons(source, [1])
    with CropStore.open(tmp_path / "all.h5") as store:
        write_crops_by_person(tmp_path / "by.h5", whole, detections, store)
    with CropStore.open(tmp_path / "by.h5") as store:
        assert tally_crops(whole, store) == {1: CropTally(3, 3, 1, 2)}


def crop_rows(source: Tracklets) -> Any:
    from videotracks.people.crop_layout import CropRows

    return CropRows.from_arrays({name: getattr(source, name) for name in CropRows.columns()})


def animation(name: str, frames: int = 60, size: int = 1000) -> AnimationFile:
    return AnimationFile(name=name, frames=frames, size=size)


BEFORE = [animation("person_01.webp"), animation("person_02.webp")]


@pytest.mark.parametrize(
    ("now", "passes"),
    [
        (BEFORE, True),
        ([animation("person_01.webp", 70), animation("person_02.webp", 50)], True),
        ([animation("person_01.webp", 71), animation("person_02.webp")], False),
        ([animation("person_01.webp", 60, 1200), animation("person_02.webp", 60, 800)], True),
        ([animation("person_01.webp", 60, 1201), animation("person_02.webp")], False),
        ([animation("person_01.webp")], False),
        ([], False),
    ],
)
def test_animations_are_compared_by_number_frames_and_size(now: list[AnimationFile], passes: bool) -> None:
    verdict = v.animations_against_baseline(now, BEFORE)
    assert verdict.passed is passes
    assert verdict.numbers["baseline_files"] == 2


@pytest.mark.parametrize(
    ("now", "before", "passes"), [(2.9, 2.0, True), (3.1, 2.0, False), (109.0, 100.0, True), (111.0, 100.0, False)]
)
def test_a_second_or_a_tenth_slower_is_allowed(now: float, before: float, passes: bool) -> None:
    verdict = v.time_against_baseline({"a": now - 1, "b": 1.0, "new": 50.0}, {"a": before - 1, "b": 1.0, "gone": 9.0})
    assert verdict.passed is passes
    assert verdict.numbers["total_s"] == pytest.approx(now)
    assert verdict.numbers["stages_without_baseline"] == 1
    assert "| a |" in verdict.table
    assert f"| **total** | {now:.2f} | {before:.2f} | {now - before:+.2f} |" in verdict.table


def test_a_lower_metric_is_a_warning() -> None:
    assert v.accuracy_against_baseline({"HOTA": 0.6, "IDF1": 0.5}, {"HOTA": 0.5, "IDF1": 0.5002}).passed
    verdict = v.accuracy_against_baseline({"HOTA": 0.6, "MOTA": 0.4}, {"HOTA": 0.5, "MOTA": 0.5})
    assert (verdict.passed, verdict.severity) == (False, "warn")
    assert verdict.description.endswith("lower in MOTA")
    assert verdict.numbers == {"HOTA": 0.6, "MOTA": 0.4, "baseline_HOTA": 0.5, "baseline_MOTA": 0.5}


def test_tolerances_are_settings() -> None:
    settings = ValidationSettings(slower_s=10)
    assert v.time_against_baseline({"a": 9.0}, {"a": 1.0}, settings).passed


def test_numbers_are_pythons_own() -> None:
    verdicts = [
        v.compare_statistics(STATS, STATS), v.statistics_match_tracklets(STATS, SOURCE),
        v.persons_structure(PERSONS, SOURCE), v.persons_against_baseline(PERSONS, PERSONS),
        v.crops_coverage(PERSONS, {1: tally(6), 5: tally(3)}), v.animations_against_baseline(BEFORE, BEFORE),
        v.time_against_baseline({"a": np.float64(1)}, {"a": np.float64(1)}),
        v.accuracy_against_baseline({"a": np.float64(1)}, {"a": np.float64(1)}),
    ]  # fmt: skip
    for verdict in verdicts:
        assert verdict.passed is True
        assert all(type(value) in (int, float, str, bool) for value in verdict.numbers.values()), verdict


def test_nothing_at_all_passes() -> None:
    none = Tracklets.from_arrays(empty(Tracklets))
    nobody = Persons.from_arrays(empty(Persons))
    assert v.statistics_match_tracklets(stats(none), none).passed
    assert v.persons_structure(nobody, none).passed
    assert v.persons_against_baseline(nobody, nobody).passed
    assert v.crops_coverage(nobody, {}).passed
    assert v.compare_statistics(stats(none), stats(none)).passed
