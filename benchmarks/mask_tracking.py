"""Following candidates: what dedup, identity and storing add to the segmenter's work, and memory by length.

    python -m benchmarks.mask_tracking [--frames 90] [--clip FILE] [--lengths 300 3000]

The segmenter is ``flow``. The first table is one run over a drawn clip of 1280×720, or over ``--clip``: seconds by
stage, and the share of what is not the segmenter's. The second is the peak memory of processes that follow clips of two
lengths, 320×180 and with fewer frames to a prompt, so that the longer one takes minutes and not an hour; the modules
are the same, and what a process takes before it follows anything is shown apart.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.detection_pass import generate, own_peak
from videotracks.masks.candidates.manifest import read_manifest
from videotracks.masks.candidates.view import CandidateSettings, propose_candidates, sampled_frames
from videotracks.masks.flow.segmenter import FlowSegmenter
from videotracks.masks.tracking.view import LevelStatistics, MaskTrackingSettings, track_view
from videotracks.recording import probe_recording
from videotracks.video_writer import VideoWriter

OURS, SEGMENTERS = ("dedup", "persist"), ("encode", "prompt", "propagate")
SMALL = 320, 180


def generate_small(path: Path, frames: int) -> Path:
    """Three discs that wander over a texture."""
    width, height = SMALL
    ground = np.random.default_rng(0).integers(90, 170, (height // 6, width // 8, 3), dtype=np.uint8)
    ground = cv2.resize(ground, SMALL, interpolation=cv2.INTER_CUBIC)
    with VideoWriter(path, width, height, 25.0) as video:
        for index in range(frames):
            image = ground.copy()
            for disc, colour in enumerate([(210, 60, 50), (60, 190, 80), (60, 80, 220)]):
                x = width / 2 + (width / 2 - 30) * np.sin(index / (40 + 9 * disc) + disc)
                cv2.circle(image, (round(x), 40 + 50 * disc), 20, colour, -1, cv2.LINE_AA)
            video.write(image)
    return path


def follow(
    clip: Path, work: Path, sampling: CandidateSettings, settings: MaskTrackingSettings
) -> dict[int, LevelStatistics]:
    """Propose and follow; the statistics of each level."""
    view, segmenter = probe_recording(clip, "clip").views[0], FlowSegmenter()
    paths = {level: work / f"level_{level}.json" for level in sampling.levels}
    propose_candidates(view, clip, segmenter, sampling, paths)
    return track_view(
        view,
        clip,
        segmenter,
        {level: read_manifest(path, level) for level, path in paths.items()},
        sampled_frames(view, sampling),
        settings,
        work / "steps",
        {level: work / f"level_{level}" for level in paths},
    )


def shares(clip: Path, frames: int) -> None:
    print(
        f"{'level':>5} {'objects':>7} {'masks':>6}  seconds: decode  {'  '.join(SEGMENTERS)}  {'  '.join(OURS)}   share"
    )
    with tempfile.TemporaryDirectory() as work:
        sampling = CandidateSettings(stop=frames)
        for level, found in follow(clip, Path(work), sampling, MaskTrackingSettings()).items():
            ours = sum(found.seconds[stage] for stage in OURS)
            spent = "  ".join(f"{found.seconds[stage]:7.2f}" for stage in ("decode", *SEGMENTERS, *OURS))
            share = ours / found.seconds["propagate"] if found.seconds["propagate"] else 0.0
            print(f"{level:5} {found.objects:7} {found.masks:6}  {spent}   {share:.1%} of propagate")


def peak_mb(length: int) -> tuple[float, float]:
    """Peak memory in MB of a process that follows a clip of that length, before it began and in all."""
    command = [sys.executable, "-m", "benchmarks.mask_tracking", "--child", str(length)]
    before, after = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(before), float(after)


def child(length: int) -> None:
    """Follow a clip of that length, and print the peak memory before and after in MB."""
    with tempfile.TemporaryDirectory() as folder:
        clip = generate_small(Path(folder) / "clip.mp4", length)
        before = own_peak()
        sampling = CandidateSettings(levels=[2], min_area=150, propose_every=30, max_candidates=6)
        follow(clip, Path(folder), sampling, MaskTrackingSettings(max_propagate=30))
    print(before, own_peak())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--lengths", type=int, nargs=2, default=[300, 3000])
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        clip = arguments.clip or generate(Path(folder) / "clip.mp4", arguments.frames)
        shares(clip, arguments.frames)
    peaks = {length: peak_mb(length) for length in arguments.lengths}
    for length, (before, after) in peaks.items():
        print(f"{length:6} frames: {after:.0f} MB at most, {before:.0f} MB before the first frame")
    short, long = (peaks[length][1] for length in arguments.lengths)
    print(f"ratio {long / short:.3f}")


if __name__ == "__main__":
    main()
