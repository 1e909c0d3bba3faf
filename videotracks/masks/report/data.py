"""What the mask report shows, gathered from the outputs of the stages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.files import check_relative_name
from videotracks.masks.comparison.summary import ComparisonSummary, ComparisonWarning
from videotracks.masks.comparison.tracked_video import usual_step
from videotracks.masks.hierarchy.files import Hierarchy, Node
from videotracks.recording import Recording, View

#: Objects that the tree shows; a page with more no longer opens at once.
MOST_NODES = 2000


class LevelReport(NamedTuple):
    """What the page is told of a level."""

    counts: Mapping[str, int]  # candidates, prompts, dropped duplicates, objects, frames …
    seconds: Mapping[str, float]  # by stage
    summary: ComparisonSummary
    pictures: str  # folder of the pictures, relative to the page


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture beside the page, relative to it."""

    file: str
    frame: int
    time_s: float
    words: str


@dataclass(frozen=True, slots=True)
class ShownObject:
    """An object: where its small picture lies, when it is seen (begin, end in s), and what lies in it."""

    level: int
    number: int
    thumbnail: str | None
    frames: int
    spans: list[tuple[float, float]]
    inside: list["ShownObject"]
    descendants: int


@dataclass(frozen=True, slots=True)
class ShownLevel:
    """One level: figures, pictures, and its objects in the order in which they appear."""

    level: int
    counts: Mapping[str, int]
    seconds: Mapping[str, float]
    pictures: list[ShownPicture]
    picture_size: tuple[int, int]
    objects: list[ShownObject]


@dataclass(frozen=True, slots=True)
class MaskReport:
    """Everything on the page. ``roots`` are the objects that lie in no other, coarse levels first."""

    recording: Recording
    view: View
    levels: list[ShownLevel]
    roots: list[ShownObject]
    left_out: int
    video: str | None
    provenance: Mapping[str, Mapping[str, str]]
    warnings: Sequence[ComparisonWarning] = field(default_factory=list)


def build_mask_report(
    recording: Recording,
    camera: int,
    levels: Mapping[int, LevelReport],
    hierarchy: Hierarchy,
    video: str | None,
    provenance: Mapping[str, Mapping[str, str]],
) -> MaskReport:
    """Gather the page of one view. ``video`` and the folders of pictures are names relative to the page.

    ``ValueError`` for a name that leads elsewhere, ``CorruptFileError`` for a hierarchy without one of the levels.
    """
    view = recording.views[camera]
    objects = _objects(view, levels, hierarchy)
    roots, left_out = _tree(objects, hierarchy)
    return MaskReport(
        recording=recording,
        view=view,
        levels=[_level(level, levels[level], objects) for level in sorted(levels)],
        roots=roots,
        left_out=left_out,
        video=None if video is None else check_relative_name(video),
        provenance=provenance,
        warnings=[warning for level in sorted(levels) for warning in levels[level].summary.warnings],
    )


def _level(level: int, told: LevelReport, objects: Mapping[Node, ShownObject]) -> ShownLevel:
    folder = check_relative_name(told.pictures)
    pictures = [
        ShownPicture(
            file=check_relative_name(f"{folder}/{drawn.file}"),
            frame=drawn.frame_idx,
            time_s=drawn.time_s,
            words=f"{drawn.candidates or 'no'} candidates, {len(drawn.objects)} tracked",
        )
        for drawn in told.summary.drawn
    ]
    here = [shown for (of, _), shown in objects.items() if of == level]
    here.sort(key=lambda shown: (shown.spans[0], shown.number))
    return ShownLevel(level, told.counts, told.seconds, pictures, told.summary.picture_size, here)


def _objects(view: View, levels: Mapping[int, LevelReport], hierarchy: Hierarchy) -> dict[Node, ShownObject]:
    """Every object, not yet in its place in the tree."""
    times_s = np.append(view.timestamps_s, view.duration_s)
    shown: dict[Node, ShownObject] = {}
    for level, told in levels.items():
        if level not in hierarchy.index.root:
            raise CorruptFileError(
                f"index.json: expected level {level}, got levels {sorted(hierarchy.index.root)}; "
                "materialise mask_hierarchy again"
            )
        index, relations = hierarchy.index.root[level], hierarchy.relations.hierarchy[level]
        folder = check_relative_name(told.pictures)
        thumbnails = {item.object_id: check_relative_name(f"{folder}/{item.file}") for item in told.summary.objects}
        step = usual_step(sorted(index.frames))
        for number, entry in index.objects.items():
            shown[level, number] = ShownObject(
                level=level,
                number=number,
                thumbnail=thumbnails.get(number),
                frames=entry.frame_count,
                spans=spans_of(entry.frames, step, times_s),
                inside=[],
                descendants=relations[number].descendant_count,
            )
    return shown


def spans_of(frames: Sequence[int], step: int, times_s: np.ndarray) -> list[tuple[float, float]]:
    """Begin and end in s of each run of frames that follow each other at ``step`` or less.

    ``times_s`` f64[F + 1]: when each frame begins, and the end of the last; a frame lasts until the next followed one.
    """
    seen = np.asarray(frames)
    cuts = np.flatnonzero(np.diff(seen) > step)
    last = len(times_s) - 1
    begins = times_s[np.minimum(seen[np.r_[0, cuts + 1]], last)]
    ends = times_s[np.minimum(seen[np.r_[cuts, len(seen) - 1]] + step, last)]
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _tree(objects: Mapping[Node, ShownObject], hierarchy: Hierarchy) -> tuple[list[ShownObject], int]:
    """The objects that lie in no other one, with those that lie in them; at most ``MOST_NODES``, the longest seen."""
    kept = _kept(objects, hierarchy)
    roots = []
    for node in sorted(kept, key=lambda node: (node[0], -objects[node].frames, node[1])):
        parent = hierarchy.index.root[node[0]].objects[node[1]].parent
        if parent in kept:
            objects[parent].inside.append(objects[node])
        else:
            roots.append(objects[node])
    return roots, len(objects) - len(kept)


def _kept(objects: Mapping[Node, ShownObject], hierarchy: Hierarchy) -> set[Node]:
    """Nodes to show, each with all that it lies in."""
    kept: set[Node] = set()
    for node in sorted(objects, key=lambda node: -objects[node].frames):
        if len(kept) >= MOST_NODES:
            break
        kept.update(_line(node, hierarchy))
    return kept & set(objects)


def _line(node: Node | None, hierarchy: Hierarchy) -> Iterator[Node]:
    """A node, its parent, its parent's, and so on: levels fall, so that it ends."""
    while node is not None:
        yield node
        node = hierarchy.index.root[node[0]].objects[node[1]].parent
