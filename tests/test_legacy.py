"""Outputs of the older scripts, in every layout that is known, become a baseline; the rest is refused."""

import hashlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.test_baseline import write_animation
from videotracks.baseline import Baseline
from videotracks.errors import BaselineError
from videotracks.legacy import import_legacy

BOXES = [[0.0, 0.0, 10.0, 20.0], [1.0, 0.0, 11.0, 20.0], [2.0, 0.0, 12.0, 20.0]]


def record(id_name: str, number: int, frames: list[int], *, arrays: bool = True, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        id_name: number,
        "frame_numbers": frames,
        "bboxes": BOXES[: len(frames)],
        "confidences": [0.5 + 0.1 * i for i in range(len(frames))],
        "detection_indices": [number % 10] * len(frames),
    }
    return {k: np.array(v) if arrays and isinstance(v, list) else v for k, v in made.items()} | more


TRACKLETS = [record("tracklet_id", 2, [5, 6, 7]), record("tracklet_id", 1, [0, 1])]
PERSONS = [
    record("person_id", 1, [0, 1], original_tracklet_ids=[1], num_tracklets_merged=1),
    record("person_id", 2, [5, 6, 7], original_tracklet_ids=np.array([2])),
]
STATISTICS = [
    {
        "tracklet_id": i, "start_frame": 5 - 5 * i, "end_frame": 7, "duration": np.int64(3), "mean_center": (5.0, 10.0),
        "center_jitter": 0.5, "mean_area": 200.0, "area_variance": 1.5, "mean_velocity": np.array([1.0, 0.0]),
        "velocity_magnitude": 1.0, "first_bbox": BOXES[0], "last_bbox": np.array(BOXES[2]), "mean_confidence": 0.6,
    }
    for i in (1, 0)
]  # fmt: skip


def objects(items: list[Any]) -> np.ndarray:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "baselines" / "video"


def write_all(folder: Path) -> None:
    np.savez_compressed(folder / "tracklets_raw.npz", tracklets=objects(TRACKLETS))
    np.savez_compressed(folder / "canonical_persons.npz", persons=objects(PERSONS))
    np.savez_compressed(folder / "tracklet_stats.npz", statistics=objects(STATISTICS))
    np.savez_compressed(
        folder / "detections_raw.npz", frame_numbers=np.array([0, 2, 2]), bboxes=np.array(BOXES, "f4"),
        confidences=np.array([0.5, 0.6, 0.7]), classes=np.zeros(3, "i4"), num_detections_per_frame=np.array([1, 0, 2]),
    )  # fmt: skip
    ranked = {"person_id": 2, "rank": 1, "score": 0.5, "is_primary": True,
              "components": {"duration": 1, "coverage": 1, "center": 1, "smoothness": 1}}  # fmt: skip
    (folder / "ranking_report.json").write_text(json.dumps({"rankings": [ranked], "primary_person": 2}))
    (folder / "crops_by_person.pkl").write_bytes(
        pickle.dumps({1: {"crops": [np.zeros((4, 2, 3), "u1")] * 2}, 2: {"crops": [np.zeros((4, 2, 3), "u1")] * 3}})
    )
    write_animation(folder / "webp" / "person_02.webp", 4)
    (folder / "pipeline_timings.txt").write_text(
        "Pipeline timings\n================\nStage 1: Detection: 12.5s\n  tracking = 0.25 seconds\nRanking | 40 ms\n"
        "Total: 13.0 s\n"
    )
    (folder / "report.timings.json").write_text('{"total": 2.5, "stages": {"load": 0.5, "page": {"seconds": 1.5}}}')


