"""What happens by itself, and what must not."""

import itertools
import os
import time
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

# The one way to say by hand which materialisation a check looked at.
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from dagster_project.automation import (
    REPORTS,
    RUNS_PER_NIGHT,
    SETTLE_S,
    Memory,
    Sighting,
    discover,
    in_turn,
    nightly,
    recordings_sensor,
    revalidation,
    sighting,
    unfinished,
)
from dagster_project.definitions import build_defs
from dagster_project.deployment import Deployment
from resources.library import Library

LONG_AGO = 3600.0


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def stored_instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """On disk, as schedules want it: slow."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def still(fingerprint: str) -> Sighting:
    return Sighting(fingerprint, LONG_AGO)


def fresh(fingerprint: str) -> Sighting:
    return Sighting(fingerprint, 0.1)


def test_a_recording_that_is_not_registered_is_new() -> None:
    found = discover({"b": still("1"), "a": still("2")}, {"b"}, Memory())
    assert found.new == ["a"]
    assert found.changed == []
    assert found.memory.settled == {"a": "2", "b": "1"}


def test_one_that_was_registered_by_hand_is_remembered_not_run() -> None:
    assert discover({"a": fresh("1")}, {"a"}, Memory()) == ([], [], Memory(settled={"a": "1"}))


def test_one_whose_files_were_replaced_is_changed() -> None:
    assert discover({"a": still("2")}, {"a"}, Memory(settled={"a": "1"})).changed == ["a"]


def test_one_that_is_still_written_to_waits_until_it_rests() -> None:
    first = discover({"a": fresh("1")}, set(), Memory())
    assert (first.new, first.memory.waiting, first.memory.settled) == ([], {"a": "1"}, {})
    grown = discover({"a": fresh("2")}, set(), first.memory)
    assert (grown.new, grown.memory.waiting) == ([], {"a": "2"})
    assert discover({"a": still("2")}, set(), grown.memory).new == ["a"]


def test_one_that_looks_as_at_the_last_look_has_arrived_whatever_the_clocks_say() -> None:
    """A file server's clock may be ahead of ours: its files are always fresh."""
    ahead = Sighting("1", -3600.0)
    assert discover({"a": ahead}, set(), discover({"a": ahead}, set(), Memory()).memory).new == ["a"]


def test_a_replacement_that_is_still_written_to_waits_too() -> None:
    waiting = discover({"a": fresh("2")}, {"a"}, Memory(settled={"a": "1"}))
    assert waiting.changed == []
    assert discover({"a": still("3")}, {"a"}, waiting.memory).changed == ["a"]


def test_one_that_was_gone_and_comes_back_different_is_changed() -> None:
    gone = discover({}, {"a"}, Memory(settled={"a": "1"}))
    assert discover({"a": still("2")}, {"a"}, gone.memory).changed == ["a"]
    assert discover({"a": still("1")}, {"a"}, gone.memory).changed == []


def test_a_look_at_nothing_new_changes_nothing() -> None:
    memory = Memory(settled={"a": "1"})
    assert discover({"a": fresh("1")}, {"a"}, memory) == ([], [], memory)


def test_the_fingerprint_tells_a_replaced_file(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"one")
    before = sighting(video)
    video.write_bytes(b"two!")
    assert before is not None
    assert before.fingerprint != (sighting(video) or before).fingerprint


def test_the_fingerprint_is_short_however_many_pictures_there_are(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:06d}.jpg").write_bytes(b"x")
    seen = sighting(tmp_path)
    assert seen is not None
    assert len(seen.fingerprint) == 16
    assert 0 <= seen.age_s < SETTLE_S


def test_ground_truth_that_arrives_later_is_a_change(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"one")
    before = sighting(video)
    (tmp_path / "a.gt.txt").write_text("1,1,0,0,5,5,1,1,1\n")
    assert sighting(video) != before


def test_what_is_gone_has_no_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    assert sighting(tmp_path / "a.mp4") is None


