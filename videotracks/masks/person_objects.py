"""Which tracked object each box of a person shows: masks and people are made apart, and checked against each other."""

from collections.abc import Mapping

import numpy as np
from pydantic import BaseModel, Field

from videotracks.masks.archive import SegmentsReader
from videotracks.masks.packed import bounding_box, unpack
from videotracks.progress import Progress, silent
from videotracks.tables import PersonObjects, Persons


class PersonObjectSettings(BaseModel, frozen=True, extra="forbid"):
    """When an object's mask counts as that of a person's box."""

    min_iou: float = Field(0.5, gt=0, le=1, description="IoU of the person's box and the bounding box of the mask")
    expected_share: float = Field(
        0.5, ge=0, le=1, description="least share of the persons' boxes that the check wants to have a mask"
    )


def match_person_boxes(
    persons: Persons,
    archives: Mapping[int, Mapping[int, SegmentsReader]],
    settings: PersonObjectSettings,
    progress: Progress = silent,
) -> PersonObjects:
    """Find for every box the object whose mask's bounding box overlaps it most, on whatever level that is.

    ``archives`` are the tracked masks by view and level. Bounding boxes are compared because a person fills only
    about half of its box, however good the mask. Of equal ones the coarser level wins. Masks of one frame are held
    at a time; ``progress`` counts frames.
    """
    order = np.lexsort((persons.detection_indices, persons.frame_numbers, persons.camera))
    camera, frames = persons.camera[order], persons.frame_numbers[order]
    tracked = np.zeros(len(order), bool)
    best = np.zeros(len(order), np.dtype([("level", "i2"), ("object_id", "i8"), ("iou", "f4")]))
    starts = np.flatnonzero(np.r_[True, (np.diff(camera) != 0) | (np.diff(frames) != 0)][: len(order)])
    stops = np.r_[starts, len(order)][1:] if len(starts) else starts
    for done, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        boxes = persons.bboxes[order[start:stop]].astype("f8")
        for level, archive in sorted(archives.get(int(camera[start]), {}).items()):
            if int(frames[start]) not in archive:
                continue
            tracked[start:stop] = True
            ids, found = _object_boxes(archive, int(frames[start]))
            if len(ids):
                _keep_better(best[start:stop], level, ids, _box_iou(boxes, found))
        progress(done + 1, len(starts))
    known = best["iou"] >= settings.min_iou
    return PersonObjects(
        camera=camera,
        frame_numbers=frames,
        detection_indices=persons.detection_indices[order],
        person_id=persons.person_id[order],
        tracked=tracked,
        level=np.where(known, best["level"], 0).astype("i2"),
        object_id=np.where(known, best["object_id"], 0),
        iou=best["iou"].copy(),
    )


def _object_boxes(archive: SegmentsReader, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids i64[M] of the objects of a frame and the bounding boxes of their masks, f64[M, 4] xyxy px of the video."""
    ids, boxes = [], []
    for object_id, packed in archive.masks(frame).items():
        box = bounding_box(unpack(packed))
        if box is not None:
            x, y, width, height = box
            down, across = (
                full / stored for full, stored in zip(packed.full_resolution_shape, packed.shape, strict=True)
            )
            ids.append(object_id)
            boxes.append((x * across, y * down, (x + width) * across, (y + height) * down))
    return np.array(ids, "i8"), np.array(boxes, "f8").reshape(-1, 4)


def _box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of every two boxes, f64[A, B]; 0 for boxes without area."""
    corner, far = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(far - corner, 0, None).prod(axis=2)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(axis=1) for x in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def _keep_better(best: np.ndarray, level: int, ids: np.ndarray, iou: np.ndarray) -> None:
    """Where an object of this level overlaps a box more than what is known of it, remember that object."""
    top = iou.argmax(axis=1)
    value = iou[np.arange(len(top)), top].astype("f4")
    better = value > best["iou"]
    best["level"][better], best["object_id"][better] = level, ids[top[better]]
    best["iou"][better] = value[better]


class BoxConsistency(BaseModel, frozen=True):
    """How far people and masks agree."""

    boxes: int = Field(description="boxes of persons in frames that objects were followed through")
    with_mask: int = Field(description="of those, boxes that an object belongs to")
    persons: int = Field(description="persons with such boxes")
    persons_without: list[int] = Field(description="persons with no object in any frame")
    mean_iou: float = Field(description="mean IoU of the boxes that an object belongs to with its bounding box")
    switches: int = Field(description="times that a person's object changes from one box with an object to the next")

    @property
    def share(self) -> float:
        """The share of boxes that an object belongs to; 1 without boxes."""
        return self.with_mask / self.boxes if self.boxes else 1.0


def box_consistency(objects: PersonObjects) -> BoxConsistency:
    """Summarise the match of boxes and masks; only frames that objects were followed through count."""
    matched = objects.object_id > 0
    persons = np.unique(objects.person_id[objects.tracked])
    order = np.lexsort((objects.frame_numbers, objects.camera, objects.person_id))
    rows = order[matched[order]]
    same = (np.diff(objects.person_id[rows]) == 0) & (np.diff(objects.camera[rows]) == 0)
    changed = (np.diff(objects.object_id[rows]) != 0) | (np.diff(objects.level[rows]) != 0)
    return BoxConsistency(
        boxes=int(objects.tracked.sum()),
        with_mask=int(matched.sum()),
        persons=len(persons),
        persons_without=np.setdiff1d(persons, objects.person_id[matched]).tolist(),
        mean_iou=float(objects.iou[matched].mean()) if matched.any() else 0.0,
        switches=int((same & changed).sum()),
    )
