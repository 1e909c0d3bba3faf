"""Where outputs lie, and how drafts become outputs."""

import os
import shutil
import time
import uuid
from pathlib import Path

import dagster as dg
import pytest
from upath import UPath

from resources.outputs import LEFTOVER_S, STAGING, Outputs
from videotracks.errors import VideoTracksError


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(root=str(tmp_path / "outputs"))


def finished(outputs: Outputs, content: str) -> Path:
    draft = outputs.draft("a.txt")
    draft.write_text(content)
    return draft


def test_every_video_has_a_folder(outputs: Outputs, tmp_path: Path) -> None:
    assert str(outputs.folder("one-by_one")) == str(tmp_path / "outputs" / "one-by_one")
    assert str(outputs.path(None, "all.json")) == str(tmp_path / "outputs" / "_shared" / "all.json")


@pytest.mark.parametrize(
    "key", ["", "..", "../x", "a/b", "/x", ".staging", "_shared", "A", "a b", "-a", "x" * 81, "a\n"]
)
def test_what_is_no_key_has_no_folder(outputs: Outputs, key: str) -> None:
    with pytest.raises(VideoTracksError, match="no key of a video"):
        outputs.folder(key)


@pytest.mark.parametrize("file", ["../x", "/x", "", "a/../../x"])
def test_files_stay_inside_the_folder(outputs: Outputs, file: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        outputs.path("a", file)


def test_a_relative_root_does_not_move_with_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    base = Outputs(root="data/outputs").base
    assert str(base) == str(tmp_path / "data" / "outputs")
    assert str(Outputs(root=f"file://{tmp_path}/x").base) == str(tmp_path / "x")


def test_drafts_lie_on_the_file_system_of_the_root(outputs: Outputs, tmp_path: Path) -> None:
    first, second = outputs.draft("crops.h5"), outputs.draft("crops.h5")
    assert first != second
    assert first.is_relative_to(tmp_path / "outputs" / STAGING)
    assert first.parent.is_dir()
    assert not first.exists()


def test_drafts_of_a_remote_root_are_local() -> None:
    outputs = Outputs(root="memory://bucket/outputs")
    assert outputs.draft("crops.h5").parent.is_dir()
    outputs.discard_drafts()


@pytest.mark.parametrize("root", ["folder", "memory"])
def test_placing_replaces_the_old_file(tmp_path: Path, root: str) -> None:
    outputs = Outputs(root=str(tmp_path / "o") if root == "folder" else f"memory://{uuid.uuid4().hex}")
    target = outputs.path("video", "a.txt")
    for content in ("old", "new"):
        draft = finished(outputs, content)
        outputs.place(draft, target)
        assert target.read_text() == content
        assert not draft.exists()
    assert [p.name for p in outputs.folder("video").iterdir()] == ["a.txt"]
    outputs.discard_drafts()


def test_a_draft_from_another_file_system_replaces_in_one_step(
    outputs: Outputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = outputs.path("video", "a.txt")
    outputs.place(finished(outputs, "old"), target)
    rename = os.replace

    def across(source: Path, goal: Path) -> None:
        if Path(source).parent != Path(goal).parent:
            raise OSError(18, "Invalid cross-device link")
        rename(source, goal)

    monkeypatch.setattr(os, "replace", across)
    outputs.place(finished(outputs, "new"), target)
    assert target.read_text() == "new"

    def broken(source: Path, goal: Path) -> None:
        Path(goal).write_text("ne")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", broken)
    with pytest.raises(OSError, match="No space"):
        outputs.place(finished(outputs, "newer"), target)
    assert target.read_text() == "new"
    assert [p.name for p in outputs.folder("video").iterdir()] == ["a.txt"]


def test_an_interrupted_upload_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = Outputs(root=f"memory://{uuid.uuid4().hex}")
    target = outputs.path("video", "a.txt")
    outputs.place(finished(outputs, "old"), target)

    def broken(source: str, goal: str) -> None:
        UPath(f"memory:/{goal}").write_text("ne")
        raise ConnectionError("cut")

    monkeypatch.setattr(target.fs, "put_file", broken)
    with pytest.raises(ConnectionError):
        outputs.place(finished(outputs, "new"), target)
    assert target.read_text() == "old"
    assert [p.name for p in outputs.folder("video").iterdir()] == ["a.txt"]
    outputs.discard_drafts()


def test_a_stored_output_is_never_moved_elsewhere(outputs: Outputs) -> None:
    target = outputs.path("video", "a.txt")
    outputs.place(finished(outputs, "kept"), target)
    with pytest.raises(VideoTracksError, match="already a stored output"):
        outputs.place(Path(target), outputs.path("other", "a.txt"))
    assert target.read_text() == "kept"


def test_a_run_removes_its_drafts_and_what_killed_runs_left(tmp_path: Path) -> None:
    outputs = Outputs(root=str(tmp_path))
    staging = tmp_path / STAGING
    for name in ("killed", "alive", "writing"):
        (staging / name / "x").mkdir(parents=True)
        (staging / name / "x" / "crops.h5").touch()
    long_ago = time.time() - LEFTOVER_S - 60
    for name in ("killed", "writing"):
        for path in (staging / name / "x" / "crops.h5", staging / name / "x", staging / name):
            os.utime(path, (long_ago, long_ago))
    os.utime(staging / "writing" / "x" / "crops.h5")
    seen = []

    @dg.asset
    def writes_a_draft(outputs: Outputs) -> None:
        outputs.draft("big.h5").write_text("never returned")
        seen.extend(sorted(p.name for p in staging.iterdir()))

    result = dg.materialize([writes_a_draft], resources={"outputs": outputs})
    assert {name.removeprefix(result.run_id[:8]) == name for name in seen} == {True, False}
    assert "killed" not in seen
    assert sorted(p.name for p in staging.iterdir()) == ["alive", "writing"]


def test_a_run_that_fails_removes_its_drafts(tmp_path: Path) -> None:
    @dg.asset
    def fails(outputs: Outputs) -> None:
        outputs.draft("big.h5").write_text("half")
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        dg.materialize([fails], resources={"outputs": Outputs(root=str(tmp_path))})
    assert list((tmp_path / STAGING).iterdir()) == []


def test_work_that_failed_is_found_again(outputs: Outputs) -> None:
    def is_killed() -> None:
        with outputs.work_folder("a", "mask_tracks") as folder:
            (folder / "step").write_text("done")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        is_killed()
    with outputs.work_folder("a-b", "mask_tracks") as other:
        assert not (other / "step").exists()
    with outputs.work_folder("a", "mask_tracks") as folder:
        assert (folder / "step").read_text() == "done"
    assert not folder.exists()


def test_what_belongs_to_no_video_has_a_work_folder_too(outputs: Outputs) -> None:
    with outputs.work_folder(None, "video_tokenizer") as folder, outputs.work_folder("a", "video_tokenizer") as other:
        assert folder != other


def test_two_runs_never_share_a_work_folder(outputs: Outputs) -> None:
    with (
        outputs.work_folder("a", "mask_tracks"),
        pytest.raises(VideoTracksError, match="another run"),
        outputs.work_folder("a", "mask_tracks"),
    ):
        pass