def test_every_night_has_the_next_videos_in_turn() -> None:
    videos = {f"v{i}" for i in range(5)}
    assert in_turn(videos, 0, 2) == ["v0", "v1"]
    assert in_turn(videos, 1, 2) == ["v2", "v3"]
    assert in_turn(videos, 2, 2) == ["v4", "v0"]
    assert in_turn(videos, 7, 9) == sorted(videos)
    assert in_turn(set(), 7, 9) == []
    assert {v for night in range(5) for v in in_turn(videos, night, 2)} == videos


def test_unfinished_are_those_without_a_report() -> None:
    assert unfinished({"a", "b", "c"}, {"b", "gone"}, night=3) == ["a", "c"]


class Street:
    """A library in a folder, and the sensor that looks at it."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder, self.instance, self.cursor = folder, instance, ""
        folder.mkdir()

    def put(self, name: str, content: bytes = b"a video", age_s: float = LONG_AGO) -> None:
        path = self.folder / name
        path.write_bytes(content)
        written = time.time() - age_s
        os.utime(path, (written, written))

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        found = recordings_sensor(context, library=Library(folder=str(self.folder)))
        if isinstance(found, dg.SensorResult):
            assert found.cursor is not None
            self.cursor = found.cursor
            for request in found.dynamic_partitions_requests or []:
                self.instance.add_dynamic_partitions("videos", list(request.partition_keys))
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        return found

    def runs(self) -> list[str | None]:
        found = self.tick()
        return [r.partition_key for r in found.run_requests or []] if isinstance(found, dg.SensorResult) else []

    def said(self) -> str:
        found = self.tick()
        reason = found if isinstance(found, dg.SkipReason) else found.skip_reason
        return (reason.skip_message if isinstance(reason, dg.SkipReason) else reason) or ""


@pytest.fixture
def street(tmp_path: Path, instance: dg.DagsterInstance) -> Street:
    return Street(tmp_path / "videos", instance)


def test_a_dropped_file_becomes_a_video_and_a_run(street: Street) -> None:
    street.put("Main Street.mp4")
    (key,) = street.runs()
    assert key is not None
    assert key.startswith("main-street")
    assert street.instance.get_dynamic_partitions("videos") == [key]
    assert street.runs() == []
    assert "nothing new among 1" in street.said()


def test_a_replaced_file_is_run_again_under_another_run_key(street: Street) -> None:
    street.put("a.mp4")
    first = street.tick()
    street.put("a.mp4", b"another video")
    second = street.tick()
    assert isinstance(first, dg.SensorResult)
    assert isinstance(second, dg.SensorResult)
    keys = [request.run_key for found in (first, second) for request in found.run_requests or []]
    assert len(set(keys)) == 2
    assert not second.dynamic_partitions_requests


def test_a_file_that_is_being_copied_waits(street: Street) -> None:
    street.put("a.mp4", b"half", age_s=0)
    assert "still arriving: a" in street.said()
    street.put("a.mp4", b"all of it", age_s=0)
    assert street.runs() == []
    assert street.runs() == ["a"]


def test_two_files_of_one_key_are_told_and_nothing_runs(street: Street) -> None:
    street.put("a.mp4"), street.put("a.mov")
    assert street.runs() == []
    said = street.said()
    assert "a.mp4" in said
    assert "a.mov" in said


def test_a_link_that_leads_nowhere_keeps_no_other_from_its_run(street: Street) -> None:
    (street.folder / "gone.mp4").symlink_to(street.folder / "nowhere.mp4")
    street.put("here.mp4")
    assert street.runs() == ["here"]


def test_a_library_that_is_not_there_yet_is_empty(street: Street) -> None:
    street.folder.rmdir()
    assert "nothing new among 0" in street.said()


def test_a_cursor_that_someone_wrote_is_no_obstacle(street: Street) -> None:
    street.put("a.mp4")
    street.cursor = "{'half': a cursor"
    assert street.runs() == ["a"]


def at_two(instance: dg.DagsterInstance, day: int = 1) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime(2026, 5, day, 2, tzinfo=UTC))


def report(instance: dg.DagsterInstance, *videos: str) -> None:
    for video, asset in itertools.product(videos, REPORTS):
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=video))


def requests(found: object) -> list[dg.RunRequest]:
    assert isinstance(found, list)
    return found


def test_the_night_runs_the_videos_without_a_report(stored_instance: dg.DagsterInstance) -> None:
    stored_instance.add_dynamic_partitions("videos", ["a", "b", "c"])
    report(stored_instance, "b")
    assert [r.partition_key for r in requests(nightly(at_two(stored_instance)))] == ["a", "c"]
    stored_instance.report_runless_asset_event(dg.AssetMaterialization(REPORTS[0], partition="a"))
    assert [r.partition_key for r in requests(nightly(at_two(stored_instance)))] == ["a", "c"]
    report(stored_instance, "a", "c")
    assert isinstance(nightly(at_two(stored_instance)), dg.SkipReason)


def test_a_night_is_capped_and_the_next_one_goes_on(stored_instance: dg.DagsterInstance) -> None:
    videos = [f"v{i:03d}" for i in range(2 * RUNS_PER_NIGHT)]
    stored_instance.add_dynamic_partitions("videos", videos)
    nights = [[r.partition_key for r in requests(nightly(at_two(stored_instance, day)))] for day in (1, 2)]
    assert [len(night) for night in nights] == [RUNS_PER_NIGHT] * 2
    assert sorted(str(v) for night in nights for v in night) == videos


def test_the_night_checks_the_videos_with_a_report(stored_instance: dg.DagsterInstance) -> None:
    stored_instance.add_dynamic_partitions("videos", ["a", "b"])
    assert isinstance(revalidation(at_two(stored_instance)), dg.SkipReason)
    report(stored_instance, "b", "deleted")
    (request,) = requests(revalidation(at_two(stored_instance)))
    assert request.tags["dagster/partition"] == "b"
    assert request.partition_key is None


GRAPH = build_defs(Deployment(data=Path("/nowhere")))
#: What is made by itself: everything that a video has.
ALL = {spec.key.to_user_string() for spec in GRAPH.resolve_all_asset_specs() if spec.partitions_def is not None}
BLOCKING = {
    "tracklet_stats": "matches_tracklets",
    "canonical_persons": "structure",
    "crops_by_person": "coverage",
    "mask_tracks": "archive_integrity",
    "refined_tracks": "refined_from_tracks",
}


def downstream(*assets: str) -> set[str]:
    """The assets, and all that depend on them."""
    selection = dg.AssetSelection.assets(*assets).downstream()
    return ALL & {key.to_user_string() for key in selection.resolve(GRAPH.resolve_asset_graph())}


class Watch:
    """The automation conditions over successive looks at an instance, whose events are written by hand."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: Any = None

    def requested(self, defs: dg.Definitions = GRAPH) -> dict[str, set[str]]:
        """What would be launched now, by video."""
        found = dg.evaluate_automation_conditions(defs, self.instance, cursor=self.cursor)
        self.cursor = found.cursor
        by_video: dict[str, set[str]] = {}
        for result in found.results:
            if isinstance(result.key, dg.AssetKey):
                for video in found.get_requested_partitions(result.key):
                    by_video.setdefault(str(video), set()).add(result.key.to_user_string())
        return by_video

    def made(self, video: str, assets: Iterable[str], version: str = "1") -> None:
        for asset in assets:
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(asset, partition=video, tags={"dagster/data_version": version})
            )

    def checked(self, video: str, assets: Iterable[str], *, passed: bool) -> None:
        """Evaluate the blocking check of the latest materialisation of each asset."""
        for asset in assets:
            (latest,) = self.instance.fetch_materializations(
                dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[video]), limit=1
            ).records
            target = AssetCheckEvaluationTargetMaterializationData(
                storage_id=latest.storage_id, run_id="", timestamp=latest.timestamp
            )
            self.instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(dg.AssetKey(asset), BLOCKING[asset], passed, {}, target, partition=video)
            )

    def whole(self, video: str, failed: Collection[str] = ()) -> None:
        """Everything of a video is made, and the blocking checks of the ``failed`` assets failed."""
        self.instance.add_dynamic_partitions("videos", [video])
        self.made(video, ALL)
        self.checked(video, BLOCKING.keys() - set(failed), passed=True)
        self.checked(video, failed, passed=False)


