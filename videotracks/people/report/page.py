"""The page: template, style and script in one file, with pictures inside and everything escaped."""

import base64
import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videotracks.palette import color_of
from videotracks.people.grouping import Check
from videotracks.people.report.data import ReportData

if TYPE_CHECKING:
    from jinja2 import Template

_HERE = Path(__file__).parent
#: Lanes of the presence chart that are drawn; more would be a wall. A lane grows with the views, one stripe for each.
LANES, LANE_PX, STRIPE_PX, LABEL_PX, CHART_PX, AXIS_PX = 80, 16, 4, 64, 1000, 22
#: Distances of the ticks of the time axis, at most as many as named.
TICKS_S, MOST_TICKS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400), 12

#: What the checks of the grouping measure.
UNITS: dict[Check, str] = {"gap": "frames", "distance": "px", "area": "ratio", "direction": "cosine", "jitter": "px"}


def write_report(path: Path, data: ReportData) -> None:
    """Write the report to ``path``: one HTML file that opens from disk and loads nothing from anywhere."""
    path.write_text(render(data), encoding="utf-8")


def render(data: ReportData) -> str:
    """The page as text. Scripts and styles run only if their hash is that of this very file's."""
    from markupsafe import Markup

    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    return _template().render(
        data=data,
        chart=_chart(data),
        duration_s=_duration_s(data),
        views=[view.camera for view in data.recording.views],
        units=UNITS,
        style=Markup(style),  # our own file
        script=Markup(script),  # our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
        payload=Markup(_json(_payload(data))),  # escaped in _json
    )


@functools.cache
def _template() -> "Template":
    """The page's template, compiled once in a process."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"uri": _uri, "clock": clock, "color": color}
    return environment.get_template("report.html")


def color(person: int) -> str:
    """The person's steady colour, as CSS."""
    return "#{:02x}{:02x}{:02x}".format(*color_of(person))


def clock(seconds: float) -> str:
    """A time as people write it: ``1:02.5``."""
    tenths = round(seconds * 10)  # first: 59.96 s are a minute, not sixty seconds
    return f"{whole_clock(tenths // 10)}.{tenths % 10}"


def whole_clock(seconds: float) -> str:
    """A time in whole seconds: ``1:02``, ``1:00:02``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _uri(data: bytes, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _json(value: Any) -> str:
    """JSON that may stand inside a script element whatever it holds."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _payload(data: ReportData) -> dict[str, Any]:
    """What the script draws: the similarity matrix, and the best crop of everyone in it, each once."""
    return {
        "ids": data.similarity_ids,
        "similarity": [[round(float(value), 3) for value in row] for row in data.similarity],
        "threshold": data.summary.threshold,
        "faces": {str(person): _uri(jpeg) for person, jpeg in data.faces.items()},
    }


def _duration_s(data: ReportData) -> float:
    return max(max(view.duration_s for view in data.recording.views), 1e-6)


def _chart(data: ReportData) -> dict[str, Any]:
    """The presence of everyone over the video, ready to be drawn: lanes, bars and ticks in px."""
    lanes = sorted(data.persons, key=lambda person: person.ranked.rank)
    shown = lanes[:LANES]
    duration_s, views = _duration_s(data), data.recording.views
    per_second = (CHART_PX - LABEL_PX) / duration_s
    stripe = max(LANE_PX - 6, STRIPE_PX * len(views)) / len(views)
    lane_px = stripe * len(views) + 6
    bars = [
        {
            "x": round(LABEL_PX + begin * per_second, 2),
            "y": round(AXIS_PX + lane * lane_px + 3 + view * stripe, 2),
            "width": round(max(1.5, (end - begin) * per_second), 2),
            "height": round(stripe - (len(views) > 1), 2),
            "person": person.ranked.person_id,
            "title": f"person {person.ranked.person_id}, {views[view].camera}: {clock(begin)} to {clock(end)}",
        }
        for lane, person in enumerate(shown)
        for view, begin, end in person.spans
    ]
    return {
        "persons": shown,
        "bars": bars,
        "ticks": _ticks(duration_s, per_second),
        "left_out": len(lanes) - len(shown),
        "width": CHART_PX,
        "height": AXIS_PX + len(shown) * lane_px,
        "lane": lane_px,
        "axis": AXIS_PX,
    }


def _ticks(duration_s: float, per_second: float) -> list[dict[str, Any]]:
    step = next((s for s in TICKS_S if duration_s / s <= MOST_TICKS), duration_s / MOST_TICKS)
    count = int(duration_s / step) + 1
    label = clock if step < 1 else whole_clock
    return [
        {
            "x": round(LABEL_PX + i * step * per_second, 1),
            "label": label(i * step),
            # A label at the right edge would be cut in the middle.
            "anchor": "end" if LABEL_PX + i * step * per_second > CHART_PX - 20 else "middle",
        }
        for i in range(count)
    ]
