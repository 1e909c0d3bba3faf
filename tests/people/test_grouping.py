import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.people.tracklet_examples import moving_box, no_tracklets, random_tracklets, tracklets_of
from videotracks.people.grouping import (
    CHECKS,
    GroupingLog,
    GroupingSettings,
    Groups,
    canonical_persons,
    group_tracklets,
    grouping_log,
)
from videotracks.people.statistics import tracklet_statistics
from videotracks.tables import TrackletStats


def plain_measures(stats: TrackletStats, a: int, b: int, fps: list[float], given: GroupingSettings) -> list[tuple]:
    """(check, value, limit, passed) of the five checks in order, for a pair of rows."""
    rate = fps[stats.camera[a]]
    last, first = stats.last_bbox[a].astype("f8"), stats.first_bbox[b].astype("f8")
    gap, max_gap = int(stats.start_frame[b] - stats.end_frame[a]), round(given.max_gap_s * rate)
    distance = float(np.hypot(*((first[:2] + first[2:]) / 2 - (last[:2] + last[2:]) / 2)))
    ratio = stats.mean_area[b] / stats.mean_area[a]
    u, v = stats.mean_velocity[a], stats.mean_velocity[b]
    slow = given.min_speed_px_per_s / rate
    both_move = np.linalg.norm(u) > slow and np.linalg.norm(v) > slow
    cosine = u @ v / (np.linalg.norm(u) * np.linalg.norm(v)) if both_move else 1.0
    jitter = abs(stats.center_jitter[a] - stats.center_jitter[b])
    ratio_limit = given.min_area_ratio if ratio < given.min_area_ratio else given.max_area_ratio
    return [
        ("gap", gap, max_gap, gap <= max_gap),
        ("distance", distance, given.max_distance_px, distance <= given.max_distance_px),
        ("area", ratio, ratio_limit, given.min_area_ratio <= ratio <= given.max_area_ratio),
        ("direction", cosine, given.min_cosine, cosine >= given.min_cosine),
        ("jitter", jitter, given.max_jitter_difference_px, jitter <= given.max_jitter_difference_px),
    ]


def plain_groups(stats: TrackletStats, fps: list[float], given: GroupingSettings) -> tuple[list, list]:
    """The greedy double loop: the oracle. Gives groups of ids and refusals (first, second, check, value, limit)."""
    groups: list[list[int]] = []
    refused = []
    for b in sorted(range(stats.row_count), key=lambda i: (stats.start_frame[i], stats.tracklet_id[i])):
        for group in groups:
            a = group[-1]
            if stats.camera[a] != stats.camera[b] or stats.end_frame[a] >= stats.start_frame[b]:
                continue
            measures = plain_measures(stats, a, b, fps, given)
            failed = [m for m in measures if given.applies(m[0]) and not m[3]]
            if not failed:
                group.append(b)
                break
            (_, gap, max_gap, _), (_, distance, max_distance, _) = measures[:2]
            if gap <= int(given.log_reach * max_gap) and distance <= given.log_reach * max_distance:
                refused.append((int(stats.tracklet_id[a]), int(stats.tracklet_id[b]), *failed[0][:3]))
        else:
            groups.append([b])
    return [stats.tracklet_id[group].tolist() for group in groups], refused


def lists_of(groups: Groups) -> list[list[int]]:
    return (
        [part.tolist() for part in np.split(groups.tracklet_ids, groups.offsets[1:-1])]
        if len(groups.tracklet_ids)
        else []
    )


