"""The command line: what it says, and exit codes that scripts can trust."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from dagster_project.cli import main
from tests.assets.street import FRAMES, write_street


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own; everything else as by default, people from public detections."""
    import os

    for name in [n for n in os.environ if n.startswith(("VIDEOTRACKS_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "unused"))
    monkeypatch.setenv("VIDEOTRACKS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("VIDEOTRACKS_DETECTOR__KIND", "public")
    return tmp_path / "data"


def videotracks(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for name, command in group.commands.items():
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


@pytest.mark.parametrize("command", commands(main), ids=" ".join)
def test_every_command_says_what_it_does(command: tuple[str, ...]) -> None:
    result = videotracks(*command, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


def test_a_recording_is_added_by_a_link(data: Path, tmp_path: Path) -> None:
    source = write_street(tmp_path / "street")
    result = videotracks("add", source)
    assert result.exit_code == 0, result.output
    assert "videotracks run street" in result.output.replace("\n", " ")
    assert (data / "videos" / "street").resolve() == source
    assert videotracks("add", source).exit_code == 0


def test_what_is_no_recording_is_wrong_usage(data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    result = videotracks("add", tmp_path / "notes.txt")
    assert result.exit_code == 2
    assert "notes.txt" in result.output
    assert not (data / "videos").exists()


def test_a_file_is_registered_and_run(data: Path, tmp_path: Path) -> None:
    result = videotracks("run", write_street(tmp_path / "street"), "--select", "recording")
    assert result.exit_code == 0, result.output
    assert f"{FRAMES} frames" in result.output
    assert (data / "outputs" / "street" / "recording.json").exists()


@pytest.mark.slow
def test_a_file_is_run_reported_exported_and_frozen(data: Path, tmp_path: Path) -> None:
    result = videotracks("run", write_street(tmp_path / "street"))
    assert result.exit_code == 0, result.output
    page = data / "outputs" / "street" / "person_selection_report.html"
    assert str(page) in result.output.replace("\n", "")
    assert page.exists()
    assert "merged_persons" in result.output
    assert "passed" in result.output
    again = videotracks("run", "street", "--select", "person_ranking")
    assert again.exit_code == 0, again.output
    assert "primary_person" in again.output
    exported = videotracks("export", "street", "-o", tmp_path / "tracks.txt")
    assert exported.exit_code == 0, exported.output
    assert len((tmp_path / "tracks.txt").read_text().splitlines()) > 50
    baseline = videotracks("baseline", "capture", "street")
    assert baseline.exit_code == 0, baseline.output
    assert (data / "baselines" / "street").is_dir()


def test_a_file_that_is_no_video_fails_with_its_name(data: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\x00" * 4096)
    result = videotracks("run", tmp_path / "broken.mp4")
    assert result.exit_code == 1, result.output
    assert "broken.mp4" in result.output
    assert "Traceback" not in result.output


def test_an_unknown_video_is_wrong_usage(data: Path) -> None:
    result = videotracks("run", "nobody")
    assert result.exit_code == 2
    assert "no recording 'nobody'" in result.output.replace("\n", " ")


@pytest.mark.parametrize("selection", ["nothing_of_this_name", "key:nothing_of*", "recording ((of_this"])
def test_a_selection_of_nothing_is_wrong_usage(data: Path, tmp_path: Path, selection: str) -> None:
    result = videotracks("run", write_street(tmp_path / "street"), "--select", selection)
    assert result.exit_code == 2, result.output
    assert selection in result.output


def test_a_wrong_setting_is_wrong_usage_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOTRACKS_SETTINGS__GROPING__MAX_GAP_S", "2")
    result = videotracks("doctor")
    assert result.exit_code == 2
    assert "groping" in result.output


def test_a_wrong_threshold_is_wrong_usage_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDEOTRACKS_SETTINGS__GROUPING__MAX_GAP_S", "-2")
    result = videotracks("run", write_street(tmp_path / "street"))
    assert result.exit_code == 2, result.output
    assert "max_gap_s" in result.output


def test_nothing_to_export_or_to_freeze_is_wrong_usage(tmp_path: Path) -> None:
    for command in (["export", "street", "-o", str(tmp_path / "x.txt")], ["baseline", "capture", "street"]):
        result = videotracks(*command)
        assert result.exit_code == 2, result.output
        assert "videotracks run street" in result.output.replace("\n", " ")


def test_the_known_weights_are_listed() -> None:
    result = videotracks("weights", "list")
    assert result.exit_code == 0
    assert "yolox" in result.output


def test_unknown_weights_are_wrong_usage() -> None:
    result = videotracks("weights", "fetch", "nothing_of_this_name")
    assert result.exit_code == 2
    assert "nothing_of_this_name" in result.output


def test_no_weights_are_no_wrong_weights() -> None:
    result = videotracks("weights", "verify")
    assert result.exit_code == 0
    assert "no weights here" in result.output


def test_the_doctor_finds_nothing_wrong_where_nothing_is(data: Path) -> None:
    result = videotracks("doctor")
    assert result.exit_code == 0, result.output
    assert str(data) in result.output


def test_the_doctor_finds_missing_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOTRACKS_DETECTOR__KIND", "yolox")
    result = videotracks("doctor")
    assert result.exit_code == 1
    assert "yolox" in result.output


def test_the_doctor_finds_a_recording_whose_file_is_gone(data: Path, tmp_path: Path) -> None:
    source = write_street(tmp_path / "street")
    videotracks("add", source / "cam_00.mp4")
    (source / "cam_00.mp4").unlink()
    result = videotracks("doctor")
    assert result.exit_code == 1
    assert "cam_00" in result.output


def test_the_installed_command_starts_without_loading_dagster() -> None:
    """`--help` answers at once: what is heavy is imported by the command that wants it."""
    program = Path(sys.executable).with_name("videotracks")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert "videotracks" in said.stdout
    look = "import sys, dagster_project.cli; print('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True).stdout.strip() == "False"
