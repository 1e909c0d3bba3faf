"""The whole graph on a small street: everything is made, checked, and told."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.assets.chain import checks, made, metadata, versions, why
from tests.assets.conftest import VIDEO, Run
from tests.assets.street import FRAMES, PEOPLE
from tests.test_definitions import CHECKS, FILES, GRAPH, of_videos


def test_everything_is_made(street: Run) -> None:
    assert street.result.success, why(street.result)
    assert made(street.result) == {*GRAPH, "quality_report"}


@pytest.mark.parametrize("file", FILES.values())
def test_each_output_lies_under_its_name(street: Run, file: str) -> None:
    assert street.output(file).exists()


def test_nothing_else_is_left_behind(street: Run) -> None:
    visible = {p.name for p in street.output("recording.json").parent.iterdir() if not p.name.startswith(".")}
    beside = {
        "attention_analysis.md",
        "grouping_timeline.png",
        "index.json",
        "relations.json",
        "masks.mp4",
        "level_2",
        "level_4",
        "level_6",
    }
    assert visible == {*FILES.values(), *beside}
    staging = street.chain.deployment.data / "outputs" / ".staging"
    assert not staging.exists() or not list(staging.iterdir())


def test_every_check_is_evaluated_with_numbers(street: Run) -> None:
    found = checks(street.result)
    assert set(found) == set(filter(of_videos, CHECKS))
    for name, check in found.items():
        assert check.partition == VIDEO, name
        assert check.description, name
    blocking = [check for name, check in found.items() if CHECKS[name]]
    assert all(check.passed and check.metadata for check in blocking)


def test_the_people_are_found_where_they_are(street: Run) -> None:
    accuracy = checks(street.result)["merged_persons:person_accuracy"].metadata
    assert accuracy["has_ground_truth"].value is True
    for name in ("hota", "idf1", "mota"):
        assert accuracy[name].value > 0.9, name


@pytest.mark.parametrize("asset", GRAPH)
def test_each_materialisation_tells_its_cost(street: Run, asset: str) -> None:
    found = metadata(street.result, asset)
    assert found["cost/wall_s"] >= 0
    assert found["cost/peak_memory_mib" if "cost/peak_memory_mib" in found else "bytes"] > 0
    assert found["bytes"] > 0
    assert len(versions(street.result)[asset]) >= 16


TABLES = ["detections", "tracklets", "tracklet_stats", "canonical_persons", "primary_person", "person_similarity"]


@pytest.mark.parametrize("asset", [*TABLES, "merged_persons"])
def test_each_table_shows_its_columns_and_rows(street: Run, asset: str) -> None:
    found = metadata(street.result, asset)
    with np.load(street.output(FILES[asset]), allow_pickle=False) as stored:
        assert {column.name for column in found["dagster/column_schema"].columns} == set(stored.files)
    assert found["dagster/row_count"] > 0
    assert all(column.description for column in found["dagster/column_schema"].columns)


@pytest.mark.parametrize("asset", ["detection_crops", "crops_by_person", "final_crops", "canonical_persons"])
def test_crops_and_persons_show_pictures(street: Run, asset: str) -> None:
    assert "data:image/" in metadata(street.result, asset)["contact sheet"]


def test_the_recording_shows_a_poster(street: Run) -> None:
    found = metadata(street.result, "recording")
    assert "data:image/" in found["posters"]
    assert found["frames"] == FRAMES


def test_the_models_that_ran_are_told(street: Run) -> None:
    assert metadata(street.result, "detections")["model"] == {"backend": "public"}
    assert metadata(street.result, "person_similarity")["model"]["backend"]
    page = street.output("person_selection_report.html").read_text()
    assert "appearance" in page


def test_the_report_is_one_page_with_everyone(street: Run) -> None:
    assert metadata(street.result, "person_report")["report"].startswith("file://")
    assert len(list(street.output("webp").glob("person_*.webp"))) == len(PEOPLE)


def test_formats_are_those_of_the_specification(street: Run) -> None:
    shapes = {
        "detections_raw.npz": {
            "frame_numbers": ("int64", 1), "bboxes": ("float32", 2), "confidences": ("float32", 1),
            "classes": ("int64", 1), "num_detections_per_frame": ("int64", 1), "camera": ("int16", 1),
        },
        "tracklets_raw.npz": {
            "tracklet_id": ("int64", 1), "camera": ("int16", 1), "frame_numbers": ("int64", 1),
            "bboxes": ("float32", 2), "confidences": ("float32", 1), "detection_indices": ("int64", 1),
        },
        "canonical_persons.npz": {
            "person_id": ("int64", 1), "detection_indices": ("int64", 1), "tracklet_id": ("int64", 1),
            "person_ids": ("int64", 1), "num_tracklets_merged": ("int64", 1), "original_tracklet_ids": ("int64", 1),
        },
    }  # fmt: skip
    for file, columns in shapes.items():
        with np.load(street.output(file), allow_pickle=False) as stored:
            assert {name: (str(stored[name].dtype), stored[name].ndim) for name in columns} == columns
    ranking = json.loads(street.output("ranking_results.json").read_text())
    assert set(ranking) == {"rankings", "primary_person"}
    assert set(ranking["rankings"][0]) == {"person_id", "rank", "score", "components", "is_primary"}
    assert set(ranking["rankings"][0]["components"]) == {"duration", "coverage", "center", "smoothness"}
    log = json.loads(street.output("grouping_log.json").read_text())
    keys = {"canonical_id", "original_tracklet_ids", "num_merged", "start_frame", "end_frame", "total_frames"}
    assert keys <= set(log[0])
    assert isinstance(json.loads(street.output("reid_candidates.json").read_text()), list)


def test_crop_files_are_as_in_the_specification(street: Run) -> None:
    import h5py

    with h5py.File(street.output("crops_by_person.h5"), locking=False) as file:
        attributes = {"num_persons", "total_frames", "total_crops", "created_timestamp", "format_version", "codec"}
        assert attributes <= set(file.attrs)
        assert len(file) == file.attrs["num_persons"] == len(PEOPLE)
        for group in file.values():
            assert {"frame_numbers", "bboxes", "confidences", "camera"} <= set(group)
    with h5py.File(street.output("final_crops.h5"), locking=False) as file:
        wanted = {"width", "height", "area", "aspect_ratio", "visibility_score", "quality_score", "quality_rank"}
        assert all(wanted <= set(group) for group in file.values())


@pytest.mark.slow
def test_made_again_with_nothing_changed_every_output_keeps_its_version(street: Run) -> None:
    again = street.chain.run(VIDEO)
    before, after = versions(street.result), versions(again)
    assert {name for name in before if before[name] != after[name]} == set()


def test_a_step_made_alone_reads_what_is_stored(street: Run) -> None:
    alone = street.chain.run(VIDEO, ["person_ranking", "primary_person"])
    assert alone.success, why(alone)
    assert made(alone) == {"person_ranking", "primary_person"}
    before = versions(street.result)
    assert {name: before[name] for name in made(alone)} == versions(alone)


def test_the_folder_of_the_recording_is_left_as_it_was(street: Run) -> None:
    source = street.chain.deployment.videos_folder / VIDEO
    assert sorted(p.name for p in Path(source).iterdir()) == ["Annotations", "cam_00.mp4", "det.txt", "gt.txt"]


def test_the_true_objects_are_followed(street: Run) -> None:
    found = checks(street.result)["mask_tracks:mask_accuracy"].metadata
    assert found["has_ground_truth"].value is True
    assert found["j"].value > 0.5
    assert found["f"].value > 0.5


def test_the_boxes_of_persons_show_the_objects_that_were_followed(street: Run) -> None:
    found = checks(street.result)["person_objects:boxes_have_masks"]
    assert found.passed
    assert found.metadata["boxes"].value > 90
    assert found.metadata["persons"].value == 3


def test_every_level_has_its_candidates_archives_and_pictures(street: Run) -> None:
    for level in (2, 4, 6):
        folder = street.output(f"level_{level}")
        assert (folder / "filtered" / "filtered.json").is_file()
        assert {p.name for p in (folder / "tracking").iterdir()} == {"video_segments.npz", "object_segments.npz"}
        assert (folder / "viz" / "compare" / f"L{level:02d}_comparison_summary.json").is_file()
        assert list((folder / "viz" / "compare").glob(f"L{level}_?????.png"))


def test_tracking_again_gives_the_same_masks_and_makes_nothing_stale(street: Run) -> None:
    again = street.chain.run(VIDEO, ["mask_tracks"])
    assert versions(again)["mask_tracks"] == versions(street.result)["mask_tracks"]