switches = st.fixed_dictionaries({f"check_{check}": st.booleans() for check in CHECKS})


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 60),
    frames=st.integers(5, 300),
    cameras=st.integers(1, 3),
    field_px=st.sampled_from([20.0, 300.0, 2000.0]),
    checks=st.sampled_from(["five", "three"]),
    switched=st.one_of(st.just({}), switches),
    log_reach=st.sampled_from([1.0, 1.5, 2.0, 5.0]),
    max_distance_px=st.sampled_from([5.0, 60.0, 200.0]),
)
def test_equals_the_plain_double_loop(
    seed: int, count: int, frames: int, cameras: int, field_px: float, switched: dict, **criteria: object
) -> None:
    stats = tracklet_statistics(random_tracklets(seed, count, frames, cameras, field_px, longest=30))
    chosen = GroupingSettings(**criteria, **switched, max_gap_s=0.9, max_jitter_difference_px=4)  # type: ignore[arg-type]
    fps = [30.0, 25.0, 59.94][:cameras]
    groups = group_tracklets(stats, fps, chosen)
    plain, plain_refused = plain_groups(stats, fps, chosen)
    assert lists_of(groups) == plain
    pairs = list(zip(groups.refused_1.tolist(), groups.refused_2.tolist(), strict=True))
    checks = [CHECKS[check] for check in groups.refused_check]
    assert list(zip(pairs, checks, strict=True)) == [((a, b), check) for a, b, check, _, _ in plain_refused]
    np.testing.assert_allclose(groups.refused_value, [row[3] for row in plain_refused])
    np.testing.assert_allclose(groups.refused_limit, [row[4] for row in plain_refused])


walker = moving_box(1, 0, 20, (100, 200), velocity=(4, 0))  # ends on frame 19 at x = 176


def groups_with(second: dict, fps: float = 30.0, **criteria: object) -> Groups:
    arguments = {"start": 25, "frames": 20, "center": (200, 200), "velocity": (4, 0)} | second
    tracklets = tracklets_of(walker, moving_box(2, **arguments))  # type: ignore[arg-type]
    return group_tracklets(tracklet_statistics(tracklets), [fps, fps], GroupingSettings(**criteria))  # type: ignore[arg-type]


def test_joins_a_tracklet_that_goes_on() -> None:
    groups = groups_with({})
    assert lists_of(groups) == [[1, 2]]
    assert len(groups.refused_1) == 0


shaky = {"center": (176, 110), "velocity": (0, 10), "frames": 20}  # jitter 29 px against 12 px

REFUSALS = [
    ({"start": 50}, {}, "gap", 31, 30),
    ({"center": (377, 200)}, {}, "distance", 201, 200),
    ({"size": (40, 105)}, {}, "area", 105 / 80, 1.3),
    ({"size": (40, 55)}, {}, "area", 55 / 80, 0.7),
    ({"velocity": (-4, 0)}, {}, "direction", -1, 0.6),
    ({"velocity": (0, 4)}, {}, "direction", 0, 0.6),
    (shaky, {"max_jitter_difference_px": 2, "check_direction": False}, "jitter", 17.30, 2),
]


@pytest.mark.parametrize(("second", "criteria", "check", "value", "limit"), REFUSALS)
def test_each_check_refuses_and_can_be_switched_off(
    second: dict, criteria: dict, check: str, value: float, limit: float
) -> None:
    groups = groups_with(second, **criteria)
    assert lists_of(groups) == [[1], [2]]
    assert (groups.refused_1.tolist(), groups.refused_2.tolist()) == ([1], [2])
    assert CHECKS[groups.refused_check[0]] == check
    assert groups.refused_value[0] == pytest.approx(value, abs=0.01)
    assert groups.refused_limit[0] == limit
    assert lists_of(groups_with(second, **criteria, **{f"check_{check}": False})) == [[1, 2]]


def test_the_older_three_checks_ignore_direction_and_jitter() -> None:
    assert lists_of(groups_with({"velocity": (-4, 0)}, checks="three")) == [[1, 2]]
    assert lists_of(groups_with({"size": (40, 105)}, checks="three")) == [[1], [2]]


def test_direction_matters_only_where_both_move() -> None:
    assert lists_of(groups_with({"velocity": (-0.9, 0)})) == [[1, 2]]
    assert lists_of(groups_with({"velocity": (-1.1, 0)})) == [[1], [2]]


