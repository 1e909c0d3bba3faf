"""The old way with crops, pickles and one script, beside the graph with its IO managers and checks.

Both begin with the same 8,661 stored detections of 48 persons in 2,025 frames of 1280×720, and end with a report. The
old way is made again here from its published description: all crops in a pickle, read, grouped by person, pickled
again, read again, animated with Pillow's defaults, one page. Re-ID features are left out on both sides. Two rows tell
how the two compare: the chain alone, which is the target's, and the chain with the pass over the video that cuts the
crops, which the old way made with OpenCV and copies, and this project makes while it decodes. How much of the graph's
time is Dagster's own is measured with the same graph of empty functions.

    python -m benchmarks.people_chain [--rounds 3] [--frames 2025]
"""

import argparse
import base64
import inspect
import io
import os
import pickle
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import cv2
import dagster as dg
import numpy as np
from PIL import Image

from assets.video_asset import videos
from dagster_project.definitions import build_defs
from dagster_project.deployment import Deployment
from videotracks.npz import read_table
from videotracks.people.animations import AnimationSettings, shown_crops
from videotracks.people.crops import CropRows, CropSettings, CropStore, CropWriter, pixel_box
from videotracks.people.detection import crop_recording
from videotracks.people.merging import MergingReport
from videotracks.people.motchallenge import public_detections
from videotracks.recording import probe_recording, read_frames
from videotracks.tables import Detections, Persons
from videotracks.video_writer import VideoWriter

VIDEO = "street"
PERSONS, CROPS, WIDTH, HEIGHT, FPS = 48, 8661, 1280, 720, 30
SHOWN_PERSONS, SHOWN_FRAMES = 10, 60
#: In order: the selection of the graph that does what the old way did. Re-ID is materialised before the clock runs.
SELECTION = [
    *("tracklets", "tracklet_stats", "reid_candidates", "canonical_persons", "grouping_log", "person_ranking"),
    *("primary_person", "crops_by_person", "final_crops", "merged_persons", "merging_report", "person_animations"),
    *("grouping_table", "person_report"),
]


def photograph(rng: np.random.Generator) -> np.ndarray:
    """A large picture with the spectrum of photographs (1/f) and edges, u8[H, W, 3]."""
    height, width = 1024, 2048
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    falloff = 1 / np.maximum(np.hypot(fy, fx), 1 / width) ** 1.1
    layers = [
        np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) * falloff, (height, width)) for _ in range(3)
    ]
    picture = np.stack([128 + 48 * (0.75 * layers[0] / layers[0].std() + 0.4 * c / c.std()) for c in layers], axis=-1)
    for _ in range(220):
        x, y = rng.integers(0, width - 160), rng.integers(0, height - 160)
        w, h = rng.integers(12, 150, 2)
        picture[y : y + h, x : x + w] = 0.4 * picture[y : y + h, x : x + w] + 0.6 * rng.uniform(20, 235, 3)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.7), 0, 255).astype(np.uint8)


def write_clip(folder: Path, frames: int, rng: np.random.Generator) -> None:
    """A pan over the picture with film grain, and ``det.txt`` with the boxes of 48 persons."""
    folder.mkdir(parents=True)
    picture = photograph(rng)
    grain = rng.normal(0, 2.5, (HEIGHT + 64, WIDTH + 64, 1)).astype(np.int16)
    with VideoWriter(folder / "cam_00.mp4", WIDTH, HEIGHT, FPS, crf=18) as video:
        for index in range(frames):
            x, y = int(380 + 370 * np.sin(index / 160)), int(150 + 140 * np.sin(index / 97))
            dy, dx = rng.integers(0, 64, 2)
            view = picture[y : y + HEIGHT, x : x + WIDTH] + grain[dy : dy + HEIGHT, dx : dx + WIDTH]
            video.write(np.clip(view, 0, 255).astype(np.uint8))
    (folder / "det.txt").write_text("".join(sorted(detections(frames, rng), key=lambda line: int(line.split(",")[0]))))


