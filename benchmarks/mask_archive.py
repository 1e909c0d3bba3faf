"""Archives of tracked masks: ``python -m benchmarks.mask_archive [--frames N]``.

Writing: megabytes of packed bits a second, beside what one writes first (``json.dumps`` of every frame into a ZIP at
the default level), 200 frames. Reading: one frame of an archive of 1,000 in random order, with the archive open and
with opening it each time, beside reading all of it. Twenty objects a frame of 1280 by 720, stored at 0.3 of their size
and, as a second archive, ten at full size. Medians and ranges; the page cache is warm.
"""

import argparse
import base64
import json
import random
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.mask_overlap import discs
from videotracks.masks.archive import SegmentsReader, SegmentsWriter, video_segments_name
from videotracks.masks.object_archive import verify_archives, write_object_segments
from videotracks.masks.packed import PackedMask, pack

ROUNDS, WRITE_FRAMES, READS = 5, 200, 100
GOAL_MB_S, GOAL_MS = 100, 5.0


def objects_of(frame: int, count: int, pool: list[PackedMask]) -> dict[int, PackedMask]:
    """Objects of a frame, from a pool of masks: not the same ones in frames that follow each other."""
    return {i + 1: pool[(frame + 7 * i) % len(pool)] for i in range(count)}


def write(path: Path, frames: int, count: int, pool: list[PackedMask], scale: float) -> None:
    with SegmentsWriter(path, level=2, scale=scale) as writer:
        for frame in range(frames):
            writer.append(frame, f"frame_{frame:06d}", objects_of(frame, count, pool))


def write_plainly(path: Path, frames: int, count: int, pool: list[PackedMask], scale: float) -> None:
    """The same content with the tools at hand."""
    listed = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for frame in range(frames):
            objects = {
                str(i): {
                    "shape": mask.shape,
                    "full_resolution_shape": mask.full_resolution_shape,
                    "packed_bits_b64": base64.b64encode(mask.bits).decode(),
                }
                for i, mask in objects_of(frame, count, pool).items()
            }
            name = f"frame_{frame:06d}"
            head = {"frame_index": frame, "frame_name": name}
            archive.writestr(f"frames/{name}.json", json.dumps({**head, "objects": objects}))
            listed.append({**head, "entry": f"frames/{name}.json", "objects": list(objects)})
        archive.writestr(
            "manifest.json", json.dumps({"meta": {"level": 2, "mask_scale_ratio": scale}, "frames": listed})
        )


def milliseconds(function: Callable[[], object]) -> float:
    begin = perf_counter()
    function()
    return 1000 * (perf_counter() - begin)


def span(times: list[float]) -> str:
    return f"{median(times):.2f} ({min(times):.2f}–{max(times):.2f})"


def measure_writing(folder: Path, count: int, pool: list[PackedMask], scale: float) -> float:
    """Megabytes of packed bits a second that ours writes."""
    megabytes = WRITE_FRAMES * count * len(pool[0].bits) / 1e6
    ours, plain = folder / "ours.npz", folder / "plain.npz"
    rates: dict[str, list[float]] = {"ours": [], "plain": []}
    args = (WRITE_FRAMES, count, pool, scale)
    for _ in range(ROUNDS):
        rates["ours"].append(1000 * megabytes / milliseconds(lambda: write(ours, *args)))
        rates["plain"].append(1000 * megabytes / milliseconds(lambda: write_plainly(plain, *args)))
    with SegmentsReader(ours) as one, SegmentsReader(plain) as other:  # fast and wrong counts for nothing
        assert all(one.masks(f) == other.masks(f) == objects_of(f, count, pool) for f in one.frames)
    print(f"| writing, MB/s of packed bits | {span(rates['ours'])} | {span(rates['plain'])} |")
    print(f"| file, % of the packed bits | {ours.stat().st_size / megabytes / 1e4:.1f} ", end="")
    print(f"| {plain.stat().st_size / megabytes / 1e4:.1f} |")
    return median(rates["ours"])


def measure_reading(folder: Path, frames: int, count: int, pool: list[PackedMask], scale: float) -> float:
    """Milliseconds for one frame of an open archive."""
    path, by_object = folder / video_segments_name(scale), folder / "object_segments.npz"
    write(path, frames, count, pool, scale)
    chosen, cold, warm = random.Random(0).choices(range(frames), k=READS), [], []

    def one_frame() -> None:
        with SegmentsReader(path) as segments:
            segments.masks(frames // 2)

    for _ in range(ROUNDS):
        cold.append(milliseconds(one_frame))
        with SegmentsReader(path) as segments:
            warm += [milliseconds(lambda frame=frame: segments.masks(frame)) for frame in chosen]  # type: ignore[misc]
    with SegmentsReader(path) as segments:
        every = milliseconds(lambda: [segments.masks(frame) for frame in segments.frames])
        references = milliseconds(lambda: write_object_segments(by_object, segments, path.name))
    checked = milliseconds(lambda: verify_archives(path, by_object))
    print(f"| one frame of {frames:,}, ms, archive open | {span(warm)} | |")
    print(f"| one frame of {frames:,}, ms, opening included | {span(cold)} | {every:.0f} (all frames) |")
    print(f"| archive by object, ms | {references:.0f} | |")
    print(f"| checking both archives, ms a frame | {checked / frames:.2f} | |\n")
    return median(warm)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000, help="frames of the archive that is read")
    frames = parser.parse_args().frames
    masks, reached = discs(200), []
    for scale, count in ((0.3, 20), (1.0, 10)):
        pool = [pack(mask, scale) for mask in masks]
        print(f"{count} objects a frame at scale {scale:g}, {len(pool[0].bits):,} bytes each\n")
        print("| | ours | plain |\n|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            rate = measure_writing(Path(folder), count, pool, scale)
            reached.append((scale, rate, measure_reading(Path(folder), frames, count, pool, scale)))
    for scale, rate, frame_ms in reached:
        verdict = "reached" if rate >= GOAL_MB_S and frame_ms <= GOAL_MS else "MISSED"
        print(f"scale {scale:g}: {rate:.0f} MB/s (goal {GOAL_MB_S}), {frame_ms:.1f} ms (goal {GOAL_MS:g}): {verdict}")


if __name__ == "__main__":
    main()
