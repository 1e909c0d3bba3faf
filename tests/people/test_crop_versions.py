"""The version of a crop file is that of its crops, not of the moment it was written."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.people.crop_examples import crops_by_person, plain
from videotracks.people.crop_layout import write_attributes
from videotracks.people.crop_store import CropStore
from videotracks.versions import content_version

BOX = (10.0, 20.0, 30.0, 60.0)


def version(folder: Path, color: tuple[int, int, int] = (200, 0, 0), confidence: float = 0.9, person: int = 1) -> str:
    folder.mkdir()
    sights = {person: [(0, 5, confidence, BOX, plain(color))], 7: [(0, 6, 0.8, BOX, plain((0, 0, 90)))]}
    store, _ = crops_by_person(folder, sights)
    with store:
        return content_version(store)


def test_equal_crops_have_one_version_whenever_they_are_written(tmp_path: Path) -> None:
    import h5py

    before = version(tmp_path / "a")
    path = next(p for p in (tmp_path / "a").glob("*.h5") if p.name != "detection_crops.h5")
    with CropStore.open(path) as store:
        crops, frames, codec = len(store), store.total_frames, store.codec
    with h5py.File(path, "r+") as file:
        long_ago = datetime(2001, 2, 3, tzinfo=UTC)
        write_attributes(file, codec=codec, persons=2, crops=crops, frames=frames, created=long_ago)
    with CropStore.open(path) as store:
        assert store.attributes["created_timestamp"].startswith("2001")
        assert store.content_version() == before == version(tmp_path / "b")


@pytest.mark.parametrize("other", [{"color": (201, 0, 0)}, {"confidence": 0.8}, {"person": 2}])
def test_other_pixels_rows_or_persons_are_another_version(tmp_path: Path, other: dict) -> None:
    assert version(tmp_path / "a") != version(tmp_path / "b", **other)


def test_the_crops_of_all_detections_have_a_version_too(tmp_path: Path) -> None:
    version(tmp_path / "a"), version(tmp_path / "b", (1, 2, 3))
    with CropStore.open(tmp_path / "a" / "detection_crops.h5") as one, CropStore.open(one.path) as same:
        with CropStore.open(tmp_path / "b" / "detection_crops.h5") as other:
            assert one.content_version() == same.content_version() != other.content_version()
        assert np.array_equal(one.arrays()["checksums"], one.checksums)
