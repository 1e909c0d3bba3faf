"""Decisions: by the threshold, for every tracklet, with the frame that mattered; and the tracklets that are kept."""

import dataclasses
import json

import numpy as np
import pytest

from tests.persistence.decisions.decision_examples import BLUE, RED, MeanColor, Sight, WantsRed, plain, seen, video_of
from videotracks.errors import CorruptFileError
from videotracks.npz import read_table, write_table
from videotracks.persistence.decisions.deciding import (
    DecisionSettings,
    PersistenceDecisions,
    TrackletImportance,
    decide,
)
from videotracks.persistence.decisions.features import tracklet_features
from videotracks.persistence.decisions.from_tracklets import crop_tracks
from videotracks.persistence.decisions.kept_tracklets import kept_tracklets, tracklets_with

SIGHTS = {
    2: [Sight(4, plain((100, 0, 0))), Sight(6, plain((250, 0, 0))), Sight(9, plain((130, 0, 0)))],
    5: seen(BLUE, [5, 6]),
    8: [Sight(7, np.zeros((0, 0, 3), np.uint8))],
    9: seen(RED, [7], 1),
}


@pytest.fixture
def video(tmp_path):
    tracklets, detections, store = video_of(tmp_path / "c.h5", SIGHTS)
    with store:
        return tracklets, tracklet_features(crop_tracks(tracklets, detections, store), MeanColor())


def decided(video, **settings):
    return decide(*video, {"weights": "mean"}, WantsRed(), DecisionSettings(**settings))


def test_what_reaches_the_threshold_is_kept(video) -> None:
    confident = 160 / 255
    assert [d.keep for d in decided(video).decisions.decisions] == [True, False, True, True]
    assert [d.keep for d in decided(video, threshold=confident + 0.01).decisions.decisions] == [
        False,
        False,
        True,
        True,
    ]
    assert len(decided(video, threshold=0).decisions.filtered) == 0


def test_a_decision_tells_confidence_extent_and_peak(video) -> None:
    first = decided(video).decisions.decisions[0]
    assert (first.tracklet_id, first.camera, first.length, first.observations) == (2, 0, 3, 3)
    assert (first.first_frame, first.last_frame, first.duration_frames) == (4, 9, 6)
    assert first.peak_frame == 6
    assert first.confidence == pytest.approx(160 / 255, abs=1e-4)


def test_who_has_no_pixels_is_kept_without_confidence(video) -> None:
    unseen = decided(video).decisions.decisions[2]
    assert (unseen.tracklet_id, unseen.keep, unseen.confidence, unseen.peak_frame) == (8, True, None, None)
    assert (unseen.observations, unseen.length) == (0, 1)


def test_of_who_was_hardly_seen_nothing_is_filtered(video) -> None:
    (blue,) = decided(video).decisions.filtered
    assert blue.tracklet_id == 5
    assert decided(video, least_observations=2).decisions.filtered == [blue]
    assert decided(video, least_observations=3).decisions.filtered == []


def test_both_files_come_back_as_they_were(video, tmp_path) -> None:
    found = decided(video)
    text = found.decisions.model_dump_json()
    assert "NaN" not in text
    assert PersistenceDecisions.model_validate_json(text) == found.decisions
    assert json.loads(text)["classifier"] == {"weights": "red"}
    write_table(tmp_path / "attention.npz", found.importance)
    again = read_table(tmp_path / "attention.npz", TrackletImportance).by_tracklet()
    assert list(again) == [2, 5, 9]
    frames, importance = again[2]
    assert frames.tolist() == [4, 6, 9]
    assert importance == pytest.approx([100 / 480, 250 / 480, 130 / 480], abs=1e-3)


def test_refuses_importance_that_is_no_share(video) -> None:
    found = decided(video).importance
    for values in (found.importance * 2, -found.importance, found.importance * np.nan):
        with pytest.raises(CorruptFileError, match="importance"):
            dataclasses.replace(found, importance=values)


def test_refuses_features_of_other_tracklets(video) -> None:
    tracklets, features = video
    with pytest.raises(CorruptFileError, match=r"\[9\].*materialise tracklet_features"):
        decided((tracklets_with(tracklets, [2, 5, 8]), features))


def test_a_video_without_tracklets_has_no_decisions(tmp_path) -> None:
    tracklets, _, store = video_of(tmp_path / "c.h5", {})
    with store:
        found = decided((tracklets, tracklet_features([], MeanColor())))
    assert found.decisions.sentence() == "0 of 0 tracklets filtered out"
    assert found.importance.by_tracklet() == {}


def test_the_kept_tracklets_are_as_they_were(video) -> None:
    tracklets = video[0]
    kept = kept_tracklets(tracklets, decided(video).decisions)
    assert np.unique(kept.tracklet_id).tolist() == [2, 8, 9]
    rows = tracklets.tracklet_id != 5
    for name, values in tracklets.arrays().items():
        assert np.array_equal(getattr(kept, name), values[rows])


def test_refuses_decisions_on_other_tracklets(video) -> None:
    tracklets = video[0]
    with pytest.raises(CorruptFileError, match="materialise persistence_decisions"):
        kept_tracklets(tracklets_with(tracklets, [2, 5]), decided(video).decisions)
