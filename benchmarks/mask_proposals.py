"""Candidate masks of the ``flow`` segmenter: ``python -m benchmarks.mask_proposals [--sequence FOLDER]``.

Processor time for the three levels of a frame beside one DIS optical flow of the same frame (preset medium, full
size), in turn; and how well the best candidate of a level fits a person: by box on the demonstration clip, by mask
on a sequence with ``JPEGImages/`` and ``Annotations/`` as DAVIS has them. Each with the next frame as neighbour and
with none, and of all candidates or only of those that the graph keeps by default.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import process_time
from typing import NamedTuple

import cv2
import numpy as np

from videotracks.demo.clip import write_demo
from videotracks.masks.proposals.objects import propose_objects
from videotracks.masks.segmenters import Proposal
from videotracks.recording import probe_recording, read_frames, view_path

LEVELS = (2, 4, 6)
#: Every so many frames one is looked at.
DEMO_STEP, SEQUENCE_STEP = 12, 10
#: Persons of the demonstration of whom less is to be seen do not count.
MIN_VISIBILITY = 0.6
#: What the graph keeps by default.
MIN_STABILITY, MIN_AREA_PX = 0.9, 300
GOAL_S = 0.5


class Sample(NamedTuple):
    """A frame, the next one, and who is there."""

    frame: np.ndarray
    following: np.ndarray
    truths: list[np.ndarray]  # bool[H, W] masks, or boxes f64[4] xyxy px


def demo_samples() -> Iterator[Sample]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_demo(Path(scratch) / "demo", seconds=10)
        truth = np.loadtxt(folder / "gt.txt", delimiter=",")
        view = probe_recording(folder, "demo").views[0]
        previous = None
        for frame in read_frames(view_path(folder, view), view):
            if frame.index % DEMO_STEP == 0:
                previous = frame.rgb()
            elif previous is not None and frame.index % DEMO_STEP == 1:
                rows = truth[(truth[:, 0] == frame.index) & (truth[:, 8] >= MIN_VISIBILITY)]
                boxes = [np.array([x, y, x + w, y + h]) for x, y, w, h in rows[:, 2:6]]
                yield Sample(previous, frame.rgb(), boxes)


def sequence_samples(folder: Path) -> Iterator[Sample]:
    pictures, masks = (sorted((folder / name).iterdir()) for name in ("JPEGImages", "Annotations"))
    for i in range(SEQUENCE_STEP // 2, len(pictures) - 1, SEQUENCE_STEP):
        one, two = (cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in pictures[i : i + 2])
        yield Sample(one, two, [cv2.imread(str(masks[i]), cv2.IMREAD_GRAYSCALE) > 0])


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """IoU with a mask, or of the mask's box with a box."""
    if truth.ndim == 2:
        return float((mask & truth).sum() / (mask | truth).sum())
    x, y, w, h = cv2.boundingRect(mask.astype("u1"))
    low, high = np.maximum((x, y), truth[:2]), np.minimum((x + w, y + h), truth[2:])
    both = np.maximum(high - low, 0).prod()
    return float(both / (w * h + (truth[2:] - truth[:2]).prod() - both))


def best(proposals: list[Proposal], truth: np.ndarray) -> float:
    return max((overlap(proposal.mask, truth) for proposal in proposals), default=0.0)


def kept(proposals: list[Proposal]) -> list[Proposal]:
    return [p for p in proposals if p.stability >= MIN_STABILITY and p.mask.sum() >= MIN_AREA_PX]


def measure(name: str, samples: list[Sample]) -> None:
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    propose_objects(samples[0].frame, samples[0].following, LEVELS)  # compiles or loads what is compiled
    seconds: dict[str, list[float]] = {"proposals": [], "flow": []}
    fits: dict[tuple[str, int], list[tuple[float, float]]] = {}
    counts: dict[int, list[tuple[int, int]]] = {level: [] for level in LEVELS}
    for frame, following, truths in samples:
        begin = process_time()
        found = propose_objects(frame, following, LEVELS)
        middle = process_time()
        dis.calc(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.cvtColor(following, cv2.COLOR_RGB2GRAY), None)
        seconds["proposals"].append(middle - begin)
        seconds["flow"].append(process_time() - middle)
        for neighbour, proposals in (("next", found), ("none", propose_objects(frame, None, LEVELS))):
            for level in LEVELS:
                pairs = [(best(proposals[level], truth), best(kept(proposals[level]), truth)) for truth in truths]
                fits.setdefault((neighbour, level), []).extend(pairs)
        for level in LEVELS:
            counts[level].append((len(found[level]), len(kept(found[level]))))
    report(name, samples, seconds, fits, counts)


def report(
    name: str,
    samples: list[Sample],
    seconds: dict[str, list[float]],
    fits: dict[tuple[str, int], list[tuple[float, float]]],
    counts: dict[int, list[tuple[int, int]]],
) -> None:
    height, width = samples[0].frame.shape[:2]
    print(f"\n{name}: {len(samples)} frames of {width}x{height}, {sum(len(s.truths) for s in samples)} persons\n")
    print("| level | neighbour | best IoU, mean | above 0.5 | of those kept, mean | above 0.5 |")
    print("|---|---|---|---|---|---|")
    for (neighbour, level), pairs in sorted(fits.items(), key=lambda item: item[0][::-1]):
        mean, share = np.mean(pairs, axis=0), (np.array(pairs) > 0.5).mean(axis=0)
        print(f"| {level} | {neighbour} | {mean[0]:.2f} | {share[0]:.0%} | {mean[1]:.2f} | {share[1]:.0%} |")
    for level in LEVELS:
        made, stay = np.mean(counts[level], axis=0)
        print(f"level {level}: {made:.0f} candidates per frame, {stay:.0f} kept")
    ours, flow = median(seconds["proposals"]), median(seconds["flow"])
    low, high = min(seconds["proposals"]), max(seconds["proposals"])
    verdict = "reached" if ours <= GOAL_S else "MISSED"
    print(f"three levels: {ours:.3f} s per frame ({low:.3f} to {high:.3f}), goal {GOAL_S} s at 960x540: {verdict}")
    print(f"one flow: {flow:.4f} s; the three levels take {ours / flow:.0f} times as long")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequence", type=Path, help="folder with JPEGImages/ and Annotations/")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    measure("demonstration, by box", list(demo_samples()))
    if arguments.sequence:
        measure(f"{arguments.sequence.name}, by mask", list(sequence_samples(arguments.sequence)))


if __name__ == "__main__":
    main()
