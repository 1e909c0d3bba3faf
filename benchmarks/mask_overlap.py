"""Overlap of masks beside the dense product: ``python -m benchmarks.mask_overlap``.

IoU of all pairs of 200 masks at 1280 by 720, from the packed masks that archives hold. The dense way is what one writes
first: every mask a row of float32, one matrix product, areas from sums. Ours takes the same masks as they are packed,
as bool, and as run lengths. The objects are irregular discs of 15 to 250 px radius; a second set, where every mask
reaches across the whole frame, shows what our way costs where boxes tell nothing. Encoding as run lengths stands beside
pycocotools' own. One thread each, in turn, medians and ranges of seven rounds; equal results are checked first.
"""

# ruff: noqa: E402  the number of threads is fixed before NumPy is imported
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter

import cv2
import numpy as np
from pycocotools import mask as coco

from videotracks.masks.overlap import encode, iou_matrix
from videotracks.masks.packed import PackedMask, pack, unpack

ROUNDS, COUNT, HEIGHT, WIDTH = 7, 200, 720, 1280
GOAL = 50


def discs(count: int, seed: int = 0) -> list[np.ndarray]:
    """Irregular discs, small ones more often than large ones, bool[H, W] each."""
    random, angle = np.random.default_rng(seed), np.linspace(0, 2 * np.pi, 64, endpoint=False)
    masks = []
    for _ in range(count):
        radius = np.exp(random.uniform(np.log(15), np.log(250)))
        edge = radius * (1 + 0.25 * np.sin(3 * angle + random.uniform(0, 6)) + 0.1 * random.normal(size=64))
        center = random.uniform((0, 0), (WIDTH, HEIGHT))
        outline = (center + edge[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])).astype("i4")
        mask = np.zeros((HEIGHT, WIDTH), "u1")
        cv2.fillPoly(mask, [outline], 1)
        masks.append(mask.view(bool))
    return masks


def dense_iou(packed: Sequence[PackedMask]) -> np.ndarray:
    """All pairs by one product of float32 rows."""
    rows = np.empty((len(packed), HEIGHT * WIDTH), "f4")
    for row, mask in zip(rows, packed, strict=True):
        row[:] = unpack(mask).reshape(-1)
    common, area = rows @ rows.T, rows.sum(axis=1)
    return common / np.maximum(area[:, None] + area - common, 1)


def seconds(functions: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Times of each function, run in turn so that a busy moment meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            begin = perf_counter()
            function()
            times[name].append(perf_counter() - begin)
    return times


def table(times: dict[str, list[float]], beside: str) -> dict[str, float]:
    """Print medians, ranges and ratios to one of them; the ratios."""
    ratios = {name: median(times[beside]) / median(taken) for name, taken in times.items()}
    print("| | ms | range | times faster |\n|---|---|---|---|")
    for name, taken in times.items():
        low, middle, high = (1000 * value for value in (min(taken), median(taken), max(taken)))
        print(f"| {name} | {middle:.1f} | {low:.1f}–{high:.1f} | {ratios[name]:.1f} |")
    print()
    return ratios


def main() -> None:
    masks = discs(COUNT)
    wide = discs(COUNT, seed=1)
    for mask in wide:
        mask[0, 0] = mask[-1, -1] = True
    packed, packed_wide, runs = [pack(m) for m in masks], [pack(m) for m in wide], encode(masks)
    for some in (packed, packed_wide):
        np.testing.assert_allclose(iou_matrix(some, some), dense_iou(some), atol=1e-6)
    assert np.array_equal(iou_matrix(packed, packed), iou_matrix(runs, runs))
    fortran = [np.asfortranarray(mask.view("u1")) for mask in masks]
    assert runs == [coco.encode(mask) for mask in fortran]

    print(f"IoU of all pairs of {COUNT} masks at {WIDTH} x {HEIGHT}, mean area {np.mean(masks):.1%} of the frame\n")
    ratios = table(
        seconds(
            {
                "dense float32, from packed": lambda: dense_iou(packed),
                "ours, from packed": lambda: iou_matrix(packed, packed),
                "ours, from bool": lambda: iou_matrix(masks, masks),
                "ours, from run lengths": lambda: iou_matrix(runs, runs),
            }
        ),
        "dense float32, from packed",
    )
    print("every box is the whole frame\n")
    both = {"dense float32": lambda: dense_iou(packed_wide), "ours": lambda: iou_matrix(packed_wide, packed_wide)}
    table(seconds(both), "dense float32")
    print("encoding as run lengths\n")
    encoders: dict[str, Callable[[], object]] = {
        "pycocotools, from bool": lambda: [coco.encode(np.asfortranarray(mask.view("u1"))) for mask in masks],
        "ours, from bool": lambda: encode(masks),
        "ours, from packed": lambda: encode(packed),
    }
    table(seconds(encoders), "pycocotools, from bool")
    ratio = ratios["ours, from packed"]
    verdict = "reached" if ratio >= GOAL else "MISSED"
    print(f"IoU of all pairs: {ratio:.0f} times faster than the dense product, goal {GOAL}: {verdict}")


if __name__ == "__main__":
    main()
