"""How well tracks agree with ground truth: HOTA, identity and CLEAR metrics, by the definitions of TrackEval.

HOTA: Luiten et al., IJCV 2021. Identity: Ristani et al., ECCV workshops 2016. CLEAR: Bernardin and Stiefelhagen 2008.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import RecordingError
from videotracks.people.motchallenge import DISTRACTORS, PEDESTRIAN, MotRows, read_mot
from videotracks.recording import Recording
from videotracks.sources import annotation_file
from videotracks.tables import Persons, Tracklets

ALPHAS = np.arange(0.05, 0.99, 0.05)
MATCH_IOU = 0.5
_EPSILON = np.finfo("f8").eps
#: What keeps a match of the frame before, so that identities only change where they must.
_STAY = 1000.0


class Accuracy(BaseModel, frozen=True):
    """Scores of tracks against ground truth; shares are 0 to 1, MOTA may be negative."""

    hota: float
    det_a: float
    ass_a: float
    loc_a: float
    idf1: float
    idp: float
    idr: float
    mota: float
    motp: float
    idsw: int = Field(description="identity switches")
    tp: int = Field(description="boxes found, at IoU 0.5")
    fp: int = Field(description="boxes too many")
    fn: int = Field(description="boxes missed")
    gt_ids: int
    ids: int

    def headline(self) -> dict[str, float]:
        """The three numbers that are compared."""
        return {"HOTA": self.hota, "IDF1": self.idf1, "MOTA": self.mota}


class _Frame(NamedTuple):
    """Identities (numbered from 0) of the truth and of the tracks in one frame, and the IoU of every pair."""

    truth: np.ndarray
    found: np.ndarray
    iou: np.ndarray


def score_recording(recording: Recording, source: Path, tracks: Tracklets | Persons) -> Accuracy | None:
    """Score the tracks of all views that have ground truth beside them, together; None where none has."""
    truth, found = [], []
    for camera, view in enumerate(recording.views):
        path = annotation_file(source, view.camera, "gt")
        if path is not None:
            truth.append(read_mot(path))
            found.append(_rows(tracks, camera))
    return score(truth, found) if truth else None


def score_tracks(gt_path: Path, tracks: Tracklets | Persons, camera: int = 0) -> Accuracy:
    """Score the tracks of one view against one ground truth file."""
    return score([read_mot(gt_path)], [_rows(tracks, camera)])


def _rows(tracks: Tracklets | Persons, camera: int) -> MotRows:
    ids = tracks.person_id if isinstance(tracks, Persons) else tracks.tracklet_id
    here = np.flatnonzero(tracks.camera == camera)
    here = here[np.argsort(tracks.frame_numbers[here], kind="stable")]
    ones = np.ones(len(here))
    return MotRows(tracks.frame_numbers[here], ids[here], tracks.bboxes[here].astype("f8"), ones, ones.astype("i8"))


def score(truth: Sequence[MotRows], found: Sequence[MotRows]) -> Accuracy:
    """Score tracks against ground truth, one pair of files per view; identities are those of a view.

    As TrackEval prepares MOT16 and MOT17: only pedestrians whose flag is not 0 count, and boxes matched to what looks
    like a pedestrian (on a vehicle, static, distractor, reflection) are neither right nor wrong. ``RecordingError``
    where an identity stands twice in one frame.
    """
    frames, gt_ids, ids = [], 0, 0
    for view_truth, view_found in zip(truth, found, strict=True):
        made, view_gt_ids, view_ids = _frames(view_truth, view_found)
        frames += [_Frame(f.truth + gt_ids, f.found + ids, f.iou) for f in made]
        gt_ids, ids = gt_ids + view_gt_ids, ids + view_ids
    hota = _hota(frames, gt_ids, ids)
    scores = {**hota, **_identity(frames, gt_ids, ids), **_clear(frames, gt_ids), "gt_ids": gt_ids, "ids": ids}
    return Accuracy.model_validate(scores)


def _frames(truth: MotRows, found: MotRows) -> tuple[list[_Frame], int, int]:
    """The frames in which there is anything, without the tracks on what does not count."""
    counts = (truth.confidences != 0) & (truth.classes == PEDESTRIAN)
    alike = np.isin(truth.classes, DISTRACTORS)
    kept = np.ones(len(found.ids), bool)
    for frame in np.unique(truth.frame_numbers[alike]).tolist():
        t, f = _at(truth, frame), _at(found, frame)
        iou = box_iou(truth.bboxes[t], found.bboxes[f])
        rows, columns = _assign(np.where(iou >= MATCH_IOU - _EPSILON, iou, 0))
        kept[f.start + columns[alike[t.start + rows]]] = False
    truth, found = truth.take(counts), found.take(kept)
    _check_unique(truth, "the ground truth")
    _check_unique(found, "the tracks")
    gt_ids, gt_number = np.unique(truth.ids, return_inverse=True)
    ids, number = np.unique(found.ids, return_inverse=True)
    made = []
    for frame in np.union1d(truth.frame_numbers, found.frame_numbers).tolist():
        t, f = _at(truth, frame), _at(found, frame)
        made.append(_Frame(gt_number[t], number[f], box_iou(truth.bboxes[t], found.bboxes[f])))
    return made, len(gt_ids), len(ids)


def _check_unique(rows: MotRows, name: str) -> None:
    pairs, times = np.unique(np.stack([rows.frame_numbers, rows.ids], axis=1), axis=0, return_counts=True)
    if (times > 1).any():
        frame, identity = pairs[times > 1][0].tolist()
        raise RecordingError(f"{name}: identity {identity} stands more than once in frame {frame + 1} (counted from 1)")


def _at(rows: MotRows, frame: int) -> slice:
    begin, end = np.searchsorted(rows.frame_numbers, [frame, frame + 1])
    return slice(int(begin), int(end))


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union f64[N, M] of boxes xyxy f64[N, 4] and f64[M, 4]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def _assign(worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the assignment of greatest worth, pairs of no worth left out."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(worth, maximize=True)
    real = worth[rows, columns] > 0
    return rows[real], columns[real]


def _hota(frames: Sequence[_Frame], gt_ids: int, ids: int) -> dict[str, float]:
    alignment, gt_count, count = np.zeros((gt_ids, ids)), np.zeros(gt_ids), np.zeros(ids)
    for frame in frames:
        total = frame.iou.sum(axis=0)[None] + frame.iou.sum(axis=1)[:, None] - frame.iou
        share = np.divide(frame.iou, total, out=np.zeros_like(frame.iou), where=total > _EPSILON)
        np.add.at(alignment, (frame.truth[:, None], frame.found[None]), share)
        gt_count[frame.truth] += 1
        count[frame.found] += 1
    alignment = alignment / np.maximum(gt_count[:, None] + count[None] - alignment, _EPSILON)
    matched = np.zeros((len(ALPHAS), gt_ids, ids))
    overlap = np.zeros(len(ALPHAS))
    for frame in frames:
        rows, columns = _assign(alignment[frame.truth[:, None], frame.found[None]] * frame.iou)
        iou = frame.iou[rows, columns]
        good = iou[None] >= ALPHAS[:, None] - _EPSILON
        overlap += (good * iou).sum(axis=1)
        matched[:, frame.truth[rows], frame.found[columns]] += good
    tp = matched.sum(axis=(1, 2))
    union = gt_count[None, :, None] + count[None, None] - matched
    ass_a = (matched * matched / np.maximum(union, 1)).sum(axis=(1, 2)) / np.maximum(tp, 1)
    det_a = tp / np.maximum(gt_count.sum() + count.sum() - tp, 1)
    loc_a = np.where(tp > 0, overlap / np.maximum(tp, _EPSILON), 1.0)
    hota = np.sqrt(det_a * ass_a)
    means = {"hota": hota, "det_a": det_a, "ass_a": ass_a, "loc_a": loc_a}
    return {name: float(values.mean()) for name, values in means.items()}


def _identity(frames: Sequence[_Frame], gt_ids: int, ids: int) -> dict[str, float]:
    """The assignment of whole tracks to whole identities that explains most boxes."""
    shared = np.zeros((gt_ids, ids))
    for frame in frames:
        rows, columns = np.nonzero(frame.iou >= MATCH_IOU)
        shared[frame.truth[rows], frame.found[columns]] += 1
    rows, columns = _assign(shared)
    idtp = shared[rows, columns].sum()
    boxes, gt_boxes = sum(len(f.found) for f in frames), sum(len(f.truth) for f in frames)
    return {
        "idf1": float(idtp / max((boxes + gt_boxes) / 2, 1)),
        "idp": float(idtp / max(boxes, 1)),
        "idr": float(idtp / max(gt_boxes, 1)),
    }


def _clear(frames: Sequence[_Frame], gt_ids: int) -> dict[str, float]:
    last, before = np.full(gt_ids, -1), np.full(gt_ids, -1)
    tp = fp = fn = idsw = 0
    overlap = 0.0
    for frame in frames:
        if not len(frame.truth):
            fp += len(frame.found)
            continue
        if not len(frame.found):
            fn += len(frame.truth)
            continue
        worth = frame.iou + _STAY * (before[frame.truth][:, None] == frame.found[None])
        rows, columns = _assign(np.where(frame.iou < MATCH_IOU - _EPSILON, 0, worth))
        truth, found = frame.truth[rows], frame.found[columns]
        idsw += int(((last[truth] >= 0) & (last[truth] != found)).sum())
        last[truth] = found
        before[:] = -1
        before[truth] = found
        tp, fn, fp = tp + len(rows), fn + len(frame.truth) - len(rows), fp + len(frame.found) - len(rows)
        overlap += float(frame.iou[rows, columns].sum())
    return {
        "mota": (tp - fp - idsw) / max(tp + fn, 1),
        "motp": overlap / max(tp, 1),
        "idsw": idsw,
        "tp": tp,
        "fp": fp,
        "fn": fn,
    }
