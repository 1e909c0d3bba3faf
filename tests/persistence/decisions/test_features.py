"""Features of a video's tracklets: in order, in chunks, and a table that is checked."""

import dataclasses

import numpy as np
import pytest

from tests.persistence.decisions.decision_examples import BLUE, RED, MeanColor, seen, video_of
from videotracks.errors import CorruptFileError
from videotracks.npz import read_table, write_table
from videotracks.persistence.classifier import filter as persistence_filter
from videotracks.persistence.decisions.features import TrackletFeatures, tracklet_features
from videotracks.persistence.decisions.from_tracklets import crop_tracks


@pytest.fixture
def tracks(tmp_path):
    sights = {2: seen(RED, [4, 5, 9]), 5: seen(BLUE, [5]), 9: seen(RED, [7, 8], 1)}
    tracklets, detections, store = video_of(tmp_path / "c.h5", sights)
    with store:
        yield list(crop_tracks(tracklets, detections, store))


def test_every_observation_has_its_feature(tracks, tmp_path) -> None:
    found = tracklet_features(tracks, MeanColor())
    write_table(tmp_path / "tracklet_features.npz", found)
    found = read_table(tmp_path / "tracklet_features.npz", TrackletFeatures)
    assert found.tracklet_id.tolist() == [2, 5, 9]
    assert found.camera.tolist() == [0, 0, 1]
    assert found.frame_numbers.tolist() == [4, 5, 9, 5, 7, 8]
    red, blue, again = found.of_each()
    assert np.allclose(red[:, :3], np.array(RED) / 255)
    assert np.allclose(blue[:, :3], np.array(BLUE) / 255)
    assert len(again) == 2


def test_few_crops_are_held_at_a_time(tracks, monkeypatch) -> None:
    monkeypatch.setattr(persistence_filter, "CHUNK_CROPS", 3)
    encoder, told = MeanColor(), []
    tracklet_features(iter(tracks), encoder, total=3, progress=lambda done, total: told.append((done, total)))
    assert encoder.most == 3
    assert told == [(1, 3), (3, 3)]


def test_no_tracks_are_an_empty_table() -> None:
    found = tracklet_features([], MeanColor())
    assert found.row_count == 0
    assert found.of_each() == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tracklet_id", [2, 2, 9]),
        ("offsets", [0, 3, 3, 6]),
        ("offsets", [0, 3, 4, 5]),
        ("frame_numbers", [4, 4, 9, 5, 7, 8]),
    ],
)
def test_refuses_what_is_not_ragged_or_not_in_order(tracks, name: str, values: list[int]) -> None:
    found = tracklet_features(tracks, MeanColor())
    with pytest.raises(CorruptFileError, match="TrackletFeatures"):
        dataclasses.replace(found, **{name: np.array(values, "i8")})


def test_refuses_features_that_are_not_finite(tracks) -> None:
    found = tracklet_features(tracks, MeanColor())
    with pytest.raises(CorruptFileError, match="finite"):
        dataclasses.replace(found, features=np.full_like(found.features, np.nan))
