"""Videos of the views with the tracks drawn on them: each point, and the way that it came."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import RecordingError
from videotracks.files import check_relative_name
from videotracks.geometry.camera_path import ViewCamera
from videotracks.points.pictures.projected_tracks import DepthOf, ProjectedTracks, project_tracks
from videotracks.points.pictures.track_colors import track_colors
from videotracks.points.tracks import PointTracks
from videotracks.progress import Progress, silent
from videotracks.read_ahead import read_ahead

#: Folder of the videos that show all instances.
COMBINED = "combined"
#: Pictures that wait between decoding, drawing and encoding.
_AHEAD_FRAMES = 4
#: Encoding takes most of the time: half as fast again as the writer's own preset, in files a third larger.
_PRESET = "superfast"
#: A trail is drawn in no more segments, however long it is: of a longer one every second, fourth, … frame.
_MOST_SEGMENTS = 128
#: The ring around a point in the frame where it was asked for: its radius is this many times that of the point.
_RING_RADII = 2.5
_RING_COLOR = (255, 255, 255)

Instance = int | str


class TrailSettings(BaseModel, frozen=True, extra="forbid"):
    """How tracks are drawn."""

    trail_frames: int = Field(default=10, ge=-1, description="tracked frames that a trail shows; 0 none, -1 all")
    point_radius_px: float = Field(default=3, gt=0, le=50, description="radius of a point, px")
    line_px: float = Field(default=2, gt=0, le=50, description="width of a trail, px")
    fps: float | None = Field(default=None, gt=0, le=1000, description="frames per second; none for the view's own")
    crf: int = Field(default=23, ge=0, le=51, description="H.264 quality: 0 is lossless, 51 the worst")


def draw_trails(
    frames: Iterable[np.ndarray],
    camera: ViewCamera,
    instances: Mapping[Instance, PointTracks],
    folder: Path,
    settings: TrailSettings,
    *,
    fps: float,
    depth_of: DepthOf | None = None,
    progress: Progress = silent,
) -> dict[str, Path]:
    """Write ``<instance>/<camera>.mp4`` for every instance and ``combined/<camera>.mp4``; return them by these names.

    ``frames``: the tracked frames of the view in order, RGB u8[H, W, 3] of the camera's size; they are read once.
    ``fps``: of these frames, for videos as fast as life. ``depth_of`` gives their depth, where there is any. A trail
    fades linearly towards its older end; in its query frame a point has a ring. Memory grows with the tracks alone.
    ``RecordingError`` where frames are missing or of another size; ``ValueError`` where instances do not belong
    together.
    """
    from videotracks.video_writer import VideoWriter

    total = _frame_count(instances)
    names = _file_names(camera, instances)
    seen = project_tracks(camera, list(instances.values()), depth_of)
    drawings = [Drawing.of(*pair) for pair in zip(instances.values(), seen, strict=True)]
    # The video of the only instance is that of all.
    shown = [drawings] if len(drawings) == 1 else [*([drawing] for drawing in drawings), drawings]
    made = {name: folder / name for name in names}
    for path in made.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                VideoWriter(path, camera.width, camera.height, settings.fps or fps, crf=settings.crf, preset=_PRESET)
            )
            for path in islice(made.values(), len(shown))
        ]
        pictures = _drawn(read_ahead(_checked(frames, camera, total), _AHEAD_FRAMES), shown, settings)
        # Decoding, drawing and encoding each in a thread of its own.
        for number, rgb in enumerate(read_ahead(pictures, _AHEAD_FRAMES)):
            writers[number % len(writers)].write(rgb)
            if (number + 1) % len(writers) == 0:
                progress((number + 1) // len(writers), total)
    if len(shown) < len(made):
        shutil.copyfile(*made.values())
    return made


def _frame_count(instances: Mapping[Instance, PointTracks]) -> int | None:
    counts = {tracks.frame_count for tracks in instances.values()}
    if len(counts) > 1:
        raise ValueError(f"instances of {sorted(counts)} frames; all must have been tracked through the same")
    return counts.pop() if counts else None


def _file_names(camera: ViewCamera, instances: Mapping[Instance, PointTracks]) -> list[str]:
    folders = [str(instance) for instance in instances] + [COMBINED]
    if len(set(folders)) < len(folders) or any("/" in name for name in (camera.camera_id, *folders)):
        raise ValueError(f"camera {camera.camera_id!r}, instances {folders}: they must make different file names")
    return [check_relative_name(f"{name}/{camera.camera_id}.mp4") for name in folders]


def _checked(frames: Iterable[np.ndarray], camera: ViewCamera, total: int | None) -> Iterator[np.ndarray]:
    seen = 0
    for rgb in islice(frames, total):
        if rgb.shape != (camera.height, camera.width, 3) or rgb.dtype != np.uint8:
            raise RecordingError(
                f"view {camera.camera_id}: frame {seen} is {rgb.dtype}{list(rgb.shape)}; the camera's "
                f"u8{[camera.height, camera.width, 3]} expected; correct its size or scale its calibration"
            )
        yield rgb
        seen += 1
    if total is not None and seen < total:
        raise RecordingError(
            f"view {camera.camera_id}: it ends after {seen} of {total} tracked frames; materialise the tracks again"
        )


class Drawing(NamedTuple):
    """Tracks of one instance as the camera sees them, and how they look."""

    seen: ProjectedTracks
    colors: np.ndarray  # u8[N, 3]
    asked: np.ndarray  # i8[N], the frame of the query

    @classmethod
    def of(cls, tracks: PointTracks, seen: ProjectedTracks) -> "Drawing":
        """Choose the colours."""
        asked = np.rint(tracks.query_points[:, 0]).astype("i8")
        return cls(seen, track_colors(tracks.query_points), asked)


def _drawn(frames: Iterable[np.ndarray], videos: list[list[Drawing]], settings: TrailSettings) -> Iterator[np.ndarray]:
    """For each frame one picture per video."""
    brush: Brush | None = None
    for t, rgb in enumerate(frames):
        brush = brush or Brush(rgb.shape[0], rgb.shape[1], settings)
        for video in videos:
            picture = rgb.copy()
            brush.draw(picture, video, t)
            yield picture


class Brush:
    """Draws tracks on pictures of one size."""

    def __init__(self, height: int, width: int, settings: TrailSettings) -> None:
        self._layer = np.zeros((height, width, 4), np.uint8)
        self._spans = np.tile(np.array([width, 0], "i4"), (height, 1))
        self._settings = settings

    def draw(self, rgb: np.ndarray, drawings: Iterable[Drawing], t: int) -> None:
        """Draw the points of frame ``t`` and their trails on a picture u8[H, W, 3], in place."""
        from videotracks.points.pictures import _trail_kernels as kernels

        layer, spans, radius = self._layer, self._spans, self._settings.point_radius_px
        at, opacities = trail_segments(t, self._settings.trail_frames)
        for seen, colors, _ in drawings:
            kernels.paint_trails(layer, spans, *seen, at, opacities, colors, self._settings.line_px / 2)
        for seen, colors, asked in drawings:
            kernels.paint_points(layer, spans, seen.pixels[t], seen.runs[t], colors, radius)
            here = asked == t
            pixels, runs = seen.pixels[t][here], seen.runs[t][here]
            ring = np.array(_RING_COLOR, np.uint8)
            kernels.paint_rings(layer, spans, pixels, runs, ring, _RING_RADII * radius, self._settings.line_px / 2)
        kernels.blend(rgb, layer, spans)


def trail_segments(t: int, trail_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames i8[K] between which a trail has its segments, ending at ``t``, and their opacities f4[K - 1].

    The newest segment is opaque, the one before ``trail_frames`` would be invisible. There are at most about a hundred
    segments: longer trails leave frames out, always the same ones, so that nothing trembles.
    """
    shown = t if trail_frames < 0 else min(trail_frames, t)
    stride = 1
    while shown // stride > _MOST_SEGMENTS:
        stride *= 2
    first = -(-(t - shown) // stride) * stride
    at = np.arange(first, t, stride, dtype="i8")
    at = np.append(at, t)
    fade_frames = t if trail_frames < 0 else trail_frames
    return at, (1 - (t - at[1:]) / max(fade_frames, 1)).astype("f4")
