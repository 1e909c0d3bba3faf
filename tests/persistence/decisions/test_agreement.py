"""Agreement with ground truth: what is real by the rule of half the boxes, and how decisions compare with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.people.report_examples import recording_of
from tests.people.tracklet_examples import moving_box, no_tracklets, random_tracklets, tracklets_of
from videotracks.errors import RecordingError
from videotracks.people.accuracy import box_iou
from videotracks.people.motchallenge import MotRows
from videotracks.persistence.decisions.agreement import Agreement, agreement, real_in_view, real_tracklets
from videotracks.persistence.decisions.deciding import DecisionSettings, PersistenceDecisions, TrackletDecision


def truth_of(tracklets, **changes) -> MotRows:
    """Ground truth as if these tracklets were the truth."""
    count, order = len(tracklets.tracklet_id), np.argsort(tracklets.frame_numbers, kind="stable")
    columns = {
        "frame_numbers": tracklets.frame_numbers[order], "ids": tracklets.tracklet_id[order],
        "bboxes": tracklets.bboxes[order].astype("f8"), "confidences": np.ones(count), "classes": np.ones(count, "i8"),
    }  # fmt: skip
    return MotRows(**{**columns, **changes})


def decisions_of(kept: dict[int, float | None], threshold: float = 0.5) -> PersistenceDecisions:
    made = [
        TrackletDecision(
            tracklet_id=number, camera=0, keep=confidence is None or confidence >= threshold, confidence=confidence,
            first_frame=0, last_frame=1, length=2, observations=2, peak_frame=0,
        )
        for number, confidence in kept.items()
    ]  # fmt: skip
    return PersistenceDecisions(encoder={}, classifier={}, settings=DecisionSettings(), decisions=made)


def real_plainly(truth, tracklets):
    """Box by box."""
    found = {}
    for number in np.unique(tracklets.tracklet_id).tolist():
        rows = np.flatnonzero(tracklets.tracklet_id == number)
        on: dict[int, int] = {}
        for row in rows:
            there = np.flatnonzero(truth.frame_numbers == tracklets.frame_numbers[row])
            ious = box_iou(tracklets.bboxes[row : row + 1].astype("f8"), truth.bboxes[there])[0]
            for identity in set(truth.ids[there[ious >= 0.5]].tolist()):
                on[identity] = on.get(identity, 0) + 1
        found[number] = 2 * max(on.values(), default=0) >= len(rows)
    return found


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_agrees_with_the_plain_loop(seed: int) -> None:
    truth = truth_of(random_tracklets(seed, 12, 20, field_px=150))
    tracklets = random_tracklets(seed + 1, 12, 20, field_px=150)
    assert real_in_view(truth, tracklets, 0) == real_plainly(truth, tracklets)


def test_half_of_the_boxes_on_one_identity_is_real_and_less_is_not() -> None:
    truth = truth_of(tracklets_of(moving_box(1, 0, 5, (100, 100)), moving_box(2, 5, 4, (100, 100))))
    half = moving_box(1, 0, [0, 1, 2, 3, 4, 20, 21, 22, 23, 24], (100, 100))
    shared = moving_box(2, 1, [0, 1, 2, 3, 4, 5, 6, 7, 20], (100, 100))  # four and four of two identities, of nine
    assert real_in_view(truth, tracklets_of(half, shared), 0) == {1: True, 2: False}


def test_only_the_boxes_of_the_view_count() -> None:
    truth = truth_of(tracklets_of(moving_box(1, 0, 5, (100, 100))))
    tracklets = tracklets_of(moving_box(1, 0, 5, (100, 100)), moving_box(2, 0, 5, (100, 100), camera=1))
    assert real_in_view(truth, tracklets, 0) == {1: True}


def test_what_counts_neither_way_is_left_out() -> None:
    own = tracklets_of(moving_box(1, 0, 5, (100, 100)))
    assert real_in_view(truth_of(own, classes=np.full(5, 12)), own, 0) == {}
    assert real_in_view(truth_of(own, classes=np.full(5, 3)), own, 0) == {1: False}
    assert real_in_view(truth_of(own, confidences=np.zeros(5)), own, 0) == {1: False}


def test_counts_shares_and_order() -> None:
    real = {1: True, 2: True, 3: True, 4: False, 5: False}
    found = agreement(decisions_of({1: 0.9, 2: 0.8, 3: 0.3, 4: 0.6, 5: 0.1, 6: 0.99}), real)
    assert (found.real_kept, found.real_filtered, found.false_kept, found.false_filtered) == (2, 1, 1, 1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.auroc == pytest.approx(5 / 6)
    assert found.sentence() == (
        "2 of 3 real tracklets kept, 1 of 2 false ones filtered out; AUROC of the confidence 0.83"
    )
    assert Agreement.model_validate_json(found.model_dump_json()) == found


def test_few_real_tracklets_may_be_lost() -> None:
    real = dict.fromkeys(range(1, 101), True)
    losing = [agreement(decisions_of({i: float(i > lost) for i in real}), real) for lost in (0, 5, 6)]
    assert [found.loses_few for found in losing] == [True, True, False]
    assert agreement(decisions_of({1: 0.1}), {1: False}).loses_few


def test_what_cannot_be_computed_is_not_made_up() -> None:
    found = agreement(decisions_of({1: 0.9, 2: None}), {1: True, 2: True})
    assert (found.precision, found.recall, found.auroc) == (1.0, 1.0, None)
    nothing = agreement(decisions_of({1: 0.9}), {})
    assert (nothing.precision, nothing.recall, nothing.auroc) == (None, None, None)
    assert "nothing to compare" in nothing.sentence()


def test_ground_truth_is_found_beside_the_recording_by_view(tmp_path) -> None:
    for name in ("cam_00.mp4", "cam_01.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "cam_01.gt.txt").write_text("1,7,80,60,40,80,1,1,1\n2,7,80,60,40,80,1,1,1\n")
    tracklets = tracklets_of(moving_box(1, 0, 2, (100, 100)), moving_box(2, 0, 2, (100, 100), camera=1))
    recording = recording_of(cameras=["cam_00", "cam_01"])
    assert real_tracklets(recording, tmp_path, tracklets) == {2: True}
    assert real_tracklets(recording, tmp_path, no_tracklets()) == {}
    (tmp_path / "cam_01.gt.txt").write_text("5000,7,80,60,40,80,1,1,1\n")
    with pytest.raises(RecordingError, match="another recording"):
        real_tracklets(recording, tmp_path, tracklets)
    (tmp_path / "cam_01.gt.txt").unlink()
    assert real_tracklets(recording, tmp_path, tracklets) is None
