"""ByteTrack beside the `trackers` library: ``python -m benchmarks.tracking --reference-python PYTHON``.

PYTHON has trackers 2.6 and supervision installed; it runs in its own process. Speed: generated people who cross a
street, 5 and 100 boxes a frame, best of three runs of each. Accuracy: the public detections of TUD-Campus, where ours
run with the default settings and the library with every combination of a small grid (``tracking_reference.GRID``).
Compilation: processor time of a fresh process, median of three, with an empty and with a filled cache.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from videotracks.people.accuracy import Accuracy, score
from videotracks.people.bytetrack import TrackingSettings, track
from videotracks.people.motchallenge import MotRows, detections_from_mot, read_mot
from videotracks.tables import Detections

FPS, RUNS, GOAL, COMPILE_GOAL_S = 25.0, 3, 20, 2.0
COMPILE = (
    "import numba, numpy, videotracks.people.bytetrack; from time import process_time as now; begin = now(); "
    "import videotracks.people._tracking_kernels; print(now() - begin)"
)


def street(boxes: int, frames: int, seed: int = 0) -> Detections:
    """About ``boxes`` people a frame who cross 1920 by 1080 at up to 5 px/frame; one in ten boxes is unsure."""
    random = np.random.default_rng(seed)
    start = random.integers(-100, frames, boxes * max(1, frames // 100) + boxes)
    center = random.uniform((0, 0), (1920, 1080), (len(start), 2))
    velocity, height = random.uniform(-5, 5, (len(start), 2)), random.uniform(60, 200, len(start))
    rows, counts = [], []
    for frame in range(frames):
        here = np.flatnonzero((start <= frame) & (frame < start + 100))
        middle = center[here] + (frame - start[here])[:, None] * velocity[here] + random.normal(0, 1, (len(here), 2))
        half = height[here][:, None] * (0.2, 0.5)
        sure = np.where(random.random(len(here)) < 0.1, 0.4, 0.9)
        rows.append(np.column_stack([middle - half, middle + half, sure]))
        counts.append(len(here))
    table = np.concatenate(rows).astype("f4")
    return Detections(
        frame_numbers=np.repeat(np.arange(frames), counts),
        bboxes=np.ascontiguousarray(table[:, :4]),
        confidences=table[:, 4].copy(),
        classes=np.zeros(len(table), "i8"),
        num_detections_per_frame=np.array(counts, "i8"),
        camera=np.zeros(len(table), "i2"),
        camera_ids=np.array(["street"]),
    )


def rows_of(detections: Detections, rows: np.ndarray, ids: np.ndarray) -> MotRows:
    """Some detections and their ids as rows that can be scored."""
    ones = np.ones(len(rows))
    order = np.argsort(rows)
    rows, ids = rows[order], ids[order]
    return MotRows(detections.frame_numbers[rows], ids, detections.bboxes[rows].astype("f8"), ones, ones.astype("i8"))


def our_rows(detections: Detections) -> MotRows:
    found = track(detections, [times(detections)], TrackingSettings())
    rows = detections.row_of(found.camera, found.frame_numbers, found.detection_indices)
    return rows_of(detections, rows, found.tracklet_id)


def times(detections: Detections) -> np.ndarray:
    return np.arange(detections.counts.shape[1]) / FPS


def best_seconds(detections: Detections) -> float:
    taken = []
    for _ in range(RUNS):
        begin = perf_counter()
        track(detections, [times(detections)], TrackingSettings())
        taken.append(perf_counter() - begin)
    return min(taken)


def run_reference(python: Path, scenes: dict[str, Detections]) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as scratch:
        for name, scene in scenes.items():
            arrays = {"bboxes": scene.bboxes, "confidences": scene.confidences, "counts": scene.counts[0]}
            np.savez(Path(scratch) / f"scene_{name}.npz", fps=np.array(FPS), **arrays)
        script = Path(__file__).with_name("tracking_reference.py")
        subprocess.run([python, script, scratch], check=True)
        with np.load(Path(scratch) / "reference.npz", allow_pickle=False) as made:
            return dict(made)


def report_accuracy(truth: MotRows, detections: Detections, reference: dict[str, np.ndarray]) -> None:
    ours = score([truth], [our_rows(detections)])
    scored: dict[str, Accuracy] = {}
    for name, ids in reference.items():
        if name.startswith("scene_accuracy "):
            rows = np.flatnonzero(ids >= 0)
            scored[name.removeprefix("scene_accuracy ")] = score([truth], [rows_of(detections, rows, ids[rows])])
    print("\n| TUD-Campus | HOTA | DetA | AssA | IDF1 | MOTA | IDSW | FP | FN |\n|---|---|---|---|---|---|---|---|---|")
    print(_line("ours, defaults", ours))
    print(_line("trackers, defaults", scored["0.6 0.7 2 0.1 xyxy"]))
    for metric in ("hota", "idf1", "mota"):
        best = max(scored, key=lambda name: getattr(scored[name], metric))
        print(_line(f"trackers, best {metric.upper()} of {len(scored)}: {best}", scored[best]))
        verdict = "reached" if getattr(ours, metric) >= getattr(scored[best], metric) else "MISSED"
        print(f"|   {metric.upper()} at least as good: {verdict} | | | | | | | | |")


def _line(name: str, a: Accuracy) -> str:
    shares = " | ".join(f"{value:.3f}" for value in (a.hota, a.det_a, a.ass_a, a.idf1, a.mota))
    return f"| {name} | {shares} | {a.idsw} | {a.fp} | {a.fn} |"


def report_speed(scenes: dict[str, Detections], reference: dict[str, np.ndarray]) -> None:
    print("| boxes a frame | ours, frames/s | trackers, frames/s | ratio |\n|---|---|---|---|")
    for name, scene in scenes.items():
        frames = scene.counts.shape[1]
        ours, theirs = frames / best_seconds(scene), frames / float(reference[f"scene_{name}"])
        verdict = "" if ours / theirs >= GOAL else " MISSED"
        print(f"| {scene.row_count / frames:.0f} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.0f}{verdict} |")


def report_compilation() -> None:
    empty, filled = np.median([_import_seconds() for _ in range(RUNS)], axis=0)
    verdict = "reached" if empty <= COMPILE_GOAL_S else "MISSED"
    print(f"compilation: {empty:.2f} s, goal {COMPILE_GOAL_S} s: {verdict}; {filled:.2f} s with a filled cache\n")


def _import_seconds() -> list[float]:
    """Processor seconds of importing the compiled loop with an empty cache, and again with what that left there."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        command = [sys.executable, "-c", COMPILE]
        runs = [subprocess.run(command, env=environment, check=True, capture_output=True, text=True) for _ in range(2)]
    return [float(run.stdout) for run in runs]


def main() -> None:
    parser = argparse.ArgumentParser(description="ByteTrack beside the trackers library")
    parser.add_argument("--reference-python", type=Path, help="an interpreter that has trackers and supervision")
    parser.add_argument("--testdata", type=Path, default=Path(__file__).parents[2] / "shared" / "testdata")
    given = parser.parse_args()
    scenes = {"speed_005": street(5, 2_000), "speed_100": street(100, 500)}
    campus = given.testdata / "mot" / "TUD-Campus"
    truth = read_mot(campus / "gt.txt")
    frames = int(truth.frame_numbers.max()) + 1
    detections = detections_from_mot([read_mot(campus / "det.txt")], [frames], ["campus"])
    report_compilation()
    if given.reference_python is None:
        for scene in scenes.values():
            print(f"{scene.counts.shape[1] / best_seconds(scene):,.0f} frames/s")
        print(score([truth], [our_rows(detections)]))
        return
    reference = run_reference(given.reference_python, {**scenes, "accuracy": detections})
    report_speed(scenes, reference)
    report_accuracy(truth, detections, reference)


if __name__ == "__main__":
    main()
