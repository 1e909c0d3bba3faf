"""Videos that are broken, empty, or of several views; inputs that are gone; checks that stop a run."""

from pathlib import Path

import numpy as np
import pytest

from tests.assets.chain import Chain, checks, made, metadata, why
from tests.assets.street import FRAMES, PEOPLE, write_street
from tests.test_definitions import GRAPH
from videotracks.npz import read_table, write_table
from videotracks.tables import Persons, Tracklets


def test_a_video_without_people_goes_through(chain: Chain) -> None:
    write_street(chain.deployment.videos_folder / "empty", people=False)
    result = chain.run("empty", list(GRAPH))
    assert result.success, why(result)
    assert made(result) == set(GRAPH)
    assert metadata(result, "merged_persons")["persons"] == 0
    assert "contact sheet" not in metadata(result, "crops_by_person")


@pytest.mark.slow
def test_two_views_go_through_together(chain: Chain) -> None:
    write_street(chain.deployment.videos_folder / "crossing", cameras=2)
    result = chain.run("crossing", list(GRAPH))
    assert result.success, why(result)
    assert metadata(result, "recording")["views"] == 2
    persons = read_table(chain.output("crossing", "merged_persons.npz"), Persons)
    assert set(persons.camera.tolist()) == {0, 1}
    with np.load(chain.output("crossing", "detections_raw.npz")) as detections:
        assert detections["num_detections_per_frame"].shape == (2, FRAMES)
    videos = [chain.output("crossing", name) for name in ("annotated.mp4", "annotated_cam_01.mp4")]
    assert all(path.stat().st_size > 1000 for path in videos)
    assert checks(result)["merged_persons:person_accuracy"].metadata["hota"].value > 0.5


def test_a_file_that_is_no_video_fails_on_its_partition_alone(chain: Chain) -> None:
    folder = chain.deployment.videos_folder
    write_street(folder / "good")
    (folder / "broken.mp4").write_bytes(b"\x00" * 4096)
    broken = chain.run("broken", list(GRAPH))
    assert not broken.success
    assert made(broken) == set()
    assert "broken.mp4" in why(broken)
    good = chain.run("good", ["recording", "detections", "detection_crops"])
    assert good.success, why(good)


def test_a_video_that_is_gone_is_told_with_the_remedy(chain: Chain) -> None:
    result = chain.run("gone", ["recording"])
    assert not result.success
    assert "no recording 'gone'" in why(result)
    assert "videotracks add" in why(result)


def test_missing_public_detections_are_told(chain: Chain) -> None:
    write_street(chain.deployment.videos_folder / "street", detections=False)
    result = chain.run("street", ["recording", "detections", "detection_crops"])
    assert made(result) == {"recording"}
    assert "no public detections of view cam_00" in why(result)


def test_a_missing_input_is_never_computed_again_but_told(chain: Chain) -> None:
    write_street(chain.deployment.videos_folder / "street")
    result = chain.run("street", ["tracklets"])
    assert not result.success
    assert "--select" in why(result)
    assert not chain.output("street", "tracklets_raw.npz").exists()


def test_missing_weights_are_told_by_the_name_of_the_file(chain: Chain) -> None:
    write_street(chain.deployment.videos_folder / "street")
    yolox = chain.with_settings(detector={"kind": "yolox", "weights": "yolox_none.onnx"})
    result = yolox.run("street", ["recording", "detections", "detection_crops"])
    assert made(result) == {"recording"}
    assert "yolox_none.onnx" in why(result)


@pytest.fixture
def half_way(chain: Chain) -> Chain:
    """A street that was made up to the statistics of its tracklets."""
    write_street(chain.deployment.videos_folder / "street")
    upto = ["recording", "detections", "detection_crops", "tracklets", "tracklet_stats"]
    assert chain.run("street", upto).success
    return chain


def without_the_last_tracklet(path: Path) -> None:
    stored = read_table(path, Tracklets)
    kept = stored.tracklet_id != stored.tracklet_id[-1]
    write_table(path, Tracklets(**{name: array[kept] for name, array in stored.arrays().items()}))


def test_a_failed_blocking_check_stops_what_depends_on_its_asset(
    half_way: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    from videotracks.people import statistics

    right = statistics.tracklet_statistics

    def of_fewer(tracklets: Tracklets) -> object:
        kept = tracklets.tracklet_id != tracklets.tracklet_id[-1]
        return right(Tracklets(**{name: array[kept] for name, array in tracklets.arrays().items()}))

    monkeypatch.setattr(statistics, "tracklet_statistics", of_fewer)
    result = half_way.run("street", ["tracklet_stats", "canonical_persons", "grouping_log"])
    check = checks(result)["tracklet_stats:matches_tracklets"]
    assert not check.passed
    assert check.metadata
    assert made(result) == {"tracklet_stats"}
    assert not half_way.output("street", "canonical_persons.npz").exists()


def test_a_damaged_output_is_an_error_that_says_what_makes_it_again(half_way: Chain) -> None:
    path = half_way.output("street", "tracklets_raw.npz")
    path.write_bytes(path.read_bytes()[:-200])
    result = half_way.run("street", ["canonical_persons", "grouping_log"])
    assert not result.success
    assert "tracklets_raw.npz" in why(result)
    assert "`videotracks run street --select tracklets` makes it again" in why(result)


def test_the_checks_alone_find_outputs_that_no_longer_belong_together(half_way: Chain) -> None:
    without_the_last_tracklet(half_way.output("street", "tracklets_raw.npz"))
    result = half_way.defs.resolve_job_def("validation").execute_in_process(
        instance=half_way.instance, tags={"dagster/partition": "street"}, raise_on_error=False
    )
    found = checks(result)["tracklet_stats:matches_tracklets"]
    assert not found.passed
    assert found.partition == "street"
    assert made(result) == set()


def test_a_replaced_recording_has_another_version(chain: Chain) -> None:
    import shutil

    from tests.assets.chain import versions

    source = chain.deployment.videos_folder / "street"
    write_street(source)
    before = versions(chain.run("street", ["recording"]))
    shutil.rmtree(source)
    write_street(source, people=False)
    assert versions(chain.run("street", ["recording"])) != before


@pytest.mark.slow
def test_the_demonstration_is_found_in_its_pictures(chain: Chain) -> None:
    """HOG on the drawn street: persons near the truth, no identity given to two people."""
    from videotracks.demo.clip import write_demo

    write_demo(chain.deployment.videos_folder / "demo", seconds=5.0, people=3)
    hog = chain.with_settings(detector={"kind": "hog"})
    result = hog.run("demo", list(GRAPH))
    assert result.success, why(result)
    accuracy = checks(result)["merged_persons:person_accuracy"].metadata
    assert accuracy["idf1"].value > 0.7
    assert accuracy["mota"].value > 0.5
    assert abs(metadata(result, "merged_persons")["persons"] - len(PEOPLE)) <= 2
    assert metadata(result, "detections")["model"]["backend"]
