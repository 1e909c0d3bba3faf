"""The code location as a whole: what is declared, what it is called, and that loading it stays cheap."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from assets.video_asset import videos
from dagster_project.definitions import build_defs
from dagster_project.deployment import PROJECT, Deployment

#: Each asset and what it is made from. Whoever changes the graph changes this, so that a review sees it.
GRAPH = {
    "recording": [],
    "detections": ["recording"],
    "detection_crops": ["recording"],
    "tracklets": ["detections", "recording"],
    "tracklet_stats": ["tracklets"],
    "reid_candidates": ["recording", "tracklet_stats"],
    "canonical_persons": ["detection_crops", "detections", "recording", "tracklet_stats", "tracklets"],
    "grouping_log": ["detection_crops", "detections", "recording", "tracklet_stats", "tracklets"],
    "person_ranking": ["canonical_persons", "recording"],
    "primary_person": ["canonical_persons", "recording"],
    "crops_by_person": ["canonical_persons", "detection_crops", "detections"],
    "final_crops": ["crops_by_person", "person_ranking", "recording"],
    "person_similarity": ["final_crops"],
    "similarity_summary": ["final_crops"],
    "merged_persons": ["canonical_persons", "person_similarity", "recording", "similarity_summary"],
    "merging_report": ["canonical_persons", "person_similarity", "recording", "similarity_summary"],
    "person_animations": ["crops_by_person", "merged_persons", "merging_report"],
    "grouping_table": ["grouping_log", "person_ranking", "recording", "tracklet_stats"],
    "annotated_video": ["merged_persons", "recording"],
    "person_report": [
        *("canonical_persons", "detections", "final_crops", "grouping_log", "merged_persons", "merging_report"),
        *("person_animations", "person_similarity", "recording", "similarity_summary", "tracklet_stats"),
    ],
}

MASKS = {
    "mask_candidates": ["recording"],
    "mask_tracks": ["mask_candidates", "recording"],
    "mask_comparison": ["mask_candidates", "mask_tracks", "recording"],
    "mask_hierarchy": ["mask_tracks", "recording"],
    "mask_report": ["mask_comparison", "mask_hierarchy", "mask_tracks", "recording"],
    "person_objects": ["canonical_persons", "mask_tracks", "recording"],
    "masked_crops": ["final_crops", "mask_tracks", "person_objects", "recording"],
}
POINTS = {
    "depth_maps": ["recording"],
    "instance_tracks": ["depth_maps", "mask_tracks", "recording"],
    "track_scene": ["instance_tracks", "recording"],
    "refined_tracks": ["instance_tracks"],
    "track_videos": ["depth_maps", "instance_tracks", "recording", "refined_tracks"],
}
PERSISTENCE = {
    "tracklet_features": ["detection_crops", "detections", "tracklets"],
    "persistence_decisions": ["tracklet_features", "tracklets"],
    "attention": ["tracklet_features", "tracklets"],
    "kept_tracklets": ["persistence_decisions", "tracklets"],
    "triangulated_tracks": ["persistence_decisions", "recording", "tracklets"],
    "triangulated_scene": ["recording", "triangulated_tracks"],
    "attention_analysis": ["attention", "persistence_decisions", "recording", "tracklets"],
    "persistence_report": [
        *("attention", "detection_crops", "detections", "persistence_decisions", "recording", "tracklets"),
    ],
}
GRAPH |= MASKS | POINTS | PERSISTENCE
#: The group of each asset.
GROUPS = dict.fromkeys(GRAPH, "people") | dict.fromkeys(MASKS, "masks") | dict.fromkeys(POINTS, "points")
GROUPS |= dict.fromkeys(PERSISTENCE, "persistence")
GROUPS["recording"] = "recordings"

#: What there is once, over all videos.
OF_ALL_VIDEOS = {
    "quality_report": ["person_report"],
    "synthetic_tracks": [],
    "video_tokenizer": ["synthetic_tracks"],
    "synthetic_features": ["synthetic_tracks", "video_tokenizer"],
    "persistence_model": ["synthetic_features"],
    "persistence_evaluation": ["synthetic_features"],
    "scenario_results": [],
    "scenario_analysis": ["scenario_results"],
}

#: The file of each asset, as the specification names it.
FILES = {
    "recording": "recording.json",
    "detections": "detections_raw.npz",
    "detection_crops": "detection_crops.h5",
    "tracklets": "tracklets_raw.npz",
    "tracklet_stats": "tracklet_stats.npz",
    "reid_candidates": "reid_candidates.json",
    "canonical_persons": "canonical_persons.npz",
    "grouping_log": "grouping_log.json",
    "person_ranking": "ranking_results.json",
    "primary_person": "primary_person.npz",
    "crops_by_person": "crops_by_person.h5",
    "final_crops": "final_crops.h5",
    "person_similarity": "similarity_matrix.npz",
    "similarity_summary": "similarity_results.json",
    "merged_persons": "merged_persons.npz",
    "merging_report": "merging_report.json",
    "person_animations": "webp",
    "grouping_table": "grouping_table.csv",
    "annotated_video": "annotated.mp4",
    "person_report": "person_selection_report.html",
    "mask_candidates": "mask_candidates.json",
    "mask_tracks": "tracking_stats.json",
    "mask_comparison": "mask_comparison.json",
    "mask_hierarchy": "mask_hierarchy.json",
    "mask_report": "masks.html",
    "person_objects": "person_objects.npz",
    "masked_crops": "masked_crops.h5",
    "depth_maps": "depth.h5",
    "instance_tracks": "point_tracks.json",
    "track_scene": "track_scene.json",
    "refined_tracks": "combined_refinement_stats.json",
    "track_videos": "track_videos.json",
    "tracklet_features": "tracklet_features.npz",
    "persistence_decisions": "filter_decisions.json",
    "attention": "attention.npz",
    "kept_tracklets": "kept_tracklets.npz",
    "triangulated_tracks": "triangulated_tracks.npz",
    "triangulated_scene": "triangulated_scene.json",
    "attention_analysis": "attention_analysis.json",
    "persistence_report": "persistence.html",
}

#: Each check, and whether it stops what depends on its asset.
CHECKS = {
    "tracklets:tracklet_accuracy": False,
    "tracklet_stats:matches_tracklets": True,
    "tracklet_stats:same_as_baseline": False,
    "canonical_persons:structure": True,
    "canonical_persons:persons_like_baseline": False,
    "crops_by_person:coverage": True,
    "merged_persons:person_accuracy": False,
    "person_animations:animations_like_baseline": False,
    "person_report:time": False,
    "mask_tracks:archive_integrity": True,
    "mask_tracks:mask_accuracy": False,
    "person_objects:boxes_have_masks": False,
    "instance_tracks:point_accuracy": False,
    "refined_tracks:refined_from_tracks": True,
    "persistence_decisions:decisions_agree": False,
    "synthetic_tracks:leak_audit": True,
    "persistence_evaluation:accurate_on_classic": False,
    "persistence_evaluation:better_than_baselines": False,
    "persistence_evaluation:importance_is_faithful": False,
    "scenario_results:shares_as_expected": False,
}

HEAVY = [
    *("cv2", "torch", "torchvision", "av", "h5py", "onnxruntime", "numba", "PIL", "polars", "scipy", "jinja2"),
    *("sam2", "openai", "pycocotools", "rerun", "pyarrow", "sklearn", "safetensors"),
]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("VIDEOTRACKS_")]:
        monkeypatch.delenv(name)


def defs_with(**stated: Any) -> dg.Definitions:
    return build_defs(Deployment(data=Path("/nowhere"), **stated))


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return defs_with()


def specs(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_what_is_there_once_has_no_partitions(defs: dg.Definitions) -> None:
    assert {name for name, spec in specs(defs).items() if spec.partitions_def is None} == set(OF_ALL_VIDEOS)


def code_versions(defs: dg.Definitions) -> dict[str, str]:
    versions = {name: spec.code_version for name, spec in specs(defs).items()}
    assert None not in versions.values()
    return {name: str(version) for name, version in versions.items()}


def changed(**stated: Any) -> set[str]:
    """The assets whose code version differs from the defaults'."""
    before, after = code_versions(defs_with()), code_versions(defs_with(**stated))
    return {name for name in before if before[name] != after[name]}


