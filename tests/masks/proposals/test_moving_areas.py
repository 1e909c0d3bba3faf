"""Moving areas: what moves otherwise than the camera is cut out along its edges."""

import numpy as np

from tests.masks.proposals.picture_examples import (
    BLUE,
    RED,
    flat,
    iou,
    moving_square,
    noisy,
    seen_by_a_moving_camera,
    texture,
)
from videotracks.masks.proposals.camera_motion import motion_between
from videotracks.masks.proposals.moving_areas import Area, connected, moving_areas
from videotracks.masks.proposals.regions import Pieces, cut_up, edge_strength, lab_of


def areas_of(frame: np.ndarray, following: np.ndarray) -> tuple[list[Area], Pieces]:
    lab = lab_of(frame)
    pieces = cut_up(edge_strength(lab))
    motion = motion_between(frame, following)
    assert motion is not None
    return moving_areas(lab, pieces, motion), pieces


def test_a_square_is_found_by_its_motion_alone() -> None:
    frame, following, square = moving_square()
    areas, pieces = areas_of(frame, following)
    assert iou(areas[0].pieces[pieces.labels], square) > 0.7


def test_a_moving_camera_alone_moves_nothing() -> None:
    areas, _ = areas_of(*seen_by_a_moving_camera())
    assert areas == []


def test_flat_parts_of_a_thing_are_filled_by_their_colour() -> None:
    frames = []
    for x in (100, 105):
        frame = texture(seed=5)
        frame[40:140, x : x + 80] = RED
        frame[40:140:25, x : x + 80] = frame[40:140, x : x + 80 : 20] = BLUE
        frames.append(noisy(frame, 2, seed=x))
    thing = np.zeros((180, 320), bool)
    thing[40:140, 100:180] = True
    areas, pieces = areas_of(*frames)
    best = max(areas, key=lambda area: iou(area.pieces[pieces.labels], thing))
    assert iou(best.pieces[pieces.labels], thing) > 0.9
    assert best.stability > 0.9


def test_two_things_apart_are_two_areas() -> None:
    frames = []
    for x in (40, 44):
        frame = texture(seed=6)
        frame[60:120, x : x + 50] = texture(60, 50, seed=7) // 2
        frame[60:120, 240 - x : 290 - x] = texture(60, 50, seed=8) // 2 + 120
        frames.append(frame)
    left, right = (np.zeros((180, 320), bool) for _ in range(2))
    left[60:120, 40:90], right[60:120, 200:250] = True, True
    areas, pieces = areas_of(*frames)
    for thing in (left, right):
        assert max(iou(area.pieces[pieces.labels], thing) for area in areas) > 0.8


def test_areas_are_connected_and_scored() -> None:
    frame, following, _ = moving_square()
    areas, pieces = areas_of(frame, following)
    for area in areas:
        assert len(connected(area.pieces, pieces.pairs)) == 1
        assert 0 <= area.stability <= 1


def test_connected_parts_of_nothing_are_none() -> None:
    picture = flat(40, 40, BLUE)
    pieces = cut_up(edge_strength(lab_of(picture)))
    nothing = np.zeros(pieces.total, bool)
    assert connected(nothing, pieces.pairs) == []
    corners = nothing.copy()
    corners[[0, -1]] = True
    assert [part.sum() for part in connected(corners, pieces.pairs)] == [1, 1]
