"""Baselines: frozen, replaced whole, and refused when they were changed."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from videotracks import baseline as module
from videotracks.baseline import Baseline, Provenance, capture, count_frames, draft
from videotracks.errors import BaselineError
from videotracks.npz import write_table
from videotracks.people.ranking import Ranking
from videotracks.tables import Persons, Tracklets, TrackletStats, empty

PROVENANCE = Provenance(
    code_version="1.2", configuration={"detector": {"kind": "hog"}}, weights={"yolox": "0" * 64},
    content_hash="abc", timings_s={"tracklets": 1.5}, accuracy={"tracklets": {"HOTA": 0.5}},
)  # fmt: skip


def write_animation(path: Path, frames: int) -> None:
    path.parent.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 255, (16, 8, 3), dtype="u1")) for _ in range(frames)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=100)


def stats(count: int) -> TrackletStats:
    return TrackletStats.from_arrays(empty(TrackletStats, N=count) | {"tracklet_id": np.arange(count)})


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs" / "video"
    folder.mkdir(parents=True)
    write_table(folder / "tracklet_stats.npz", stats(3))
    write_table(folder / "canonical_persons.npz", Persons.from_arrays(empty(Persons)))
    (folder / "ranking_results.json").write_text('{"rankings": [], "primary_person": null}')
    (folder / "crops_by_person.h5").write_bytes(b"large")
    write_animation(folder / "webp" / "person_03.webp", 5)
    (folder / "webp" / "notes.txt").write_text("no animation")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "baselines" / "video"


def test_captures_what_the_checks_compare(outputs: Path, place: Path) -> None:
    made = capture(outputs, place, PROVENANCE)
    opened = Baseline.open(place)
    assert opened is not None
    assert opened.record == made.record
    assert opened.record.provenance == PROVENANCE
    assert opened.record.origin == "captured"
    assert opened.tracklet_stats is not None
    assert opened.tracklet_stats.row_count == 3
    assert opened.model("ranking_results.json", Ranking) == Ranking(rankings=[], primary_person=None)
    assert [(a.name, a.frames) for a in opened.animations or []] == [("person_03.webp", 5)]
    assert opened.timings_s == {"tracklets": 1.5}
    assert opened.accuracy("tracklets") == {"HOTA": 0.5}
    assert {p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()} == {
        "baseline.json", "tracklet_stats.npz", "canonical_persons.npz", "ranking_results.json", "webp/person_03.webp"
    }  # fmt: skip


def test_what_was_not_captured_is_none(outputs: Path, place: Path) -> None:
    made = capture(outputs, place, Provenance(code_version="1"))
    assert made.tracklets is made.detections is made.merged_persons is None
    assert made.accuracy("tracklets") is None
    assert made.model("merging_report.json", Ranking) is None


def test_there_may_be_no_baseline(tmp_path: Path) -> None:
    assert Baseline.open(tmp_path) is None
    assert Baseline.open(tmp_path / "absent") is None


def test_capturing_again_replaces_everything(outputs: Path, place: Path) -> None:
    capture(outputs, place, PROVENANCE)
    write_table(outputs / "tracklet_stats.npz", stats(4))
    (outputs / "canonical_persons.npz").unlink()
    made = capture(outputs, place, PROVENANCE)
    assert made.tracklet_stats is not None
    assert made.tracklet_stats.row_count == 4
    assert made.canonical_persons is None
    assert [p.name for p in place.parent.iterdir()] == ["video"]


def test_nothing_to_capture_is_an_error_and_keeps_the_old_baseline(outputs: Path, place: Path, tmp_path: Path) -> None:
    capture(outputs, place, PROVENANCE)
    (tmp_path / "none").mkdir()
    with pytest.raises(BaselineError, match="run the video first"):
        capture(tmp_path / "none", place, PROVENANCE)
    assert Baseline.open(place) is not None
    assert [p.name for p in place.parent.iterdir()] == ["video"]


@pytest.mark.parametrize("moment", ["before", "between"])
def test_an_interrupted_capture_keeps_the_old_baseline(
    outputs: Path, place: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture(outputs, place, PROVENANCE)
    if moment == "between":  # the process dies after it moved the old folder aside
        os.rename(place, place.with_name(".video.previous"))
    else:
        monkeypatch.setattr(module, "write_record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            capture(outputs, place, PROVENANCE)
    opened = Baseline.open(place)
    assert opened is not None
    assert opened.tracklet_stats is not None
    assert [p.name for p in place.parent.iterdir()] == ["video"]


def test_a_failed_exchange_puts_the_old_baseline_back(
    outputs: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture(outputs, place, PROVENANCE)
    rename = Path.rename

    def fails_for_drafts(self: Path, target: Path) -> Path:
        if "draft" in self.name:
            raise OSError("disk")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_drafts)
    with pytest.raises(OSError, match="disk"), draft(place):
        pass
    assert Baseline.open(place) is not None


def test_refuses_a_file_that_was_changed(outputs: Path, place: Path) -> None:
    made = capture(outputs, place, PROVENANCE)
    write_table(place / "tracklet_stats.npz", stats(9))
    with pytest.raises(BaselineError, match=r"tracklet_stats\.npz: missing, or changed"):
        _ = made.tracklet_stats


@pytest.mark.parametrize("content", ["", "[]", '{"files": 3}'])
def test_refuses_a_damaged_record(outputs: Path, place: Path, content: str) -> None:
    capture(outputs, place, PROVENANCE)
    (place / "baseline.json").write_text(content)
    with pytest.raises(BaselineError, match=r"baseline\.json: not a baseline's record"):
        Baseline.open(place)


def test_a_record_cannot_lead_out_of_its_folder(outputs: Path, place: Path) -> None:
    capture(outputs, place, PROVENANCE)
    record = (place / "baseline.json").read_text().replace('"tracklet_stats.npz"', '"../../outputs/video/x.npz"')
    (place / "baseline.json").write_text(record)
    opened = Baseline.open(place)
    assert opened is not None
    assert opened.table("../../outputs/video/x.npz", Tracklets) is None


@pytest.mark.parametrize("frames", [1, 2, 17])
def test_counts_the_frames_of_an_animation(tmp_path: Path, frames: int) -> None:
    write_animation(tmp_path / "a" / "x.webp", frames)
    assert count_frames(tmp_path / "a" / "x.webp") == frames


@pytest.mark.parametrize("content", [b"", b"RIFF", b"GIF89a123456789", None])
def test_refuses_what_is_no_animation(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a" / "x.webp"
    write_animation(path, 3)
    path.write_bytes(path.read_bytes()[:-10] if content is None else content)
    with pytest.raises(BaselineError, match=r"x\.webp: (not|a truncated) "):
        count_frames(path)
