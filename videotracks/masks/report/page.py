"""The page: template, style and script in one file, everything escaped; pictures and video lie beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from videotracks.masks.report.data import MaskReport, ShownLevel, ShownObject
from videotracks.pages.page import css_color, render_page
from videotracks.pages.times import clock, ticks
from videotracks.recording import Recording

_HERE = Path(__file__).parent
#: Life lines that are drawn per level; more would be a wall. All sizes in px of the drawing.
LANES, LANE_PX, LABEL_PX, CHART_PX, AXIS_PX = 60, 14, 44, 1000, 22
#: Colours of the stages' share of the time, in turn, by their place in the palette.
_STAGE_COLORS = (2, 5, 9, 4, 12, 7)


def write_mask_report(path: Path, report: MaskReport) -> None:
    """Write the report to ``path``: one HTML file that opens from disk and loads only what lies beside it."""
    path.write_text(render(report), encoding="utf-8")


def write_view_list(path: Path, recording: Recording, links: Mapping[str, str]) -> None:
    """Write the page that leads to those of several views; ``links`` by view, relative to ``path``."""
    path.write_text(render_page(_HERE, "views.html", recording=recording, links=links), encoding="utf-8")


def render(report: MaskReport) -> str:
    """The page as text."""
    return render_page(
        _HERE,
        "masks.html",
        styles=["masks.css"],
        script="masks.js",
        report=report,
        charts={level.level: _chart(level, report.view.duration_s) for level in report.levels},
        shares={level.level: _shares(level.seconds) for level in report.levels},
    )


def _shares(seconds: Mapping[str, float]) -> list[dict[str, Any]]:
    """The stages' share of the time, as stretches of a bar 100 wide."""
    total = sum(seconds.values()) or 1.0
    stretches, begin = [], 0.0
    for place, (stage, took) in enumerate(seconds.items()):
        width = 100 * took / total
        color = css_color(_STAGE_COLORS[place % len(_STAGE_COLORS)])
        place_and_width = {"x": round(begin, 2), "width": round(width, 2)}
        stretches.append({"stage": stage, "seconds": took, "color": color, **place_and_width})
        begin += width
    return stretches


def _chart(level: ShownLevel, duration_s: float) -> dict[str, Any]:
    """When each object is seen, ready to be drawn: lanes, bars and ticks in px."""
    longest = sorted(level.objects, key=lambda shown: -shown.frames)[:LANES]
    lanes = sorted(longest, key=lambda shown: (shown.spans[0], shown.number))
    duration_s = max(duration_s, 1e-6)
    per_second = (CHART_PX - LABEL_PX) / duration_s
    return {
        "lanes": [_lane(shown, AXIS_PX + place * LANE_PX, per_second) for place, shown in enumerate(lanes)],
        "ticks": ticks(duration_s, LABEL_PX, CHART_PX),
        "left_out": len(level.objects) - len(lanes),
        "width": CHART_PX,
        "height": AXIS_PX + len(lanes) * LANE_PX,
    }


def _lane(shown: ShownObject, top: float, per_second: float) -> dict[str, Any]:
    """The life of one object: a thin line from its first frame to its last, and a bar where it is seen."""
    begin, end = shown.spans[0][0], shown.spans[-1][1]
    return {
        "object": shown,
        "y": top,
        "x": round(LABEL_PX + begin * per_second, 2),
        "width": round(max(1.5, (end - begin) * per_second), 2),
        "title": f"object {shown.number}: {clock(begin)} to {clock(end)}, {shown.frames} frames",
        "bars": [
            {"x": round(LABEL_PX + a * per_second, 2), "width": round(max(1.5, (b - a) * per_second), 2)}
            for a, b in shown.spans
        ],
    }
