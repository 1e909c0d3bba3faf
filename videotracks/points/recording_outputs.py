"""What is made of the tracks of a recording: refined ones, Rerun scenes, videos with trails."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.files import Files
from videotracks.geometry.camera_path import ViewCamera
from videotracks.json_models import read_model
from videotracks.points.depth.store import DepthStore
from videotracks.points.instance_tracks import SUMMARY, TrackSummary, calibrated_cameras, tracked_cameras
from videotracks.points.pictures.scene import SceneSettings, write_scene
from videotracks.points.pictures.trails import TrailSettings, draw_trails
from videotracks.points.refinement.refining import RefinementSettings, refine
from videotracks.points.refinement.statistics import CombinedStatistics, combined
from videotracks.points.synchronised import SynchronisedViews
from videotracks.points.tracks import PointTracks, read_tracks, write_tracks
from videotracks.progress import Progress, part_of, silent
from videotracks.recording import Recording, View, read_frames, view_path

COMBINED_STATISTICS = "combined_refinement_stats.json"


def read_summary(instance_tracks: Files) -> TrackSummary:
    """What was tracked; ``CorruptFileError`` where ``point_tracks.json`` is none or names files that are not there."""
    path = instance_tracks[SUMMARY]
    summary = read_model(path, TrackSummary, "materialise instance_tracks again")
    missing = [record.file for record in summary.instances if record.file not in instance_tracks.members]
    if missing:
        raise CorruptFileError(f"{path}: names {missing[0]!r}, which is not there; materialise instance_tracks again")
    return summary


def read_instances(instance_tracks: Files) -> dict[int | str, PointTracks]:
    """The tracks of every instance, by its number."""
    return {
        record.instance: read_tracks(instance_tracks[record.file]) for record in read_summary(instance_tracks).instances
    }


def refined_name(file: str) -> str:
    """The name of the refined tracks of a file of tracks."""
    return file.removesuffix("_tracked.npz") + "_refined.npz"


def read_refined(refined_tracks: Files, summary: TrackSummary) -> dict[int, PointTracks]:
    """The refined tracks of every instance, by its number."""
    return {r.instance: read_tracks(refined_tracks[refined_name(r.file)]) for r in summary.instances}


def refine_recording(
    instance_tracks: Files,
    settings: RefinementSettings,
    draft: Callable[[str], Path],
    progress: Progress = silent,
) -> tuple[dict[str, Path], CombinedStatistics]:
    """Refine the tracks of every instance; ``progress`` counts instances. Files by their names, and the sums."""
    members: dict[str, Path] = {}
    statistics = {}
    records = read_summary(instance_tracks).instances
    for done, record in enumerate(records, 1):
        refined = refine(read_tracks(instance_tracks[record.file]), settings)
        name = refined_name(record.file)
        stats = name.removesuffix(".npz") + "_stats.json"
        members |= {name: draft(name), stats: draft(stats)}
        write_tracks(members[name], refined.tracks)
        members[stats].write_text(refined.statistics.model_dump_json(indent=1))
        statistics[f"instance_{record.instance}"] = refined.statistics
        progress(done, len(records))
    sums = combined(statistics)
    entry = draft(COMBINED_STATISTICS)
    entry.write_text(sums.model_dump_json(indent=1))
    return {COMBINED_STATISTICS: entry, **members}, sums


def write_scenes(
    recording: Recording,
    source: Path,
    instance_tracks: Files,
    settings: SceneSettings,
    draft: Callable[[str], Path],
    progress: Progress = silent,
) -> dict[str, Path]:
    """A Rerun recording of every instance and one of all, with the cameras' pictures; files by their names.

    None of a recording without cameras. ``progress`` counts scenes.
    """
    cameras = calibrated_cameras(recording, source)
    if not cameras:
        return {}
    summary, tracks = read_summary(instance_tracks), read_instances(instance_tracks)
    widest = max(camera.width for camera in cameras)
    members: dict[str, Path] = {}
    with SynchronisedViews.open(
        recording, source, cameras, None, cache=draft("frames").parent, stride=summary.stride,
        downsample=max(1, widest // settings.image_width_px),
    ) as views:  # fmt: skip
        if summary.frames:
            views.place(tracked_cameras(recording, source, instance_tracks, summary))
        prefix = f"{recording.key}_{summary.tracker.get('backend', 'tracker')}"
        scenes: dict[str, Mapping[int | str, PointTracks]] = {
            f"{prefix}_instance_{number}.rrd": {f"instance_{number}": one} for number, one in tracks.items()
        }
        scenes[f"{prefix}_combined.rrd"] = {f"instance_{number}": one for number, one in tracks.items()}
        for done, (name, shown) in enumerate(scenes.items(), 1):
            members[name] = draft(name)
            write_scene(members[name], shown, views, settings, recording_name=recording.key)
            progress(done, len(scenes))
    return members


def write_trail_videos(
    recording: Recording,
    source: Path,
    cameras: list[ViewCamera],
    depth: DepthStore,
    summary: TrackSummary,
    tracks: Mapping[int, PointTracks],
    settings: TrailSettings,
    folder: Path,
    progress: Progress = silent,
) -> dict[str, Path]:
    """Trails drawn on every view at its full size, ``instance_1/cam_00.mp4`` …; videos by their names.

    One pass over each view; ``progress`` counts frames of all views. None of a recording without cameras or tracks.
    """
    made: dict[str, Path] = {}
    shown: dict[int | str, PointTracks] = {f"instance_{number}": one for number, one in tracks.items()}
    if not cameras or not shown:
        return made
    total = summary.frames * len(cameras)
    for number, (view, camera) in enumerate(zip(recording.views, cameras, strict=True)):
        made |= draw_trails(
            _every(view, view_path(source, view), summary),
            camera,
            shown,
            folder,
            settings,
            fps=view.fps / summary.stride,
            depth_of=_depth_of(depth, number, camera, summary.stride),
            progress=part_of(progress, number * summary.frames, total),
        )
    return made


def _every(view: View, path: Path, summary: TrackSummary) -> Iterator[np.ndarray]:
    """The tracked frames of a view, RGB."""
    for frame in read_frames(path, view, stop=(summary.frames - 1) * summary.stride + 1):
        if frame.index % summary.stride == 0:
            yield frame.rgb()


def _depth_of(depth: DepthStore, view: int, camera: ViewCamera, stride: int) -> Callable[[int], np.ndarray] | None:
    """The depth of the tracked frames of a view, where there is any."""
    if not depth.has_depth(view):
        return None
    return lambda t: depth.frame(view, t * stride)


def trail_pictures(videos: Mapping[str, Path], most: int = 4) -> tuple[list[np.ndarray], list[str]]:
    """A frame from the middle of the combined video of each camera, RGB u8[H, W, 3], and its name."""
    import av

    tiles, labels = [], []
    for name in [name for name in sorted(videos) if name.startswith("combined/")][:most]:
        with av.open(str(videos[name])) as container:
            count = max(1, container.streams.video[0].frames)
            for at, frame in enumerate(container.decode(video=0)):
                if at == count // 2:
                    tiles.append(frame.to_ndarray(format="rgb24"))
                    labels.append(name)
                    break
    return tiles, labels


def refinement_problems(refined_tracks: Files, instance_tracks: Files) -> list[str]:
    """What is wrong between tracks and their refined ones; empty if nothing is."""
    problems = []
    for record in read_summary(instance_tracks).instances:
        name = refined_name(record.file)
        if name not in refined_tracks.members:
            problems.append(f"{name} is missing")
            continue
        refined = read_tracks(refined_tracks[name])
        if refined.track_count > record.points:
            problems.append(f"{name}: {refined.track_count} tracks of {record.points}")
        if not np.isfinite(refined.tracks_3d[refined.visible]).all():
            problems.append(f"{name}: visible points without a place")
    return problems