@pytest.fixture
def watch(instance: dg.DagsterInstance) -> Watch:
    """Two videos of which everything is made, and a first look at them."""
    made = Watch(instance)
    made.whole("a"), made.whole("b")
    assert made.requested() == {}
    return made


def test_a_new_video_has_everything_made(watch: Watch) -> None:
    watch.instance.add_dynamic_partitions("videos", ["c"])
    assert watch.requested() == {"c": ALL}
    assert watch.requested() == {}


def test_the_same_result_again_makes_nothing_stale(watch: Watch) -> None:
    watch.made("a", ["recording", "detections", "tracklets"])
    assert watch.requested() == {}


def test_a_replaced_recording_has_its_own_outputs_made_again_and_no_other_video_s(watch: Watch) -> None:
    watch.made("a", ["recording"], version="2")
    assert watch.requested() == {"a": ALL - {"recording"}}
    assert watch.requested() == {}


def test_a_run_of_the_whole_chain_is_not_followed_by_another(watch: Watch) -> None:
    watch.made("a", ALL, version="2")
    assert watch.requested() == {}


@pytest.mark.slow
def test_outputs_that_changed_by_hand_are_followed_by_what_reads_them(watch: Watch) -> None:
    watch.made("b", ["person_similarity"], version="2")
    assert watch.requested() == {"b": downstream("person_similarity") - {"person_similarity"}}


