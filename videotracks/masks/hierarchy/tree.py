"""Which fine object lies inside which coarser one, from the masks of all levels, frame by frame."""

from collections.abc import Mapping

import numpy as np
from pydantic import BaseModel, Field

from videotracks.masks.archive import SegmentsReader
from videotracks.masks.hierarchy.containment import PairSums, of_one_size
from videotracks.masks.hierarchy.files import (
    Hierarchy,
    Index,
    IndexedFrame,
    IndexedObject,
    LevelIndex,
    Node,
    relations_of,
)
from videotracks.progress import Progress, silent


class HierarchySettings(BaseModel, frozen=True, extra="forbid"):
    """When an object counts as lying inside a coarser one."""

    containment: float = Field(
        default=0.95, gt=0.5, le=1, description="share of the fine object's pixels that must lie inside"
    )
    min_shared_frames: int = Field(default=3, ge=1, description="frames in which both must be seen")


def build_hierarchy(
    levels: Mapping[int, SegmentsReader], settings: HierarchySettings, progress: Progress = silent
) -> Hierarchy:
    """Find the parent of every object: the smallest object of any coarser (lower) level that contains it.

    Contained is an object of which at least ``containment`` of its pixels, added up over the frames that both are
    seen in, lie inside; smallest is the one of the least mean area in those frames (ties: the finer level, then the
    lower number). The masks of one frame at a time are in memory, and the sums of each pair seen together.
    """
    pairs = {(fine, coarse): PairSums() for fine in levels for coarse in levels if coarse < fine}
    shared = sorted(_shared_frames(levels))
    for done, frame in enumerate(shared, 1):
        _add_frame(frame, levels, pairs)
        progress(done, len(shared))
    parents = _parents(pairs, settings)
    index = Index({level: _index_of(level, levels[level], parents) for level in sorted(levels)})
    return Hierarchy(index, relations_of(index))


def _shared_frames(levels: Mapping[int, SegmentsReader]) -> set[int]:
    """Frames in which at least two levels have objects."""
    once: set[int] = set()
    twice: set[int] = set()
    for reader in levels.values():
        here = {frame for frame in reader.frames if reader.objects_of(frame)}
        twice |= once & here
        once |= here
    return twice


def _add_frame(frame: int, levels: Mapping[int, SegmentsReader], pairs: Mapping[tuple[int, int], PairSums]) -> None:
    seen = of_one_size({level: reader.masks(frame) for level, reader in levels.items() if frame in reader})
    for (fine, coarse), sums in pairs.items():
        if fine in seen and coarse in seen:
            sums.add(seen[fine], seen[coarse])


def _parents(pairs: Mapping[tuple[int, int], PairSums], settings: HierarchySettings) -> dict[Node, Node]:
    """The parent of every object that has one."""
    best: dict[Node, tuple[float, int, int]] = {}
    for (fine, coarse), sums in pairs.items():
        ids, totals = sums.totals()
        inside = totals[:, 0] / totals[:, 1] >= settings.containment
        for row in np.flatnonzero(inside & (totals[:, 3] >= settings.min_shared_frames)).tolist():
            child, parent = (int(identity) for identity in ids[row])
            size = float(totals[row, 2] / totals[row, 3])
            found = size, -coarse, parent
            best[fine, child] = min(found, best.get((fine, child), found))
    return {node: (-level, parent) for node, (_, level, parent) in best.items()}


def _index_of(level: int, reader: SegmentsReader, parents: Mapping[Node, Node]) -> LevelIndex:
    seen: dict[int, list[int]] = {}
    frames: dict[int, IndexedFrame] = {}
    for frame, name in zip(reader.frames, reader.names, strict=True):
        here = sorted(reader.objects_of(frame))
        frames[frame] = IndexedFrame(frame_name=name, objects=here)
        for identity in here:
            seen.setdefault(identity, []).append(frame)
    objects = {}
    for identity in sorted(seen):
        parent = parents.get((level, identity))
        objects[identity] = IndexedObject(
            parent_id=parent[1] if parent else None,
            parent_level=parent[0] if parent else None,
            frames=seen[identity],
            frame_count=len(seen[identity]),
            first_frame=seen[identity][0],
            last_frame=seen[identity][-1],
        )
    return LevelIndex(objects=objects, frames=frames)
