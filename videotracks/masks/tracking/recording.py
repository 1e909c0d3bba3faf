"""Tracking of a whole recording: every view, all levels of it in one pass."""

from collections.abc import Callable
from pathlib import Path

from videotracks.files import Files
from videotracks.masks.candidates.manifest import read_manifest
from videotracks.masks.candidates.view import CandidateSettings, sampled_frames
from videotracks.masks.layout import MANIFEST, level_part, levels_in
from videotracks.masks.segmenters import Segmenter
from videotracks.masks.summaries import TRACKING_STATS, TrackingSummary
from videotracks.masks.tracking.settings import LevelStatistics, MaskTrackingSettings
from videotracks.masks.tracking.view import track_view
from videotracks.progress import Progress, silent
from videotracks.recording import Recording, view_path


def track_recording(
    recording: Recording,
    source: Path,
    segmenter: Segmenter,
    mask_candidates: Files,
    sampling: CandidateSettings,
    settings: MaskTrackingSettings,
    work: Path,
    draft: Callable[[str], Path],
    progress: Progress = silent,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, Path], TrackingSummary]:
    """Follow the candidates of every view; the archives, by their names beside the other outputs, and what was done.

    Archives are written into places that ``draft`` gives. ``work`` keeps finished steps for a run that is killed.
    """
    members: dict[str, Path] = {}
    done: dict[str, dict[int, LevelStatistics]] = {}
    for camera, view in enumerate(recording.views):
        folders = levels_in(mask_candidates, recording, camera, "filtered")
        manifests = {level: read_manifest(folder / MANIFEST, level) for level, folder in folders.items()}
        out = {level: draft("tracking") for level in manifests}
        steps = work / f"view_{camera}"
        for folder in (steps, *out.values()):
            folder.mkdir(exist_ok=True)
        path, frames = view_path(source, view), sampled_frames(view, sampling)
        done[view.camera] = track_view(view, path, segmenter, manifests, frames, settings, steps, out, progress, say)
        members.update({level_part(recording, camera, level, "tracking"): folder for level, folder in out.items()})
    stats = draft(TRACKING_STATS)
    summary = TrackingSummary(segmenter=segmenter.provenance(), views=done)
    stats.write_text(summary.model_dump_json(indent=1))
    return {TRACKING_STATS: stats, **members}, summary
