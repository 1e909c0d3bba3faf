import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.people.tracklet_examples import moving_box, no_tracklets, random_tracklets, tracklets_of
from videotracks.people.statistics import (
    ReidCandidates,
    ReidCandidateSettings,
    reid_candidates,
    tracklet_statistics,
)
from videotracks.tables import TrackletStats


def plain_candidates(stats: TrackletStats, max_gap: list[int], settings: ReidCandidateSettings) -> list[tuple]:
    """All with all: the oracle."""
    found = []
    for a in range(stats.row_count):
        for b in range(stats.row_count):
            gap = int(stats.start_frame[b] - stats.end_frame[a])
            last, first = stats.last_bbox[a].astype("f8"), stats.first_bbox[b].astype("f8")
            distance = np.hypot(*((first[:2] + first[2:]) / 2 - (last[:2] + last[2:]) / 2))
            ratio = stats.mean_area[b] / stats.mean_area[a]
            if (
                stats.camera[a] == stats.camera[b]
                and 1 <= gap <= max_gap[stats.camera[a]]
                and distance <= settings.max_distance_px
                and settings.min_area_ratio <= ratio <= settings.max_area_ratio
            ):
                found.append((int(stats.tracklet_id[a]), int(stats.tracklet_id[b]), gap, distance, ratio))
    return found


@example_settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 50), st.integers(10, 200), st.sampled_from([0.01, 30.0, 200.0, 1e6]))
def test_equals_comparing_all_with_all(seed: int, count: int, frames: int, distance_px: float) -> None:
    stats = tracklet_statistics(random_tracklets(seed, count, frames, cameras=2))
    settings = ReidCandidateSettings(max_gap_s=0.7, max_distance_px=distance_px)
    found = reid_candidates(stats, [30.0, 60.0], settings)
    plain = plain_candidates(stats, [21, 42], settings)
    assert [(c.tracklet_1, c.tracklet_2, c.gap) for c in found.root] == [row[:3] for row in plain]
    np.testing.assert_allclose([(c.distance, c.area_ratio) for c in found.root], [row[3:] for row in plain])


def stats_of_pair(**second: object) -> TrackletStats:
    first = moving_box(1, 0, 10, (100, 100))
    arguments = {"start": 20, "frames": 5, "center": (150, 100)} | second
    return tracklet_statistics(tracklets_of(first, moving_box(2, **arguments)))  # type: ignore[arg-type]


def test_a_candidate_says_where_and_how_far() -> None:
    (found,) = reid_candidates(stats_of_pair(size=(40, 160)), [30.0], ReidCandidateSettings()).root
    assert found.model_dump() == {
        "tracklet_1": 1,
        "tracklet_2": 2,
        "gap": 11,
        "distance": 50.0,
        "area_ratio": 2.0,
        "transition_frame_1": 9,
        "transition_frame_2": 20,
    }


@pytest.mark.parametrize(
    "second",
    [
        {"start": 70},
        {"start": 9},
        {"start": 3},
        {"center": (301, 100)},
        {"size": (40, 161)},
        {"size": (40, 39)},
        {"camera": 1},
    ],
)
def test_refuses_what_is_too_far_overlaps_or_lies_in_another_view(second: dict) -> None:
    assert reid_candidates(stats_of_pair(**second), [30.0, 30.0], ReidCandidateSettings()).root == []


def test_the_gap_is_held_in_seconds() -> None:
    stats = stats_of_pair(start=9 + 100)
    assert reid_candidates(stats, [30.0], ReidCandidateSettings()).root == []
    assert len(reid_candidates(stats, [60.0], ReidCandidateSettings()).root) == 1


def test_a_first_tracklet_without_area_is_no_candidate() -> None:
    parts = moving_box(1, 0, 3, (10, 10), size=(0, 0)), moving_box(2, 5, 3, (10, 10))
    assert reid_candidates(tracklet_statistics(tracklets_of(*parts)), [30.0], ReidCandidateSettings()).root == []


def test_the_file_is_a_list() -> None:
    candidates = reid_candidates(stats_of_pair(), [30.0], ReidCandidateSettings())
    text = candidates.model_dump_json()
    assert text.startswith('[{"tracklet_1":1,')
    assert ReidCandidates.model_validate_json(text) == candidates
    assert reid_candidates(tracklet_statistics(no_tracklets()), [30.0], ReidCandidateSettings()).root == []


def test_area_ratios_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not exceed"):
        ReidCandidateSettings(min_area_ratio=3)