def test_a_box_that_trembles_on_the_spot_has_no_direction() -> None:
    trembling = moving_box(2, 25, 20, (200, 200))
    trembling["bboxes"] += np.where(np.arange(20) % 2, 5, -5)[:, None].astype("f4")
    stats = tracklet_statistics(tracklets_of(walker, trembling))
    assert stats.velocity_magnitude[1] > 10
    assert lists_of(group_tracklets(stats, [30.0], GroupingSettings(min_cosine=1.0))) == [[1, 2]]


def test_frames_and_speeds_scale_with_the_frame_rate() -> None:
    late, back = {"start": 70}, {"velocity": (-1.5, 0)}
    assert lists_of(groups_with(late)) == [[1], [2]]
    assert lists_of(groups_with(late, fps=60.0)) == [[1, 2]]
    assert lists_of(groups_with(back)) == [[1], [2]]
    assert lists_of(groups_with(back, fps=15.0)) == [[1, 2]]


def test_never_joins_over_views_nor_in_time_shared() -> None:
    assert lists_of(groups_with({"camera": 1})) == [[1], [2]]
    overlapping = groups_with({"start": 19})
    assert lists_of(overlapping) == [[1], [2]]
    assert len(overlapping.refused_1) == 0


def test_the_oldest_group_takes_a_tracklet_that_several_accept() -> None:
    stats = tracklet_statistics(
        tracklets_of(
            moving_box(1, 5, 10, (100, 100)),
            moving_box(2, 0, 10, (150, 100)),
            moving_box(3, 20, 5, (100, 100)),
            moving_box(4, 20, 5, (100, 100)),
        )
    )
    assert lists_of(group_tracklets(stats, [30.0], GroupingSettings())) == [[2, 3], [1, 4]]


def test_refusals_out_of_reach_are_not_kept() -> None:
    assert len(groups_with({"start": 19 + 60}).refused_1) == 1
    assert len(groups_with({"start": 19 + 61}).refused_1) == 0
    assert len(groups_with({"center": (176 + 401, 200)}).refused_1) == 0
    assert len(groups_with({"center": (176 + 401, 200)}, log_reach=3).refused_1) == 1


def test_no_tracklets_make_no_persons() -> None:
    tracklets = no_tracklets()
    groups = group_tracklets(tracklet_statistics(tracklets), [30.0], GroupingSettings())
    persons = canonical_persons(tracklets, groups)
    assert persons.row_count == len(persons.person_ids) == 0
    assert grouping_log(persons, groups).root == []


def test_settings_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not exceed"):
        GroupingSettings(min_area_ratio=2)
    with pytest.raises(ValidationError):
        GroupingSettings(checks="four")  # type: ignore[arg-type]


def test_the_log_names_members_and_refusals() -> None:
    tracklets = tracklets_of(
        walker,
        moving_box(2, 25, 5, (200, 200), velocity=(-4, 0)),
        moving_box(3, 25, [0, 1, 3], (200, 200), velocity=(4, 0)),
    )
    groups = group_tracklets(tracklet_statistics(tracklets), [30.0], GroupingSettings())
    log = grouping_log(canonical_persons(tracklets, groups), groups)
    content = json.loads(log.model_dump_json())
    refusal = content[0].pop("refused")
    assert content == [
        {
            "canonical_id": 1,
            "original_tracklet_ids": [1, 3],
            "num_merged": 2,
            "start_frame": 0,
            "end_frame": 28,
            "total_frames": 23,
        },
        {
            "canonical_id": 2,
            "original_tracklet_ids": [2],
            "num_merged": 1,
            "start_frame": 25,
            "end_frame": 29,
            "total_frames": 5,
            "refused": [],
        },
    ]
    value = pytest.approx(-1.0)
    assert refusal == [{"tracklet_1": 1, "tracklet_2": 2, "check": "direction", "value": value, "limit": 0.6}]
    assert GroupingLog.model_validate_json(log.model_dump_json()) == log
