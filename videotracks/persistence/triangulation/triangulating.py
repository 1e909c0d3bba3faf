"""From tracks that are one thing to where it is: each frame triangulated from the views that agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import ViewCamera
from videotracks.geometry.triangulation import refine, reprojection_errors, triangulate
from videotracks.persistence.triangulation.moments import same_poses
from videotracks.persistence.triangulation.sightings import Sightings
from videotracks.persistence.triangulation.tracks3d import TriangulatedTracks
from videotracks.progress import Progress, silent


class TriangulatingSettings(BaseModel, frozen=True, extra="forbid"):
    """Which positions are believed."""

    most_error_px: float = Field(
        default=15.0, gt=0, description="largest distance of a projected position from the middle of its box"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Triangulated:
    """The table, and what it cost: positions asked for and refused, and sights dropped of those that were believed."""

    tracks: TriangulatedTracks
    asked: int
    refused: int
    dropped_views: int
    #: Median of all distances before any view was dropped, px; NaN without any.
    undropped_median_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Positions f8[N, 3] m and errors f8[V, N] px (NaN: view not used); NaN where nothing is believed.

    ``first_errors`` f8[V, N] px: with all views, before any was dropped.
    """

    positions: np.ndarray
    errors: np.ndarray
    first_errors: np.ndarray


def triangulate_groups(
    cameras: Sequence[ViewCamera],
    sightings: Sightings,
    groups: Sequence[Sequence[int]],
    settings: TriangulatingSettings,
    progress: Progress = silent,
) -> Triangulated:
    """Triangulate each group of tracks (rows of ``sightings``) in every frame that two of its views share.

    Things are numbered from 1 in the order in which they are first seen. ``progress`` counts groups.
    """
    first_frame = _first_frames(sightings)
    groups = sorted(groups, key=lambda own: (first_frame[list(own)].min(), own))
    order = np.argsort(sightings.tracks, kind="stable")
    bounds = np.searchsorted(sightings.tracks[order], np.arange(len(sightings) + 1))
    centers = sightings.centers
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    asked, refused, dropped, before = 0, 0, 0, [np.zeros(0)]
    for number, own in enumerate(groups, 1):
        seen = np.concatenate([order[bounds[track] : bounds[track + 1]] for track in own])
        frames, pixels = _table(cameras, sightings, centers, seen)
        found = _through(cameras, frames, pixels, settings)
        good = np.isfinite(found.positions[:, 0])
        rows.append((frames[good], found.positions[good], found.errors[:, good].T))
        asked, refused = asked + len(frames), refused + int((~good).sum())
        dropped += int(np.isfinite(pixels[:, good, 0]).sum() - np.isfinite(found.errors[:, good]).sum())
        before.append(found.first_errors[np.isfinite(found.first_errors)].astype("f4"))
        progress(number, len(groups))
    errors = np.concatenate(before)
    return Triangulated(
        _stored(cameras, sightings, groups, rows),
        asked,
        refused,
        dropped,
        float(np.median(errors)) if len(errors) else float("nan"),
    )


def _first_frames(sightings: Sightings) -> np.ndarray:
    """The first frame of each track, i8[T]."""
    first = np.full(len(sightings), np.iinfo("i8").max)
    np.minimum.at(first, sightings.tracks, sightings.frames)
    return first


