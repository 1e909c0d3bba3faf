"""Tables through the NPZ IO manager."""

import dagster as dg
import numpy as np
import pytest

from resources.io_managers.npz import NpzIOManager
from tests.resources.runs import OTHER, VIDEO, Store, metadata_of, videos
from videotracks.tables import Detections, Tracklets, empty
from videotracks.versions import content_version


def tracklets_of(video: str, rows: int = 3) -> Tracklets:
    start = len(video)
    return Tracklets(**{**empty(Tracklets, N=rows), "tracklet_id": np.arange(start, start + rows)})


@dg.asset(partitions_def=videos, io_manager_key="npz_io", metadata={"file": "tracklets_raw.npz"})
def tracklets(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Tracklets]:
    table = tracklets_of(context.partition_key)
    return dg.MaterializeResult(value=table, data_version=dg.DataVersion(content_version(table)))


@dg.asset(partitions_def=videos, io_manager_key="npz_io", metadata={"file": "doubled.npz"})
def doubled(tracklets: Tracklets) -> dg.MaterializeResult[Tracklets]:
    return dg.MaterializeResult(
        value=Tracklets(**{**tracklets.arrays(), "tracklet_id": tracklets.tracklet_id * 2}), metadata={"rows": 3}
    )


@dg.multi_asset(
    partitions_def=videos,
    outs={
        name: dg.AssetOut(dagster_type=cls, io_manager_key="npz_io", metadata={"file": f"{name}.npz"})
        for name, cls in (("found", Detections), ("linked", Tracklets))
    },
)
def both() -> tuple[dg.MaterializeResult, dg.MaterializeResult]:
    detections = Detections(**empty(Detections, C=1, F=5))
    return (
        dg.MaterializeResult(asset_key="found", value=detections),
        dg.MaterializeResult(asset_key="linked", value=tracklets_of("x")),
    )


@dg.asset_check(asset="tracklets", partitions_def=videos, blocking=True)
def has_rows(tracklets: Tracklets) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=tracklets.row_count == 3, metadata={"first": int(tracklets.tracklet_id[0])})


@dg.asset(io_manager_key="npz_io", metadata={"file": "all.npz"})
def of_all_videos(tracklets: dict[str, Tracklets]) -> Tracklets:
    rows = sorted(int(table.tracklet_id[0]) for table in tracklets.values())
    return Tracklets(**{**empty(Tracklets, N=len(rows)), "tracklet_id": np.array(rows)})


def test_a_table_goes_to_the_folder_of_its_video_and_comes_back_in_a_later_run(store: Store) -> None:
    for video in (VIDEO, OTHER):
        store.run(tracklets, video=video)
    result = store.run(tracklets, doubled, video=VIDEO, select=["doubled"])
    assert result.output_for_node("doubled").tracklet_id.tolist() == [34, 36, 38]
    assert store.names == ["doubled.npz", "tracklets_raw.npz"]
    assert store.file("tracklets_raw.npz", OTHER).exists()


def test_the_ui_is_told_columns_rows_size_and_path(store: Store) -> None:
    told = metadata_of(store.run(tracklets), "tracklets")
    columns = {column.name: column for column in told["dagster/column_schema"].columns}
    assert columns["bboxes"].type == "f32[N, 4]"
    assert "pixels of the view" in columns["bboxes"].description
    assert told["dagster/row_count"] == 3
    assert told["bytes"] == store.file("tracklets_raw.npz").stat().st_size
    assert told["path"] == str(store.file("tracklets_raw.npz"))


def test_several_outputs_of_one_function(store: Store) -> None:
    store.run(both)
    assert store.names == ["found.npz", "linked.npz"]


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")
def test_a_check_is_given_the_table_in_the_same_run_and_in_a_later_one(store: Store) -> None:
    first = store.run(tracklets, has_rows)
    job = dg.define_asset_job("checks", selection=dg.AssetSelection.checks(has_rows))
    definitions = dg.Definitions(
        assets=[tracklets],
        asset_checks=[has_rows],
        jobs=[job],
        resources=store.resources,
        executor=dg.in_process_executor,
    )
    later = definitions.resolve_job_def("checks").execute_in_process(
        tags={"dagster/partition": VIDEO}, instance=store.instance
    )
    for result in (first, later):
        (evaluation,) = result.get_asset_check_evaluations()
        assert evaluation.passed
        assert evaluation.metadata["first"].value == len(VIDEO)


