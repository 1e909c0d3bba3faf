"""The detection pass against its parts: decode, detect and crop alone, and together; peak memory by length.

    python -m benchmarks.detection_pass [--clip CLIP] [--frames 300] [--detector hog|yolox --weights FILE]

Each round measures the four one after the other, so that what else runs on the machine meets all of them;
the table shows medians of the rounds, and ratios, which travel from machine to machine.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from videotracks.people.crops import CropRows, CropSettings, CropStore, CropWriter, pixel_box
from videotracks.people.detection import DetectionSettings, detect_recording
from videotracks.people.detectors import Detector
from videotracks.people.hog import HogDetector
from videotracks.people.yolox import YoloxDetector
from videotracks.recording import Recording, probe_recording, read_frames, view_path
from videotracks.tables import Detections
from videotracks.video_writer import VideoWriter

#: Frames held in memory for the parts that are measured without decoding.
HELD = 24
WIDTH, HEIGHT = 1280, 720


def generate(path: Path, frames: int) -> Path:
    """A street-like clip: fixed texture, four drawn figures that walk."""
    import cv2

    rng = np.random.default_rng(0)
    ground = rng.integers(90, 170, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    ground = cv2.resize(ground, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    with VideoWriter(path, WIDTH, HEIGHT, 25.0) as video:
        for index in range(frames):
            image = ground.copy()
            for person in range(4):
                x = (150 + 300 * person + (3 + person) * index) % WIDTH
                swing = int(28 * np.sin(index / 4 + person))
                for leg in (-swing, swing):
                    cv2.line(image, (x, 420), (x + leg, 560), (40, 45, 60), 22, cv2.LINE_AA)
                cv2.line(image, (x, 310), (x, 420), (90, 40 * person, 120), 54, cv2.LINE_AA)
                cv2.circle(image, (x, 262), 22, (200, 160, 140), -1, cv2.LINE_AA)
            video.write(image)
    return path


class Parts:
    """The three parts of the pass over one view, each alone."""

    def __init__(self, recording: Recording, clip: Path, detector: Detector, settings: CropSettings) -> None:
        self.recording, self.clip, self.detector, self.settings = recording, clip, detector, settings
        self.view = recording.views[0]
        self.held = [frame.rgb() for frame in islice(self.frames(), HELD)]

    def frames(self):
        """Decoded frames of the view."""
        return read_frames(view_path(self.clip, self.view), self.view)

    def decode(self) -> None:
        """Decode and convert every frame."""
        for frame in self.frames():
            frame.rgb()

    def detect(self) -> None:
        """Detect in as many frames, from memory."""
        for index in range(self.view.frame_count):
            self.detector.detect(self.held[index % len(self.held)])

    def crop(self, found: Detections, path: Path) -> None:
        """Encode and write the crops of ``found``, from memory."""
        ends = np.cumsum(found.counts[0])
        with CropWriter(path, self.settings) as writer, ThreadPoolExecutor(self.settings.encode_threads) as pool:
            for index, (end, count) in enumerate(zip(ends.tolist(), found.counts[0].tolist(), strict=True)):
                rows, image = slice(end - count, end), self.held[index % len(self.held)]
                boxes = [pixel_box(box, self.view.width, self.view.height) for box in found.bboxes[rows]]
                crops = [image[top:bottom, left:right] for left, top, right, bottom in boxes]
                columns = {
                    "frame_numbers": found.frame_numbers[rows], "bboxes": found.bboxes[rows],
                    "confidences": found.confidences[rows], "camera": found.camera[rows],
                    "detection_indices": np.arange(count),
                }  # fmt: skip
                writer.append(CropRows(**columns), list(pool.map(writer.encode, crops)), [c.shape[:2] for c in crops])

    def together(self, path: Path) -> Detections:
        """The pass itself."""
        return detect_recording(self.recording, self.clip, self.detector, path, DetectionSettings(), self.settings)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(parts: Parts, folder: Path, rounds: int) -> None:
    """Print the four times, medians of the rounds."""
    found = parts.together(folder / "warm.h5")
    times: dict[str, list[float]] = {"decode": [], "detect": [], "crop": [], "together": []}
    for _ in range(rounds):
        times["decode"].append(seconds(parts.decode))
        times["detect"].append(seconds(parts.detect))
        times["crop"].append(seconds(lambda: parts.crop(found, folder / "crop.h5")))
        times["together"].append(seconds(lambda: parts.together(folder / "together.h5")))
    median = {name: statistics.median(values) for name, values in times.items()}
    slowest = max(median[name] for name in ("decode", "detect", "crop"))
    ratios = [t / max(a, b, c) for a, b, c, t in zip(*times.values(), strict=True)]
    frames = parts.view.frame_count
    print(f"{frames} frames of {parts.view.width}x{parts.view.height}, {found.row_count} crops, {rounds} rounds")
    print(f"{'':10s} {'seconds':>8s} {'ms/frame':>9s} {'of slowest':>10s}")
    for name, value in median.items():
        print(f"{name:10s} {value:8.2f} {value / frames * 1e3:9.2f} {value / slowest:10.2f}")
    print(f"together / slowest, median of the rounds' ratios: {statistics.median(ratios):.3f} (goal 1.15)")
    with CropStore.open(folder / "together.h5") as store:
        raw = int(3 * store.sizes.astype("i8").prod(axis=1).sum())
        print(f"crops: {store.offsets[-1] / 1e6:.1f} MB encoded, {raw / 1e6:.1f} MB raw")


def own_peak() -> float:
    """Peak resident memory of this process in MB; from /proc, since ``ru_maxrss`` begins at the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return float(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def peak_memory(arguments: argparse.Namespace, clip: Path) -> float:
    """Peak resident memory in MB of a fresh process that runs the pass over ``clip``."""
    command = [sys.executable, "-m", "benchmarks.detection_pass", "--rss", "--clip", str(clip)]
    command += ["--detector", arguments.detector, *(["--weights", arguments.weights] if arguments.weights else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, help="a video file; default: a generated one")
    parser.add_argument("--frames", type=int, default=300, help="frames of the generated clip")
    parser.add_argument("--long", type=int, default=3000, help="frames of the long clip for peak memory; 0: leave out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--detector", choices=["hog", "yolox"], default="hog")
    parser.add_argument("--weights", help="ONNX file for yolox")
    parser.add_argument("--rss", action="store_true", help="only run the pass and print the peak memory in MB")
    arguments = parser.parse_args()
    if arguments.detector == "yolox" and not arguments.weights:
        parser.error("yolox needs --weights")
    detector = HogDetector() if arguments.detector == "hog" else YoloxDetector(Path(arguments.weights))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = arguments.clip or generate(folder / "clip.mp4", arguments.frames)
        recording = probe_recording(clip, "clip")
        if arguments.rss:
            detect_recording(recording, clip, detector, folder / "c.h5", DetectionSettings(), CropSettings())
            print(own_peak())
            return
        compare(Parts(recording, clip, detector, CropSettings()), folder, arguments.rounds)
        if arguments.long and not arguments.clip:
            short = peak_memory(arguments, clip)
            long = peak_memory(arguments, generate(folder / "long.mp4", arguments.long))
            print(f"peak memory: {short:.0f} MB for {arguments.frames} frames, {long:.0f} MB for {arguments.long}")
            print(f"long / short: {long / short:.3f} (goal 1.10)")


if __name__ == "__main__":
    main()
