"""Tracks as one camera sees them: the pixels of every point in every frame, and where it can be seen."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera_path import CameraPath, ViewCamera
from videotracks.geometry.visibility import visible_from
from videotracks.points.tracks import PointTracks

#: Gives the depth map of a tracked frame, [H, W] m; None where there is none.
DepthOf = Callable[[int], np.ndarray | None]
#: Points that are projected at once: a few megabytes of intermediate results.
_CHUNK_POINTS = 1 << 16


class ProjectedTracks(NamedTuple):
    """``pixels`` f4[T, N, 2]; ``runs`` i4[T, N]: for how many frames on end, this one included, a point is visible."""

    pixels: np.ndarray
    runs: np.ndarray


def project_tracks(
    camera: ViewCamera, instances: Sequence[PointTracks], depth_of: DepthOf | None = None
) -> list[ProjectedTracks]:
    """Project the tracks of some instances, through the same frames, onto one view.

    A point is visible when its tracker says so, and the camera can see it: in front of it, on its picture and, with
    ``depth_of`` (asked once per frame), not behind a surface. Pixels of points that are not visible mean nothing.
    """
    frames = instances[0].frame_count if instances else 0
    pixels = [np.zeros((frames, tracks.track_count, 2), "f4") for tracks in instances]
    visible = [tracks.visible for tracks in instances]
    count = sum(tracks.track_count for tracks in instances)
    # A depth map and the pose of a camera that moves belong to one frame alone.
    step = 1 if depth_of or isinstance(camera, CameraPath) else max(1, _CHUNK_POINTS // max(count, 1))
    for begin in range(0, frames if count else 0, step):
        part, depth = slice(begin, begin + step), depth_of(begin) if depth_of else None
        for tracks, places, seen in zip(instances, pixels, visible, strict=True):
            points = tracks.tracks_3d[part].astype("f8")
            places[part] = camera.at(begin).project(points)[0]
            seen[part] &= visible_from(camera.at(begin), points, depth)
    return [ProjectedTracks(places, run_lengths(seen)) for places, seen in zip(pixels, visible, strict=True)]


def run_lengths(visible: np.ndarray) -> np.ndarray:
    """For how many frames on end, this one included, each point bool[T, N] has been visible, i4[T, N]."""
    at = np.arange(1, len(visible) + 1, dtype="i4")[:, None]
    return at - np.maximum.accumulate(np.where(visible, 0, at), axis=0)