def detections(frames: int, rng: np.random.Generator) -> list[str]:
    """Boxes of persons who walk through, about 180 frames each; 8,661 in 2,025 frames."""
    lengths = np.full(PERSONS, CROPS * frames // 2025 // PERSONS)
    lengths[: CROPS * frames // 2025 - lengths.sum()] += 1
    lines = []
    for person, length in enumerate(lengths):
        begin = round(person / PERSONS * (frames - length))
        height = rng.uniform(215, 300)
        x, y = rng.uniform(100, WIDTH - 100), rng.uniform(170, HEIGHT - 170)
        speed = rng.choice([-1, 1]) * rng.uniform(1.2, 2.8)
        for step in range(length):
            left = abs((x + speed * step) % (2 * (WIDTH - 150)) - (WIDTH - 150)) + rng.normal(0, 0.6)
            box = f"{left:.2f},{y - height / 2 + rng.normal(0, 0.6):.2f},{0.47 * height:.2f},{height:.2f}"
            lines.append(f"{begin + step + 1},-1,{box},{rng.uniform(0.85, 0.99):.3f},-1,-1,-1\n")
    return lines


def raw_crops(clip: Path, rows: CropRows) -> list[np.ndarray]:
    """The crops of all detections as pixels, as the old way held them."""
    recording = probe_recording(clip, VIDEO)
    crops: list[np.ndarray] = []
    at = 0
    for frame in read_frames(clip / "cam_00.mp4", recording.views[0]):
        while at < len(rows.frame_numbers) and rows.frame_numbers[at] == frame.index:
            x0, y0 = np.clip(np.floor(rows.bboxes[at, :2]), 0, [WIDTH, HEIGHT]).astype(int)
            x1, y1 = np.clip(np.ceil(rows.bboxes[at, 2:]), 0, [WIDTH, HEIGHT]).astype(int)
            crops.append(frame.rgb()[y0:y1, x0:x1].copy())
            at += 1
    return crops


def old_way(crops: list[np.ndarray], person_of: np.ndarray, folder: Path) -> None:
    """Pickle, read, group, pickle, read, animate, report."""
    all_crops, by_person = folder / "all_crops.pkl", folder / "crops_by_person.pkl"
    with all_crops.open("wb") as file:
        pickle.dump([{"crop": crop, "row": row} for row, crop in enumerate(crops)], file, pickle.HIGHEST_PROTOCOL)
    with all_crops.open("rb") as file:
        loaded = pickle.load(file)
    groups: dict[int, list[np.ndarray]] = {}
    for entry in loaded:
        if person_of[entry["row"]] >= 0:
            groups.setdefault(int(person_of[entry["row"]]), []).append(entry["crop"])
    del loaded
    with by_person.open("wb") as file:
        pickle.dump(groups, file, pickle.HIGHEST_PROTOCOL)
    with by_person.open("rb") as file:
        persons = pickle.load(file)
    ranked = sorted(persons, key=lambda person: -len(persons[person]))
    pages = [animate(persons[person]) for person in ranked[:SHOWN_PERSONS]]
    images = "".join(f'<img src="data:image/webp;base64,{base64.b64encode(page).decode()}">' for page in pages)
    (folder / "report.html").write_text(f"<html><body>{images}</body></html>")


def animate(crops: list[np.ndarray]) -> bytes:
    """WebP of 60 frames of 128×192, as Pillow writes it by default."""
    frames = []
    for crop in crops[min(len(crops) // 5, 50) :][:SHOWN_FRAMES]:
        picture = Image.fromarray(crop)
        picture.thumbnail((128, 192))
        canvas = Image.new("RGB", (128, 192))
        canvas.paste(picture, ((128 - picture.width) // 2, (192 - picture.height) // 2))
        frames.append(canvas)
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], duration=100, loop=0, quality=80)
    return buffer.getvalue()


def scan_for_crops(clip: Path, rows: CropRows) -> list[np.ndarray]:
    """The old second pass over the video: OpenCV decodes whole frames, the boxes are copied out."""
    video = cv2.VideoCapture(str(clip / "cam_00.mp4"))
    bounds = np.searchsorted(rows.frame_numbers, np.arange(rows.frame_numbers[-1] + 2))
    crops: list[np.ndarray] = []
    for first, last in pairwise(bounds.tolist()):
        done, frame = video.read()
        if not done:
            raise RuntimeError("the clip ends before its last box")
        for row in range(first, last):
            x0, y0, x1, y1 = pixel_box(rows.bboxes[row], WIDTH, HEIGHT)
            crops.append(frame[y0:y1, x0:x1].copy())
    video.release()
    return crops


def empty_graph(defs: dg.Definitions) -> dg.Definitions:
    """The same assets, inputs and checks, whose functions do nothing and whose values are not stored."""

    class Nothing(dg.IOManager):
        def handle_output(self, context: dg.OutputContext, obj: object) -> None: ...

        def load_input(self, context: dg.InputContext) -> None: ...

    def emptied(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
        loaded = {name: dg.AssetIn(key) for name, key in asset.keys_by_input_name.items()}
        outs = {spec.key.to_user_string(): dg.AssetOut(dagster_type=dg.Any) for spec in asset.specs}

        def nothing(**_: object) -> tuple[None, ...] | None:
            return (None,) * len(outs) if len(outs) > 1 else None

        # Dagster looks for an argument of each input's name.
        arguments = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in loaded]
        nothing.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
        declare = dg.multi_asset(name=asset.op.name, ins=loaded, outs=outs, partitions_def=videos)
        return declare(nothing)

    def emptied_check(check: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
        specs = [spec._replace(partitions_def=videos) for spec in check.check_specs]

        @dg.multi_asset_check(name=check.op.name, specs=specs)
        def nothing() -> Iterator[dg.AssetCheckResult]:
            for spec in specs:
                yield dg.AssetCheckResult(passed=True, asset_key=spec.asset_key, check_name=spec.name)

        return nothing

    return dg.Definitions(
        assets=[emptied(asset) for asset in defs.assets or [] if isinstance(asset, dg.AssetsDefinition)],
        asset_checks=[emptied_check(check) for check in defs.asset_checks or []],
        resources={"io_manager": Nothing()},
        executor=dg.in_process_executor,
    )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of all threads."""
    begun, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - used


def forget(path: Path) -> None:
    """Drop a file from the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def load_pickle(path: Path) -> None:
    with path.open("rb") as file:
        pickle.load(file)


def shown_persons(outputs: Path) -> tuple[Persons, dict[int, list[int]]]:
    """The persons, and of each that is shown those it is made of: what the animations are given with the crops."""
    report = MergingReport.model_validate_json((outputs / "merging_report.json").read_bytes())
    members = {merge.person_id: merge.members for merge in report.merges}
    ranked = report.rankings.rankings[:SHOWN_PERSONS] if report.rankings else []
    return read_table(outputs / "merged_persons.npz", Persons), {
        r.person_id: members.get(r.person_id, [r.person_id]) for r in ranked
    }


def read_shown(path: Path, persons: Persons, shown: dict[int, list[int]]) -> None:
    """The 10 × 60 crops that the animations show, from the file to pixels, by the function that they call."""
    settings = AnimationSettings()
    with CropStore.open(path) as store, ThreadPoolExecutor(settings.threads) as pool:
        crops = pool.map(lambda person: shown_crops(store, persons, person, shown[person], settings), shown)
        count = sum(map(len, crops))
    # Shorter clips than the target's have persons with fewer crops.
    assert 0 < count <= SHOWN_PERSONS * SHOWN_FRAMES, f"{count} crops shown"


def psnr(crops: list[np.ndarray], store: CropStore, rng: np.random.Generator) -> float:
    """Of 300 crops together, in dB."""
    rows = rng.choice(len(crops), min(300, len(crops)), replace=False)
    pairs = zip(store.crops(rows), rows.tolist(), strict=True)
    errors = [((found.astype(float) - crops[row]) ** 2).mean() for found, row in pairs if crops[row].size]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def write_exact(path: Path, crops: list[np.ndarray], rows: CropRows) -> int:
    """Bytes of the same crops without loss."""
    with CropWriter(path, CropSettings(codec="exact")) as writer:
        for at in range(0, len(crops), 100):
            part = slice(at, at + 100)
            chosen = CropRows(**{name: values[part] for name, values in rows.arrays().items()})
            writer.append(chosen, [writer.encode(c) for c in crops[part]], [c.shape[:2] for c in crops[part]])
        writer.total_frames = 0
    return path.stat().st_size


def main() -> None:
    """Run both side by side and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=2025)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch)
        clip = data / "videos" / VIDEO
        write_clip(clip, options.frames, rng)
        deployment = Deployment(data=data, detector={"kind": "public"})
        defs = build_defs(deployment)
        instance = dg.DagsterInstance.ephemeral()
        instance.add_dynamic_partitions(str(videos.name), [VIDEO])

        def run(definitions: dg.Definitions, names: list[str]) -> None:
            definitions.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=instance,
                partition_key=VIDEO,
                asset_selection=[dg.AssetKey(name) for name in names],
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )

        everything = [n for n in defs.resolve_all_asset_keys() if n.to_user_string() != "annotated_video"]
        run(defs, [key.to_user_string() for key in everything])
        empty = empty_graph(defs)
        recording = probe_recording(clip, VIDEO)
        given = public_detections(recording, clip)
        outputs = data / "outputs" / VIDEO
        with CropStore.open(outputs / "detection_crops.h5") as store:
            rows = store.rows()
            crops = raw_crops(clip, rows)
            quality = psnr(crops, store, rng)
        person_of = person_of_rows(outputs, rows)
        old_folder = data / "old"
        old_folder.mkdir()
        times: dict[str, list[tuple[float, float]]] = {}

        def measure(name: str, work: Callable[[], object]) -> None:
            times.setdefault(name, []).append(timed(work))

        def our_crop_pass() -> None:
            crop_recording(recording, clip, given, data / "again.h5", CropSettings())

        pickled, ours = old_folder / "crops_by_person.pkl", outputs / "crops_by_person.h5"
        shown = shown_persons(outputs)
        for _ in range(options.rounds):
            measure("old", lambda: old_way(crops, person_of, old_folder))
            measure("graph", lambda: run(defs, SELECTION))
            measure("graph, empty", lambda: run(empty, SELECTION))
            measure("old crop pass", lambda: scan_for_crops(clip, rows))
            measure("our crop pass", our_crop_pass)
            measure("load pickle", lambda: load_pickle(pickled))
            measure("read shown", lambda: read_shown(ours, *shown))
            for path in (pickled, ours):
                forget(path)
            measure("load pickle, cold", lambda: load_pickle(pickled))
            measure("read shown, cold", lambda: read_shown(ours, *shown))
        size = (old_folder / "all_crops.pkl").stat().st_size
        stores = {
            f"crop store, default ({quality:.1f} dB)": (outputs / "detection_crops.h5").stat().st_size / size,
            "crop store, exact": write_exact(data / "exact.h5", crops, rows) / size,
        }
        people = len(set(person_of.tolist()) - {-1})
        print(f"{len(crops)} crops, {people} persons, pickle {size / 1e6:.0f} MB; {options.rounds} rounds")
        print_table(times, stores)
        shutil.rmtree(old_folder)


def print_table(times: dict[str, list[tuple[float, float]]], stores: dict[str, float]) -> None:
    """Medians, and what they make of the goals."""
    for name, values in times.items():
        taken, used = np.array(values).T
        span = f"({taken.min():.3f} to {taken.max():.3f})"
        print(f"{name:<22}{np.median(taken):8.3f} s wall {span:<20}{np.median(used):8.3f} s CPU")
    wall = {name: float(np.median([v[0] for v in values])) for name, values in times.items()}
    cpu = {name: float(np.median([v[1] for v in values])) for name, values in times.items()}
    rows: list[tuple[str, float, float | str]] = [
        *((name, value, goal) for (name, value), goal in zip(stores.items(), (0.25, 0.60), strict=True)),
        ("chain: graph / old way (the target)", wall["graph"] / wall["old"], 0.35),
        ("  in CPU seconds", cpu["graph"] / cpu["old"], ""),
        ("  without Dagster's own time", (wall["graph"] - wall["graph, empty"]) / wall["old"], ""),
        ("  Dagster's own time / old way", wall["graph, empty"] / wall["old"], ""),
        (
            "chain with the crop pass on both sides",
            (wall["graph"] + wall["our crop pass"]) / (wall["old"] + wall["old crop pass"]),
            "",
        ),
        ("read shown / load pickle", wall["read shown"] / wall["load pickle"], 0.50),
        ("the same, cold", wall["read shown, cold"] / wall["load pickle, cold"], 0.10),
    ]
    print(f"{'ratio':<42}{'reached':>8}   goal")
    for name, value, goal in rows:
        print(f"{name:<42}{value:8.3f}   {goal}")


def person_of_rows(outputs: Path, rows: CropRows) -> np.ndarray:
    """The person of each detection as the graph found it, -1 for none: the old way groups by the same."""
    persons = read_table(outputs / "canonical_persons.npz", Persons)
    found = read_table(outputs / "detections_raw.npz", Detections)
    person_of = np.full(len(rows.frame_numbers), -1, "i8")
    person_of[found.row_of(persons.camera, persons.frame_numbers, persons.detection_indices)] = persons.person_id
    return person_of


if __name__ == "__main__":
    main()
