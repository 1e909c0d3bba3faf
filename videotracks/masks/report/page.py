"""The page: template, style and script in one file, everything escaped; pictures and video lie beside it."""

import base64
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from videotracks.masks.report.data import MaskReport, ShownLevel, ShownObject
from videotracks.palette import color_of
from videotracks.people import report as people_report
from videotracks.people.report.page import MOST_TICKS, TICKS_S, clock, whole_clock
from videotracks.recording import Recording

if TYPE_CHECKING:
    from jinja2 import Template

_HERE = Path(__file__).parent
#: The look that all reports share.
_SHARED_STYLE = Path(people_report.__file__).parent / "report.css"
#: Life lines that are drawn per level; more would be a wall. All sizes in px of the drawing.
LANES, LANE_PX, LABEL_PX, CHART_PX, AXIS_PX = 60, 14, 44, 1000, 22
#: Colours of the stages' share of the time, in turn, by their place in the palette.
_STAGE_COLORS = (2, 5, 9, 4, 12, 7)


def write_mask_report(path: Path, report: MaskReport) -> None:
    """Write the report to ``path``: one HTML file that opens from disk and loads only what lies beside it."""
    path.write_text(render(report), encoding="utf-8")


def write_view_list(path: Path, recording: Recording, links: Mapping[str, str]) -> None:
    """Write the page that leads to those of several views; ``links`` by view, relative to ``path``."""
    from markupsafe import Markup

    style = _SHARED_STYLE.read_text(encoding="utf-8")
    page = _template("views.html").render(
        recording=recording, links=links, style=Markup(style), style_hash=_hash(style)
    )
    path.write_text(page, encoding="utf-8")


def render(report: MaskReport) -> str:
    """The page as text. Scripts and styles run only if their hash is that of this very file's."""
    from markupsafe import Markup

    style = "".join(path.read_text(encoding="utf-8") for path in (_SHARED_STYLE, _HERE / "masks.css"))
    script = (_HERE / "masks.js").read_text(encoding="utf-8")
    return _template("masks.html").render(
        report=report,
        charts={level.level: _chart(level, report.view.duration_s) for level in report.levels},
        shares={level.level: _shares(level.seconds) for level in report.levels},
        style=Markup(style),  # our own files
        script=Markup(script),  # our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


@functools.cache
def _template(name: str) -> "Template":
    """A page's template, compiled once in a process."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"clock": clock, "color": _color, "address": quote, "jpeg": _jpeg}
    return environment.get_template(name)


def _color(identity: int) -> str:
    """The steady colour of an object, as CSS."""
    return "#{:02x}{:02x}{:02x}".format(*color_of(identity))


def _jpeg(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _shares(seconds: Mapping[str, float]) -> list[dict[str, Any]]:
    """The stages' share of the time, as stretches of a bar 100 wide."""
    total = sum(seconds.values()) or 1.0
    stretches, begin = [], 0.0
    for place, (stage, took) in enumerate(seconds.items()):
        width = 100 * took / total
        color = _color(_STAGE_COLORS[place % len(_STAGE_COLORS)])
        place_and_width = {"x": round(begin, 2), "width": round(width, 2)}
        stretches.append({"stage": stage, "seconds": took, "color": color, **place_and_width})
        begin += width
    return stretches


def _chart(level: ShownLevel, duration_s: float) -> dict[str, Any]:
    """When each object is seen, ready to be drawn: lanes, bars and ticks in px."""
    longest = sorted(level.objects, key=lambda shown: -shown.frames)[:LANES]
    lanes = sorted(longest, key=lambda shown: (shown.spans[0], shown.number))
    per_second = (CHART_PX - LABEL_PX) / max(duration_s, 1e-6)
    return {
        "lanes": [_lane(shown, AXIS_PX + place * LANE_PX, per_second) for place, shown in enumerate(lanes)],
        "ticks": _ticks(duration_s, per_second),
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


def _ticks(duration_s: float, per_second: float) -> list[dict[str, Any]]:
    step = next((s for s in TICKS_S if duration_s / s <= MOST_TICKS), duration_s / MOST_TICKS)
    label = clock if step < 1 else whole_clock
    ticks = []
    for i in range(int(duration_s / step) + 1):
        x = LABEL_PX + i * step * per_second
        # A label at the right edge would be cut in the middle.
        ticks.append({"x": round(x, 1), "label": label(i * step), "anchor": "end" if x > CHART_PX - 20 else "middle"})
    return ticks
