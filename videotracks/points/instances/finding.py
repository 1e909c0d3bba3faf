"""Instances: the objects of all views, each one once, and where in the world they are."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera import Camera
from videotracks.geometry.triangulation import refine, reprojection_errors, triangulate
from videotracks.points.instances.links import Link, cut_into_pieces, join_pieces
from videotracks.points.instances.masks import InstanceMasks
from videotracks.points.instances.sightings import Outlined, Sighting, pair_costs, sightings_of
from videotracks.points.trackers import Views, cameras_of
from videotracks.progress import Progress, silent

#: An object moves when its centre strays this far from where it mostly is: beyond what depth jitters by.
_MOVES_M = 0.05
#: The share of frames in which it strays so far.
_MOVES_SHARE = 0.1
#: Frames without which nobody can tell.
_LEAST_FRAMES = 5


class InstanceSettings(BaseModel, frozen=True, extra="forbid"):
    """Which objects of several views are one, and which are worth following."""

    match_m: float = Field(
        default=0.15, gt=0, allow_inf_nan=False, description="centres in two views this close may be one object"
    )
    follow_m: float = Field(
        default=0.10, gt=0, allow_inf_nan=False, description="from one frame to the next an object moves at most so far"
    )
    epipolar_share: float = Field(
        default=0.02,
        gt=0,
        le=1,
        description="without depth: masks of one object miss each other's epipolar lines by less than this share of "
        "the picture's diagonal",
    )
    background_share: float = Field(
        default=0.4, gt=0, le=1, description="what covers more of the picture is background, no object"
    )
    background_borders: int = Field(
        default=3, ge=1, le=5, description="what touches so many of the picture's borders is background; 5: nothing is"
    )
    most_instances: int = Field(
        default=16, ge=1, description="kept: those that move before those at rest, seen long before seen briefly"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One object: ``object_ids`` i8[V, T] of it in each view and frame, -1 where that view does not see it.

    ``centroids`` f32[T, 3] world metres, the median over the views of the middle of what they see; NaN where unknown.
    ``share`` of a picture that it covers in the mean. ``moving``: strays from its place by more than jitter.
    """

    instance_id: int
    object_ids: np.ndarray
    centroids: np.ndarray
    share: float
    moving: bool

    @property
    def frames(self) -> np.ndarray:
        """The frames in which any view sees it, ascending."""
        return np.flatnonzero((self.object_ids >= 0).any(axis=0))

    @property
    def views(self) -> list[int]:
        """The views that see it at some time."""
        return np.flatnonzero((self.object_ids >= 0).any(axis=1)).tolist()


def find_instances(
    views: Views, masks: InstanceMasks, settings: InstanceSettings, progress: Progress = silent
) -> list[Instance]:
    """The instances of a recording, the most worth following first, numbered from 1 in this order.

    Masks whose names the views share are kept as they are named, all of them. Otherwise, in each frame, centres of
    two views are matched one to one within ``match_m`` (Hungarian), what is matched in most of the frames that both
    see is one instance, and an object whose centre jumps further than ``follow_m`` per frame may go on as another
    one. An object that one view sees alone is an instance, too. ``progress`` counts frames.
    """
    rows: list[Sighting] = []
    links: list[Link] = []
    where = [set(masks.frames(view)) for view in range(len(views.cameras))]
    for frame in range(views.frame_count):
        here = [_seen(views, masks, view, frame) if frame in seen else [] for view, seen in enumerate(where)]
        if not masks.names_shared:
            links += _matched(here, len(rows), cameras_of(views, frame), settings)
        rows += [outlined.sighting for seen_here in here for outlined in seen_here]
        progress(frame + 1, views.frame_count)
    if masks.names_shared:
        named: dict[int, list[Sighting]] = defaultdict(list)
        for row in rows:
            named[row.object_id].append(row)
        return [_instance(name, named[name], views) for name in sorted(named)]
    background = _background(rows, settings)
    pieces = [
        piece
        for piece in cut_into_pieces(rows, settings.follow_m)
        if (rows[piece[0]].view, rows[piece[0]].object_id) not in background
    ]
    joined = join_pieces(rows, pieces, links, settings.follow_m)
    return _ranked([_instance(0, [rows[r] for r in members], views) for members in joined], settings)


def _seen(views: Views, masks: InstanceMasks, view: int, frame: int) -> list[Outlined]:
    return sightings_of(view, frame, masks.mask(view, frame), views.camera(view, frame), views.depth(view, frame))


def _is_background(row: Sighting, settings: InstanceSettings) -> bool:
    return row.share > settings.background_share or row.borders >= settings.background_borders


