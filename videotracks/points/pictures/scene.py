"""A scene that the Rerun viewer shows: cameras with their pictures, points in the world, and the way that they came."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera_path import CameraPath, ViewCamera
from videotracks.points.pictures.scene_cameras import ScenePicture, shown_frames, tracks_cameras
from videotracks.points.pictures.scene_tracks import SceneTracks, point_rows, thinned, trail_rows
from videotracks.points.pictures.scene_world import World, blueprint, camera_path, send_world
from videotracks.points.pictures.world_axes import stations
from videotracks.points.trackers import Views, paths_of
from videotracks.points.tracks import PointTracks
from videotracks.progress import Progress, silent

if TYPE_CHECKING:
    import rerun as rr
    import rerun.blueprint as rrb

_APPLICATION = "videotracks"
_BYTES_PER_MEGABYTE = 1_000_000
#: Pictures that are held before they go to the file.
_BATCH_IMAGES = 32
#: Radii in points of the screen: the same from near and far.
_POINT_RADIUS, _TRAIL_RADIUS = 2.5, 1.0
#: What Rerun takes no application's name with, and how long one may become.
_NOT_PLAIN, _MOST_LETTERS = re.compile(r"[^A-Za-z0-9_-]+"), 100
#: Entities of the world that are no instances.
_TAKEN = ("cameras", "ground", "axes")


class SceneSettings(BaseModel, frozen=True, extra="forbid"):
    """What a scene holds, and how much of it."""

    trail_frames: int = Field(default=10, ge=0, le=1000, description="tracked frames that a trail shows; 0 none")
    image_width_px: int = Field(default=480, ge=16, le=4096, description="width of the cameras' pictures, px at most")
    image_every: int = Field(default=5, ge=1, description="pictures of every so many tracked frames")
    most_images: int = Field(default=2000, ge=1, description="pictures of all cameras; of longer videos at wider steps")
    jpeg_quality: int = Field(default=75, ge=10, le=100, description="of the pictures")
    most_megabytes: float = Field(
        default=150, gt=0, description="points and trails; where they take more, every second, third, … track is shown"
    )


class _Timeline(NamedTuple):
    """Frame of the video and seconds of each tracked frame."""

    frames: np.ndarray  # i8[T]
    times_s: np.ndarray  # f8[T]

    @classmethod
    def of(cls, tracks: PointTracks) -> "_Timeline":
        return cls(np.arange(tracks.frame_count) * tracks.temporal_stride, tracks.timestamps)

    @property
    def fps(self) -> float | None:
        """Frames of the video per second; None for a single one."""
        if len(self.frames) < 2:
            return None
        return float(np.median(np.diff(self.frames) / np.diff(self.times_s)))

    def columns(self, frames: slice | range) -> list["rr.TimeColumn"]:
        import rerun as rr

        span = slice(frames.start, frames.stop, frames.step)
        frame = rr.TimeColumn("frame", sequence=self.frames[span])
        return [frame, rr.TimeColumn("time", duration=self.times_s[span])]


def write_scene(
    path: Path,
    instances: Mapping[int | str, PointTracks],
    views: Views | None,
    settings: SceneSettings,
    *,
    recording_name: str,
    progress: Progress = silent,
) -> None:
    """Write the tracks of some instances (none is allowed) as a Rerun recording, ``.rrd``, with its blueprint.

    ``world/cameras/<id>``: pinhole, pose, and undistorted pictures where ``views`` are given; without them the cameras
    of the tracks. ``world/<instance>/points`` and ``…/trails``: what is visible in each frame, coloured by track.
    ``world/ground`` and ``world/axes``: which way is up is guessed from the cameras. Timelines: ``frame`` (of the
    video) and ``time``. The same content has the same recording id. The file appears when it is whole; no viewer is
    started and nothing goes over the network. ``progress`` counts frames with pictures, and instances.

    ``ValueError`` for an instance with the name of another entity; ``RecordingError`` for frames of another size than
    their camera's.
    """
    import rerun as rr

    taken = sorted(str(key) for key in instances if str(key) in _TAKEN)
    if taken or len({str(key) for key in instances}) < len(instances):
        raise ValueError(f"instances {list(instances)}: each needs a name of its own, other than {_TAKEN}")
    cameras = paths_of(views) if views else _known_cameras(instances.values())
    shown, step = thinned(instances, settings.trail_frames, settings.most_megabytes * _BYTES_PER_MEGABYTE)
    paths = {key: rr.new_entity_path(["world", str(key)]).lstrip("/") for key in shown}
    world = World.around(stations(cameras), (tracks.points[tracks.runs > 0] for tracks in shown.values()))
    name = recording_name if step == 1 else f"{recording_name} (1 of {step} tracks)"
    identity = _identity(instances, cameras, settings, recording_name)
    timeline = _timeline(instances.values(), views)
    layout = blueprint(cameras, paths.values(), timeline.fps)
    with _recording(path, identity, recording_name, layout) as recording:
        recording.send_recording_name(name)
        send_world(recording, world)
        pictures = [ScenePicture(camera.at(0), settings.image_width_px) for camera in cameras]
        for camera, picture in zip(cameras, pictures, strict=True):
            _send_pose(recording, camera, picture, timeline)
            recording.log(camera_path(camera), picture.pinhole(world.plane_m), static=True, strict=True)
        images = _image_frames(instances.values(), views, settings)
        total = len(images) + len(shown)
        if views:
            _send_images(recording, pictures, views, timeline, images, settings, progress)
        for done, (key, tracks) in enumerate(shown.items(), 1):
            _send_tracks(recording, paths[key], tracks, _Timeline.of(instances[key]), settings)
            progress(len(images) + done, total)


def _known_cameras(instances: Iterable[PointTracks]) -> list[ViewCamera]:
    """The cameras of the tracks, each once."""
    return list({camera.camera_id: camera for tracks in instances for camera in tracks_cameras(tracks)}.values())


def _image_frames(instances: Iterable[PointTracks], views: Views | None, settings: SceneSettings) -> range:
    if views is None:
        return range(0)
    frame_count = min([views.frame_count, *(tracks.frame_count for tracks in instances)])
    return shown_frames(frame_count, len(views.cameras), settings.image_every, settings.most_images)


def _timeline(instances: Iterable[PointTracks], views: Views | None) -> _Timeline:
    """When each frame of the views was: as the tracks say, or else by the rate of the views."""
    for tracks in instances:
        return _Timeline.of(tracks)
    at = np.arange(views.frame_count if views else 0)
    return _Timeline(at, at / (views.fps if views else 1.0))


def _identity(
    instances: Mapping[int | str, PointTracks], cameras: Sequence[ViewCamera], settings: SceneSettings, name: str
) -> str:
    """Recording id: the viewer takes two files with one id for two parts of one recording."""
    digest = blake2b(f"{name}\0{settings.model_dump_json()}".encode(), digest_size=16)
    for key, tracks in instances.items():
        digest.update(f"\0{key}\0{tracks.temporal_stride}".encode())
        for array in (tracks.tracks_3d, tracks.visibilities, tracks.query_points, tracks.timestamps):
            digest.update(repr(array.shape).encode() + array.tobytes())
    for camera in cameras:
        lens = camera.at(0)
        digest.update(f"\0{lens.camera_id}\0{lens.width}\0{lens.height}\0{lens.fisheye}".encode())
        for array in (lens.K, lens.distortion, camera.extrinsics):
            digest.update(repr(array.shape).encode() + array.tobytes())
    return digest.hexdigest()


@contextmanager
def _recording(path: Path, identity: str, name: str, layout: "rrb.Blueprint") -> Iterator["rr.RecordingStream"]:
    """A stream into a file that gets its name when it is whole."""
    import rerun as rr

    draft = path.with_name(f".{path.name}.draft")
    # The viewer keeps one layout per application, and each recording has its own cameras.
    application = f"{_APPLICATION} {_NOT_PLAIN.sub('-', name)[:_MOST_LETTERS]}"
    recording = rr.RecordingStream(application, recording_id=identity, send_properties=False)
    recording.set_log_time_enabled(False)
    recording.set_log_tick_enabled(False)
    try:
        try:
            recording.save(draft, default_blueprint=layout)
            yield recording
            recording.flush()
        finally:
            recording.disconnect()
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _send_images(
    recording: "rr.RecordingStream",
    pictures: Sequence[ScenePicture],
    views: Views,
    timeline: _Timeline,
    images: range,
    settings: SceneSettings,
    progress: Progress,
) -> None:
    """Pictures of all cameras, some frames at a time."""
    import rerun as rr

    for begin in range(0, len(images), _BATCH_IMAGES):
        batch = images[begin : begin + _BATCH_IMAGES]
        encoded: list[list[bytes]] = [[] for _ in pictures]
        for done, t in enumerate(batch, begin + 1):
            for view, picture in enumerate(pictures):
                encoded[view].append(picture.jpeg(views.rgb(view, t), settings.jpeg_quality))
            progress(done, None)
        times = timeline.columns(batch)
        for camera, blobs in zip(views.cameras, encoded, strict=True):
            columns = rr.EncodedImage.columns(blob=blobs, media_type=["image/jpeg"] * len(blobs))
            recording.send_columns(camera_path(camera), times, columns, strict=True)


def _send_pose(recording: "rr.RecordingStream", camera: ViewCamera, picture: ScenePicture, timeline: _Timeline) -> None:
    """Where a camera stands, once for all, or in each frame where it moves."""
    import rerun as rr

    if not isinstance(camera, CameraPath):
        recording.log(camera_path(camera), picture.pose(), static=True, strict=True)
        return
    frames = min(camera.frame_count, len(timeline.frames))
    to_world = camera.turns[:frames].swapaxes(1, 2)
    places = -np.einsum("tij,tj->ti", to_world, camera.shifts[:frames])
    columns = rr.Transform3D.columns(translation=places, mat3x3=to_world)
    recording.send_columns(camera_path(camera), timeline.columns(range(frames)), columns, strict=True)


def _send_tracks(
    recording: "rr.RecordingStream", path: str, tracks: SceneTracks, timeline: _Timeline, settings: SceneSettings
) -> None:
    """Points and trails of one instance, some frames at a time."""
    import rerun as rr

    radius = rr.Radius.ui_points(_POINT_RADIUS)
    recording.log(f"{path}/points", rr.Points3D.from_fields(radii=radius), static=True, strict=True)
    for span, columns in point_rows(tracks):
        recording.send_columns(f"{path}/points", timeline.columns(span), columns, strict=True)
    if settings.trail_frames == 0:
        return
    radius = rr.Radius.ui_points(_TRAIL_RADIUS)
    recording.log(f"{path}/trails", rr.LineStrips3D.from_fields(radii=radius), static=True, strict=True)
    for span, columns in trail_rows(tracks, settings.trail_frames):
        recording.send_columns(f"{path}/trails", timeline.columns(span), columns, strict=True)
