"""The mask report of a whole recording: a page per view, and one that leads to them where there are several."""

from collections.abc import Callable
from pathlib import Path

from videotracks.files import Files
from videotracks.masks.comparison.recording import VIDEO
from videotracks.masks.comparison.summary import read_summary, summary_name
from videotracks.masks.hierarchy.files import INDEX_NAME, RELATIONS_NAME, read_hierarchy
from videotracks.masks.layout import in_view, levels_in
from videotracks.masks.report.data import LevelReport, build_mask_report
from videotracks.masks.report.page import write_mask_report, write_view_list
from videotracks.masks.summaries import TRACKING_STATS, TrackingSummary, read_tracking_summary
from videotracks.masks.tracking.settings import LevelStatistics
from videotracks.recording import Recording


def write_mask_reports(
    recording: Recording,
    mask_tracks: Files,
    mask_comparison: Files,
    mask_hierarchy: Files,
    draft: Callable[[str], Path],
    name: str,
) -> dict[str, Path]:
    """Write the page of every view to a place that ``draft`` gives; files by their names beside the other outputs.

    One of them is ``name``: the page itself, or of several views the list of them.
    """
    stats = read_tracking_summary(mask_tracks[TRACKING_STATS])
    pages: dict[str, Path] = {}
    for camera in range(len(recording.views)):
        place = in_view(recording, camera, name)
        pages[place] = draft(name)
        _write_view(pages[place], recording, camera, stats, mask_comparison, mask_hierarchy)
    if name not in pages:
        links = {view.camera: in_view(recording, camera, name) for camera, view in enumerate(recording.views)}
        pages[name] = draft(name)
        write_view_list(pages[name], recording, links)
    return pages


def _write_view(
    path: Path,
    recording: Recording,
    camera: int,
    stats: TrackingSummary,
    mask_comparison: Files,
    mask_hierarchy: Files,
) -> None:
    levels = stats.views[recording.views[camera].camera]
    told = {
        level: LevelReport(
            counts=_counts(levels[level]),
            seconds=levels[level].seconds,
            summary=read_summary(folder / summary_name(level)),
            pictures=f"level_{level}/viz/compare",
        )
        for level, folder in levels_in(mask_comparison, recording, camera, "viz/compare").items()
    }
    named = {name: mask_hierarchy[in_view(recording, camera, name)] for name in (INDEX_NAME, RELATIONS_NAME)}
    film = VIDEO if in_view(recording, camera, VIDEO) in mask_comparison.members else None
    report = build_mask_report(recording, camera, told, read_hierarchy(named), film, {"segmenter": stats.segmenter})
    write_mask_report(path, report)


def _counts(level: LevelStatistics) -> dict[str, int]:
    """The figures of a level in the order of the work, by the words of the page."""
    counts = {name.replace("_", " "): value for name, value in level.counts.model_dump().items()}
    return {**counts, "objects": level.objects, "frames": level.frames, "masks": level.masks}
