"""The page: template, style and script in one file, with pictures inside and everything escaped."""

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from videotracks.palette import color_of
from videotracks.people.report.data import ReportData, ShownPerson

_HERE = Path(__file__).parent
#: Lanes of the presence chart that are drawn; more would be a wall.
LANES, LANE_PX, LABEL_PX, CHART_PX, AXIS_PX = 80, 16, 64, 1000, 22


def write_report(path: Path, data: ReportData) -> None:
    """Write the report to ``path``: one HTML file that opens from disk and loads nothing from anywhere."""
    path.write_text(render(data), encoding="utf-8")


def render(data: ReportData) -> str:
    """The page as text. Scripts and styles run only if their hash is that of this very file's."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"uri": _uri, "clock": clock, "color": color}
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    return environment.get_template("report.html").render(
        data=data,
        chart=_chart(data.persons, max(view.duration_s for view in data.recording.views)),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
        payload=Markup(_json(_payload(data))),  # noqa: S704 - escaped in _json
    )


def color(person: int) -> str:
    """The person's steady colour, as CSS."""
    return "#{:02x}{:02x}{:02x}".format(*color_of(person))


def clock(seconds: float) -> str:
    """A time as people write it: ``1:02.5``."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _uri(data: bytes, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _json(value: Any) -> str:
    """JSON that may stand inside a script element whatever it holds."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _payload(data: ReportData) -> dict[str, Any]:
    """What the script draws: the similarity matrix."""
    matrix = [[round(float(value), 3) for value in row] for row in data.similarity]
    return {"ids": data.similarity_ids, "similarity": matrix, "threshold": data.summary.threshold}


def _chart(persons: Iterable[ShownPerson], duration_s: float) -> dict[str, Any]:
    """The presence of everyone over the video, ready to be drawn: lanes, bars and ticks in px."""
    lanes = sorted(persons, key=lambda person: person.ranked.rank)
    shown = lanes[:LANES]
    per_second = (CHART_PX - LABEL_PX) / max(duration_s, 1e-6)
    bars = [
        {
            "x": round(LABEL_PX + begin * per_second, 2),
            "y": lane * LANE_PX + 3,
            "width": round(max(1.5, (end - begin) * per_second), 2),
            "person": person.ranked.person_id,
            "title": f"person {person.ranked.person_id}, {view}: {clock(begin)} to {clock(end)}",
        }
        for lane, person in enumerate(shown)
        for view, begin, end in person.spans
    ]
    step = next((s for s in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800) if duration_s / s <= 12), 3600)
    ticks = [
        {"x": round(LABEL_PX + i * step * per_second, 1), "label": clock(i * step)}
        for i in range(int(duration_s / step) + 1)
    ]
    return {
        "persons": shown,
        "bars": bars,
        "ticks": ticks,
        "left_out": len(lanes) - len(shown),
        "width": CHART_PX,
        "height": len(shown) * LANE_PX + AXIS_PX,
        "lane": LANE_PX,
    }
