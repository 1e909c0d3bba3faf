"""The steps of a view in their order, and which of them a run before this one has finished."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from videotracks.errors import CorruptFileError
from videotracks.masks.candidates.manifest import CandidateFrame, Manifest
from videotracks.masks.segmenters import Segmenter
from videotracks.masks.tracking.journal import VERSION, Journal
from videotracks.masks.tracking.settings import MaskTrackingSettings
from videotracks.recording import View
from videotracks.sources import image_files

#: Settings that change what is written, shown or checked, but not what is followed.
_LATER_SETTINGS = {"mask_scale_ratio", "preview_stride", "max_previews"}


class PlannedStep(NamedTuple):
    """A frame with candidates of a level."""

    position: int
    level: int
    place: int  # in the manifest
    candidates: int
    key: str  # hash of all that the step depends on
    finished: bool  # by a run before this one


def input_key(view: View, path: Path, segmenter: Segmenter, frames: range, settings: MaskTrackingSettings) -> str:
    """Hash of what all steps of a view depend on: the video, the model, the settings.

    A video is known by its probe and by the sizes and dates of its files; reading ten hours of it would take minutes.
    """
    files = image_files(path) if path.is_dir() else [path]
    stats = [file.stat() for file in files]
    return _hash(
        VERSION,
        view.model_dump(mode="json"),
        [[file.name, stat.st_size, stat.st_mtime_ns] for file, stat in zip(files, stats, strict=True)],
        [segmenter.name, sorted(segmenter.provenance().items()), segmenter.frame_size(view.width, view.height)],
        [frames.start, frames.stop, frames.step],
        settings.model_dump(mode="json", exclude=_LATER_SETTINGS),
    )


def plan_steps(manifests: Mapping[int, Manifest], frames: range, journal: Journal, key: str) -> list[PlannedStep]:
    """Every frame with candidates, level by level, in order of frames.

    The key of a step covers those before it on its level, so that a changed candidate makes the later steps new, and
    no others. ``CorruptFileError`` for candidates of a frame that is not followed.
    """
    steps = []
    for level, manifest in manifests.items():
        chain = _hash(key, level)
        for place, frame in enumerate(manifest.frames):
            if frame.frame_idx not in frames:
                raise CorruptFileError(
                    f"level {level}: candidates in frame {frame.frame_idx}, which is not among those that are followed "
                    f"({frames.start} to {frames.stop} by {frames.step}); materialise mask_candidates again"
                )
            if frame.items:
                chain, position = _candidates_key(chain, frame), frames.index(frame.frame_idx)
                finished = journal.has(level, position, chain)
                steps.append(PlannedStep(position, level, place, len(frame.items), chain, finished))
    return sorted(steps, key=lambda step: (step.position, step.level))


def _candidates_key(chain: str, frame: CandidateFrame) -> str:
    digest = hashlib.sha256(_hash(chain, frame.frame_idx).encode())
    for item in frame.items:
        shapes = [item.mask.shape, item.mask.full_resolution_shape]
        digest.update(_hash(item.id, item.bbox, item.area, shapes).encode() + item.mask.bits)
    return digest.hexdigest()


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
