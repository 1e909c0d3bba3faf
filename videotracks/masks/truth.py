"""How well the tracked masks agree with true ones that lie beside the recording."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from videotracks.masks.accuracy import boundary_accuracy, region_similarity
from videotracks.masks.annotations import VOID, read_annotation
from videotracks.masks.archive import SegmentsReader
from videotracks.masks.overlap import areas, encode, iou_matrix
from videotracks.masks.packed import unpack_full
from videotracks.progress import Progress, silent
from videotracks.recording import Recording, View
from videotracks.sources import mask_annotations


class MaskTruthSettings(BaseModel, frozen=True, extra="forbid"):
    """What the check against true masks expects."""

    expected_j: float = Field(0.5, ge=0, le=1, description="least mean region similarity of the true objects")


class ObjectScore(BaseModel, frozen=True):
    """One true object, and the tracked object that is closest to it."""

    camera: str
    true_object: int = Field(description="its id in the annotation")
    level: int | None = Field(description="level of the tracked object; None where none ever overlaps it")
    object_id: int | None
    j: float = Field(description="mean region similarity over the frames in which either is seen, 0 to 1")
    f: float = Field(description="mean boundary accuracy over the same frames, 0 to 1")
    frames: int = Field(description="annotated frames in which the true object is seen")


class MaskAccuracy(BaseModel, frozen=True):
    """Region similarity and boundary accuracy over all true objects, each with the tracked object closest to it.

    One tracked object, of whatever level, counts for one true object. Nobody chose the objects by hand, so this is
    the unsupervised task of DAVIS 2019 (Caelles et al.), in which what was found beside the true objects costs
    nothing.
    """

    objects: list[ObjectScore]

    @property
    def j(self) -> float:
        """Mean region similarity over the true objects."""
        return float(np.mean([score.j for score in self.objects]))

    @property
    def f(self) -> float:
        """Mean boundary accuracy over the true objects."""
        return float(np.mean([score.f for score in self.objects]))

    def table(self) -> str:
        """A Markdown table, a line per true object."""
        lines = ["| view | true object | level | object | J | F | frames |", "|---|---|---|---|---|---|---|"]
        for score in self.objects:
            found = f"{score.level} | {score.object_id}" if score.object_id is not None else "– | –"
            lines.append(
                f"| {score.camera} | {score.true_object} | {found} | {score.j:.3f} | {score.f:.3f} | {score.frames} |"
            )
        return "\n".join(lines)


def score_masks(
    recording: Recording,
    source: Path,
    archives: Mapping[int, Mapping[int, SegmentsReader]],
    progress: Progress = silent,
) -> MaskAccuracy | None:
    """Compare the tracked masks, by view and level, with the true ones of DAVIS's layout; None without any.

    Only annotated frames that objects were followed through count. ``progress`` counts annotated frames.
    """
    scores: list[ObjectScore] = []
    for camera, levels in archives.items():
        view = recording.views[camera]
        followed = {frame for archive in levels.values() for frame in archive.frames}
        truth = {f: path for f, path in mask_annotations(source, view.camera).items() if f in followed}
        if truth:
            scores += _score_view(view, truth, levels, progress)
    return MaskAccuracy(objects=scores) if scores else None


def _score_view(
    view: View, truth: Mapping[int, Path], levels: Mapping[int, SegmentsReader], progress: Progress
) -> list[ObjectScore]:
    from scipy.optimize import linear_sum_assignment

    overlap: dict[tuple[int, tuple[int, int]], float] = {}
    seen: dict[int | tuple[int, int], set[int]] = {}
    for done, (frame, path) in enumerate(truth.items(), 1):
        ids, masks, found, tracked = _frame(view, path, frame, levels)
        names: list[int | tuple[int, int]] = [*ids, *found]
        for name in names:
            seen.setdefault(name, set()).add(frame)
        if ids and found:
            iou = iou_matrix(encode(masks), encode(tracked))
            for row, column in np.argwhere(iou > 0).tolist():
                pair = ids[row], found[column]
                overlap[pair] = overlap.get(pair, 0.0) + float(iou[row, column])
        progress(done, len(truth))
    true_ids = sorted(name for name in seen if isinstance(name, int))
    candidates = sorted({found for _, found in overlap})
    mean = np.zeros((len(true_ids), len(candidates)))
    for (true_id, candidate), total in overlap.items():
        either = len(seen[true_id] | seen[candidate])
        mean[true_ids.index(true_id), candidates.index(candidate)] = total / either
    rows, columns = linear_sum_assignment(-mean)
    pairs = {true_ids[r]: candidates[c] for r, c in zip(rows, columns, strict=True) if mean[r, c] > 0}
    return [_object_score(view, truth, levels, true_id, pairs.get(true_id), seen) for true_id in true_ids]


def _frame(
    view: View, path: Path, frame: int, levels: Mapping[int, SegmentsReader]
) -> tuple[list[int], list[np.ndarray], list[tuple[int, int]], list[np.ndarray]]:
    """True ids and masks of a frame, and the tracked objects (level, id) and theirs, all bool[H, W]."""
    picture = read_annotation(path, view.height, view.width)
    ids = [int(i) for i in np.unique(picture) if i not in (0, VOID)]
    known = picture != VOID
    found, tracked = [], []
    for level, archive in levels.items():
        for object_id, packed in (archive.masks(frame) if frame in archive else {}).items():
            found.append((level, object_id))
            tracked.append(unpack_full(packed) & known)
    kept = np.flatnonzero(areas(tracked)).tolist() if tracked else []
    return ids, [picture == i for i in ids], [found[i] for i in kept], [tracked[i] for i in kept]


def _object_score(
    view: View,
    truth: Mapping[int, Path],
    levels: Mapping[int, SegmentsReader],
    true_id: int,
    found: tuple[int, int] | None,
    seen: Mapping[int | tuple[int, int], set[int]],
) -> ObjectScore:
    frames = sorted(seen[true_id] | (seen[found] if found else set()))
    j, f = np.zeros(len(frames)), np.zeros(len(frames))
    for at, frame in enumerate(frames if found else ()):
        assert found is not None
        picture = read_annotation(truth[frame], view.height, view.width)
        packed = levels[found[0]].masks(frame).get(found[1])
        made = unpack_full(packed) & (picture != VOID) if packed else np.zeros(picture.shape, bool)
        j[at], f[at] = region_similarity(made, picture == true_id), boundary_accuracy(made, picture == true_id)
    return ObjectScore(
        camera=view.camera,
        true_object=true_id,
        level=found[0] if found else None,
        object_id=found[1] if found else None,
        j=float(j.mean()),
        f=float(f.mean()),
        frames=len(seen[true_id]),
    )
