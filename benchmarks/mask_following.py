"""How well and how fast the flow segmenter follows: ``python -m benchmarks.mask_following [--parkour FOLDER]``.

Accuracy: FOLDER is a DAVIS sequence (JPEGImages and Annotations, one object), followed from the outline of its first
frame alone; region similarity J and boundary F of the frames after it, beside a mask that stays where it was given and
one that the flow warps without refinement. Speed: generated discs that wander over a textured ground of 960 x 540 px,
1 and 20 of them, frames per second without decoding and the share of each stage; the best of three runs.
"""

import argparse
import itertools
from pathlib import Path
from time import process_time

import numpy as np

from videotracks.masks.accuracy import SequenceScore, boundary_accuracy, over_sequence, region_similarity
from videotracks.masks.flow.fields import FlowFields
from videotracks.masks.flow.refinement import Box, Sighting, warp
from videotracks.masks.flow.segmenter import FlowSegmenter
from videotracks.masks.segmenters import Prompt

WIDTH, HEIGHT, FRAMES, RUNS, GOAL_FPS, GOAL_J = 960, 540, 40, 3, 8, 0.55
#: Radius of the discs in px: twenty cover a fifth of the frame.
RADIUS = 40


def shrunk(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    import cv2

    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def sequence(folder: Path, size: tuple[int, int] | None = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The pictures RGB, and the masks bool[H, W], of a DAVIS sequence."""
    import cv2

    pictures = [cv2.imread(str(path)) for path in sorted((folder / "JPEGImages").iterdir())]
    masks = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted((folder / "Annotations").iterdir())]
    return [cv2.cvtColor(p, cv2.COLOR_BGR2RGB) for p in pictures if p is not None], [
        m > 0 for m in masks if m is not None
    ]


def followed(images: list[np.ndarray], first: np.ndarray) -> list[np.ndarray]:
    height, width = first.shape
    session = FlowSegmenter().session(images, width, height)
    session.prompt(0, [Prompt(mask=first)])
    return [masks[0] for _, masks in session.propagate(len(images) - 1)]


def warped_only(images: list[np.ndarray], first: np.ndarray) -> list[np.ndarray]:
    """The mask carried on by the flow from frame to frame."""
    height, width = images[0].shape[:2]
    fields, box, made = FlowFields(images), Box(0, 0, width, height), []
    chance = shrunk(first.astype("f4"), (width, height))
    for position in range(1, len(images)):
        back = fields.between(position, position - 1).within(box.flow_slices)
        chance = warp(Sighting(box, chance), box, back)
        made.append(shrunk(chance, (first.shape[1], first.shape[0])) > 0.5)
    return made


def report_accuracy(folder: Path) -> None:
    pictures, truth = sequence(folder)
    height, width = truth[0].shape
    images = [shrunk(picture, FlowSegmenter().frame_size(width, height)) for picture in pictures]
    ways = {
        "followed": followed(images, truth[0]),
        "warped by the flow alone": warped_only(images, truth[0]),
        "left where it was": [truth[0]] * (len(truth) - 1),
    }
    print(f"{folder.name}: {len(images)} frames of {width} x {height} px; mean, recall, decay (goal: mean J {GOAL_J})")
    for name, made in ways.items():
        for measure, how in (("J", region_similarity), ("F", boundary_accuracy)):
            score: SequenceScore = over_sequence([how(a, b) for a, b in zip(made, truth[1:], strict=True)])
            print(f"  {name:25} {measure}  {score.mean:.3f}  {score.recall:.3f}  {score.decay:.3f}")


def wandering(count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames, and the first masks bool[count, HEIGHT, WIDTH], of discs on a grid that circle around their places."""
    import cv2

    random = np.random.default_rng(0)
    ground = cv2.resize(random.uniform(60, 190, (HEIGHT // 6, WIDTH // 6, 3)).astype("f4"), (WIDTH, HEIGHT))
    tints, turns = random.uniform(40, 215, (count, 3)), random.uniform(0, 2 * np.pi, count)
    patch = cv2.resize(random.normal(0, 30, (RADIUS // 2, RADIUS // 2)).astype("f4"), (2 * RADIUS, 2 * RADIUS))
    places = list(itertools.product(np.linspace(90, WIDTH - 90, 5), np.linspace(70, HEIGHT - 70, 4)))[:count]
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    images, masks = [], np.zeros((count, HEIGHT, WIDTH), bool)
    for frame in range(FRAMES):
        image = ground.copy()
        for k, (across, down) in enumerate(places):
            left = round(across + 24 * np.cos(turns[k] + frame / 6))
            top = round(down + 24 * np.sin(turns[k] + frame / 6))
            inside = (x - left) ** 2 + (y - top) ** 2 < RADIUS**2
            image[inside] = tints[k] + patch[y[inside] - top + RADIUS, x[inside] - left + RADIUS][:, None]
            if frame == 0:
                masks[k] = inside
        images.append(np.clip(image, 0, 255).astype("u1"))
    return images, masks


def report_speed(count: int) -> None:
    segmenter = FlowSegmenter()
    pictures, masks = wandering(count)
    images = [shrunk(picture, segmenter.frame_size(WIDTH, HEIGHT)) for picture in pictures]
    runs, processor_s = [], []
    for _ in range(RUNS):
        session = segmenter.session(images, WIDTH, HEIGHT)
        session.prompt(0, [Prompt(mask=mask) for mask in masks])
        begin = process_time()
        seen = [found.any(axis=(1, 2)).mean() for _, found in session.propagate(FRAMES - 1)]
        processor_s.append(process_time() - begin)
        runs.append(session.seconds)
    best = min(runs, key=lambda seconds: sum(seconds.values()))
    steps, taken = FRAMES - 1, best["encode"] + best["propagate"]
    flow_ms, objects_ms, all_cores_ms = (
        1e3 * seconds / steps for seconds in (best["encode"], best["propagate"], min(processor_s))
    )
    print(f"{count} objects: {steps / taken:.1f} frames/s (goal for 20: {GOAL_FPS}), seen {np.mean(seen):.0%}")
    print(f"  per frame: flow {flow_ms:.0f} ms, objects {objects_ms:.0f} ms; processor time {all_cores_ms:.0f} ms")
    forecast_s = segmenter.forecast_s(steps, count)
    print(f"  prompt {1e3 * best['prompt']:.0f} ms; forecast {forecast_s:.1f} s, took {taken:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--parkour", type=Path, help="folder of a DAVIS sequence; without it only the speed is measured"
    )
    folder = parser.parse_args().parkour
    if folder is not None:
        report_accuracy(folder)
    for count in (1, 20):
        report_speed(count)


if __name__ == "__main__":
    main()
