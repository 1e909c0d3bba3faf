"""Things in the world to look at: from above and from the side, and as a Rerun scene."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videotracks.geometry.camera_path import CameraPath, ViewCamera
from videotracks.persistence.triangulation.tracks3d import TriangulatedTracks
from videotracks.points.pictures.scene import SceneSettings, write_scene
from videotracks.points.pictures.trajectory_plots import TrajectoryPlotSettings, draw_trajectories
from videotracks.points.synchronised import SynchronisedViews
from videotracks.points.tracks import PointTracks
from videotracks.progress import Progress, silent
from videotracks.recording import Recording

#: What a picture or a scene can show: longer videos leave frames out, and of more things the longest are shown.
_MOST_FRAMES, _MOST_THINGS = 2000, 200


def draw_things(
    tracks: TriangulatedTracks,
    cameras: Sequence[ViewCamera],
    times_s: np.ndarray,
    settings: TrajectoryPlotSettings,
) -> np.ndarray:
    """The ways of all things and the cameras from above and from the side, each thing in the colour of its id.

    RGB u8[height, width, 3] with a grid in metres. ``times_s`` f8[F]: when each frame of the views was.
    """
    return draw_trajectories(dict(as_instances(tracks, cameras, times_s)), cameras, settings)


def write_things(
    path: Path,
    recording: Recording,
    source: Path,
    tracks: TriangulatedTracks,
    cameras: Sequence[ViewCamera],
    settings: SceneSettings,
    *,
    cache: Path,
    progress: Progress = silent,
) -> None:
    """Write a Rerun recording, ``.rrd``, of a recording's cameras with their pictures, and of all things in the world.

    ``cache`` is a folder for decoded frames, which are gone at the end. ``progress`` is that of ``write_scene``.
    """
    shrink = max(1, max(camera.width for camera in cameras) // settings.image_width_px)
    stride = _stride(min(view.frame_count for view in recording.views))
    with SynchronisedViews.open(
        recording, source, list(cameras), None, cache=cache, stride=stride, downsample=shrink
    ) as views:
        times = recording.views[0].timestamps_s
        shown: dict[int | str, PointTracks] = {
            f"thing_{number}": one for number, one in as_instances(tracks, cameras, times).items()
        }
        write_scene(path, shown, views, settings, recording_name=recording.key, progress=progress)


def as_instances(
    tracks: TriangulatedTracks, cameras: Sequence[ViewCamera], times_s: np.ndarray
) -> dict[int | str, PointTracks]:
    """Each thing as the track of one point, by its id, over all frames, or every n-th where there are too many."""
    stride = _stride(len(times_s))
    lenses = [camera.lens if isinstance(camera, CameraPath) else camera for camera in cameras]
    frames = np.arange(0, len(times_s), stride)
    made: dict[int | str, PointTracks] = {}
    for thing in _longest(tracks):
        rows = tracks.rows_of(thing)
        own = tracks.frame_numbers[rows]
        chosen = (own % stride == 0) & (own < len(times_s))
        if not chosen.any():
            continue
        at, places = own[chosen] // stride, tracks.positions[rows][chosen].astype("f4")
        points, seen = np.full((len(frames), 1, 3), np.nan, "f4"), np.zeros((len(frames), 1), "f4")
        points[at, 0], seen[at, 0] = places, 1
        made[thing] = PointTracks(
            tracks_3d=points,
            visibilities=seen,
            query_points=np.array([[at[0], *places[0]]], "f4"),
            intrs=np.stack([lens.K for lens in lenses]),
            extrs=np.stack([camera.at(0).extrinsics for camera in cameras]),
            camera_ids=tuple(lens.camera_id for lens in lenses),
            tracker="triangulation",
            temporal_stride=stride,
            spatial_downsample=1,
            timestamps=times_s[frames],
        )
    return made


def _longest(tracks: TriangulatedTracks) -> list[int]:
    """The ids of the things with the most positions, ascending."""
    things, counts = np.unique(tracks.track_id, return_counts=True)
    return sorted(things[np.argsort(-counts, kind="stable")[:_MOST_THINGS]].tolist())


def _stride(frame_count: int) -> int:
    return max(1, -(-frame_count // _MOST_FRAMES))
