"""The page: template, style and script in one file, with pictures inside and everything escaped."""

from pathlib import Path
from typing import Any

from videotracks.pages.page import data_uri, embedded_json, render_page
from videotracks.pages.times import clock, ticks
from videotracks.people.grouping import Check
from videotracks.people.report.data import ReportData

_HERE = Path(__file__).parent
#: Lanes of the presence chart that are drawn; more would be a wall. A lane grows with the views, one stripe for each.
LANES, LANE_PX, STRIPE_PX, LABEL_PX, CHART_PX, AXIS_PX = 80, 16, 4, 64, 1000, 22

#: What the checks of the grouping measure.
UNITS: dict[Check, str] = {"gap": "frames", "distance": "px", "area": "ratio", "direction": "cosine", "jitter": "px"}


def write_report(path: Path, data: ReportData) -> None:
    """Write the report to ``path``: one HTML file that opens from disk and loads nothing from anywhere."""
    path.write_text(render(data), encoding="utf-8")


def render(data: ReportData) -> str:
    """The page as text."""
    return render_page(
        _HERE,
        "report.html",
        styles=["report.css"],
        script="report.js",
        data=data,
        chart=_chart(data),
        duration_s=_duration_s(data),
        views=[view.camera for view in data.recording.views],
        units=UNITS,
        payload=embedded_json(_payload(data)),
    )


def _payload(data: ReportData) -> dict[str, Any]:
    """What the script draws: the similarity matrix, and the best crop of everyone in it, each once."""
    return {
        "ids": data.similarity_ids,
        "similarity": [[round(float(value), 3) for value in row] for row in data.similarity],
        "threshold": data.summary.threshold,
        "faces": {str(person): data_uri(jpeg) for person, jpeg in data.faces.items()},
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
        "ticks": ticks(duration_s, LABEL_PX, CHART_PX),
        "left_out": len(lanes) - len(shown),
        "width": CHART_PX,
        "height": AXIS_PX + len(shown) * lane_px,
        "lane": lane_px,
        "axis": AXIS_PX,
    }
