"""How well decisions agree with ground truth: was it noise that was filtered out, and things that were kept?"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from videotracks.people.accuracy import MATCH_IOU, box_iou
from videotracks.people.motchallenge import DISTRACTORS, PEDESTRIAN, MotRows, read_frames_of
from videotracks.persistence.classifier.auroc import auroc
from videotracks.persistence.decisions.deciding import PersistenceDecisions
from videotracks.recording import Recording
from videotracks.sources import annotation_file
from videotracks.tables import Tracklets

#: A tracklet is real when at least this share of its boxes lies on one identity.
REAL_SHARE = 0.5
#: A filter that is worth having keeps this share of the real tracklets: a lost person costs more than a false one.
LEAST_RECALL = 0.95


class Agreement(BaseModel, frozen=True):
    """Tracklets by what they are and what was decided of them."""

    real_kept: int
    real_filtered: int
    false_kept: int
    false_filtered: int
    auroc: float | None = Field(description="chance that a real one is more confident than a false; none without both")

    @property
    def precision(self) -> float | None:
        """Share of the kept that are real; None where nothing was kept."""
        return _share(self.real_kept, self.real_kept + self.false_kept)

    @property
    def recall(self) -> float | None:
        """Share of the real that were kept; None where nothing is real."""
        return _share(self.real_kept, self.real_kept + self.real_filtered)

    @property
    def loses_few(self) -> bool:
        """Whether hardly any real tracklet was filtered out: an empty set loses none."""
        return self.recall is None or self.recall >= LEAST_RECALL

    def sentence(self) -> str:
        """The outcome in words."""
        real, false = self.real_kept + self.real_filtered, self.false_kept + self.false_filtered
        if not real + false:
            return "no tracklet lies in a view with ground truth: nothing to compare"
        order = "" if self.auroc is None else f"; AUROC of the confidence {self.auroc:.2f}"
        return (
            f"{self.real_kept} of {real} real tracklets kept, {self.false_filtered} of {false} false ones "
            f"filtered out{order}"
        )


def agreement(decisions: PersistenceDecisions, real: Mapping[int, bool]) -> Agreement:
    """Compare the decisions with what is real, by tracklet; those of which that is not known are left out."""
    judged = [
        (decision, real[decision.tracklet_id]) for decision in decisions.decisions if decision.tracklet_id in real
    ]
    sure = [(decision.confidence, truth) for decision, truth in judged if decision.confidence is not None]
    order = auroc(np.array([truth for _, truth in sure], "i8"), np.array([confidence for confidence, _ in sure], "f8"))
    pairs = [(truth, decision.keep) for decision, truth in judged]
    return Agreement(
        real_kept=pairs.count((True, True)),
        real_filtered=pairs.count((True, False)),
        false_kept=pairs.count((False, True)),
        false_filtered=pairs.count((False, False)),
        auroc=None if np.isnan(order) else order,
    )


def real_tracklets(recording: Recording, source: Path, tracklets: Tracklets) -> dict[int, bool] | None:
    """Which tracklets are real, where ground truth lies beside the recording; None where it does for no view.

    Tracklets of views without it, and those that lie on what MOTChallenge counts neither way (on a vehicle, static,
    distractor, reflection), are left out.
    """
    found: dict[int, bool] = {}
    known = False
    for camera, view in enumerate(recording.views):
        path = annotation_file(source, view.camera, "gt")
        if path is not None:
            known = True
            found |= real_in_view(read_frames_of(path, view.frame_count), tracklets, camera)
    return found if known else None


def real_in_view(truth: MotRows, tracklets: Tracklets, camera: int) -> dict[int, bool]:
    """Which tracklets of one view are real: at least half of their boxes have IoU ≥ 0.5 with one identity."""
    here = np.flatnonzero(tracklets.camera == camera)
    ids, number, lengths = np.unique(tracklets.tracklet_id[here], return_inverse=True, return_counts=True)
    box, row = _overlapping(truth, tracklets, here)
    counts = (truth.confidences[row] != 0) & (truth.classes[row] == PEDESTRIAN)
    on_one = np.zeros(len(ids), "i8")
    on_identity = np.unique(np.stack([box[counts], truth.ids[row[counts]]]), axis=1)
    pairs, times = np.unique(np.stack([number[on_identity[0]], on_identity[1]]), axis=1, return_counts=True)
    np.maximum.at(on_one, pairs[0], times)
    alike = np.unique(box[np.isin(truth.classes[row], DISTRACTORS)])
    on_distractors = np.bincount(number[alike], minlength=len(ids))
    real = on_one >= REAL_SHARE * lengths
    judged = real | (on_distractors < REAL_SHARE * lengths)
    return dict(zip(ids[judged].tolist(), real[judged].tolist(), strict=True))


def _overlapping(truth: MotRows, tracklets: Tracklets, here: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a box (place in ``here``) and a row of the truth that overlap in the same frame, i8[M] each."""
    order = np.argsort(tracklets.frame_numbers[here], kind="stable")
    frames = tracklets.frame_numbers[here][order]
    boxes = tracklets.bboxes[here].astype("f8")
    found = [np.zeros((2, 0), "i8")]
    for frame in np.intersect1d(frames, truth.frame_numbers).tolist():
        own = order[slice(*np.searchsorted(frames, [frame, frame + 1]))]
        begin, end = np.searchsorted(truth.frame_numbers, [frame, frame + 1])
        which, row = np.nonzero(box_iou(boxes[own], truth.bboxes[begin:end]) >= MATCH_IOU)
        found.append(np.stack([own[which], begin + row]))
    box, row = np.concatenate(found, axis=1)
    return box, row


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
