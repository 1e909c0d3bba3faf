"""The comparison of a whole recording: every view, every level."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from videotracks.files import Files
from videotracks.masks.candidates.manifest import read_manifest
from videotracks.masks.comparison.view import ComparisonSettings, LevelInputs, draw_comparisons
from videotracks.masks.layout import MANIFEST, in_view, level_part, levels_in, opened_tracks
from videotracks.progress import Progress, part_of, silent
from videotracks.recording import Recording, view_path

VIDEO = "masks.mp4"


@dataclass(frozen=True)
class Compared:
    """What was drawn: files by their names beside the other outputs, pictures in order, warnings as stored."""

    members: dict[str, Path]
    pictures: list[Path]
    warnings: list[dict[str, JsonValue]]

    def sheet(self, count: int) -> tuple[list[np.ndarray], list[str]]:
        """At most ``count`` of the pictures, RGB u8[H, W, 3], spread over all, and their names."""
        import cv2

        at = np.unique(np.linspace(0, len(self.pictures) - 1, min(count, len(self.pictures))).round().astype(int))
        chosen = [self.pictures[i] for i in at.tolist()]
        read = [(path, cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)) for path in chosen]
        whole = [(path, picture) for path, picture in read if picture is not None]
        return [picture for _, picture in whole], [path.stem for path, _ in whole]


def compare_recording(
    recording: Recording,
    source: Path,
    mask_candidates: Files,
    mask_tracks: Files,
    draft: Callable[[str], Path],
    settings: ComparisonSettings,
    progress: Progress = silent,
) -> Compared:
    """Draw the comparison of every view, each in one pass over its frames, into places that ``draft`` gives.

    ``progress`` counts frames of all views.
    """
    members: dict[str, Path] = {}
    pictures: list[Path] = []
    warnings: list[dict[str, JsonValue]] = []
    total, done = sum(view.frame_count for view in recording.views), 0
    with opened_tracks(mask_tracks, recording) as tracks:
        for camera, view in enumerate(recording.views):
            candidates = levels_in(mask_candidates, recording, camera, "filtered")
            inputs = {
                level: LevelInputs(read_manifest(folder / MANIFEST, level), tracks[camera][level], draft("compare"))
                for level, folder in candidates.items()
                if level in tracks[camera]
            }
            film, path = draft(VIDEO), view_path(source, view)
            bar = part_of(progress, done, total)
            for level, summary in draw_comparisons(view, path, inputs, settings, bar, film).items():
                members[level_part(recording, camera, level, "viz/compare")] = inputs[level].out
                pictures += [inputs[level].out / drawn.file for drawn in summary.drawn]
                warnings += [{"camera": view.camera, **warning.model_dump()} for warning in summary.warnings]
            if film.exists():
                members[in_view(recording, camera, VIDEO)] = film
            done += view.frame_count
    return Compared(members, pictures, warnings)
