"""How good each crop of a person is, and which ones stand for the person: the best of every stretch of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import CorruptFileError
from videotracks.people.crops import CropGroup, CropStore, PersonCrops, write_selected_crops
from videotracks.people.ranking import Ranking
from videotracks.tables import Table, column

#: The area that counts as full size is this percentile of the person's own areas: one giant box must not decide.
AREA_PERCENTILE = 95


class SelectionSettings(BaseModel, frozen=True, extra="forbid"):
    """How many crops stand for a person."""

    crops_per_person: int = Field(50, ge=1, le=1000, description="best crops kept of each ranked person")


@dataclass(frozen=True, slots=True, eq=False)
class CropQuality(Table):
    """Measures of the crops of one person, row by row."""

    width: np.ndarray = column("f4", "N", doc="width of the box, px")
    height: np.ndarray = column("f4", "N", doc="height of the box, px")
    area: np.ndarray = column("f4", "N", doc="area of the box, px²")
    aspect_ratio: np.ndarray = column("f4", "N", doc="height / width of the box")
    visibility_score: np.ndarray = column("f4", "N", doc="aspect · size · centre, 0 to 1")
    quality_score: np.ndarray = column("f4", "N", doc="confidence · min(1, area / p95) · visibility, 0 to 1")


def crop_quality(bboxes: np.ndarray, confidences: np.ndarray, frame_sizes: np.ndarray) -> CropQuality:
    """Measure the boxes (f32[N, 4] xyxy px, at least one) of one person.

    ``confidences`` f32[N]; ``frame_sizes`` [N, 2] is the width and height in px of the frame each box lies in.
    A box without area has quality 0.
    """
    boxes, frame = np.asarray(bboxes, "f8").reshape(-1, 4), np.asarray(frame_sizes, "f8").reshape(-1, 2)
    width, height = np.maximum(boxes[:, 2] - boxes[:, 0], 0), np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    area = width * height
    ratio = np.divide(height, width, out=np.zeros_like(area), where=width > 0)
    share = area / frame.prod(axis=1)
    offset = np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 / frame - 0.5).max(axis=1, initial=0)
    aspect = np.maximum(0.3, 1 - np.abs(ratio - 2) / 2)
    size = np.where(share < 0.01, 0.3, np.where(share > 0.3, 0.5, 1.0))
    visibility = aspect * size * np.maximum(0.5, 1 - offset * 2)
    full = float(np.percentile(area, AREA_PERCENTILE)) if len(area) else 0.0
    relative = np.minimum(1, area / full) if full > 0 else np.zeros_like(area)
    columns = width, height, area, ratio, visibility, confidences * relative * visibility
    return CropQuality(*(np.asarray(values, "f4") for values in columns))


def spread_best(quality: np.ndarray, times: np.ndarray, count: int) -> np.ndarray:
    """Rows i64[≤ count] of the best crops over the whole time, best first.

    The time from the first to the last is cut into ``count`` equal stretches and the best crop of each is taken (ties:
    the earlier row); what remains to be taken, because the person was away in some, goes by quality alone.
    """
    if len(quality) == 0:
        return np.zeros(0, "i8")
    order = np.lexsort((np.arange(len(quality)), -quality))
    span = int(times.max()) - int(times.min()) + 1
    stretch = (times - times.min()) * min(count, span) // span
    _, first = np.unique(stretch[order], return_index=True)
    leads = np.zeros(len(order), bool)
    leads[first] = True
    chosen = np.concatenate([order[leads], order[~leads]])[:count]
    return chosen[np.lexsort((chosen, -quality[chosen]))]


def select_final_crops(
    path: Path,
    crops_by_person: CropStore,
    ranking: Ranking,
    frame_sizes: Sequence[tuple[int, int]],
    settings: SelectionSettings,
    *,
    created: datetime | None = None,
) -> CropStore:
    """Write the best crops of every ranked person to ``path``, in time order, and return the new file opened.

    ``frame_sizes`` (width, height in px) is per view. The columns of ``CropQuality`` and ``confidence``,
    ``frame_number``, ``quality_rank`` (1 is the person's best) are added to each crop. Encoded bytes are copied; crops
    without pixels are never chosen. ``CorruptFileError`` where a ranked person has no group of crops.
    """
    sizes = np.asarray(frame_sizes, "i8").reshape(-1, 2)
    return write_selected_crops(
        path, _selected(crops_by_person, ranking, sizes, settings), crops_by_person, created=created
    )


def _selected(
    store: CropStore, ranking: Ranking, sizes: np.ndarray, settings: SelectionSettings
) -> Iterator[PersonCrops]:
    for person in sorted(ranked.person_id for ranked in ranking.rankings):
        if person not in store.persons:
            raise CorruptFileError(
                f"crops_by_person: no crops of person {person}, who is ranked; materialise crops_by_person again"
            )
        group = store.person(person)
        if len(group) and int(group.camera.max()) >= len(sizes):
            raise CorruptFileError(f"crops_by_person: a crop of view {group.camera.max()}, of {len(sizes)} views")
        quality = crop_quality(group.bboxes, group.confidences, sizes[group.camera])
        rows, ranks = _chosen(group, quality.quality_score, settings.crops_per_person)
        yield PersonCrops(person, group, rows, _columns(group, quality, rows, ranks))


def _chosen(group: CropGroup, quality: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The chosen rows of a group in its own order, and the rank of each by quality."""
    seen = np.flatnonzero((group.sizes > 0).all(axis=1))
    best_first = seen[spread_best(quality[seen], group.frame_numbers[seen], count)]
    in_order = np.argsort(best_first, kind="stable")
    return best_first[in_order], np.arange(1, len(best_first) + 1)[in_order]


def _columns(group: CropGroup, quality: CropQuality, rows: np.ndarray, ranks: np.ndarray) -> Mapping[str, np.ndarray]:
    measured = {name: values[rows] for name, values in quality.arrays().items()}
    own = {"confidence": group.confidences[rows], "frame_number": group.frame_numbers[rows], "quality_rank": ranks}
    return {**measured, **own}
