"""MOTChallenge files: ground truth and public detections in, tracks out. Frames count from 1 there, from 0 here."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videotracks.errors import RecordingError
from videotracks.recording import Recording
from videotracks.sources import annotation_file
from videotracks.tables import Detections, Table, column

#: Classes of MOT16 and later: a prediction on one of these is neither right nor wrong.
PEDESTRIAN, DISTRACTORS = 1, (2, 7, 8, 12)
_LEAST_COLUMNS, _CLASS, _VISIBILITY = 6, 7, 8


@dataclass(frozen=True, slots=True, eq=False)
class MotRows(Table):
    """The rows of one MOTChallenge file, sorted by frame."""

    frame_numbers: np.ndarray = column("i8", "N", doc="frame, from 0")
    ids: np.ndarray = column("i8", "N", doc="identity; -1 in detections")
    bboxes: np.ndarray = column("f8", "N", 4, doc="left, top, right, bottom in px")
    confidences: np.ndarray = column("f8", "N", doc="confidence; in ground truth 0 marks rows that do not count")
    classes: np.ndarray = column("i8", "N", doc="class of MOT16 and later; 1, pedestrian, where none is given")

    def take(self, chosen: np.ndarray) -> "MotRows":
        """Some of the rows, by mask or index."""
        return MotRows(**{name: values[chosen] for name, values in self.arrays().items()})


def read_mot(path: Path) -> MotRows:
    """Read ``frame, id, left, top, width, height[, confidence[, class[, visibility]]]`` lines.

    ``RecordingError`` names file and line of what is no such line.
    """
    rows = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                rows.append(_row(line, f"{path}, line {number}"))
    table = np.array(rows, "f8").reshape(-1, 8)
    table = table[np.argsort(table[:, 0], kind="stable")]
    boxes = table[:, 2:6].copy()
    boxes[:, 2:] += boxes[:, :2]
    return MotRows(
        frame_numbers=table[:, 0].astype("i8") - 1,
        ids=table[:, 1].astype("i8"),
        bboxes=boxes,
        confidences=table[:, 6],
        classes=table[:, 7].astype("i8"),
    )


def _row(line: str, place: str) -> list[float]:
    fields = line.strip().rstrip(",").split(",")
    try:
        values = [float(field) for field in fields]
    except ValueError:
        values = []
    whole = len(values) >= _LEAST_COLUMNS and np.isfinite(values).all()
    if not whole or values[0] < 1 or values[0] % 1 or values[1] % 1 or min(values[4:6]) < 0:
        raise RecordingError(
            f"{place}: expected frame (from 1), id, left, top, width, height, … as numbers, got {line.strip()[:80]!r}"
        )
    confidence = values[6] if len(values) > 6 else 1.0
    # The two files before MOT16 have -1 or a world coordinate where later ones have class and visibility.
    has_class = len(values) == _VISIBILITY + 1 and values[_CLASS] > 0
    return [*values[:6], confidence, values[_CLASS] if has_class else PEDESTRIAN]


def write_mot(
    path: Path, ids: np.ndarray, frame_numbers: np.ndarray, bboxes: np.ndarray, confidences: np.ndarray
) -> None:
    """Write tracks as a MOTChallenge result file, by frame; ids i64[N], frames from 0, boxes xyxy px."""
    order = np.lexsort((ids, frame_numbers))
    with path.open("w", encoding="utf-8") as file:
        for row in order.tolist():
            left, top, right, bottom = bboxes[row].tolist()
            file.write(
                f"{frame_numbers[row] + 1},{ids[row]},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},"
                f"{confidences[row]:.4f},-1,-1,-1\n"
            )


def public_detections(recording: Recording, source: Path) -> Detections:
    """The detections that lie beside a recording (``det/det.txt``, ``<name>.det.txt``), a file for each view.

    ``RecordingError`` where a view has none, or where they are of frames that the view does not have.
    """
    rows = []
    for view in recording.views:
        path = annotation_file(source, view.camera, "det")
        if path is None:
            raise RecordingError(
                f"{source}: no public detections of view {view.camera}; expected det/det.txt or "
                f"{view.camera}.det.txt in its folder, or another detector than `public`"
            )
        found = read_mot(path)
        if len(found.frame_numbers) and found.frame_numbers[-1] >= view.frame_count:
            found = found.take(found.frame_numbers < view.frame_count)
        rows.append(found)
    return detections_from_mot(rows, [v.frame_count for v in recording.views], [v.camera for v in recording.views])


def detections_from_mot(rows: list[MotRows], frame_counts: list[int], camera_ids: list[str]) -> Detections:
    """Detections of several views from the rows of their files.

    Scores outside 0 to 1 (those of a support vector machine, say) go through the logistic function, all of a file.
    """
    counts = np.zeros((len(rows), max(frame_counts)), "i8")
    for camera, view in enumerate(rows):
        counts[camera] = np.bincount(view.frame_numbers, minlength=counts.shape[1])
    confidences = [_as_confidence(view.confidences) for view in rows]
    total = int(counts.sum())
    return Detections(
        frame_numbers=np.concatenate([view.frame_numbers for view in rows]),
        bboxes=np.concatenate([view.bboxes for view in rows]).astype("f4"),
        confidences=np.concatenate(confidences).astype("f4"),
        classes=np.zeros(total, "i8"),
        num_detections_per_frame=counts if len(rows) > 1 else counts[0],
        camera=np.repeat(np.arange(len(rows)), counts.sum(axis=1)).astype("i2"),
        camera_ids=np.array(camera_ids, dtype="U"),
    )


def _as_confidence(scores: np.ndarray) -> np.ndarray:
    if len(scores) and (scores.min() < 0 or scores.max() > 1):
        return 1 / (1 + np.exp(-scores))
    return scores
