"""Tracklets as tracks of crops: the right crops, evenly spaced, small, and never more than asked for."""

import dataclasses

import cv2
import numpy as np
import pytest

from tests.persistence.decisions.decision_examples import BLUE, RED, Sight, plain, seen, video_of
from videotracks.errors import CorruptFileError
from videotracks.people.crop_store import CropStore
from videotracks.persistence.classifier.settings import MAX_OBSERVATIONS
from videotracks.persistence.crop_tracks import CROP_PX
from videotracks.persistence.decisions import from_tracklets
from videotracks.persistence.decisions.from_tracklets import crop_tracks, square


def changed(table, **values):
    return dataclasses.replace(table, **values)


def test_each_tracklet_has_its_own_pictures(tmp_path) -> None:
    tracklets, detections, store = video_of(tmp_path / "c.h5", {3: seen(RED, [4, 5, 9]), 7: seen(BLUE, [5, 6], 1)})
    with store:
        red, blue = crop_tracks(tracklets, detections, store)
    assert (red.track_id, red.camera, red.frame_numbers.tolist()) == (3, 0, [4, 5, 9])
    assert (blue.track_id, blue.camera, blue.frame_numbers.tolist()) == (7, 1, [5, 6])
    assert (red.crops == RED).all()
    assert (blue.crops == BLUE).all()
    assert red.boxes.tolist() == [[10, 20, 30, 60]] * 3


def test_of_a_long_tracklet_the_first_the_last_and_even_steps_between_are_looked_at(tmp_path) -> None:
    sights = [Sight(frame, plain((frame, 0, 0))) for frame in range(1, 100)]
    tracklets, detections, store = video_of(tmp_path / "c.h5", {1: sights})
    with store:
        (track,) = crop_tracks(tracklets, detections, store)
    assert len(track) == MAX_OBSERVATIONS
    assert (track.frame_numbers[0], track.frame_numbers[-1]) == (1, 99)
    assert set(np.diff(track.frame_numbers)) == {2}
    assert track.crops[:, 0, 0, 0].tolist() == track.frame_numbers.tolist()


def test_only_what_is_looked_at_is_read(tmp_path, monkeypatch) -> None:
    sights = {1: seen(RED, range(1, 100)), 2: seen(BLUE, range(1, 4))}
    tracklets, detections, store = video_of(tmp_path / "c.h5", sights)
    asked: list[int] = []
    plainly = CropStore.crops
    monkeypatch.setattr(from_tracklets, "DECODED_CROPS", 16)
    monkeypatch.setattr(
        CropStore, "crops", lambda self, rows, **how: (asked.append(len(rows)), plainly(self, rows, **how))[1]
    )
    with store:
        list(crop_tracks(tracklets, detections, store))
    assert sum(asked) == MAX_OBSERVATIONS + 3
    assert max(asked) == 16


def test_boxes_without_pixels_are_passed_over_and_tracklets_that_have_no_others(tmp_path) -> None:
    nothing = np.zeros((0, 0, 3), np.uint8)
    sights = {1: [Sight(1, nothing), Sight(2, plain(RED))], 2: [Sight(1, nothing)]}
    tracklets, detections, store = video_of(tmp_path / "c.h5", sights)
    with store:
        (track,) = crop_tracks(tracklets, detections, store)
    assert (track.track_id, track.frame_numbers.tolist()) == (1, [2])


def test_no_tracklets_are_no_tracks(tmp_path) -> None:
    tracklets, detections, store = video_of(tmp_path / "c.h5", {})
    with store:
        assert list(crop_tracks(tracklets, detections, store)) == []


def test_large_jpegs_read_at_a_part_of_their_size_look_the_same(tmp_path) -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (520, 260, 3), np.uint8), (0, 0), 9)
    smooth = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)
    narrow = np.ascontiguousarray(smooth[:, :50])
    sights = {1: [Sight(1, smooth), Sight(2, narrow)]}
    tracklets, detections, store = video_of(tmp_path / "c.h5", sights, codec="jpeg")
    with store:
        (track,) = crop_tracks(tracklets, detections, store)
    for found, picture in zip(track.crops, (smooth, narrow), strict=True):
        assert np.abs(found.astype(float) - square(picture)).mean() < 2


@pytest.mark.parametrize(("height", "width"), [(1, 1), (640, 20), (20, 640), (64, 64), (65, 63)])
def test_any_shape_becomes_a_square(height: int, width: int) -> None:
    found = square(np.full((height, width, 3), (10, 20, 30), np.uint8))
    assert found.shape == (CROP_PX, CROP_PX, 3)
    assert (found == (10, 20, 30)).all()


def test_the_side_that_shrinks_is_averaged_also_where_the_other_grows() -> None:
    lines = np.zeros((640, 20, 3), np.uint8)
    lines[::2] = 200
    assert (np.abs(square(lines).astype(int) - 100) <= 1).all()


@pytest.mark.parametrize(
    ("name", "value"), [("frame_numbers", 999), ("camera", 4), ("detection_indices", 5), ("bboxes", 1.0)]
)
def test_refuses_tables_of_another_run(tmp_path, name: str, value: float) -> None:
    tracklets, detections, store = video_of(tmp_path / "c.h5", {1: seen(RED, [4])})
    values = np.full_like(getattr(tracklets, name), value)
    with store, pytest.raises(CorruptFileError, match="materialise"):
        list(crop_tracks(changed(tracklets, **{name: values}), detections, store))


def test_refuses_a_store_of_other_detections(tmp_path) -> None:
    tracklets, detections, store = video_of(tmp_path / "c.h5", {1: seen(RED, [4])})
    _, _, other = video_of(tmp_path / "d.h5", {1: seen(RED, [4, 5])})
    with store, other, pytest.raises(CorruptFileError, match="3 crops of 2 detections"):
        list(crop_tracks(tracklets, detections, other))
