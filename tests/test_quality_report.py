"""All videos × checks: one page, one table, the worst first."""

import csv
from pathlib import Path

import dagster as dg

from assets.quality_report import forecasts, latest_results
from assets.video_asset import WALL_S, videos
from videotracks.cost import forecast
from videotracks.quality_report import CheckRow, write_page, write_table

ROWS = [
    CheckRow("calm", "tracklets", "accuracy", "passed", "fine"),
    CheckRow("shaky", "tracklets", "accuracy", "failed", "<script>alert(1)</script>"),
    CheckRow("so_so", "tracklets", "accuracy", "warning", "=HYPERLINK(1)"),
]


def test_the_page_shows_the_worst_first_and_text_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_page(path, ROWS, {})
    page = path.read_text()
    assert page.index("shaky") < page.index("so_so") < page.index("calm")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_page_without_any_check_says_so(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", [], {})
    assert "No check has run yet" in (tmp_path / "page.html").read_text()


def test_the_page_tells_what_missing_videos_would_cost(tmp_path: Path) -> None:
    expected = forecast([(100, 10.0), (200, 20.0)], [300])
    assert expected is not None
    write_page(tmp_path / "page.html", ROWS, {"detections": expected})
    assert "30 s" in (tmp_path / "page.html").read_text()


def test_no_cell_of_the_table_can_begin_a_formula(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", ROWS)
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows] == ["calm", "shaky", "so_so"]
    assert rows[2]["description"] == "'=HYPERLINK(1)"


def test_takes_the_latest_result_of_each_video() -> None:
    passing = [False, True]

    @dg.asset(partitions_def=videos)
    def thing() -> None: ...

    @dg.asset_check(asset=thing, partitions_def=videos)
    def looks_right() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=passing.pop(), description="seen", severity=dg.AssetCheckSeverity.ERROR)

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("videos", ["street"])
        for _ in range(2):
            dg.materialize([thing, looks_right], partition_key="street", instance=instance)
        (row,) = latest_results(instance, dg.AssetCheckKey(thing.key, "looks_right"))
    assert row == CheckRow("street", "thing", "looks_right", "failed", "seen")


def test_forecasts_a_stage_from_the_videos_that_have_it() -> None:
    def materialised(asset: str, video: str, **numbers: float) -> dg.AssetMaterialization:
        return dg.AssetMaterialization(asset, partition=video, metadata=dict(numbers))

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("videos", ["one", "two"])
        for video, frames in (("one", 100), ("two", 300)):
            instance.report_runless_asset_event(materialised("recording", video, frames=frames))
        instance.report_runless_asset_event(materialised("detections", "one", **{WALL_S: 5.0}))
        made = forecasts(instance)
    assert set(made) == {"detections"}
    assert made["detections"].wall_s == 15.0
