"""Pictures of decided tracklets: the surest and the least sure, and the important frames stand out."""

import dataclasses

import numpy as np
import pytest

from tests.persistence.decisions.decision_examples import BLUE, RED, MeanColor, Sight, WantsRed, plain, seen, video_of
from videotracks.errors import CorruptFileError
from videotracks.persistence.decisions.deciding import DecisionSettings, decide
from videotracks.persistence.decisions.features import tracklet_features
from videotracks.persistence.decisions.from_tracklets import crop_tracks
from videotracks.persistence.decisions.pictures import MARKED, MOST_ROWS, draw_tracks, marked
from videotracks.persistence.decisions.shown_tracks import SHOWN_CROPS, ends_of, shown_tracks


@pytest.fixture
def video(tmp_path):
    bright = [Sight(frame, plain((200 if frame == 42 else 10, 0, 0))) for frame in range(1, 60)]
    sights = {1: bright, 2: seen(RED, [5, 6]), 3: seen(BLUE, [7])}
    tracklets, detections, store = video_of(tmp_path / "c.h5", sights)
    with store:
        features = tracklet_features(crop_tracks(tracklets, detections, store), MeanColor())
        found = decide(tracklets, features, {}, WantsRed(), DecisionSettings())
        yield found.decisions.decisions, found.importance, tracklets, detections, store


def test_the_most_important_observation_is_always_shown(video) -> None:
    long = shown_tracks(video[0], *video[1:])[0]
    assert len(long.places) == SHOWN_CROPS
    assert (np.diff(long.places) > 0).all()
    peak = int(long.importance.argmax())
    assert peak in long.places
    assert (long.crops[list(long.places).index(peak)] == (200, 0, 0)).all()
    assert long.brightness.max() == 1


def test_tracklets_come_in_the_order_asked_for(video) -> None:
    one, two, three = video[0]
    shown = shown_tracks([three, one, two], *video[1:])
    assert [track.decision.tracklet_id for track in shown] == [3, 1, 2]


def test_refuses_importance_of_other_frames(video) -> None:
    decisions, importance, *rest = video
    moved = dataclasses.replace(importance, frame_numbers=importance.frame_numbers + 1)
    with pytest.raises(CorruptFileError, match="materialise tracklet_features"):
        shown_tracks(decisions, moved, *rest)


def test_the_surest_and_the_least_sure_are_chosen(video) -> None:
    base = video[0][0]
    confidences = [0.51, 0.99, 0.02, 0.7, None, 0.4]
    many = [base.model_copy(update={"tracklet_id": i, "confidence": c}) for i, c in enumerate(confidences)]
    assert [d.tracklet_id for d in ends_of(many, 10)] == [1, 2, 3, 5, 0, 4]
    assert [d.tracklet_id for d in ends_of(many, 3)] == [1, 2, 4]
    assert ends_of(many, 0) == []


def test_important_frames_are_drawn_brighter(video) -> None:
    assert marked(1) == MARKED
    assert sum(marked(0.2)) < sum(marked(0.6)) < sum(marked(1))
    picture = draw_tracks(shown_tracks(video[0][2:], *video[1:]))
    assert picture.dtype == np.uint8
    assert (picture == MARKED).all(axis=2).sum() > 64 * 3 * 4 - 40


def test_where_no_frame_stands_out_none_is_drawn_so(video) -> None:
    long, two, one = shown_tracks(video[0], *video[1:])
    level = dataclasses.replace(long, importance=np.full(50, 0.02, "f4"))
    assert level.brightness == pytest.approx(1 / 3)
    assert two.brightness == pytest.approx(1 / 2)
    assert one.brightness == pytest.approx(1)


def test_a_picture_does_not_grow_without_end(video) -> None:
    shown = shown_tracks(video[0], *video[1:])
    assert draw_tracks(shown * 50).shape == draw_tracks((shown * 50)[:MOST_ROWS]).shape
    assert draw_tracks([]).size > 0