def test_a_changed_setting_has_what_reads_it_made_again_and_what_follows(watch: Watch) -> None:
    stricter = build_defs(Deployment(data=Path("/nowhere"), settings={"grouping": {"max_gap_s": 0.5}}))
    stale = downstream("canonical_persons", "grouping_log")
    assert "tracklets" not in stale
    assert watch.requested(stricter) == {"a": stale, "b": stale}
    assert watch.requested(stricter) == {}


@pytest.mark.slow
def test_an_output_of_another_detector_is_made_again_from_the_detections_on(watch: Watch) -> None:
    other = build_defs(Deployment(data=Path("/nowhere"), detector={"kind": "public"}))
    stale = downstream("detections", "detection_crops")
    assert watch.requested(other) == {"a": stale, "b": stale}


def test_a_failed_blocking_check_holds_back_what_depends_on_its_asset(instance: dg.DagsterInstance) -> None:
    watch = Watch(instance)
    watch.whole("a", failed=["crops_by_person"]), watch.whole("b")
    watch.requested()
    fewer = build_defs(Deployment(data=Path("/nowhere"), settings={"selection": {"crops_per_person": 20}}))
    assert watch.requested(fewer) == {"b": downstream("final_crops")}


@pytest.mark.slow
def test_outputs_that_were_not_checked_since_they_were_made_hold_back_too(watch: Watch) -> None:
    watch.made("a", ["crops_by_person"])
    fewer = build_defs(Deployment(data=Path("/nowhere"), settings={"selection": {"crops_per_person": 20}}))
    assert watch.requested(fewer) == {"b": downstream("final_crops")}


def test_what_is_being_made_is_not_made_twice(watch: Watch) -> None:
    watch.made("a", ["recording"], version="2"), watch.made("b", ["recording"], version="2")
    watch.instance.create_run_for_job(
        GRAPH.resolve_job_def("everything"),
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": "a"},
    )
    assert watch.requested() == {"b": ALL - {"recording"}}
