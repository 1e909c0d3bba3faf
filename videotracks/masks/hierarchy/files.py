"""The hierarchy as it is stored: ``index.json``, by level its objects and frames, and ``relations.json``, the tree."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, RootModel, model_validator

from videotracks.errors import CorruptFileError
from videotracks.json_models import read_model

INDEX_NAME, RELATIONS_NAME = "index.json", "relations.json"
#: A hundred hours with fifty objects in every frame fit; more is no index of a video.
MAX_BYTES = 4 << 30
#: How to put a broken file right.
_AGAIN = "materialise mask_hierarchy again"

#: Level and number of an object: numbers begin at 1 on every level.
Node = tuple[int, int]


class IndexedObject(BaseModel, frozen=True, extra="forbid"):
    """Where an object is seen, and what it lies inside of. Frames are numbers of the video."""

    parent_id: int | None = Field(default=None, ge=0, description="number of the object that contains it")
    parent_level: int | None = Field(default=None, description="the level that this number is of")
    frames: list[int] = Field(min_length=1, description="frames it is seen in, ascending")
    frame_count: int
    first_frame: int = Field(ge=0)
    last_frame: int

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if any(b <= a for a, b in pairwise(self.frames)):
            raise ValueError("frames must ascend")
        if (self.frame_count, self.first_frame, self.last_frame) != (len(self.frames), self.frames[0], self.frames[-1]):
            raise ValueError("frame_count, first_frame and last_frame must be those of frames")
        if (self.parent_id is None) != (self.parent_level is None):
            raise ValueError("parent_id and parent_level come together")
        return self

    @property
    def parent(self) -> Node | None:
        """Level and number of the object that contains it."""
        return None if self.parent_id is None or self.parent_level is None else (self.parent_level, self.parent_id)


class IndexedFrame(BaseModel, frozen=True, extra="forbid"):
    """Who is seen in a frame."""

    frame_name: str = Field(max_length=255)
    objects: list[int]


class LevelIndex(BaseModel, frozen=True, extra="forbid"):
    """The objects and the frames of one level, by their number."""

    objects: dict[int, IndexedObject]
    frames: dict[int, IndexedFrame]

    @model_validator(mode="after")
    def _objects_and_frames_tell_the_same(self) -> Self:
        seen: dict[int, list[int]] = defaultdict(list)
        for frame in sorted(self.frames):
            for identity in self.frames[frame].objects:
                seen[identity].append(frame)
        if dict(seen) != {identity: entry.frames for identity, entry in self.objects.items()}:
            raise ValueError("the frames of the objects and the objects of the frames differ")
        return self


class Index(RootModel[dict[int, LevelIndex]], frozen=True):
    """All levels of a view, by level. A parent is an object of a coarser (lower) level."""

    @model_validator(mode="after")
    def _parents_are_coarser_objects(self) -> Self:
        for level, index in self.root.items():
            for identity, entry in index.objects.items():
                if entry.parent is None:
                    continue
                above, parent = entry.parent
                if above >= level or above not in self.root or parent not in self.root[above].objects:
                    raise ValueError(f"object {identity} of level {level} has no object {parent} of level {above}")
        return self


class Relation(BaseModel, frozen=True, extra="forbid"):
    """The place of an object in the tree; levels stand beside the numbers that they belong to."""

    parent: int | None
    parent_level: int | None
    children: list[int] = Field(description="those that lie directly in it, by level and number")
    child_levels: list[int] = Field(description="the level of each of them")
    descendant_count: int = Field(ge=0, description="children, their children, and so on")


class Relations(BaseModel, frozen=True, extra="forbid"):
    """The tree, by level and number of the object."""

    hierarchy: dict[int, dict[int, Relation]]


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Which object lies inside which."""

    index: Index
    relations: Relations


def relations_of(index: Index) -> Relations:
    """The tree that the parents of an index make."""
    parents = {(level, i): entry.parent for level, at in index.root.items() for i, entry in at.objects.items()}
    children: dict[Node, list[Node]] = defaultdict(list)
    descendants: dict[Node, int] = dict.fromkeys(parents, 0)
    for node in sorted(parents, reverse=True):  # fine levels first: their counts are final when they are passed on
        parent = parents[node]
        if parent is not None:
            children[parent].append(node)
            descendants[parent] += 1 + descendants[node]
    tree: dict[int, dict[int, Relation]] = {level: {} for level in sorted(index.root)}
    for level, identity in sorted(parents):
        parent = parents[level, identity]
        below = sorted(children[level, identity])
        tree[level][identity] = Relation(
            parent=parent[1] if parent else None,
            parent_level=parent[0] if parent else None,
            children=[child for _, child in below],
            child_levels=[child_level for child_level, _ in below],
            descendant_count=descendants[level, identity],
        )
    return Relations(hierarchy=tree)


def write_hierarchy(folder: Path, hierarchy: Hierarchy) -> dict[str, Path]:
    """Write both files into ``folder``; return them by their names."""
    made = {INDEX_NAME: folder / INDEX_NAME, RELATIONS_NAME: folder / RELATIONS_NAME}
    made[INDEX_NAME].write_text(hierarchy.index.model_dump_json(), encoding="utf-8")
    made[RELATIONS_NAME].write_text(hierarchy.relations.model_dump_json(), encoding="utf-8")
    return made


def read_hierarchy(files: Mapping[str, Path]) -> Hierarchy:
    """Read both files, given by their names; ``CorruptFileError`` where one is none, or contradicts the other."""
    index = read_model(files[INDEX_NAME], Index, _AGAIN, MAX_BYTES)
    relations = read_model(files[RELATIONS_NAME], Relations, _AGAIN, MAX_BYTES)
    if relations != relations_of(index):
        raise CorruptFileError(
            f"{files[RELATIONS_NAME]}: expected the tree that the parents in {INDEX_NAME} make, got another; {_AGAIN}"
        )
    return Hierarchy(index, relations)
