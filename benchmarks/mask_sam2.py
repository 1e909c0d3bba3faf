"""How fast SAM 2 follows here, and in how much memory. **Speed only**: the weights are random, the masks mean nothing.

    python -m benchmarks.mask_sam2 [--size tiny] [--image-size 1024] [--device cpu] [--threads 1]
                                   [--frames 12] [--long 36] [--objects 1 4] [--propose 2 4 6]

Each row is a fresh process that prompts the objects in the first frame of a clip of noise and follows them to the last
in a window of 16 frames, masks at 1280 x 720 px. What a network computes does not depend on its weights, except that
automatic masks (``--propose``) are fewer or more than in real use.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from videotracks.masks.sam2.model import VARIANTS, build, variant
from videotracks.masks.sam2.segmenter import Sam2Segmenter
from videotracks.masks.segmenters import Prompt

WIDTH, HEIGHT = 1280, 720
#: Frames that are there at a time.
WINDOW = 16


class Noise:
    """A clip of noise, made frame by frame."""

    def __init__(self, length: int, size: int) -> None:
        self.length, self.size = length, size

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, position: int) -> np.ndarray:
        return np.random.default_rng(position).integers(0, 256, (self.size, self.size, 3), dtype=np.uint8)


def prompts(count: int) -> list[Prompt]:
    """Squares of 120 px, one beside the other."""
    found = []
    for index in range(count):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        x, y = 130 * (index % 9), 130 * (index // 9 % 5)
        mask[y : y + 120, x : x + 120] = True
        found.append(Prompt(mask=mask))
    return found


def peak_mb(device: str) -> float:
    """Peak memory of this process in MB: of the GPU, or resident (from /proc: ``ru_maxrss`` begins at the parent's)."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return float(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def make(arguments: argparse.Namespace) -> Sam2Segmenter:
    network = build(variant(arguments.size).config, device=arguments.device, image_size=arguments.image_size)
    return Sam2Segmenter.of_model(network, {}, device=arguments.device, threads=arguments.threads)


def follow(arguments: argparse.Namespace) -> dict[str, float]:
    """One row: follow ``objects`` through ``frames``."""
    segmenter, (objects,), frames = make(arguments), arguments.objects, arguments.frames
    forecast_s = segmenter.forecast_s(frames, objects)
    session = segmenter.session(Noise(frames, arguments.image_size), WIDTH, HEIGHT)
    begun = time.perf_counter()
    session.prompt(0, prompts(objects))
    for position, _ in session.propagate(frames - 1):
        session.release(position - WINDOW + 1, position)
    wall_s = time.perf_counter() - begun
    seconds = session.seconds
    return {
        "frames_per_s": frames / wall_s,
        "encode_ms": 1e3 * seconds["encode"] / frames,
        "prompt_ms": 1e3 * seconds["prompt"] / objects,
        "step_ms": 1e3 * seconds["propagate"] / ((frames - 1) * objects),
        "measured_over_forecast": sum(seconds.values()) / forecast_s,
        "peak_mb": peak_mb(arguments.device),
    }


def in_fresh_process(arguments: argparse.Namespace, objects: int, frames: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.mask_sam2", "--row"]
    command += ["--objects", str(objects), "--frames", str(frames)]
    for name in ("size", "image_size", "device", "threads"):
        command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def time_proposals(arguments: argparse.Namespace) -> None:
    segmenter, image = make(arguments), Noise(1, HEIGHT)[0]
    for level in arguments.propose:
        begun = time.perf_counter()
        count = len(segmenter.propose(image, None, [level])[level])
        print(f"propose level {level}: {time.perf_counter() - begun:.1f} s ({count} masks, which mean nothing)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=list(VARIANTS), default="tiny")
    parser.add_argument("--image-size", type=int, default=1024, help="px")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--long", type=int, default=36, help="frames of the long clip for peak memory; 0: leave out")
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--propose", type=int, nargs="*", default=[], help="levels whose automatic masks to time")
    parser.add_argument("--row", action="store_true", help="only follow, and print the figures as JSON")
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(follow(arguments)))
        return
    print(f"SAM 2.1 {arguments.size}, {arguments.image_size} px, {arguments.device}, {arguments.threads} threads:")
    print("RANDOM WEIGHTS, speed only")
    header = None
    lengths = [length for length in (arguments.frames, arguments.long) if length]
    for objects in arguments.objects:
        for frames in lengths:
            row = in_fresh_process(arguments, objects, frames)
            if header is None:
                header = f"{'objects':>8s} {'frames':>8s} " + " ".join(f"{name:>22s}" for name in row)
                print(header)
            print(f"{objects:8d} {frames:8d} " + " ".join(f"{value:22.2f}" for value in row.values()))
    time_proposals(arguments)


if __name__ == "__main__":
    main()
