"""All videos × checks on one page and in one table, and what the missing videos would cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from videotracks.cost import Forecast

Result = Literal["passed", "warning", "failed"]
COLUMNS = ("video", "asset", "check", "result", "description")


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The latest result of one check on one video."""

    video: str
    asset: str
    check: str
    result: Result
    description: str


def write_table(path: Path, rows: Sequence[CheckRow]) -> None:
    """Write one line per video and check as CSV; no cell can begin a formula."""
    import polars as pl

    cells = [{name: _cell(getattr(row, name)) for name in COLUMNS} for row in rows]
    pl.DataFrame(cells, schema=dict.fromkeys(COLUMNS, pl.String)).write_csv(path)


def _cell(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def write_page(path: Path, rows: Sequence[CheckRow], forecasts: Mapping[str, Forecast]) -> None:
    """Write the page: a row per video, a column per check, worst videos first; below, the forecast by stage."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    checks = sorted({(row.asset, row.check) for row in rows})
    cells = {(row.video, row.asset, row.check): row for row in rows}
    bad = {video: sum(r.result != "passed" for r in rows if r.video == video) for video in {r.video for r in rows}}
    failed = {video: sum(r.result == "failed" for r in rows if r.video == video) for video in bad}
    page = environment.get_template("quality_report.html").render(
        checks=checks,
        cells=cells,
        videos=sorted(bad, key=lambda video: (-failed[video], -bad[video], video)),
        totals={result: sum(r.result == result for r in rows) for result in ("passed", "warning", "failed")},
        forecasts=forecasts,
    )
    path.write_text(page, encoding="utf-8")
