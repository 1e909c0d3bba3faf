"""How many of each person's frames have a crop: counted from the index of a crop file, no picture is read."""

from dataclasses import dataclass

import numpy as np

from videotracks.people.crop_store import CropStore
from videotracks.tables import Persons


@dataclass(frozen=True, slots=True)
class CropTally:
    """Of one person: frame numbers listed, crops stored, crops without pixels, and the person's frames covered."""

    frames: int
    crops: int
    empty: int
    covered: int


def tally_crops(persons: Persons, store: CropStore) -> dict[int, CropTally]:
    """The tally of every person in ``store`` (``crops_by_person.h5``); ``CorruptFileError`` if it is damaged."""
    return {int(person): _tally(persons, store, int(person)) for person in store.persons}


def _tally(persons: Persons, store: CropStore, person: int) -> CropTally:
    group = store.person(person)
    empty = (group.sizes == 0).any(axis=1)
    seen: set[tuple[int, int]] = set()
    if person in persons.person_ids:
        rows = persons.rows_of(person)
        seen = _places(persons.camera[rows], persons.frame_numbers[rows])
    covered = seen & _places(group.camera[~empty], group.frame_numbers[~empty])
    return CropTally(len(group.frame_numbers), len(group.sizes), int(empty.sum()), len(covered))


def _places(camera: np.ndarray, frame_numbers: np.ndarray) -> set[tuple[int, int]]:
    return set(zip(camera.tolist(), frame_numbers.tolist(), strict=True))
