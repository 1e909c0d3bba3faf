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
_LEAST_COLUMNS, _CLASS = 6, 7
#: No line of such a file is longer, and no frame, id or coordinate larger; what is, is no such file.
_LONGEST_LINE, _LARGEST = 1000, 1e9


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

    Lines of ten numbers are of the kind before MOT16, whose last ones are world coordinates or -1, no class.
    ``RecordingError`` names file and line of what is no such line.
    """
    rows = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), start=1):
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
    whole = len(values) >= _LEAST_COLUMNS and all(abs(value) <= _LARGEST for value in values)  # not so of nan either
    if not whole or values[0] < 1 or values[0] % 1 or values[1] % 1 or min(values[4:6]) < 0:
        raise RecordingError(
            f"{place}: expected frame (from 1), id, left, top, width, height, … as numbers, got {line.strip()[:80]!r}"
        )
    confidence = values[6] if len(values) > 6 else 1.0
    has_class = len(values) in (_CLASS + 1, _CLASS + 2) and values[_CLASS] > 0
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

    Files of a sequence of which only the beginning is there are cut to that. ``RecordingError`` where a view has no
    file, or where all of its detections are of frames that the view does not have.
    """
    rows = []
    for view in recording.views:
        path = annotation_file(source, view.camera, "det")
        if path is None:
            raise RecordingError(
                f"{source}: no public detections of view {view.camera}; expected det/det.txt or "
                f"{view.camera}.det.txt in its folder, or another detector than `public`"
            )
        rows.append(read_frames_of(path, view.frame_count))
    return detections_from_mot(rows, [v.frame_count for v in recording.views], [v.camera for v in recording.views])


def read_frames_of(path: Path, frame_count: int) -> MotRows:
    """Read a MOTChallenge file and keep the rows of the first ``frame_count`` frames.

    ``RecordingError`` where there are rows, but none of them is of these frames: then it is another recording's file.
    """
    rows = read_mot(path)
    here = rows.frame_numbers < frame_count
    if len(here) and not here.any():
        first = rows.frame_numbers[0] + 1
        raise RecordingError(
            f"{path}: expected rows of the recording's {frame_count} frames, got none before frame {first}; "
            "is it the file of another recording?"
        )
    return rows.take(here)


def detections_from_mot(rows: list[MotRows], frame_counts: list[int], camera_ids: list[str]) -> Detections:
    """Detections of several views from the rows of their files.

    Scores outside 0 to 1 (those of a support vector machine, say) go through the logistic function, all of a file.
    ``RecordingError`` names the view and the frame that it does not have.
    """
    counts = np.zeros((len(rows), max(frame_counts)), "i8")
    for camera, (view, frame_count, name) in enumerate(zip(rows, frame_counts, camera_ids, strict=True)):
        if view.frame_numbers.max(initial=-1) >= frame_count:
            raise RecordingError(
                f"detections of view {name}: expected frames 1 to {frame_count}, "
                f"got frame {view.frame_numbers.max() + 1}; are they those of another recording?"
            )
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
