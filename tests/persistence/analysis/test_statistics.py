"""Statistics by class, kind and outcome: numbers known beforehand, finite or null, and no tracks at all."""

import json

import pytest

from tests.persistence.analysis.decided_examples import decided, some_tracks
from videotracks.persistence.analysis.statistics import MAX_KINDS, Statistics, statistics_of


def test_counts_and_rates_are_those_of_the_decisions() -> None:
    found = statistics_of(some_tracks()).outcomes
    assert (found.true_positive, found.false_positive, found.true_negative, found.false_negative) == (3, 1, 2, 2)
    assert (found.accuracy, found.precision, found.recall) == (0.625, 0.75, 0.6)


def test_groups_are_told_by_class_by_kind_and_by_outcome() -> None:
    found = statistics_of(some_tracks())
    assert {name: group.tracks for name, group in found.by_class.items()} == {"noise": 3, "thing": 5}
    assert set(found.by_kind) == {"glare", "noise", "persistent"}
    assert set(found.by_outcome) == {"true_positive", "false_positive", "true_negative", "false_negative"}
    kept = found.by_outcome["true_positive"]
    assert (kept.share, kept.duration_frames.mean, kept.duration_frames.std) == (0.375, 3, 0)
    assert kept.attention.peak_position.mean == pytest.approx(1 / 6, rel=1e-5)
    assert kept.attention.peak_value.mean == 0.5
    assert (kept.attention.early, kept.attention.middle, kept.attention.late) == (0.5, 0.25, 0.25)
    thing = found.by_class["thing"]
    assert (thing.duration_frames.mean, thing.duration_frames.std) == (3.8, pytest.approx(0.979796))


def test_the_attention_of_single_observations_is_left_out() -> None:
    lone = statistics_of(some_tracks()).by_kind["noise"]
    assert (lone.tracks, lone.attention.tracks, lone.attention.peak_value.mean, lone.attention.early) == (
        2,
        0,
        None,
        None,
    )


def test_failures_are_the_first_three_in_the_order_of_the_tracks() -> None:
    wrong = [decided([0.25, 0.75], True, 0, track_id=i, source=f"scene {i}") for i in (9, 3, 5, 1)]
    found = statistics_of([*wrong, *some_tracks()])
    assert [case.track_id for case in found.first_false_positives] == [9, 3, 5]
    assert [case.track_id for case in found.first_false_negatives] == [7, 8]
    assert found.first_false_positives[0].peak_position == 0.75
    assert found.first_false_positives[0].source == "scene 9"


def test_without_truth_tracks_are_kept_or_filtered() -> None:
    found = statistics_of([decided([0.5, 0.5], keep) for keep in (True, True, False)])
    assert (found.outcomes.kept, found.outcomes.filtered, found.outcomes.accuracy) == (2, 1, None)
    assert found.by_class == found.by_kind == {}
    assert set(found.by_outcome) == {"kept", "filtered"}


def test_no_tracks_are_an_ordinary_case() -> None:
    found = statistics_of([])
    assert (found.overall.tracks, found.overall.share, found.overall.duration_frames.mean) == (0, None, None)
    assert found.first_false_positives == found.first_false_negatives == []


@pytest.mark.parametrize("tracks", [[], some_tracks(), [decided([0, 0])]], ids=["none", "some", "no attention"])
def test_every_number_is_finite_or_null(tracks) -> None:
    text = statistics_of(tracks).model_dump_json()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(text, parse_constant=refuse)
    assert Statistics.model_validate_json(text) == statistics_of(tracks)


def test_kinds_without_end_share_a_row() -> None:
    tracks = [decided([1], kind=f"kind {i}\n{'x' * 500}") for i in range(40)] + [decided([1], kind="often")] * 2
    found = statistics_of(tracks).by_kind
    assert len(found) == MAX_KINDS + 1
    assert found["often"].tracks == 2
    assert found["other kinds"].tracks == 40 - MAX_KINDS + 1
