"""Tracks and masks for other tools."""

from pathlib import Path
from typing import Literal

from dagster_project.deployment import Deployment
from resources.outputs import local
from videotracks.errors import VideoTracksError
from videotracks.masks.archive import SegmentsReader
from videotracks.masks.coco import export_coco
from videotracks.masks.layout import level_part, video_segments
from videotracks.masks.summaries import TRACKING_STATS, read_tracking_summary
from videotracks.npz import read_table
from videotracks.people.motchallenge import write_mot
from videotracks.recording import Recording
from videotracks.tables import Persons, Tracklets


def export_masks(deployment: Deployment, video: str, output: Path) -> list[Path]:
    """Write the tracked masks in COCO's format with run lengths, a file per view and level, by object over the frames.

    ``<name>_L<level>``, and of several views ``<name>_<camera>_L<level>``.
    """
    recorded = deployment.output_file(video, "recording.json")
    if recorded is None or deployment.output_file(video, TRACKING_STATS) is None:
        raise VideoTracksError(f"{video}: no masks yet; run `videotracks run {video} --select +mask_tracks` first")
    recording = Recording.model_validate_json(recorded.read_text())
    store = deployment.output_store()
    levels = read_tracking_summary(local(store.path(video, TRACKING_STATS)))
    output.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for camera, view in enumerate(recording.views):
        for level in levels.views[view.camera]:
            folder = local(store.path(video, level_part(recording, camera, level, "tracking")))
            name = f"L{level}" if len(recording.views) == 1 else f"{view.camera}_L{level}"
            path = output.with_stem(f"{output.stem}_{name}")
            with SegmentsReader(video_segments(folder)) as segments:
                export_coco(segments, path, video=recording.name)
            written.append(path)
    return written


def export_mot(deployment: Deployment, video: str, what: Literal["tracklets", "persons"], output: Path) -> list[Path]:
    """Write tracklets or merged persons in MOTChallenge format; of several views a file each, ``<name>_<camera>``."""
    tables: dict[str, tuple[str, type[Tracklets | Persons]]] = {
        "tracklets": ("tracklets_raw.npz", Tracklets),
        "persons": ("merged_persons.npz", Persons),
    }
    file, table = tables[what]
    stored, recorded = deployment.output_file(video, file), deployment.output_file(video, "recording.json")
    if stored is None or recorded is None:
        raise VideoTracksError(f"{video}: {file} is not there yet; run `videotracks run {video}` first")
    tracks = read_table(local(stored), table)
    ids = tracks.person_id if isinstance(tracks, Persons) else tracks.tracklet_id
    views = Recording.model_validate_json(recorded.read_text()).views
    output.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for camera, view in enumerate(views):
        here = tracks.camera == camera
        path = output if len(views) == 1 else output.with_stem(f"{output.stem}_{view.camera}")
        write_mot(path, ids[here], tracks.frame_numbers[here], tracks.bboxes[here], tracks.confidences[here])
        written.append(path)
    return written
