"""Query points: where on an object a tracker is asked to follow it."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.points.instances.finding import Instance
from videotracks.points.instances.masks import InstanceMasks
from videotracks.points.instances.query_matches import MatchBounds, match_views
from videotracks.points.instances.query_pixels import DepthBounds, choose_pixels, inner, sound_depth
from videotracks.points.trackers import Views, cameras_of
from videotracks.progress import Progress, silent


class QuerySettings(BaseModel, frozen=True, extra="forbid"):
    """When and where points are taken from the masks of an object."""

    contact_frames: dict[int, int] = Field(
        default={}, description="by instance, the tracked frame of a contact; of others, the frame first seen in"
    )
    frames_before: int = Field(default=3, ge=0, description="tracked frames before that frame")
    frames_after: int = Field(default=10, ge=0, description="tracked frames after that frame")
    most_points: int = Field(default=1000, ge=1, le=1_000_000, description="points of an instance at most")
    margin_px: int = Field(default=2, ge=0, description="pixels this close to the rim of a mask are left out")
    voxel_m: float = Field(
        default=0.01, gt=0, allow_inf_nan=False, description="of points on the object in a cube of this side one stays"
    )
    nearest_m: float = Field(default=1e-6, gt=0, allow_inf_nan=False, description="depths below are not believed")
    farthest_m: float = Field(default=10.0, gt=0, allow_inf_nan=False, description="depths above are not believed")
    edge_m: float = Field(
        default=0.02, ge=0, description="a pixel whose depth is further from the median around it is on an edge"
    )
    edge_share: float = Field(default=0.02, ge=0, description="and this share of the depth further")
    epipolar_px: float = Field(
        default=2.0, gt=0, description="without depth: how far matched pixels may be from what one point would give"
    )
    seed: int = Field(default=0, ge=0, description="of the choice among more points than are wanted")


class QueryPoints(NamedTuple):
    """Points of one instance, and how they were made."""

    points: np.ndarray  # f32[N, 4] = (tracked frame, x, y, z in world metres), by frame
    views: np.ndarray  # i8[N], the view each was taken from; the first of the two where views were matched
    method: Literal["depth", "matches"]  # lifted through depth, or triangulated, for there was no depth


class _Candidates(NamedTuple):
    """Points of one frame."""

    frame: int
    points: np.ndarray  # f8[N, 3]
    views: np.ndarray  # i8[N]
    strengths: np.ndarray  # f8[N]; those of one frame and view, or pair of views, compare


def query_points(
    views: Views, masks: InstanceMasks, instance: Instance, settings: QuerySettings, progress: Progress = silent
) -> QueryPoints:
    """Points on an instance around the frame of its contact, or the one it is first seen in.

    Pixels well inside its masks, the corners before the flat, are lifted through the depth of their frame. Only where
    no view has depth are pixels of two views matched and triangulated instead, and ``method`` says so. Of points that
    several views and frames have on the same place of the object (its translation taken out), that of the frame
    nearest to the contact stays. No points are a valid result. Equal inputs give equal points. ``progress`` counts
    frames.
    """
    window = _window(instance, settings)
    with_depth = any(views.depth(view, t) is not None for t in window[:1] for view in range(len(views.cameras)))
    take = _lifted if with_depth else _matched
    parts = []
    for done, frame in enumerate(window, 1):
        parts += list(take(views, masks, instance, frame, settings))
        progress(done, len(window))
    points, seen_by = _thinned(parts, instance, settings)
    return QueryPoints(points, seen_by, "depth" if with_depth else "matches")


def _anchor(instance: Instance, settings: QuerySettings) -> int:
    return settings.contact_frames.get(instance.instance_id, int(instance.frames[0]))


def _window(instance: Instance, settings: QuerySettings) -> list[int]:
    """The frames that points are taken from, those in which the instance is seen, ascending."""
    frames, anchor = instance.frames, _anchor(instance, settings)
    near = (frames >= anchor - settings.frames_before) & (frames <= anchor + settings.frames_after)
    return frames[near].tolist()


def _masks_of(masks: InstanceMasks, instance: Instance, frame: int, margin_px: int) -> dict[int, np.ndarray]:
    """The inside of the instance's mask in each view that sees it."""
    found = {}
    for view in np.flatnonzero(instance.object_ids[:, frame] >= 0).tolist():
        mask = inner(masks.mask(view, frame)[int(instance.object_ids[view, frame])], margin_px)
        if mask.any():
            found[view] = mask
    return found


def _lifted(
    views: Views, masks: InstanceMasks, instance: Instance, frame: int, settings: QuerySettings
) -> Iterator[_Candidates]:
    bounds = DepthBounds(settings.nearest_m, settings.farthest_m, settings.edge_m, settings.edge_share)
    for view, mask in _masks_of(masks, instance, frame, settings.margin_px).items():
        depth = views.depth(view, frame)
        if depth is None:
            continue
        sound = sound_depth(mask, depth, bounds)
        pixels, strengths = choose_pixels(sound, views.rgb(view, frame), settings.most_points)
        points = views.camera(view, frame).lift(pixels, depth[pixels[:, 1], pixels[:, 0]])
        kept = np.isfinite(points).all(axis=1)
        yield _Candidates(frame, points[kept], np.full(int(kept.sum()), view), strengths[kept])


def _matched(
    views: Views, masks: InstanceMasks, instance: Instance, frame: int, settings: QuerySettings
) -> Iterator[_Candidates]:
    inside = _masks_of(masks, instance, frame, settings.margin_px)
    if len(inside) > 1:
        bounds = MatchBounds(settings.epipolar_px, settings.nearest_m, settings.farthest_m)
        pictures = {view: views.rgb(view, frame) for view in inside}
        yield _Candidates(frame, *match_views(cameras_of(views, frame), pictures, inside, bounds))


def _thinned(parts: list[_Candidates], instance: Instance, settings: QuerySettings) -> tuple[np.ndarray, np.ndarray]:
    """One point for each voxel of the object, as many as are wanted: f32[N, 4] and the views, i8[N]."""
    anchor = _anchor(instance, settings)
    frames = np.concatenate([np.zeros(0, "i8"), *(np.full(len(p.points), p.frame) for p in parts)])
    seen_by = np.concatenate([np.zeros(0, "i8"), *(p.views for p in parts)])
    points = np.concatenate([np.zeros((0, 3)), *(p.points for p in parts)])
    strengths = np.concatenate([np.zeros(0), *(p.strengths for p in parts)])
    # Where the centre is unknown, nothing is known of the motion, and the object counts as at rest.
    moved = np.nan_to_num(instance.centroids[frames].astype("f8"))
    voxels = np.floor((points - moved) / settings.voxel_m).astype("i8")
    order = np.lexsort((seen_by, frames, -strengths, np.abs(frames - anchor)))
    _, first = np.unique(voxels[order], axis=0, return_index=True)
    kept = order[first]
    if len(kept) > settings.most_points:
        kept = np.random.default_rng(settings.seed).choice(kept, settings.most_points, replace=False)
    kept = kept[np.lexsort((kept, frames[kept]))]
    return np.column_stack([frames[kept], points[kept]]).astype("f4"), seen_by[kept]
