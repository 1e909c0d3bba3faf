"""3D tracks of every object of a recording: from its masks to query points to tracks, a file per instance."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from videotracks.calibration.pose_files import read_poses, write_poses
from videotracks.calibration.reading import find_calibration, read_calibration
from videotracks.files import Files, check_relative_name
from videotracks.geometry.camera_path import CameraPath, ViewCamera
from videotracks.masks.layout import has_masks
from videotracks.points.batches import BatchSettings, track_in_batches
from videotracks.points.depth.store import DepthStore
from videotracks.points.instances.finding import Instance, InstanceSettings, find_instances
from videotracks.points.instances.masks import MaskSettings, opened_masks
from videotracks.points.instances.queries import QueryPoints, QuerySettings, query_points
from videotracks.points.poses.refining import PoseRecord, refine_poses
from videotracks.points.synchronised import SynchronisedViews
from videotracks.points.trackers import PointTracker, Tracked
from videotracks.points.tracks import PointTracks, write_tracks
from videotracks.progress import Progress, silent
from videotracks.recording import Recording

SUMMARY = "point_tracks.json"
#: What is behind the name of a view in the file with the poses that its tracks were made with.
_POSES = ".poses.txt"


class PointTrackingSettings(BaseModel, frozen=True, extra="forbid"):
    """At what rate and size points are tracked, and what is stored with them."""

    stride: int = Field(default=1, ge=1, description="every n-th frame is tracked")
    longest_px: int = Field(default=960, ge=64, description="views are shrunk, by a whole number, to at most this side")
    refine_poses: bool = Field(
        default=True,
        description="find the poses of moving cameras with depth again from the pictures, where those beside the "
        "recording lead points astray by more than 1.5 px",
    )
    embed_camera_data: bool = Field(
        default=False, description="store pictures and depth in each file of tracks; the recording has them anyway"
    )

    def downsample(self, cameras: list[ViewCamera]) -> int:
        """By how much the views are shrunk."""
        return max(1, *(-(-max(camera.width, camera.height) // self.longest_px) for camera in cameras))


class InstanceRecord(BaseModel, frozen=True):
    """One instance, and what became of it."""

    instance: int
    file: str = Field(description="name of its tracks beside the other outputs")
    points: int
    query_method: str = Field(description="depth: lifted; matches: triangulated between views")
    views: list[str] = Field(description="the views that see it")
    frames: int = Field(description="tracked frames in which a view sees it")
    moving: bool
    visible_share: float | None = Field(description="of all points and frames; null without points")


class TrackSummary(BaseModel, frozen=True):
    """``point_tracks.json``: what was tracked, by what, or why nothing was."""

    tracker: dict[str, str]
    stride: int
    downsample: int
    frames: int
    instances: list[InstanceRecord]
    poses: list[PoseRecord] = Field(default=[], description="of cameras that move: how well they fit the pictures")
    reason: str = Field(description="why nothing could be tracked; empty where something could")

    @property
    def points(self) -> int:
        """Points of all instances."""
        return sum(instance.points for instance in self.instances)


def calibrated_cameras(recording: Recording, source: Path) -> list[ViewCamera]:
    """The cameras of a recording in the order of its views; none where it has no calibration.

    ``CalibrationError`` for a calibration that is wrong.
    """
    return read_calibration(source, recording.views) if find_calibration(source) is not None else []


def tracked_cameras(
    recording: Recording, source: Path, instance_tracks: Files, summary: TrackSummary
) -> list[ViewCamera]:
    """The same cameras through the frames that were tracked, with the poses that the tracks were made with.

    As calibrated, where nothing was tracked.

    ``CalibrationError`` where these poses are no longer those of the recording's cameras.
    """
    cameras = calibrated_cameras(recording, source)
    if not summary.frames:
        return cameras
    return [
        read_poses(instance_tracks[camera.camera_id + _POSES], camera.at(0), summary.frames)
        if isinstance(camera, CameraPath)
        else camera
        for camera in cameras
    ]


def track_recording(
    recording: Recording,
    source: Path,
    depth: DepthStore,
    mask_tracks: Files,
    tracker: PointTracker,
    settings: PointTrackingSettings,
    masks: MaskSettings,
    instances: InstanceSettings,
    queries: QuerySettings,
    batches: BatchSettings,
    draft: Callable[[str], Path],
    progress: Progress = silent,
) -> tuple[dict[str, Path], TrackSummary]:
    """Track every instance, and write a file for each into a place that ``draft`` gives; files by their names.

    A recording without calibration, without depth in its only view, or without masks has no instances, and the
    summary says why. ``progress`` counts frames times instances.
    """
    cameras = calibrated_cameras(recording, source)
    reason = _obstacle(recording, cameras, depth, masks, mask_tracks)
    members: dict[str, Path] = {}
    records: list[InstanceRecord] = []
    poses: list[PoseRecord] = []
    downsample, frames = 1, 0
    if not reason:
        downsample = settings.downsample(cameras)
        cache = draft("frames").parent
        with SynchronisedViews.open(
            recording, source, cameras, depth, cache=cache, stride=settings.stride, downsample=downsample
        ) as views:
            frames = views.frame_count
            if settings.refine_poses:
                poses = _refine_poses(views, progress)
            members |= _pose_files(views, draft)
            asked = _asked(recording, source, views, mask_tracks, masks, instances, queries)
            for done, (instance, points) in enumerate(asked):
                tracked = track_in_batches(
                    tracker, views, points.points, batches, _part(progress, done, len(asked), frames)
                )
                name = f"{recording.key}_{tracker.name}_instance_{instance.instance_id}_tracked.npz"
                members[name] = draft(name)
                write_tracks(members[name], _point_tracks(views, points, tracked, tracker.name, settings))
                records.append(_record(recording, instance, points, tracked, name))
        reason = "" if records else "no object was seen long enough, or none has points"
    summary = TrackSummary(
        tracker=tracker.provenance(),
        stride=settings.stride,
        downsample=downsample,
        frames=frames,
        instances=records,
        poses=poses,
        reason=reason,
    )
    entry = draft(SUMMARY)
    entry.write_text(summary.model_dump_json(indent=1))
    return {SUMMARY: entry, **members}, summary


def _refine_poses(views: SynchronisedViews, progress: Progress) -> list[PoseRecord]:
    """Place the cameras that move, and have depth, where the pictures have them."""
    paths, records = list(views.paths), []
    for view, path in enumerate(views.paths):
        if isinstance(path, CameraPath) and any(views.depth(view, t) is not None for t in range(views.frame_count)):
            paths[view], record = refine_poses(views, view, path, progress)
            records.append(record)
    views.place(paths)
    return records


def _pose_files(views: SynchronisedViews, draft: Callable[[str], Path]) -> dict[str, Path]:
    """The poses of the cameras that move, as they are tracked with."""
    members = {}
    for path in views.paths:
        if isinstance(path, CameraPath):
            name = check_relative_name(path.camera_id + _POSES)
            members[name] = draft(name)
            write_poses(members[name], path, views.timestamps_s)
    return members


def _obstacle(
    recording: Recording, cameras: Sequence[ViewCamera], depth: DepthStore, masks: MaskSettings, mask_tracks: Files
) -> str:
    """Why nothing can be tracked in 3D, or nothing."""
    if not cameras:
        return "no calibration: put cameras.toml (or Pose2Sim's TOML, OpenCV's YAML) beside the views"
    if len(cameras) == 1 and not depth.has_depth(0):
        return "a single view without depth: there is nothing to lift points by"
    if masks.masks == "tracks" and not has_masks(mask_tracks, recording):
        return "no object was followed in any view"
    return ""


def _asked(
    recording: Recording,
    source: Path,
    views: SynchronisedViews,
    mask_tracks: Files,
    masks: MaskSettings,
    instances: InstanceSettings,
    queries: QuerySettings,
) -> list[tuple[Instance, QueryPoints]]:
    with opened_masks(masks, recording, source, mask_tracks, views, stride=views.stride) as objects:
        found = find_instances(views, objects, instances)
        asked = [(instance, query_points(views, objects, instance, queries)) for instance in found]
    return [(instance, points) for instance, points in asked if len(points.points)]


def _part(progress: Progress, done: int, parts: int, frames: int) -> Progress:
    """The progress of one of several parts, each of ``frames``, whatever total it believes in."""
    return lambda here, of: progress(done * frames + round(frames * here / max(of or frames, 1)), parts * frames)


def _point_tracks(
    views: SynchronisedViews, points: QueryPoints, tracked: Tracked, tracker: str, settings: PointTrackingSettings
) -> PointTracks:
    embedded: dict[str, np.ndarray] = {}
    sizes = {(camera.height, camera.width) for camera in views.cameras}
    if settings.embed_camera_data and len(sizes) == 1:
        count = range(len(views.cameras)), range(views.frame_count)
        embedded["rgbs"] = np.stack([[views.rgb(v, t).transpose(2, 0, 1) for t in count[1]] for v in count[0]])
        blank = np.zeros(sizes.pop(), "f4")
        maps = [[views.depth(v, t) for t in count[1]] for v in count[0]]
        embedded["depths"] = np.stack([[(blank if m is None else m)[None] for m in row] for row in maps])
    return PointTracks(
        tracks_3d=tracked.tracks,
        visibilities=tracked.visibilities,
        query_points=points.points,
        intrs=np.stack([camera.K for camera in views.cameras]).astype("f4"),
        extrs=_extrinsics(views).astype("f4"),
        camera_ids=tuple(camera.camera_id for camera in views.cameras),
        tracker=tracker,
        temporal_stride=views.stride,
        spatial_downsample=views.downsample,
        timestamps=np.asarray(views.timestamps_s, "f8"),
        **embedded,
    )


def _extrinsics(views: SynchronisedViews) -> np.ndarray:
    """World to camera: f8[V, 3, 4], or f8[V, T, 3, 4] where any camera moves."""
    paths = views.paths
    if not any(isinstance(path, CameraPath) for path in paths):
        return np.stack([path.extrinsics for path in paths])
    whole = (views.frame_count, 3, 4)
    return np.stack([np.broadcast_to(path.extrinsics, whole) for path in paths])


def _record(
    recording: Recording, instance: Instance, points: QueryPoints, tracked: Tracked, file: str
) -> InstanceRecord:
    seen = tracked.visibilities > 0.5
    return InstanceRecord(
        instance=instance.instance_id,
        file=file,
        points=len(points.points),
        query_method=points.method,
        views=[recording.views[view].camera for view in instance.views],
        frames=len(instance.frames),
        moving=instance.moving,
        visible_share=float(seen.mean()) if seen.size else None,
    )
