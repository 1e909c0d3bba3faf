"""Sightings: the same boxes, whichever table they come from."""

import numpy as np
import pytest

from tests.persistence.triangulation.rig_examples import LEFT, RIGHT, cameras, track
from videotracks.persistence.triangulation.sightings import Sightings
from videotracks.tables import Persons, Tracklets


def tracklets() -> Tracklets:
    """Tracklets 1 and 2 of view 0, one after the other, and 3 of view 1."""
    return Tracklets(
        tracklet_id=np.array([1, 1, 2, 3]),
        camera=np.array([0, 0, 0, 1], "i2"),
        frame_numbers=np.array([0, 1, 5, 0]),
        bboxes=np.array([[0, 0, 10, 20]] * 4, "f4"),
        confidences=np.ones(4, "f4"),
        detection_indices=np.zeros(4, "i8"),
    )


def persons() -> Persons:
    """The same: 1 and 2 are one person, whom nobody recognised in view 1."""
    rows = tracklets()
    return Persons(
        person_id=np.array([1, 1, 1, 3]),
        camera=rows.camera,
        frame_numbers=rows.frame_numbers,
        bboxes=rows.bboxes,
        confidences=rows.confidences,
        detection_indices=rows.detection_indices,
        tracklet_id=rows.tracklet_id,
        person_ids=np.array([1, 3]),
        num_tracklets_merged=np.array([2, 1]),
        original_tracklet_ids=np.array([1, 2, 3]),
        original_tracklet_offsets=np.array([0, 2, 3]),
    )


def test_tracklets_are_tracks_of_their_views() -> None:
    seen = Sightings.of_tracklets(tracklets())
    assert seen.ids.tolist() == [1, 2, 3]
    assert seen.views.tolist() == [0, 0, 1]
    assert seen.frames[seen.in_view(0)].tolist() == [0, 1, 5]
    assert seen.in_view(2) == slice(4, 4)


def test_a_person_is_one_track_in_each_view() -> None:
    seen = Sightings.of_persons(persons())
    assert list(zip(seen.views.tolist(), seen.ids.tolist(), strict=True)) == [(0, 1), (1, 3)]
    assert seen.tracks.tolist() == [0, 0, 0, 1]


def test_what_a_filter_dropped_is_not_seen() -> None:
    assert Sightings.of_tracklets(tracklets(), kept=[2, 3]).ids.tolist() == [2, 3]
    assert Sightings.of_persons(persons(), kept={1, 3}).frames.tolist() == [0, 1, 0]
    assert len(Sightings.of_persons(persons(), kept=[])) == 0


def test_the_middle_of_a_box_is_told_as_cameras_count_pixels() -> None:
    seen = Sightings.of_tracklets(tracklets())
    assert seen.centers[0].tolist() == [4.5, 9.5]
    assert seen.sides[0] == 20


def test_tracks_of_crops_may_share_ids_between_views() -> None:
    one, other = cameras(2)
    seen = Sightings.of_crop_tracks([[track(5, 0, one, LEFT), track(1, 0, one, RIGHT)], [track(5, 1, other, LEFT)]])
    assert seen.ids.tolist() == [5, 1, 5]
    assert seen.views.tolist() == [0, 0, 1]
    assert len(Sightings.of_crop_tracks([[], []])) == 0


def test_refuses_two_boxes_of_a_track_in_one_frame() -> None:
    with pytest.raises(ValueError, match="one box a track and frame"):
        Sightings(np.array([1]), np.array([0]), np.array([0, 0]), np.array([3, 3]), np.zeros((2, 4)))