def test_imports_everything_that_the_older_scripts_wrote(old: Path, place: Path) -> None:
    write_all(old)
    made = import_legacy(old, place)
    assert made.record.origin == "imported"
    assert made.record.notes == []
    assert made.tracklets is not None
    assert made.tracklets.tracklet_id.tolist() == [1, 1, 2, 2, 2]
    assert made.tracklets.frame_numbers.tolist() == [0, 1, 5, 6, 7]
    assert made.canonical_persons is not None
    assert made.canonical_persons.tracklet_id.tolist() == [1, 1, 2, 2, 2]
    assert made.canonical_persons.tracklets_of(2).tolist() == [2]
    assert made.tracklet_stats is not None
    assert made.tracklet_stats.tracklet_id.tolist() == [0, 1]
    assert made.tracklet_stats.area_std.tolist() == [1.5, 1.5]
    assert made.detections is not None
    assert made.detections.num_detections_per_frame.tolist() == [1, 0, 2]
    assert "ranking_results.json" in made.record.files
    assert made.record.crops_per_person == {1: 2, 2: 3}
    assert [(a.name, a.frames) for a in made.animations or []] == [("person_02.webp", 4)]
    assert made.timings_s == {
        "Stage 1: Detection": 12.5, "tracking": 0.25, "Ranking": pytest.approx(0.04), "Total": 13.0,
        "report": 2.5, "report.load": 0.5, "report.page": 1.5,
    }  # fmt: skip


def test_writes_nothing_into_the_imported_folder(old: Path, place: Path) -> None:
    write_all(old)
    before = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in old.rglob("*") if p.is_file()}
    for path in [*old.rglob("*"), old]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    import_legacy(old, place)
    assert {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in old.rglob("*") if p.is_file()} == before
    for path in [old, *old.rglob("*")]:
        path.chmod(0o755)


@pytest.mark.parametrize("where", [".", "inside", ".."])
def test_refuses_a_baseline_within_the_imported_folder(old: Path, where: str) -> None:
    write_all(old)
    with pytest.raises(BaselineError, match="apart from the baseline"):
        import_legacy(old, old / where)


TRACKLET_LAYOUTS = {
    "records": {"tracklets": objects(TRACKLETS)},
    "records of lists": {"tracklets": objects([record("tracklet_id", i, [i, i + 1], arrays=False) for i in (1, 2)])},
    "a list in one object": {"tracklets": np.array(None, dtype=object)},
    "by id": {"tracklets": np.array({2: TRACKLETS[0], 1: TRACKLETS[1]}, dtype=object)},
    "an array each": {f"tracklet_{2 - i}": np.array(t, dtype=object) for i, t in enumerate(TRACKLETS)},
    "columns of objects": {
        "tracklet_ids": np.array([2, 1]),
        **{k: objects([t[k] for t in TRACKLETS]) for k in TRACKLETS[0] if k != "tracklet_id"},
    },
    "flat": {k: np.concatenate([np.atleast_1d(t[k]) if k != "tracklet_id" else np.full(len(t["frame_numbers"]), t[k])
                                for t in TRACKLETS]) for k in TRACKLETS[0]},
}  # fmt: skip
TRACKLET_LAYOUTS["a list in one object"]["tracklets"][()] = TRACKLETS


@pytest.mark.parametrize("layout", TRACKLET_LAYOUTS)
def test_reads_tracklets_in_every_known_layout(old: Path, place: Path, layout: str) -> None:
    np.savez(old / "tracklets_raw.npz", **TRACKLET_LAYOUTS[layout])
    made = import_legacy(old, place).tracklets
    assert made is not None
    assert sorted(set(made.tracklet_id.tolist())) == [1, 2]
    assert made.bboxes[0].tolist() == BOXES[0]


def test_tracklets_without_ids_are_counted(old: Path, place: Path) -> None:
    plain = [{k: v for k, v in t.items() if k != "tracklet_id"} for t in TRACKLETS]
    np.savez(old / "tracklets_raw.npz", tracklets=objects(plain))
    made = import_legacy(old, place).tracklets
    assert made is not None
    assert made.tracklet_id.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("empty", [np.array([]), objects([]), np.array([], dtype=object).reshape(0, 2)])
