"""The generated street: its truth must be exact, or every score on it is worthless."""

from pathlib import Path

import numpy as np
import pytest

from videotracks.demo.camera import camera_at
from videotracks.demo.clip import write_demo
from videotracks.demo.people import Person, Walk, cast, limbs
from videotracks.demo.street import render
from videotracks.masks.annotations import read_annotation
from videotracks.sources import mask_annotations, recording_files

CAMERA = camera_at("cam_00", (320, 180), 260.0, (0, 0, 2.3), (0, 10, 1.0))
PALE = (250, 250, 250)


def walker(*walks: Walk) -> Person:
    return Person(1, 1.75, PALE, PALE, PALE, PALE, walks)


def test_a_camera_has_its_target_in_the_middle_and_what_is_higher_further_up() -> None:
    pixels, depths = CAMERA.project(np.array([[0.0, 10.0, 1.0], [0.0, 10.0, 1.5], [0.5, 10.0, 1.0]]))
    assert np.allclose(pixels[0], [159.5, 89.5])
    assert depths[0] == pytest.approx(np.hypot(10, 1.3))
    assert pixels[1, 1] < pixels[0, 1]
    assert pixels[2, 0] > pixels[0, 0]


def test_the_box_is_that_of_the_drawn_pixels() -> None:
    person = walker(Walk((-1.0, 6.0), (1.0, 6.0), 0.0, 4.0))
    with_person = list(render([person], CAMERA, 8, 2.0, seed=3))
    without = list(render([], CAMERA, 8, 2.0, seed=3))
    for seen, empty in zip(with_person, without, strict=True):
        (truth,) = seen.truth
        difference = np.abs(seen.rgb.astype(int) - empty.rgb).max(axis=2)
        upper = difference[: int(truth.box[3]) - 14] > 40
        columns, rows = np.flatnonzero(upper.any(axis=0)), np.flatnonzero(upper.any(axis=1))
        assert columns[0] >= truth.box[0] - 1
        assert columns[-1] <= truth.box[2] + 1
        assert rows[0] == pytest.approx(truth.box[1], abs=2)


def test_who_stands_behind_is_less_visible() -> None:
    near = walker(Walk((-1.0, 5.0), (1.0, 5.0), 0.0, 4.0))
    far = Person(2, 1.75, PALE, PALE, PALE, PALE, (Walk((1.0, 8.0), (-1.0, 8.0), 0.0, 4.0),))
    middle = list(render([near, far], CAMERA, 9, 2.0, seed=0))[4]
    visibility = {truth.identity: truth.visibility for truth in middle.truth}
    assert visibility[1] > 0.95
    assert visibility[2] < 0.6


def test_someone_leaves_and_comes_back_under_the_same_identity() -> None:
    seconds = 20.0
    returning = cast(6, seconds, seed=7)[0]
    present = [returning.at(t) is not None for t in np.arange(0, seconds, 0.1)]
    changes = np.flatnonzero(np.diff(np.array(present, dtype=int)))
    assert len(changes) >= 2


def test_the_same_seed_draws_the_same_frames() -> None:
    first, second = (next(render(cast(3, 4, 1), CAMERA, 1, 25, 1)) for _ in range(2))
    assert np.array_equal(first.rgb, second.rgb)
    assert first.truth == second.truth


def test_feet_stay_near_the_ground_and_the_head_at_body_height() -> None:
    person = walker(Walk((0.0, 6.0), (3.0, 6.0), 0.0, 3.0))
    for time_s in np.linspace(0, 2.9, 30):
        place = person.at(float(time_s))
        assert place is not None
        body = limbs(person, *place)
        heights = np.array([point[2] for limb in body for point in (limb.a, limb.b)])
        assert -0.05 < heights.min() < 0.2
        assert 1.6 < heights.max() < 1.8


def test_the_masks_lie_inside_the_boxes_and_tell_who_is_in_front() -> None:
    near = walker(Walk((-1.0, 5.0), (1.0, 5.0), 0.0, 4.0))
    far = Person(2, 1.75, PALE, PALE, PALE, PALE, (Walk((1.0, 8.0), (-1.0, 8.0), 0.0, 4.0),))
    for frame in render([near, far], CAMERA, 9, 2.0, seed=0):
        for truth in frame.truth:
            rows, columns = np.nonzero(frame.owner == truth.identity)
            left, top, right, bottom = truth.box
            assert columns.min() >= left - 1
            assert columns.max() <= right + 1
            assert rows.min() >= top - 1
            assert rows.max() <= bottom + 1
    middle = list(render([near, far], CAMERA, 9, 2.0, seed=0))[4]
    assert (middle.owner == 1).sum() > (middle.owner == 2).sum() > 0


def test_the_recording_has_a_mask_for_every_frame(tmp_path: Path) -> None:
    folder = write_demo(tmp_path / "street", seconds=0.4, people=2)
    masks = mask_annotations(folder, "cam_00")
    assert list(masks) == list(range(10))
    assert set(masks.values()) <= set(recording_files(folder))
    assert set(np.unique(read_annotation(masks[9], 432, 768)).tolist()) <= {0, 1, 2}