def _behind(seen: Sequence[Outlined], settings: InstanceSettings) -> np.ndarray:
    return np.array([_is_background(outlined.sighting, settings) for outlined in seen], bool)


def _background(rows: Sequence[Sighting], settings: InstanceSettings) -> set[tuple[int, int]]:
    """View and id of what looks like background in most of its frames: a thing may come close for a while."""
    looks: dict[tuple[int, int], list[bool]] = defaultdict(list)
    for row in rows:
        looks[row.view, row.object_id].append(_is_background(row, settings))
    return {key for key, alike in looks.items() if sum(alike) > len(alike) / 2}


def _matched(
    here: Sequence[Sequence[Outlined]], first_row: int, cameras: Sequence[Camera], settings: InstanceSettings
) -> Iterator[Link]:
    """Links between the sightings of one frame, by view; the first of them has the row ``first_row``."""
    from scipy.optimize import linear_sum_assignment

    starts = first_row + np.concatenate([[0], np.cumsum([len(seen) for seen in here])])
    for one, two in combinations(range(len(here)), 2):
        if not here[one] or not here[two]:
            continue
        costs = pair_costs(here, one, two, cameras, match_m=settings.match_m, epipolar_share=settings.epipolar_share)
        costs[_behind(here[one], settings)] = np.inf
        costs[:, _behind(here[two], settings)] = np.inf
        # Not to be matched costs more than any number of matches, so that as many as possible are made.
        bound = np.where(costs <= 1, costs, 1 + min(costs.shape))
        for row, column in zip(*linear_sum_assignment(bound), strict=True):
            if costs[row, column] <= 1:
                yield Link(int(starts[one] + row), int(starts[two] + column), float(costs[row, column]))


def _instance(instance_id: int, rows: Sequence[Sighting], views: Views) -> Instance:
    shape = len(views.cameras), views.frame_count
    object_ids = np.full(shape, -1, "i8")
    points, pixels, radii = np.full((*shape, 3), np.nan), np.full((*shape, 2), np.nan), np.full(shape, np.nan)
    for row in rows:
        place = row.view, row.frame
        object_ids[place], points[place] = row.object_id, row.point
        pixels[place], radii[place] = row.pixel, row.radius_px
    centroids = _medians(points)
    for frames in _unmoved(views, np.flatnonzero(~np.isfinite(centroids).all(axis=1))):
        centroids[frames] = _triangulated(cameras_of(views, int(frames[0])), pixels[:, frames], radii[:, frames])
    share = float(np.mean([row.share for row in rows]))
    return Instance(instance_id, object_ids, centroids.astype("f4"), share, _moves(centroids))


def _medians(points: np.ndarray) -> np.ndarray:
    """The medians over views of points f8[V, T, 3], f8[T, 3]; NaN where no view knows one."""
    made = np.full(points.shape[1:], np.nan)
    known = np.isfinite(points).all(axis=-1).any(axis=0)
    made[known] = np.nanmedian(points[:, known], axis=0)
    return made


def _unmoved(views: Views, frames: np.ndarray) -> Iterator[np.ndarray]:
    """The ``frames`` i8[F] in parts, through each of which no camera moves."""
    placed = [cameras_of(views, int(frame)) for frame in frames]
    moved = [any(a is not b for a, b in zip(*pair, strict=True)) for pair in pairwise(placed)]
    yield from (part for part in np.split(frames, np.flatnonzero(moved) + 1) if len(part))


def _triangulated(cameras: Sequence[Camera], pixels: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Where the centres of masks meet, f8[T, 3]; NaN where fewer than two views see it, or one misses by a radius."""
    seen = np.isfinite(pixels).all(axis=-1)
    points = refine(cameras, triangulate(cameras, pixels, seen), pixels, seen)
    errors = reprojection_errors(cameras, points, pixels, seen)
    points[(seen & ~(errors <= radii)).any(axis=0)] = np.nan
    return points


def _moves(centroids: np.ndarray) -> bool:
    known = centroids[np.isfinite(centroids).all(axis=1)]
    if len(known) < _LEAST_FRAMES:
        return False
    strayed = np.linalg.norm(known - np.median(known, axis=0), axis=1)
    return bool((strayed > _MOVES_M).mean() >= _MOVES_SHARE)


def _ranked(found: Sequence[Instance], settings: InstanceSettings) -> list[Instance]:
    order = sorted(found, key=lambda one: (not one.moving, -len(one.frames), -one.share))
    return [replace(one, instance_id=number) for number, one in enumerate(order[: settings.most_instances], 1)]
