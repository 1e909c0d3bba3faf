"""What the stages of the masks say of themselves, in one small file each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field

from videotracks.json_models import read_model
from videotracks.masks.candidates.view import CandidateCounts
from videotracks.masks.hierarchy.files import Hierarchy
from videotracks.masks.tracking.settings import LevelStatistics

CANDIDATES, TRACKING_STATS = "mask_candidates.json", "tracking_stats.json"


class CandidateSummary(BaseModel, frozen=True):
    """``mask_candidates.json``: what became of the proposals, by view and level, and who made them."""

    source: dict[str, str]
    views: dict[str, dict[int, CandidateCounts]]

    @property
    def kept(self) -> int:
        """Candidates of all views and levels."""
        return sum(level.kept for levels in self.views.values() for level in levels.values())

    def table(self) -> str:
        """The counts as a Markdown table."""
        return _table(self.views)


class TrackingSummary(BaseModel, frozen=True):
    """``tracking_stats.json``: what the candidates came to, by view and level, and what followed them."""

    segmenter: dict[str, str]
    views: dict[str, dict[int, LevelStatistics]]

    def total(self, what: str) -> int:
        """A number of the statistics, summed over views and levels."""
        return sum(int(getattr(level, what)) for levels in self.views.values() for level in levels.values())

    def table(self) -> str:
        """Counts and seconds of each level as a Markdown table."""
        return _table(
            {
                camera: {level: _LevelRow.of(found) for level, found in levels.items()}
                for camera, levels in self.views.items()
            }
        )

    def seconds(self) -> dict[str, float]:
        """Seconds by stage, summed over views and levels."""
        total: dict[str, float] = {}
        for levels in self.views.values():
            for level in levels.values():
                for stage, took in level.seconds.items():
                    total[stage] = total.get(stage, 0.0) + took
        return total


class _LevelRow(BaseModel, frozen=True):
    candidates: int
    prompts: int
    duplicates: int
    regained: int
    objects: int
    masks: int
    seconds: float

    @classmethod
    def of(cls, level: LevelStatistics) -> Self:
        counts = level.counts.model_dump(include={"candidates", "prompts", "duplicates", "regained"})
        return cls(**counts, objects=level.objects, masks=level.masks, seconds=round(sum(level.seconds.values()), 1))


def _table(views: Mapping[str, Mapping[int, BaseModel]]) -> str:
    """The numbers of each view and level as a Markdown table."""
    rows = [
        {"view": camera, "level": level, **numbers.model_dump(exclude={"level"})}
        for camera, levels in views.items()
        for level, numbers in levels.items()
    ]
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(map(str, line)).replace("_", " ") + " |" for line in lines)


def read_tracking_summary(path: Path) -> TrackingSummary:
    """Read ``tracking_stats.json``; ``CorruptFileError`` for a file that is none."""
    return read_model(path, TrackingSummary, "materialise mask_tracks again")


class NodeCount(BaseModel, frozen=True):
    """How many objects a level has, and how many of them lie inside a coarser one."""

    objects: int = Field(ge=0)
    inside: int = Field(ge=0)


class HierarchySummary(BaseModel, frozen=True):
    """``mask_hierarchy.json``: the objects by view and level."""

    views: dict[str, dict[int, NodeCount]]

    @property
    def objects(self) -> int:
        """Objects of all views and levels."""
        return sum(level.objects for levels in self.views.values() for level in levels.values())

    @property
    def inside(self) -> int:
        """Objects that lie inside another one."""
        return sum(level.inside for levels in self.views.values() for level in levels.values())


def count_nodes(hierarchy: Hierarchy) -> dict[int, NodeCount]:
    """The objects of one view by level."""
    return {
        level: NodeCount(
            objects=len(index.objects), inside=sum(found.parent is not None for found in index.objects.values())
        )
        for level, index in hierarchy.index.root.items()
    }
