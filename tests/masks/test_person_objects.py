"""Which object a person's box shows: the one whose mask fills it, on whatever level."""

from pathlib import Path

import numpy as np
import pytest

from tests.people.crop_examples import persons_of
from videotracks.errors import CorruptFileError
from videotracks.masks.archive import SegmentsReader, SegmentsWriter
from videotracks.masks.packed import pack
from videotracks.masks.person_objects import PersonObjectSettings, box_consistency, match_person_boxes
from videotracks.tables import PersonObjects

HEIGHT, WIDTH = 90, 120
#: The box of everybody in ``persons_of``: left, top, right, bottom.
BOX = (10, 20, 30, 60)


def mask(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    drawn = np.zeros((HEIGHT, WIDTH), bool)
    drawn[top:bottom, left:right] = True
    return drawn


def archive(folder: Path, level: int, frames: dict[int, dict[int, np.ndarray]], scale: float = 1.0) -> SegmentsReader:
    path = folder / f"level_{level}.npz"
    with SegmentsWriter(path, level=level, scale=scale) as writer:
        for frame, objects in frames.items():
            writer.append(frame, f"frame_{frame:06d}", {i: pack(m, scale) for i, m in objects.items()})
    return SegmentsReader(path)


def match(archives: dict[int, SegmentsReader], frames: list[int], **settings: float) -> PersonObjects:
    persons = persons_of({7: [(0, frame) for frame in frames]} if frames else {})
    return match_person_boxes(persons, {0: archives}, PersonObjectSettings(**settings))


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_object_that_fills_the_box_belongs_to_it(tmp_path: Path, scale: float) -> None:
    objects = {1: mask(*BOX), 2: mask(40, 20, 60, 60), 3: mask(0, 0, WIDTH, HEIGHT)}
    found = match({2: archive(tmp_path, 2, {5: objects}, scale)}, [5])
    assert (found.level.tolist(), found.object_id.tolist()) == ([2], [1])
    assert found.iou[0] == pytest.approx(1.0, abs=0.05)


def test_the_level_that_fits_best_is_chosen_and_the_coarser_of_equal_ones(tmp_path: Path) -> None:
    legs, whole = mask(10, 40, 30, 60), mask(*BOX)
    levels = {2: {1: {4: whole}, 2: {4: mask(0, 0, 60, 80)}}, 4: {1: {9: whole}, 2: {9: whole, 8: legs}}}
    archives = {level: archive(tmp_path, level, frames) for level, frames in levels.items()}
    found = match(archives, [1, 2])
    assert list(zip(found.level.tolist(), found.object_id.tolist(), strict=True)) == [(2, 4), (4, 9)]


def test_a_box_without_a_fitting_object_has_none(tmp_path: Path) -> None:
    found = match({2: archive(tmp_path, 2, {0: {1: mask(10, 20, 30, 41)}})}, [0], min_iou=0.6)
    assert (found.object_id.tolist(), found.level.tolist(), found.tracked.tolist()) == ([0], [0], [True])
    assert found.iou[0] == pytest.approx(21 / 40)


def test_frames_that_nothing_was_followed_through_do_not_count(tmp_path: Path) -> None:
    found = match({2: archive(tmp_path, 2, {0: {1: mask(*BOX)}, 1: {}})}, [0, 1, 2])
    assert found.tracked.tolist() == [True, True, False]
    agreement = box_consistency(found)
    assert (agreement.boxes, agreement.with_mask, agreement.share) == (2, 1, 0.5)


def test_without_masks_or_without_persons_there_is_nothing_to_disagree(tmp_path: Path) -> None:
    for found in (match({}, [0, 1]), match({2: archive(tmp_path, 2, {0: {1: mask(*BOX)}})}, [])):
        assert box_consistency(found).share == 1.0
        assert not found.tracked.any()


def test_a_change_of_object_is_counted_and_a_person_without_any_is_named(tmp_path: Path) -> None:
    frames = {0: {1: mask(*BOX)}, 1: {1: mask(*BOX)}, 2: {5: mask(*BOX)}, 3: {}}
    persons = persons_of({7: [(0, 0), (0, 1), (0, 2)], 9: [(0, 3)]})
    found = match_person_boxes(persons, {0: {2: archive(tmp_path, 2, frames)}}, PersonObjectSettings())
    agreement = box_consistency(found)
    assert (agreement.switches, agreement.persons, agreement.persons_without) == (1, 2, [9])


def test_rows_are_found_by_view_frame_and_detection(tmp_path: Path) -> None:
    found = match({2: archive(tmp_path, 2, {0: {1: mask(*BOX)}})}, [0, 4])
    at = found.find(np.array([0, 0, 1], "i2"), np.array([4, 3, 4]), np.zeros(3, "i8"))
    assert at.tolist() == [1, -1, -1]


def test_a_table_that_is_not_sorted_is_refused(tmp_path: Path) -> None:
    arrays = match({}, [0, 4]).arrays()
    with pytest.raises(CorruptFileError, match="sorted"):
        PersonObjects(**{name: values[::-1].copy() for name, values in arrays.items()})
