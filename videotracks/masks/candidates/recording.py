"""Candidates of a whole recording: every view, all levels of it in one pass."""

from collections.abc import Callable, Mapping
from pathlib import Path

from videotracks.errors import RecordingError
from videotracks.masks.candidates.semantic_sam import read_semantic_sam
from videotracks.masks.candidates.view import (
    CandidateCounts,
    CandidateSettings,
    import_candidates,
    propose_candidates,
    sampled_frames,
)
from videotracks.masks.layout import MANIFEST, level_part
from videotracks.masks.segmenters import Segmenter
from videotracks.masks.summaries import CANDIDATES, CandidateSummary
from videotracks.progress import Progress, part_of, silent
from videotracks.recording import Recording, View, view_path
from videotracks.sources import mask_manifests


def propose_recording(
    recording: Recording,
    source: Path,
    segmenter: Segmenter | None,
    settings: CandidateSettings,
    draft: Callable[[str], Path],
    progress: Progress = silent,
) -> tuple[dict[str, Path], CandidateSummary]:
    """Write the candidates of every view and level; the folders by their names beside the other outputs, and counts.

    Without a segmenter they are imported from the manifests beside the recording; ``RecordingError`` where there are
    none. Files are written into places that ``draft`` gives; ``progress`` counts frames with candidates.
    """
    members: dict[str, Path] = {}
    counts: dict[str, dict[int, CandidateCounts]] = {}
    frames = [-(-len(sampled_frames(view, settings)) // settings.propose_every) for view in recording.views]
    for camera, view in enumerate(recording.views):
        folders = {level: draft("filtered") for level in settings.levels}
        for level, folder in folders.items():
            folder.mkdir()
            members[level_part(recording, camera, level, "filtered")] = folder
        out = {level: folder / MANIFEST for level, folder in folders.items()}
        if segmenter is None:
            counts[view.camera] = _import(view, source, settings, out, progress)
        else:
            path, bar = view_path(source, view), part_of(progress, sum(frames[:camera]), sum(frames))
            counts[view.camera] = propose_candidates(view, path, segmenter, settings, out, bar)
    summary = CandidateSummary(source=segmenter.provenance() if segmenter else {"backend": "manifests"}, views=counts)
    entry = draft(CANDIDATES)
    entry.write_text(summary.model_dump_json(indent=1))
    return {CANDIDATES: entry, **members}, summary


def _import(
    view: View, source: Path, settings: CandidateSettings, out: Mapping[int, Path], progress: Progress
) -> dict[int, CandidateCounts]:
    folder = mask_manifests(source, view.camera)
    if folder is None:
        raise RecordingError(
            f"{source}: no candidates of view {view.camera} to import; expected masks/level_{settings.levels[0]}/ in "
            "the recording's folder, or <name>.masks/ beside its file; or set mask_candidates.source to segmenter"
        )
    manifests = {level: read_semantic_sam(folder, level) for level in settings.levels}
    return import_candidates(view, manifests, settings, out, progress)
