"""Configuration: from the environment and the settings file to resources, and nothing unknown in between."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from dagster_project.deployment import PROJECT, Deployment
from resources.settings import Settings


@pytest.fixture(autouse=True)
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of these tests, absent until written; the environment says nothing."""
    import os

    for name in [n for n in os.environ if n.startswith("VIDEOTRACKS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(Deployment.model_config, "toml_file", tmp_path / "videotracks.toml")
    return tmp_path / "videotracks.toml"


def test_without_anything_stated_the_embedded_models_run_below_the_project() -> None:
    deployment = Deployment()
    resources = deployment.resources()
    assert (resources["detector"].kind, resources["reidentifier"].kind) == ("hog", "appearance")
    assert deployment.videos_folder == PROJECT / "data" / "videos"
    assert deployment.thresholds() == Settings()


def test_the_production_profile_chooses_models_and_a_setting_overrides_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOTRACKS_PROFILE", "production")
    monkeypatch.setenv("VIDEOTRACKS_REIDENTIFIER__KIND", "osnet")
    resources = Deployment().resources()
    assert (resources["detector"].kind, resources["reidentifier"].kind) == ("yolox", "osnet")


def test_thresholds_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOTRACKS_SETTINGS__GROUPING__MAX_GAP_S", "2")
    monkeypatch.setenv("VIDEOTRACKS_SETTINGS__GROUPING__CHECK_AREA", "false")
    grouping = Deployment().thresholds().grouping
    assert (grouping.max_gap_s, grouping.check_area) == (2.0, False)


def test_thresholds_come_from_the_settings_file_and_the_environment_goes_first(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_file.write_text(
        'data = "/films"\n[detector]\nkind = "public"\n[settings.grouping]\nmax_gap_s = 3.0\nmax_distance_px = 50\n'
    )
    monkeypatch.setenv("VIDEOTRACKS_SETTINGS__GROUPING__MAX_GAP_S", "2")
    deployment = Deployment()
    grouping = deployment.thresholds().grouping
    assert (grouping.max_gap_s, grouping.max_distance_px) == (2.0, 50.0)
    assert deployment.resources()["detector"].kind == "public"
    assert deployment.resources()["outputs"].root == "/films/outputs"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[settings.groping]\nmax_gap_s = 3.0\n", "groping"),
        ("datta = 1\n", "datta"),
        ('profile = "large"\n', "profile"),
    ],
)
def test_what_is_unknown_is_refused_by_name(settings_file: Path, text: str, named: str) -> None:
    settings_file.write_text(text)
    with pytest.raises(ValidationError, match=named):
        Deployment()


@pytest.mark.parametrize(("name", "value"), [("max_gap", "1"), ("max_gap_s", "-1"), ("max_gap_s", "long")])
def test_a_threshold_that_is_unknown_or_out_of_range_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"VIDEOTRACKS_SETTINGS__GROUPING__{name.upper()}", value)
    with pytest.raises(ValidationError, match=name):
        Deployment().thresholds()


def test_folders_are_movable_one_by_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDEOTRACKS_DATA", str(tmp_path))
    monkeypatch.setenv("VIDEOTRACKS_OUTPUTS", "memory://bucket/outputs")
    monkeypatch.setenv("VIDEOTRACKS_WEIGHTS", "~/weights")
    deployment = Deployment()
    assert deployment.dagster_home == tmp_path / "dagster"
    assert deployment.weights_folder == Path.home() / "weights"
    assert deployment.output_store().path("a", "x.npz").protocol == "memory"
    assert deployment.resources()["detector"].weights_folder == str(Path.home() / "weights")


def test_a_relative_folder_is_below_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOTRACKS_VIDEOS", "films")
    assert Deployment().videos_folder == PROJECT / "films"
