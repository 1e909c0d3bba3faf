"""Crops of persons with the background removed, where an object's mask belongs to the box."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from videotracks.masks.archive import SegmentsReader
from videotracks.masks.packed import unpack_full
from videotracks.people.crop_codecs import codec
from videotracks.people.crops import CropGroup, CropStore, PersonCrops, pixel_box, write_selected_crops
from videotracks.tables import PersonObjects

#: What takes the place of the background: the middle of the range, which normalised networks see as about nothing.
BACKGROUND = 127
#: Column that tells what share of the crop was kept; 1 also where no mask belongs to the box.
KEPT_SHARE, HAS_MASK = "kept_share", "has_mask"


def write_masked_crops(
    path: Path,
    crops: CropStore,
    objects: PersonObjects,
    archives: Mapping[int, Mapping[int, SegmentsReader]],
    *,
    created: datetime | None = None,
) -> CropStore:
    """Copy the crops of each person, those with a mask with everything else made grey; the new file opened.

    ``archives`` are the tracked masks by view and level. The columns ``has_mask`` (0 or 1) and ``kept_share`` are
    added; a crop without a mask stays as it is, byte for byte.
    """
    masked = (_masked(crops.person(p), p, crops.codec, objects, archives) for p in crops.persons)
    return write_selected_crops(path, masked, crops, created=created)


def _masked(
    group: CropGroup,
    person: int,
    codec_name: str,
    objects: PersonObjects,
    archives: Mapping[int, Mapping[int, SegmentsReader]],
) -> PersonCrops:
    rows = np.arange(len(group))
    encoded = [data.tobytes() for data in group.encoded(rows)]
    kept = np.ones(len(group), "f4")
    has_mask = np.zeros(len(group), "u1")
    encode = codec(codec_name).encode
    for row, mask in _masks(group, objects, archives):
        pixels = group.crop(row)
        if mask.shape == pixels.shape[:2] and mask.any():
            encoded[row] = encode(np.where(mask[..., None], pixels, np.uint8(BACKGROUND)))
            kept[row], has_mask[row] = mask.mean(), 1
    return PersonCrops(person, group, rows, {**group.extra, KEPT_SHARE: kept, HAS_MASK: has_mask}, encoded)


def _masks(
    group: CropGroup, objects: PersonObjects, archives: Mapping[int, Mapping[int, SegmentsReader]]
) -> Iterator[tuple[int, np.ndarray]]:
    """The rows that an object belongs to, and its mask bool[h, w] inside their box."""
    at = objects.find(group.camera, group.frame_numbers, group.detection_indices)
    for row in np.flatnonzero(at >= 0).tolist():
        found = int(at[row])
        if not objects.object_id[found]:
            continue
        archive = archives[int(objects.camera[found])][int(objects.level[found])]
        packed = archive.masks(int(objects.frame_numbers[found])).get(int(objects.object_id[found]))
        if packed is not None:
            full = unpack_full(packed)
            left, top, right, bottom = pixel_box(group.bboxes[row], full.shape[1], full.shape[0])
            yield row, full[top:bottom, left:right]
