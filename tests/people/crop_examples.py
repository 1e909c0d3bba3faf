"""Small crop files by person, for the tests of what is made of crops."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from videotracks.people.crops import CropRows, CropSettings, CropStore, CropWriter, write_crops_by_person
from videotracks.people.ranking import Components, RankedPerson, Ranking
from videotracks.tables import Detections, Persons

#: Of one person: view, frame, confidence, box xyxy px, and the picture u8[h, w, 3].
Sight = tuple[int, int, float, tuple[float, float, float, float], np.ndarray]


def plain(color: tuple[int, int, int], height: int = 40, width: int = 20) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def persons_of(places: Mapping[int, Sequence[tuple[int, int]]]) -> Persons:
    """Persons seen at these views and frames (sorted), each of one tracklet with the person's id."""
    ids = sorted(places)
    rows = [(person, *place) for person in ids for place in sorted(places[person])]
    array = np.array(rows, "i8").reshape(-1, 3)
    count = len(array)
    return Persons(
        person_id=array[:, 0], camera=array[:, 1].astype("i2"), frame_numbers=array[:, 2],
        bboxes=np.tile(np.array([10, 20, 30, 60], "f4"), (count, 1)), confidences=np.full(count, 0.9, "f4"),
        detection_indices=np.zeros(count, "i8"), tracklet_id=array[:, 0].copy(), person_ids=np.array(ids, "i8"),
        num_tracklets_merged=np.ones(len(ids), "i8"), original_tracklet_ids=np.array(ids, "i8"),
        original_tracklet_offsets=np.arange(len(ids) + 1, dtype="i8"),
    )  # fmt: skip


def ranking_of(*persons: int) -> Ranking:
    """Persons in this order."""
    nothing = Components(duration=0, coverage=0, center=0, smoothness=0)
    rankings = [
        RankedPerson(person_id=person, rank=rank, score=1 / rank, components=nothing, is_primary=rank == 1)
        for rank, person in enumerate(persons, start=1)
    ]
    return Ranking(rankings=rankings, primary_person=persons[0] if persons else None)


def crops_by_person(
    folder: Path, sights: Mapping[int, Sequence[Sight]], frames: int = 200
) -> tuple[CropStore, Persons]:
    """A crop file of these sights, exact pixels, and the persons it belongs to."""
    cameras = 1 + max((s[0] for each in sights.values() for s in each), default=0)
    flat = sorted(((s[0], s[1], person, s) for person, each in sights.items() for s in each), key=lambda item: item[:3])
    counts = np.zeros((cameras, frames), "i8")
    position = []
    for camera, frame, _, _ in flat:
        position.append(int(counts[camera, frame]))
        counts[camera, frame] += 1
    rows = CropRows(
        frame_numbers=np.array([item[1] for item in flat], "i8"),
        bboxes=np.array([item[3][3] for item in flat], "f4").reshape(-1, 4),
        confidences=np.array([item[3][2] for item in flat], "f4"),
        camera=np.array([item[0] for item in flat], "i2"),
        detection_indices=np.array(position, "i8"),
    )
    with CropWriter(folder / "detection_crops.h5", CropSettings(codec="exact")) as writer:
        pictures = [item[3][4] for item in flat]
        writer.append(rows, [writer.encode(p) for p in pictures], [p.shape[:2] for p in pictures])
    detections = Detections(
        rows.frame_numbers, rows.bboxes, rows.confidences, np.zeros(len(flat), "i8"), counts, rows.camera,
        np.array([f"cam_{c:02d}" for c in range(cameras)]),
    )  # fmt: skip
    whose = np.array([item[2] for item in flat], "i8")
    order = np.argsort(whose, kind="stable")
    ids = np.unique(whose)
    persons = Persons(
        person_id=whose[order], tracklet_id=whose[order], person_ids=ids, num_tracklets_merged=np.ones(len(ids), "i8"),
        original_tracklet_ids=ids, original_tracklet_offsets=np.arange(len(ids) + 1, dtype="i8"),
        **{name: array[order] for name, array in rows.arrays().items()},
    )  # fmt: skip
    with CropStore.open(folder / "detection_crops.h5") as store:
        return write_crops_by_person(folder / "crops_by_person.h5", persons, detections, store), persons
