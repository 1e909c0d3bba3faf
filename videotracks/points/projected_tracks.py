"""Tracks as one camera sees them: the pixels of every point in every frame, and where it can be seen."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
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


def project_tracks(camera: Camera, tracks: PointTracks, depth_of: DepthOf | None = None) -> ProjectedTracks:
    """Project all tracks onto one view.

    A point is visible when its tracker says so, and the camera can see it: in front of it, on its picture and, with
    ``depth_of``, not behind a surface. Pixels of points that are not visible have no meaning (they may be NaN).
    """
    frames, count = tracks.frame_count, tracks.track_count
    pixels, visible = np.zeros((frames, count, 2), "f4"), tracks.visible
    # A depth map belongs to one frame alone.
    step = 1 if depth_of else max(1, _CHUNK_POINTS // max(count, 1))
    for begin in range(0, frames if count else 0, step):
        part = slice(begin, begin + step)
        points = tracks.tracks_3d[part].astype("f8")
        pixels[part] = camera.project(points)[0]
        visible[part] &= visible_from(camera, points, depth_of(begin) if depth_of else None)
    return ProjectedTracks(pixels, run_lengths(visible))


def run_lengths(visible: np.ndarray) -> np.ndarray:
    """For how many frames on end, this one included, each point bool[T, N] has been visible, i4[T, N]."""
    at = np.arange(1, len(visible) + 1, dtype="i4")[:, None]
    return at - np.maximum.accumulate(np.where(visible, 0, at), axis=0)
