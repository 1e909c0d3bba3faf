"""The points branch on a small rig whose depth and points are known, and on a recording that has no calibration."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from tests.assets.chain import Chain, checks, metadata, versions, why
from tests.assets.conftest import Run
from videotracks.demo.rig import write_rig
from videotracks.points.tracks import read_tracks

RIG = "rig"
ASSETS = ["depth_maps", "instance_tracks", "track_scene", "refined_tracks", "track_videos"]
FRAMES = 15


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Two views of one person, the masks given by the truth."""
    folder = tmp_path_factory.mktemp("rig")
    write_rig(folder / "videos" / RIG, seconds=FRAMES / 25, people=1, views=2, size=(320, 180))
    stated = {"settings": {"point_masks": {"masks": "annotations"}, "query_points": {"most_points": 200}}}
    with dg.DagsterInstance.ephemeral() as instance:
        chain = Chain(folder, instance, **stated)
        result = chain.run(RIG, ["recording", "mask_candidates", "mask_tracks", *ASSETS])
        yield Run(chain, result)


def output(rig: Run, file: str) -> Path:
    return rig.chain.output(RIG, file)


def test_everything_is_made(rig: Run) -> None:
    assert rig.result.success, why(rig.result)


def test_recorded_depth_is_taken(rig: Run) -> None:
    assert metadata(rig.result, "depth_maps")["views_with_depth"] == 2


def records(rig: Run) -> list[dict]:
    return json.loads(output(rig, "point_tracks.json").read_text())["instances"]


def test_points_are_lifted_in_both_views_and_tracked_through_all_frames(rig: Run) -> None:
    """Of a person between cameras 2.5 m apart each sees another side: one instance, or one per view."""
    assert {view for record in records(rig) for view in record["views"]} == {"cam_00", "cam_01"}
    for record in records(rig):
        assert record["query_method"] == "depth"
        assert record["file"] == f"{RIG}_flow_instance_{record['instance']}_tracked.npz"
        tracks = read_tracks(output(rig, record["file"]))
        assert tracks.tracks_3d.shape == (FRAMES, record["points"], 3)
        assert record["points"] > 50


def test_refined_tracks_are_those_that_move(rig: Run) -> None:
    stats = json.loads(output(rig, "combined_refinement_stats.json").read_text())
    names = [f"{RIG}_flow_instance_{record['instance']}_refined" for record in records(rig)]
    refined = [read_tracks(output(rig, f"{name}.npz")) for name in names]
    assert stats["n_refined"] == sum(tracks.track_count for tracks in refined) > 20
    for name, tracks in zip(names, refined, strict=True):
        assert json.loads(output(rig, f"{name}_stats.json").read_text())["n_refined"] == tracks.track_count
        assert np.isfinite(tracks.tracks_3d[tracks.visible]).all()


def test_scenes_and_videos_lie_under_the_names_of_the_specification(rig: Run) -> None:
    instances = [f"instance_{record['instance']}" for record in records(rig)]
    scenes = json.loads(output(rig, "track_scene.json").read_text())
    assert scenes == [f"{RIG}_flow_{name}.rrd" for name in ("combined", *instances)]
    videos = json.loads(output(rig, "track_videos.json").read_text())
    assert videos == [f"{name}/{view}.mp4" for name in ("combined", *instances) for view in ("cam_00", "cam_01")]
    for name in (*scenes, *videos):
        assert output(rig, name).stat().st_size > 0


def test_the_tracker_is_scored_against_the_true_points(rig: Run) -> None:
    found = checks(rig.result)["instance_tracks:point_accuracy"].metadata
    assert found["has_ground_truth"].value is True
    assert found["average_points_within"].value > 0.5
    assert found["reprojection_error_px"].value < 3


@pytest.mark.slow
def test_tracking_again_gives_the_same_tracks(rig: Run) -> None:
    again = rig.chain.run(RIG, ["instance_tracks", "refined_tracks", "track_videos"])
    before = versions(rig.result)
    assert {name: before[name] for name in versions(again)} == versions(again)


def test_a_recording_without_calibration_has_no_tracks_and_says_why(street: Run) -> None:
    summary = json.loads(street.output("point_tracks.json").read_text())
    assert summary["instances"] == []
    assert "cameras.toml" in summary["reason"]
    assert metadata(street.result, "instance_tracks")["summary"] == summary["reason"]
    assert json.loads(street.output("track_videos.json").read_text()) == []
    assert checks(street.result)["refined_tracks:refined_from_tracks"].passed