def _table(
    cameras: Sequence[ViewCamera], sightings: Sightings, centers: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Frames i8[N] that two views share, and what the views saw there, f8[V, N, 2] px; NaN where nothing."""
    frames, at = np.unique(sightings.frames[rows], return_inverse=True)
    pixels = np.full((len(cameras), len(frames), 2), np.nan)
    pixels[sightings.views[sightings.tracks[rows]], at] = centers[rows]
    shared = np.isfinite(pixels[..., 0]).sum(axis=0) >= 2
    return frames[shared], pixels[:, shared]


def _through(
    cameras: Sequence[ViewCamera], frames: np.ndarray, pixels: np.ndarray, settings: TriangulatingSettings
) -> Positions:
    found = Positions(
        np.full((len(frames), 3), np.nan), np.full(pixels.shape[:2], np.nan), np.full(pixels.shape[:2], np.nan)
    )
    for at, here in same_poses(cameras, frames):
        part = agreeing_positions(here, pixels[:, at], settings.most_error_px)
        found.positions[at], found.errors[:, at] = part.positions, part.errors
        found.first_errors[:, at] = part.first_errors
    return found


def agreeing_positions(cameras: Sequence[Camera], pixels: np.ndarray, most_error_px: float) -> Positions:
    """Where the sights ``pixels`` f8[V, N, 2] (NaN: none) meet.

    A position stands when two views or more see it before them with errors of ``most_error_px`` at most. Else its
    worst view, the one without which the others agree best, is dropped, and the position is tried again.
    """
    visible = np.isfinite(pixels).all(axis=-1)
    count = pixels.shape[1]
    found = Positions(np.full((count, 3), np.nan), np.full(visible.shape, np.nan), np.full(visible.shape, np.nan))
    open_ = np.flatnonzero(visible.sum(axis=0) >= 2)
    points, errors = _met(cameras, pixels[:, open_], visible[:, open_])
    found.first_errors[:, open_] = np.where(np.isfinite(errors), errors, np.nan)
    while len(open_):
        good = _largest(errors) <= most_error_px
        found.positions[open_[good]], found.errors[:, open_[good]] = points[good], errors[:, good]
        open_ = open_[~good]
        open_ = open_[visible[:, open_].sum(axis=0) > 2]
        points, errors = _without_worst(cameras, pixels, visible, open_)
    return found


def _without_worst(
    cameras: Sequence[Camera], pixels: np.ndarray, visible: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points f8[R, 3] of some rows without their worst view, which is taken out of ``visible``, and errors f8[V, R]."""
    points, errors = np.full((len(rows), 3), np.nan), np.full((len(cameras), len(rows)), np.nan)
    least = np.full(len(rows), np.inf)
    worst = visible[:, rows].argmax(axis=0)
    for view in range(len(cameras)):
        has = np.flatnonzero(visible[view, rows])
        rest = visible[:, rows[has]]
        rest[view] = False
        met, off = _met(cameras, pixels[:, rows[has]], rest)
        largest = _largest(off)
        better = largest < least[has]
        at = has[better]
        points[at], errors[:, at], least[at], worst[at] = met[better], off[:, better], largest[better], view
    visible[worst, rows] = False
    return points, errors


def _met(cameras: Sequence[Camera], pixels: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where sights meet, f8[N, 3] m, and the errors f8[V, N] px: infinite behind a camera, NaN where not visible."""
    points = refine(cameras, triangulate(cameras, pixels, visible), pixels, visible)
    return points, reprojection_errors(cameras, points, pixels, visible)


def _largest(errors: np.ndarray) -> np.ndarray:
    """The largest error of each point, f8[N] px; infinite without any."""
    return np.where(np.isnan(errors).all(axis=0), np.inf, np.nan_to_num(errors, nan=-1.0, posinf=np.inf).max(axis=0))


def _stored(
    cameras: Sequence[ViewCamera],
    sightings: Sightings,
    groups: Sequence[Sequence[int]],
    rows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> TriangulatedTracks:
    members = np.array([row for own in groups for row in own], "i8")
    return TriangulatedTracks(
        track_id=np.repeat(np.arange(1, len(rows) + 1), [len(frames) for frames, _, _ in rows]).astype("i8"),
        frame_numbers=np.concatenate([np.zeros(0, "i8"), *(frames for frames, _, _ in rows)]),
        positions=np.concatenate([np.zeros((0, 3)), *(positions for _, positions, _ in rows)]),
        errors_px=np.concatenate([np.zeros((0, len(cameras))), *(errors for _, _, errors in rows)]).astype("f4"),
        camera_ids=np.array([camera.camera_id for camera in cameras], "U"),
        track_ids=np.arange(1, len(groups) + 1),
        member_offsets=np.concatenate([[0], np.cumsum([len(own) for own in groups])]).astype("i8"),
        member_ids=sightings.ids[members],
        member_cameras=sightings.views[members].astype("i2"),
    )
