"""The `trackers` library on given detections, in its own environment: started by ``benchmarks.tracking``.

It needs trackers 2.6, supervision and, for the second opinion on the scores, trackeval; nothing of this project.
"""

import sys
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker
from trackers.utils.state_representations import XCYCSRStateEstimator, XYXYStateEstimator

ESTIMATORS = {"xyxy": XYXYStateEstimator, "xcycsr": XCYCSRStateEstimator}
#: Every combination is tried on the detections with ground truth; the library's own defaults are among them.
GRID = {
    "high_conf_det_threshold": (0.3, 0.5, 0.6, 0.7),
    "track_activation_threshold": (0.4, 0.5, 0.7, 0.8),
    "minimum_consecutive_frames": (1, 2, 3),
    "minimum_iou_threshold": (0.1, 0.2, 0.3),
    "state_estimator_class": ("xyxy", "xcycsr"),
}


def frames_of(detections: dict[str, np.ndarray]) -> list[sv.Detections]:
    """One ``sv.Detections`` a frame, with the row of each box."""
    rows = np.split(np.arange(len(detections["bboxes"])), np.cumsum(detections["counts"])[:-1])
    return [
        sv.Detections(
            xyxy=detections["bboxes"][r].astype("f4"), confidence=detections["confidences"][r], data={"row": r}
        )
        for r in rows
    ]


def track(frames: list[sv.Detections], fps: float, **settings: object) -> tuple[np.ndarray, float]:
    """The tracker's id of each box (-1 for none), and the seconds it took."""
    if "state_estimator_class" in settings:
        settings["state_estimator_class"] = ESTIMATORS[str(settings["state_estimator_class"])]
    tracker = ByteTrackTracker(frame_rate=fps, **settings)  # type: ignore[arg-type]
    begin = perf_counter()
    results = [tracker.update(frame) for frame in frames]
    taken = perf_counter() - begin
    ids = np.full(sum(len(frame) for frame in frames), -1, "i8")
    for result in results:
        if len(result):
            ids[result.data["row"]] = result.tracker_id
    return ids, taken


def main(folder: Path) -> None:
    made: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob("scene_*.npz")):
        with np.load(path, allow_pickle=False) as scene:
            arrays = dict(scene)
        frames, fps = frames_of(arrays), float(arrays["fps"])
        if path.stem.startswith("scene_speed"):
            made[path.stem] = np.array(min(track(frames, fps)[1] for _ in range(3)))
            continue
        for combination in product(*GRID.values()):
            name = " ".join(str(value) for value in combination)
            made[f"{path.stem} {name}"] = track(frames, fps, **dict(zip(GRID, combination, strict=True)))[0]
    np.savez(folder / "reference.npz", **made)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