def test_everything_loads(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_graph_is_the_one_above(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    found = {
        key.to_user_string(): sorted(p.to_user_string() for p in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    assert found == {**GRAPH, **OF_ALL_VIDEOS}


def test_each_asset_is_stored_under_the_name_of_the_specification(defs: dg.Definitions) -> None:
    assert {name: specs(defs)[name].metadata["file"] for name in GRAPH} == FILES


def test_the_checks_are_those_above(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    assert {k.to_user_string(): graph.get(k).blocking for k in graph.asset_check_keys} == CHECKS


def of_videos(check: str) -> bool:
    return check.split(":")[0] in GRAPH


def test_every_check_is_evaluated_per_video_and_says_what_it_looks_at(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.asset_check_keys:
        assert graph.get(key).partitions_def == (videos if of_videos(key.to_user_string()) else None), key
        assert len(graph.get(key).description or "") > 30, key


@pytest.mark.parametrize("name", GRAPH)
def test_an_asset_tells_the_ui_what_it_is(defs: dg.Definitions, name: str) -> None:
    spec = specs(defs)[name]
    assert spec.partitions_def == videos
    assert spec.group_name == GROUPS[name]
    assert spec.owners == [f"team:{spec.group_name}"]
    assert spec.kinds >= {"python"}
    assert spec.kinds & {"npz", "hdf5", "json", "files"}
    assert len(spec.description or "") > 40
    assert spec.code_version
    assert spec.automation_condition is not None


def test_the_job_of_the_whole_chain_has_every_asset_and_check(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def("everything")
    assert {k.to_user_string() for k in job.asset_layer.executable_asset_keys} == set(GRAPH)
    assert {k.to_user_string() for k in job.asset_layer.asset_graph.asset_check_keys} == set(filter(of_videos, CHECKS))
    assert job.partitions_def == videos


def test_a_changed_setting_is_another_code_version_of_what_reads_it() -> None:
    assert changed(settings={"tracking": {"lost_buffer_s": 2.5}}) == {"tracklets"}
    assert changed(settings={"grouping": {"max_gap_s": 2.0}}) == {"canonical_persons", "grouping_log"}
    assert changed(settings={"ranking": {"duration_weight": 0.5, "coverage_weight": 0.2}}) == {
        *("person_ranking", "primary_person", "merged_persons", "merging_report")
    }


def test_a_tolerance_of_the_checks_makes_nothing_stale() -> None:
    assert changed(settings={"validation": {"person_tolerance": 0.3}}) == set()


def test_another_model_is_another_code_version_of_what_runs_it_and_of_the_page_that_names_it() -> None:
    assert changed(detector={"kind": "public"}) == {"detections", "detection_crops", "person_report"}
    assert changed(segmenter={"kind": "sam2"}) == {"mask_candidates", "mask_tracks"}
    assert changed(point_tracker={"kind": "cotracker3"}) == {"instance_tracks"}
    assert changed(reidentifier={"kind": "osnet"}) == {"person_similarity", "similarity_summary", "person_report"}


def test_persons_and_what_checks_them_read_the_kept_tracklets_where_that_is_chosen() -> None:
    def read(enabled: bool) -> tuple[set[str], set[str]]:
        defs = defs_with(settings={"track_filter": {"enabled": enabled}})
        graph = defs.resolve_asset_graph()
        people = {
            key.to_user_string()
            for a in ("tracklet_stats", "canonical_persons")
            for key in graph.get(dg.AssetKey(a)).parent_keys
        }
        checks = {
            key.to_user_string()
            for check in defs.asset_checks or []
            if {c.name for c in check.check_keys} & {"matches_tracklets", "structure"}
            for key in check.node_keys_by_input_name.values()
        }
        return people, checks

    for names in read(False):
        assert "tracklets" in names
        assert "kept_tracklets" not in names
    for names in read(True):
        assert "kept_tracklets" in names
        assert "tracklets" not in names


def test_re_identification_reads_crops_without_background_where_that_is_chosen() -> None:
    def compared(background: str) -> set[str]:
        graph = defs_with(settings={"similarity": {"background": background}}).resolve_asset_graph()
        return {key.to_user_string() for key in graph.get(dg.AssetKey("person_similarity")).parent_keys}

    assert compared("kept") == {"final_crops"}
    assert compared("removed") == {"masked_crops"}


def test_where_weights_lie_and_where_the_data_is_make_nothing_stale() -> None:
    elsewhere = code_versions(build_defs(Deployment(data=Path("/elsewhere"), weights=Path("/weights"))))
    assert elsewhere == code_versions(defs_with())


def test_a_resource_can_be_replaced_by_name() -> None:
    mine = dg.ResourceDefinition.hardcoded_resource("mine")
    assert build_defs(Deployment(data=Path("/nowhere")), library=mine).resources["library"] is mine


def test_loading_imports_nothing_heavy() -> None:
    look = f"import sys, dagster_project.definitions; print([m for m in {HEAVY} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", look], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_loading_warns_of_nothing_deprecated() -> None:
    ours = [f"-Werror::DeprecationWarning:{m}" for m in ("assets", "resources", "dagster_project")]
    look = (
        "import warnings; caught = warnings.catch_warnings(record=True); seen = caught.__enter__(); "
        "warnings.simplefilter('always'); import dagster_project.definitions; "
        f"ours = [w for w in seen if w.filename.startswith({str(PROJECT)!r}) and '.venv' not in w.filename]; "
        "print([str(w.message) for w in ours])"
    )
    found = subprocess.run([sys.executable, *ours, "-c", look], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_webserver_and_dg_load_the_same_module() -> None:
    dg_project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    (entry,) = yaml.safe_load((PROJECT / "workspace.yaml").read_text())["load_from"]
    assert entry["python_module"]["module_name"] == dg_project["code_location_target_module"]
    assert dg_project["code_location_target_module"].startswith(f"{dg_project['root_module']}.")
    assert not (PROJECT / "src").exists()


@pytest.mark.slow
def test_dg_check_defs_passes() -> None:
    command = [str(Path(sys.executable).with_name("dg")), "check", "defs"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=sorted(p.parent.name for p in PROJECT.glob("deploy/*/dagster.yaml")))
def deployed(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """The name of a deployment, and its instance configuration."""
    return request.param, yaml.safe_load((PROJECT / "deploy" / request.param / "dagster.yaml").read_text())


def test_each_deployment_is_configuration_that_dagster_knows(
    deployed: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    name, config = deployed
    launcher, storage = config.pop("run_launcher", None), config.pop("storage", None)
    # Launchers and Postgres are packages of their own, which only their image installs; the rest loads here.
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_monitoring_enabled
        assert not instance.telemetry_enabled
    expected = {"local": None, "docker": "DockerRunLauncher", "kubernetes": "K8sRunLauncher"}
    assert (launcher and launcher["class"]) == expected[name]
    assert (storage and list(storage)) == (None if name == "local" else ["postgres"])


def test_no_deployment_holds_a_password(deployed: tuple[str, dict[str, Any]]) -> None:
    _, config = deployed
    for database in config.get("storage", {}).values():
        assert list(database["postgres_db"]["password"]) == ["env"]


def test_each_deployment_stands_in_the_table_of_deployments(deployed: tuple[str, dict[str, Any]]) -> None:
    assert f"`{deployed[0]}/`" in (PROJECT / "deploy" / "README.md").read_text()


def test_the_local_deployment_is_an_instance(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((PROJECT / "deploy" / "local" / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1


def test_the_containers_run_what_the_project_has() -> None:
    folder = PROJECT / "deploy" / "docker"
    compose = yaml.safe_load((folder / "docker-compose.yaml").read_text())
    launcher = yaml.safe_load((folder / "dagster.yaml").read_text())["run_launcher"]["config"]
    (server,) = yaml.safe_load((folder / "workspace.yaml").read_text())["load_from"]
    command = compose["services"]["code"]["command"]
    assert server["grpc_server"]["host"] in compose["services"]
    assert str(server["grpc_server"]["port"]) in command
    assert "dagster_project.definitions" in command
    assert launcher["network"] == compose["networks"]["videotracks"]["name"]
    assert launcher["container_kwargs"]["volumes"] == [f"{compose['volumes']['data']['name']}:/data"]
    assert set(launcher["env_vars"]) <= set(compose["services"]["code"]["environment"])
    copied = [line.split()[1] for line in (folder / "Dockerfile").read_text().splitlines() if line.startswith("COPY")]
    assert all((PROJECT / name).exists() for name in copied)
