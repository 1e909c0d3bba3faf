"""The page of a video's decisions: what was filtered out, what was kept, and which frames decided."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from videotracks.pages.page import render_page
from videotracks.pages.times import clock
from videotracks.persistence.decisions.agreement import Agreement
from videotracks.persistence.decisions.deciding import PersistenceDecisions
from videotracks.persistence.decisions.shown_tracks import SHOWN_CROPS, ShownTrack
from videotracks.recording import Recording

_HERE = Path(__file__).parent
#: Tracklets of each kind that the page shows: with a strip of some 20 kB each it stays below 3 MB.
MOST_SHOWN = 60
_QUALITY = 80
#: Sizes of the drawing of one tracklet, in its own units.
_STEP, _BARS = 68, 26
#: Bins of the distribution of confidences.
_BINS = 20

#: Says in words which frames decided: importance f4[T] and the tracklet's frames from first to last, both counted.
Explain = Callable[[np.ndarray, int], str]


@dataclass(frozen=True, slots=True)
class PersistenceReport:
    """Everything on the page. ``filtered`` and ``kept`` are the tracklets that are shown, in their order.

    ``real`` says which tracklets are things by the ground truth, where there is one.
    """

    recording: Recording
    decisions: PersistenceDecisions
    filtered: Sequence[ShownTrack]
    kept: Sequence[ShownTrack]
    explain: Explain
    agreement: Agreement | None = None
    real: Mapping[int, bool] = field(default_factory=dict)
    provenance: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def write_persistence_page(path: Path, report: PersistenceReport) -> None:
    """Write the page to ``path``: one HTML file that opens from disk and loads nothing from anywhere."""
    path.write_text(render(report), encoding="utf-8")


def render(report: PersistenceReport) -> str:
    """The page as text."""
    groups = {"filtered": (report.filtered, report.decisions.filtered), "kept": (report.kept, report.decisions.kept)}
    return render_page(
        _HERE,
        "page.html",
        styles=["page.css"],
        script="page.js",
        report=report,
        groups={
            name: {"cards": [_card(report, track) for track in shown[:MOST_SHOWN]], "total": len(of)}
            for name, (shown, of) in groups.items()
        },
        histogram=_histogram(report.decisions),
        step=_STEP,
        full=SHOWN_CROPS * _STEP,
        bars=_BARS,
    )


def _card(report: PersistenceReport, track: ShownTrack) -> dict[str, Any]:
    """One tracklet, ready to be shown."""
    decision, brightness = track.decision, track.brightness
    view = report.recording.views[decision.camera]
    width = len(track.places) * _STEP
    edges = np.linspace(0, width, len(brightness) + 1)
    bar = max(1.0, width / len(brightness) - 2)
    return {
        "decision": decision,
        "view": view.camera if len(report.recording.views) > 1 else None,
        "time": clock(float(view.timestamps_s[decision.first_frame])),
        "strip": _strip(track.crops),
        "width": width,
        "crops": [
            {
                "frame": int(track.frame_numbers[place]),
                "weight": float(track.importance[place]),
                "share": round(float(brightness[place]), 3),
            }
            for place in track.places.tolist()
        ],
        "bars": [
            {"x": round(float(x), 1), "width": round(bar, 1), "share": round(float(share), 3), "frame": int(frame)}
            for x, share, frame in zip(edges[:-1], brightness, track.frame_numbers, strict=True)
        ],
        "why": report.explain(track.importance, decision.duration_frames),
        "real": report.real.get(decision.tracklet_id),
    }


def _strip(crops: np.ndarray) -> bytes:
    """The crops side by side as one JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(list(crops), axis=1)).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _histogram(decisions: PersistenceDecisions) -> list[dict[str, Any]]:
    """How many tracklets have which confidence, as bars of heights 0 to 1."""
    confidences = [d.confidence for d in decisions.decisions if d.confidence is not None]
    counts, edges = np.histogram(confidences, _BINS, (0, 1))
    return [
        {
            "height": round(float(count / max(counts.max(), 1)), 3),
            "title": f"{count} of confidence {low:.2f} to {high:.2f}",
            "keep": bool(low + high >= 2 * decisions.settings.threshold),
        }
        for count, low, high in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
