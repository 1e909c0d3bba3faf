"""Crops without background: the object stays as it is, all else is grey, and what has no mask is not touched."""

from pathlib import Path

import numpy as np

from tests.masks.test_person_objects import BOX, archive, mask
from tests.people.crop_examples import crops_by_person
from videotracks.masks.masked_crops import BACKGROUND, HAS_MASK, KEPT_SHARE, write_masked_crops
from videotracks.masks.person_objects import PersonObjectSettings, match_person_boxes

NOISE = np.random.default_rng(0).integers(0, 256, (40, 20, 3), np.uint8)


def test_everything_but_the_object_is_grey(tmp_path: Path) -> None:
    box = tuple(float(side) for side in BOX)
    crops, persons = crops_by_person(tmp_path, {3: [(0, 5, 0.9, box, NOISE), (0, 6, 0.9, box, NOISE)]})  # type: ignore[list-item]
    shape = mask(*BOX) & (np.add.outer(np.arange(90), np.arange(120)) % 7 > 0)
    tracks = {0: {2: archive(tmp_path, 2, {5: {1: shape}, 6: {}})}}
    objects = match_person_boxes(persons, tracks, PersonObjectSettings())
    with write_masked_crops(tmp_path / "masked.h5", crops, objects, tracks) as masked:
        group, before = masked.person(3), crops.person(3)
        first, second = group.crop(0), group.crop(1)
        inside = shape[20:60, 10:30]
        assert (first[~inside] == BACKGROUND).all()
        assert (first[inside] == before.crop(0)[inside]).all()
        assert (second == before.crop(1)).all()
        assert group.extra[HAS_MASK].tolist() == [1, 0]
        assert np.allclose(group.extra[KEPT_SHARE], [inside.mean(), 1.0])
        assert group.frame_numbers.tolist() == before.frame_numbers.tolist()