@pytest.mark.parametrize("name", ["tracklets_raw", "canonical_persons", "tracklet_stats"])
def test_an_empty_list_is_an_empty_table(old: Path, place: Path, name: str, empty: np.ndarray) -> None:
    np.savez(old / f"{name}.npz", items=empty)
    made = import_legacy(old, place)
    table = made.tracklets or made.canonical_persons or made.tracklet_stats
    assert table is not None
    assert table.row_count == 0


def test_on_a_shared_frame_the_better_box_is_kept_and_noted(old: Path, place: Path) -> None:
    shared = record("person_id", 1, [3, 4, 4], original_tracklet_ids=[1, 9])
    shared["confidences"], shared["detection_indices"] = np.array([0.5, 0.6, 0.9]), np.array([0, 0, 1])
    np.savez(old / "canonical_persons.npz", persons=objects([shared]))
    np.savez(old / "tracklets_raw.npz", tracklets=objects([
        record("tracklet_id", 1, [3, 4]) | {"detection_indices": np.array([0, 0])},
        record("tracklet_id", 9, [4]) | {"detection_indices": np.array([1])},
    ]))  # fmt: skip
    made = import_legacy(old, place)
    assert made.canonical_persons is not None
    assert made.canonical_persons.frame_numbers.tolist() == [3, 4]
    assert made.canonical_persons.confidences.tolist() == pytest.approx([0.5, 0.9])
    assert made.canonical_persons.tracklet_id.tolist() == [1, 9]
    assert "1 boxes on frames that merged tracklets share" in made.record.notes[0]
    assert "1 boxes" in str(made)


def changed(**changes: Any) -> np.ndarray:
    made = {k: v for k, v in (TRACKLETS[0] | changes).items() if v is not ...}
    return objects([made])


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"something": np.arange(3)}, "an unknown layout"),
        ({}, "no arrays"),
        ({"t": objects([1, 2])}, "without"),
        ({"t": changed(bboxes=...)}, "without bboxes"),
        ({"t": changed(bboxes=[[1, 2, 3]] * 3)}, "bboxes holds no list of numbers"),
        ({"t": changed(bboxes=np.zeros((3, 5)))}, "bboxes has the shape"),
        ({"t": changed(bboxes=np.full((3, 4), np.nan))}, "not finite"),
        ({"t": changed(frame_numbers=[0.5, 1, 2])}, "not whole"),
        ({"t": changed(frame_numbers=["a", "b", "c"])}, "frame_numbers holds no list"),
        ({"t": changed(frame_numbers=[1e300, 1, 2])}, "frame_numbers holds no list"),
        ({"t": changed(frame_numbers=[5, 6])}, "different lengths"),
        ({"t": changed(frame_numbers=[5, 5, 6])}, "must increase"),
        ({"t": changed(frame_numbers=None)}, "frame_numbers holds no list"),
        ({"t": changed(tracklet_id="x")}, "tracklet_id holds no list"),
        ({"t": changed(bboxes=[[[1, 2], 2, 3, 4]] * 3)}, "bboxes holds no list"),
    ],
)
def test_says_what_was_found_where_the_layout_is_unknown(old: Path, place: Path, arrays: Any, why: str) -> None:
    np.savez(old / "tracklets_raw.npz", **arrays)
    with pytest.raises(BaselineError, match=why) as caught:
        import_legacy(old, place)
    assert "tracklets_raw.npz" in str(caught.value)
    assert "Found: " in str(caught.value)
    assert "Expected: arrays tracklet_id, frame_numbers, bboxes" in str(caught.value)
    assert Baseline.open(place) is None


