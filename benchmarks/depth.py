"""Depth maps beside what they are made with: ``python -m benchmarks.depth``.

Input: the drawn room of ``tests/points/stereo_examples.py``, whose depth is exact, with the steps and noise of a depth
camera for the files. Writing and reading a frame stand beside h5py with the same filters and with LZF; the depth of a
pair beside OpenCV's matcher alone, in one direction, on the same rectified pictures. Medians of five runs, in turn, on
one core.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import cv2
import h5py
import numpy as np

from tests.points.stereo_examples import converging, drawn
from videotracks.points.depth.rectification import RectifiedPair, Search
from videotracks.points.depth.stereo import StereoMatcher, StereoSettings, choose_partners
from videotracks.points.depth.store import DepthStore, DepthWriter, ViewSize
from videotracks.points.synchronised import shrunk

RUNS, FRAMES = 5, 20
FAR_M = 10.0
GZIP = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
LZF = {"compression": "lzf", "shuffle": True}


def milliseconds(*functions: Callable[[], object]) -> list[tuple[float, float]]:
    """Median wall and processor milliseconds of each function, run in turn so that a busy moment meets all of them."""
    times: list[list[tuple[float, float]]] = [[] for _ in functions]
    for _ in range(RUNS):
        for function, taken in zip(functions, times, strict=True):
            wall, cpu = perf_counter(), process_time()
            function()
            taken.append((1e3 * (perf_counter() - wall), 1e3 * (process_time() - cpu)))
    return [(median(w for w, _ in taken), median(c for _, c in taken)) for taken in times]


def measured_depth(size: tuple[int, int]) -> np.ndarray:
    """Depth as a camera for it measures: noise that grows with the square of the depth, and holes, f32[T, H, W] m."""
    random, truth = np.random.default_rng(0), drawn(converging(size=size)[0])[1]
    frames = truth + random.normal(0, 0.002, (FRAMES, *truth.shape)) * truth**2
    holes = cv2.GaussianBlur(random.normal(0, 1, truth.shape), (0, 0), 6) > 0.06
    return np.where(holes, 0, frames).astype("f4")


def write_store(path: Path, depth: np.ndarray) -> None:
    with DepthWriter(path, [ViewSize("cam_00", *depth.shape)]) as writer:
        for t, frame in enumerate(depth):
            writer.write(0, t, frame)


def write_h5py(path: Path, depth: np.ndarray, filters: dict[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset("depth", depth.shape, "u2", chunks=(1, *depth.shape[1:]), **filters)
        for t, frame in enumerate(depth):
            made[t] = np.rint(frame * 1000).astype("u2")


def read_store(path: Path) -> None:
    with DepthStore.open(path) as store:
        for t in range(FRAMES):
            store.frame(0, t)


def read_h5py(path: Path) -> None:
    with h5py.File(path) as file:
        for t in range(FRAMES):
            file["depth"][t] * np.float32(0.001)


def files(folder: Path, size: tuple[int, int]) -> None:
    """Writing, reading and size of the files."""
    depth = measured_depth(size)
    ours, gzip, lzf = (folder / name for name in ("ours.h5", "gzip.h5", "lzf.h5"))
    writing = milliseconds(
        lambda: write_store(ours, depth), lambda: write_h5py(gzip, depth, GZIP), lambda: write_h5py(lzf, depth, LZF)
    )
    reading = milliseconds(lambda: read_store(ours), lambda: read_h5py(gzip), lambda: read_h5py(lzf))
    print(
        f"\n{size[0]}×{size[1]}, ms per frame, wall (processor); kB per frame, {2 * size[0] * size[1] // 1000} plain\n"
    )
    print("| | write | read | size |\n|---|---|---|---|")
    for name, path, wrote, read in zip(
        ("depth.h5", "h5py, gzip 1", "h5py, lzf"), (ours, gzip, lzf), writing, reading, strict=True
    ):
        cells = [f"{wall / FRAMES:.1f} ({cpu / FRAMES:.1f})" for wall, cpu in (wrote, read)]
        print(f"| {name} | {cells[0]} | {cells[1]} | {path.stat().st_size / FRAMES / 1000:.0f} |")
    print(f"ratio ours / gzip: write {writing[0][1] / writing[1][1]:.2f}, read {reading[0][1] / reading[1][1]:.2f}")


def stereo(size: tuple[int, int], baseline_m: float) -> None:
    """One pair of frames to the depth of both views."""
    cameras, settings = converging(baseline_m, size=size), StereoSettings()
    partners, _ = choose_partners(cameras, settings, FAR_M)
    matcher = StereoMatcher(cameras, partners, settings, FAR_M)
    pictures = {view: drawn(camera)[0] for view, camera in enumerate(cameras)}
    times = -(-max(size) // settings.longest_px)
    left, right = (shrunk(camera, times) for camera in cameras)
    search = Search(settings.near_m, FAR_M, settings.most_disparities, settings.block_px, 5, 100, 1.0)
    grey = [
        cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (left.width, left.height), interpolation=cv2.INTER_AREA)
        for picture in pictures.values()
    ]
    grey = RectifiedPair((left, right), (left, right), search).rectified((grey[0], grey[1]))
    alone = cv2.StereoSGBM.create(0, settings.most_disparities, 5, 200, 800, mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY)
    (ours, ours_cpu), (_, bare_cpu) = milliseconds(
        lambda: dict(matcher.depths(pictures)), lambda: alone.compute(grey[0], grey[1])
    )
    found = dict(matcher.depths(pictures))
    truths = {view: drawn(camera)[1] for view, camera in enumerate(cameras)}
    known = {view: depth > 0 for view, depth in found.items()}
    errors = np.concatenate([np.abs(d - truths[v])[known[v]] for v, d in found.items()])
    relative = np.concatenate([(np.abs(d - truths[v]) / truths[v])[known[v]] for v, d in found.items()])
    print(
        f"| {size[0]}×{size[1]} | {baseline_m} | {ours:.0f} ({ours_cpu:.0f}) | {1e3 / ours_cpu:.1f} | "
        f"{ours_cpu / bare_cpu:.1f} | {np.mean([k.mean() for k in known.values()]):.2f} | "
        f"{1e3 * np.median(errors):.1f} ({100 * np.median(relative):.2f} %) | {1e3 * np.quantile(errors, 0.9):.0f} | "
        f"{100 * np.mean(relative > 0.05):.1f} % |"
    )


def main() -> None:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        for size in ((640, 480), (1280, 720)):
            files(Path(folder), size)
    print("\nStereo: ms for the depth of both views, wall (processor); their error against the truth, 2 to 6 m away\n")
    print(
        "| view, px | baseline, m | ms | pairs/s | × one bare match | known | median error, mm | 90 %, mm | > 5 % off |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for size, baseline_m in (((640, 480), 0.1), ((640, 480), 0.3), ((640, 480), 0.8), ((1280, 720), 0.3)):
        stereo(size, baseline_m)


if __name__ == "__main__":
    main()
