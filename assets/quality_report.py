"""The page over all videos: every check's latest result, and what is still missing."""

import dagster as dg

from assets.people.report import STAGES
from assets.video_asset import WALL_S, shared_asset, videos
from resources.outputs import Outputs
from videotracks.cost import Forecast, forecast
from videotracks.files import Files
from videotracks.quality_report import CheckRow, Result, write_page, write_table

PAGE, TABLE = "quality_report.html", "quality_report.csv"
#: Results looked back on per check: enough for this many videos checked once since the others.
HISTORY = 10_000


@shared_asset(file=PAGE, storage="files", group="quality", kinds={"html"}, deps=["person_report"])
def quality_report(context: dg.AssetExecutionContext, outputs: Outputs) -> dg.MaterializeResult[Files]:
    """All videos × checks as one page and one table, worst videos first, with a forecast for the videos still missing.

    Reads what the checks recorded and what the runs cost; computes nothing anew.
    """
    import assets

    checks = dg.load_asset_checks_from_package_module(assets)
    keys = sorted((key for check in checks for key in check.check_keys), key=lambda key: key.to_user_string())
    rows = [row for key in keys for row in latest_results(context.instance, key)]
    page, table = outputs.draft(PAGE), outputs.draft(TABLE)
    write_page(page, rows, forecasts(context.instance))
    write_table(table, rows)
    counts = {f"{result}_checks": sum(r.result == result for r in rows) for result in ("passed", "warning", "failed")}
    return dg.MaterializeResult(
        value=Files({PAGE: page, TABLE: table}),
        metadata={**counts, "videos": len({row.video for row in rows}), "dagster/row_count": len(rows)},
    )


def latest_results(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> list[CheckRow]:
    """The latest result of one check on every video that it ran on."""
    found: dict[str, CheckRow] = {}
    for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=HISTORY):
        evaluation, video = record.evaluation, record.partition
        if evaluation is not None and video is not None and video not in found:
            result: Result = "passed" if evaluation.passed else "warning"
            if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR:
                result = "failed"
            asset = key.asset_key.to_user_string()
            found[video] = CheckRow(video, asset, key.name, result, evaluation.description or "")
    return [found[video] for video in sorted(found)]


def forecasts(instance: dg.DagsterInstance) -> dict[str, Forecast]:
    """For each stage that some videos lack: what making it for them would cost, from what it cost on the others."""
    assert videos.name is not None
    frames = {
        video: int(value)
        for video in instance.get_dynamic_partitions(videos.name)
        if (value := _latest_number(instance, "recording", video, "frames")) is not None
    }
    made: dict[str, Forecast] = {}
    for stage in STAGES[1:]:
        seconds = {video: _latest_number(instance, stage, video, WALL_S) for video in frames}
        measured = [(frames[video], s) for video, s in seconds.items() if s is not None]
        missing = [frames[video] for video, s in seconds.items() if s is None]
        expected = forecast(measured, missing) if missing else None
        if expected is not None:
            made[stage] = expected
    return made


def _latest_number(instance: dg.DagsterInstance, asset: str, video: str, name: str) -> float | None:
    """A number in the metadata of the latest materialisation of an asset of a video, where there is one."""
    chosen = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[video])
    records = instance.fetch_materializations(chosen, limit=1).records
    made = records[0].asset_materialization if records else None
    value = made.metadata.get(name) if made else None
    return float(value.value) if value is not None else None  # type: ignore[arg-type]