def test_a_list_that_repeats_itself_does_not_grow(old: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videotracks.legacy_tables.MAX_ROWS", 1000)
    one = {k: v for k, v in record("tracklet_id", 1, [0, 1]).items() if k != "tracklet_id"}
    np.savez(old / "tracklets_raw.npz", tracklets=objects([one] * 501))
    with pytest.raises(BaselineError, match="more than 1,000 boxes"):
        import_legacy(old, place)


def test_refuses_statistics_that_lack_one(old: Path, place: Path) -> None:
    np.savez(
        old / "tracklet_stats.npz", s=objects([{k: v for k, v in s.items() if k != "mean_area"} for s in STATISTICS])
    )
    with pytest.raises(BaselineError, match="no mean_area"):
        import_legacy(old, place)


def test_reads_flat_statistics(old: Path, place: Path) -> None:
    np.savez(old / "tracklet_stats.npz", **{k: np.array([s[k] for s in STATISTICS]) for k in STATISTICS[0]})
    made = import_legacy(old, place).tracklet_stats
    assert made is not None
    assert made.mean_velocity.tolist() == [[1.0, 0.0], [1.0, 0.0]]


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch it_ran",)


@pytest.mark.parametrize("name", ["tracklets_raw.npz", "canonical_persons.npz", "crops_by_person.pkl"])
def test_refuses_a_file_that_asks_for_anything_else(
    old: Path, place: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(old)
    write_all(old)
    if name.endswith(".npz"):
        np.savez(old / name, tracklets=objects([TRACKLETS[0] | {"x": Evil()}]))
    else:
        (old / name).write_bytes(pickle.dumps({1: {"crops": [Evil()]}}))
    with pytest.raises(BaselineError, match=rf"{name}.*asks for the global posix\.system"):
        import_legacy(old, place)
    assert not (old / "it_ran").exists()
    assert Baseline.open(place) is None


def test_refuses_a_folder_without_outputs(old: Path, place: Path) -> None:
    (old / "holiday.txt").write_text("x")
    with pytest.raises(BaselineError, match="holds no outputs"):
        import_legacy(old, place)


def test_a_ranking_of_another_kind_is_left_out_and_noted(old: Path, place: Path) -> None:
    (old / "ranking_report.json").write_text('{"persons": []}')
    (old / "pipeline_timings.txt").write_text("a: 1 s")
    assert import_legacy(old, place).record.notes == [
        "ranking_report.json was left out: its scores have other components"
    ]


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "nul"])
def test_refuses_json_that_is_none(old: Path, place: Path, content: str) -> None:
    (old / "a.timings.json").write_text(content)
    with pytest.raises(BaselineError, match=r"a\.timings\.json: not JSON"):
        import_legacy(old, place)


def test_counts_crops_in_hdf5_without_following_links(old: Path, place: Path) -> None:
    with h5py.File(old / "crops_by_person.h5", "w") as file:
        file.create_group("person_003")["frame_numbers"] = np.arange(7)
        file["person_004"] = h5py.ExternalLink("/etc/passwd", "/x")
        file.create_group("person_005")["frame_numbers"] = h5py.SoftLink("/person_003/frame_numbers")
        file.create_group("other")
    assert import_legacy(old, place).record.crops_per_person == {3: 7}


def test_refuses_hdf5_that_is_none(old: Path, place: Path) -> None:
    (old / "crops_by_person.h5").write_bytes(b"no")
    with pytest.raises(BaselineError, match="not a complete HDF5 file"):
        import_legacy(old, place)


@pytest.mark.parametrize(
    ("value", "counts"),
    [
        ({1: [1, 2], 2: [3]}, {1: 2, 2: 1}),
        ({"person_001": {"crops": [1]}}, {1: 1}),
        ({"crops_by_person": {3: {"crops": [1, 2]}}, "meta": 1}, {3: 2}),
        ([{"person_id": 4, "crops": np.zeros((3, 2, 2, 3))}], {4: 3}),
        ({"x": 1}, None),
        ([], None),
        (7, None),
    ],
)
def test_counts_pickled_crops(old: Path, place: Path, value: Any, counts: Any) -> None:
    (old / "pipeline_timings.txt").write_text("a: 1 s")
    (old / "crops_by_person.pkl").write_bytes(pickle.dumps(value))
    made = import_legacy(old, place)
    assert made.record.crops_per_person == counts
    assert bool(made.record.notes) is (counts is None)