def test_an_asset_without_partitions_reads_all_videos(store: Store) -> None:
    for video in (VIDEO, OTHER):
        store.run(tracklets, video=video)
    result = store.run(tracklets, of_all_videos, video=None, select=["of_all_videos"])
    assert result.output_for_node("of_all_videos").tracklet_id.tolist() == sorted([len(VIDEO), len(OTHER)])
    assert store.outputs.path(None, "all.npz").exists()


def test_the_same_table_again_is_the_same_data_version_and_the_same_bytes(store: Store) -> None:
    versions, contents = set(), set()
    for _ in range(2):
        (event,) = store.run(tracklets).asset_materializations_for_node("tracklets")
        versions.add(event.tags["dagster/data_version"])
        contents.add(store.file("tracklets_raw.npz").read_bytes())
    assert len(versions) == len(contents) == 1


def test_a_missing_input_says_what_to_materialise(store: Store) -> None:
    message = store.error(tracklets, doubled, select=["doubled"])
    assert f"MissingOutputError: tracklets of {VIDEO}: no file {store.file('tracklets_raw.npz')}" in message
    assert f"`videotracks run {VIDEO} --select tracklets`" in message


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty", "another table"])
def test_a_damaged_input_says_what_to_materialise(store: Store, damage: str) -> None:
    store.run(tracklets, both)
    file = store.file("tracklets_raw.npz")
    whole = file.read_bytes()
    contents = {
        "truncated": whole[:-30],
        "foreign": b"<html>404</html>",
        "empty": b"",
        "another table": store.file("found.npz").read_bytes(),
    }
    file.write_bytes(contents[damage])
    message = store.error(tracklets, doubled, select=["doubled"])
    assert f"CorruptFileError: tracklets of {VIDEO}: {file}" in message
    assert f"`videotracks run {VIDEO} --select tracklets`" in message


def test_a_write_that_breaks_off_leaves_the_old_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.run(tracklets)
    before = store.file("tracklets_raw.npz").read_bytes()

    def breaks_off(target, table) -> None:
        target.write_bytes(before[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("resources.io_managers.npz.write_table", breaks_off)
    assert "No space left" in store.error(tracklets)
    assert store.file("tracklets_raw.npz").read_bytes() == before
    assert store.names == ["tracklets_raw.npz"]


def test_an_asset_must_name_its_file(local_store: Store) -> None:
    @dg.asset(partitions_def=videos, io_manager_key="npz_io")
    def nameless() -> Tracklets:
        return tracklets_of("x")

    assert "asset nameless: its metadata 'file' must name the stored file" in local_store.error(nameless)


def test_a_value_that_is_no_table_is_refused(local_store: Store) -> None:
    @dg.asset(partitions_def=videos, io_manager_key="npz_io", metadata={"file": "x.npz"})
    def number() -> int:
        return 3

    assert "NpzIOManager stores Table, got int" in local_store.error(number)


def test_an_input_must_say_its_type(local_store: Store) -> None:
    @dg.asset(partitions_def=videos, io_manager_key="npz_io", metadata={"file": "x.npz"})
    def untyped(tracklets) -> Tracklets:
        return tracklets

    assert "input 'tracklets': annotate it with the type of asset tracklets" in local_store.error(tracklets, untyped)


def test_the_manager_makes_its_own_outputs_where_none_are_shared(local_store: Store) -> None:
    dg.materialize(
        [tracklets],
        partition_key=VIDEO,
        instance=local_store.instance,
        resources={"npz_io": NpzIOManager(outputs=local_store.outputs)},
    )
    assert local_store.names == ["tracklets_raw.npz"]
    assert not local_store.drafts
