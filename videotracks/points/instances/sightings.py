"""What one view sees of one object in one frame, and how well sightings of two views fit each other."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.geometry.triangulation import triangulate
from videotracks.masks.packed import bounding_box

#: Pixels of a mask that are lifted for its centre: a median of so many is settled to a fiftieth of the spread.
_MOST_SAMPLES = 4096
#: Pixels with depth that a centre needs at least.
_LEAST_SAMPLES = 8
#: Depths further from the median of a mask than this many median deviations, and this far, are of something else.
_FAR_DEVIATIONS, _FAR_M = 5.0, 0.05
#: The standard deviation of a normal distribution, in median deviations.
_SIGMA = 1.4826
#: Half the width of what is spread evenly, squared, in variances.
_EVEN = 3.0
#: Directions along which the outline of a mask is known: tangents to within half a degree of turn.
_DIRECTIONS = 32
#: Lines of sight of less turn, squared, are one: nothing is between them.
_LEAST_TURN = 1e-6
#: Cameras closer than this do not say how far a thing is.
_LEAST_BASELINE_M = 1e-3


class Sighting(NamedTuple):
    """An object as one view has it in one frame."""

    view: int
    frame: int
    object_id: int
    share: float  # of the picture that the mask covers
    borders: int  # of the picture's four that it touches
    pixel: tuple[float, float]  # the mask's centre
    radius_px: float  # half the diagonal of its box
    point: tuple[float, float, float]  # world metres, the middle of the surface that is seen; NaN without depth
    half_width_m: float  # of that surface where it is narrowest, across the line of sight; NaN without depth


class Outlined(NamedTuple):
    """A sighting with the outermost pixels of its mask, f8[M, 2]."""

    sighting: Sighting
    outline: np.ndarray


def sightings_of(
    view: int, frame: int, masks: Mapping[int, np.ndarray], camera: Camera, depth: np.ndarray | None
) -> list[Outlined]:
    """What a view sees in a frame: its ``masks`` bool[H, W] by object id, through ``depth`` f32[H, W] m or None.

    Empty masks are left out.
    """
    found = []
    for object_id in masks:
        mask = masks[object_id]
        box = bounding_box(mask)
        if box is None:
            continue
        left, top, width, height = box
        corner = np.array([left, top])
        cut = mask[top : top + height, left : left + width]
        area = np.count_nonzero(cut)
        middle = np.array([cut.sum(axis=0) @ np.arange(width), cut.sum(axis=1) @ np.arange(height)]) / area + corner
        borders = sum([left == 0, top == 0, left + width == mask.shape[1], top + height == mask.shape[0]])
        surface = _NO_SURFACE if depth is None else surface_of(camera, _sample(cut) + corner, depth)
        sighting = Sighting(
            view=view,
            frame=frame,
            object_id=object_id,
            share=area / mask.size,
            borders=borders,
            pixel=(float(middle[0]), float(middle[1])),
            radius_px=float(np.hypot(width, height)) / 2,
            point=surface.center,
            half_width_m=surface.half_width_m,
        )
        found.append(Outlined(sighting, _outermost(cut) + corner))
    return found


class Surface(NamedTuple):
    """What a view sees of an object in space, NaN where depth is missing."""

    center: tuple[float, float, float]  # world metres, by medians
    half_width_m: float  # where it is narrowest, across the line of sight


_NO_SURFACE = Surface((np.nan,) * 3, np.nan)


def surface_of(camera: Camera, pixels: np.ndarray, depth: np.ndarray) -> Surface:
    """The surface under ``pixels`` i8[N, 2]."""
    depths = depth[pixels[:, 1], pixels[:, 0]].astype("f8")
    measured = np.flatnonzero(np.isfinite(depths) & (depths > 0))
    kept = measured[of_one_surface(depths[measured])]
    lifted = camera.lift(pixels[kept], depths[kept])
    lifted = lifted[np.isfinite(lifted).all(axis=1)]
    if len(lifted) < min(_LEAST_SAMPLES, len(pixels)):
        return _NO_SURFACE
    center = np.median(lifted, axis=0)
    ahead = (center - camera.center) / np.linalg.norm(center - camera.center)
    away = lifted - center
    across = away - np.outer(away @ ahead, ahead)
    _, narrow, _ = np.linalg.eigvalsh(across.T @ across / len(across))  # the least, along the sight, is 0
    x, y, z = center.tolist()
    return Surface((x, y, z), float(np.sqrt(_EVEN * max(narrow, 0.0))))


def of_one_surface(depths: np.ndarray) -> np.ndarray:
    """Which ``depths`` f8[N] m of a mask are not far from the rest, bool[N]: what is behind its rim drops out."""
    if not len(depths):
        return np.zeros(0, bool)
    off = np.abs(depths - np.median(depths))
    return off <= max(_FAR_DEVIATIONS * _SIGMA * float(np.median(off)), _FAR_M)


def _sample(mask: np.ndarray) -> np.ndarray:
    """Some pixels (x, y) of bool[H, W], evenly among them all, i8[N, 2]."""
    places = np.flatnonzero(mask)
    rows, columns = np.divmod(places[:: max(1, len(places) // _MOST_SAMPLES)], mask.shape[1])
    return np.column_stack([columns, rows])


def _outermost(mask: np.ndarray) -> np.ndarray:
    """The pixels (x, y) of bool[H, W] that lie furthest in each of several directions, f8[M, 2]."""
    rows = np.flatnonzero(mask.any(axis=1))
    first, last = mask[rows].argmax(axis=1), mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    ends = np.column_stack([np.concatenate([first, last]), np.concatenate([rows, rows])]).astype("f8")
    turns = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
    return ends[np.unique((ends @ np.stack([np.cos(turns), np.sin(turns)])).argmax(axis=0))]


def pair_costs(
    here: Sequence[Sequence[Outlined]],
    first: int,
    second: int,
    cameras: Sequence[Camera],
    *,
    match_m: float,
    epipolar_share: float,
) -> np.ndarray:
    """How little sightings of the views ``first`` and ``second`` fit each other, f8[N, M]; 1 and less may be the same.

    ``here`` has the sightings of one frame by view. Where both have a place in the world, the distance in ``match_m``
    of the middles that they suggest (``_middles_apart``); else, how far the epipolar lines of their centres and of the
    tangents to their outlines miss each other, in ``epipolar_share`` of the picture's diagonal, averaged with how far
    the point between the centres lies from what the other views see. Infinite for what cannot be.
    """
    costs = _middles_apart(here[first], here[second], cameras[first], cameras[second]) / match_m
    unknown = ~np.isfinite(costs)
    if unknown.any():
        costs[unknown] = _without_depth(here, first, second, cameras, epipolar_share)[unknown]
    return np.where(np.isfinite(costs), costs, np.inf)


def _middles_apart(ones: Sequence[Outlined], twos: Sequence[Outlined], first: Camera, second: Camera) -> np.ndarray:
    """How far apart the middles of objects are, f8[N, M] m, of which two cameras see a surface each; NaN without depth.

    The middle lies behind the surface that is seen, further along the line of sight: by what brings the two closest
    together, but by no more than half of the lesser width, as things are about as thick as they are wide. From opposite
    sides that is a whole body; from one side next to nothing. Beside each other, two people stay apart.
    """
    places = [np.array([o.sighting.point for o in them]).reshape(-1, 3) for them in (ones, twos)]
    widths = [np.array([o.sighting.half_width_m for o in them]) for them in (ones, twos)]
    sights = [_unit(at - camera.center) for at, camera in zip(places, (first, second), strict=True)]
    apart = places[1][None] - places[0][:, None]
    turn = sights[1][None] - sights[0][:, None]
    closest = -(apart * turn).sum(axis=-1) / np.maximum((turn**2).sum(axis=-1), _LEAST_TURN)
    inward = np.clip(closest, 0, np.minimum(widths[0][:, None], widths[1][None]))
    return np.linalg.norm(apart + inward[..., None] * turn, axis=-1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _LEAST_BASELINE_M)


def _without_depth(
    here: Sequence[Sequence[Outlined]], first: int, second: int, cameras: Sequence[Camera], epipolar_share: float
) -> np.ndarray:
    ones, twos = here[first], here[second]
    pair = cameras[first], cameras[second]
    axes = _pencil(*pair)
    if axes is None:
        return np.full((len(ones), len(twos)), np.inf)
    (turns, scales), (others, other_scales) = (
        _tangents(camera, them, axes) for camera, them in zip(pair, (ones, twos), strict=True)
    )
    off = (turns[:, None] - others[None] + np.pi) % (2 * np.pi) - np.pi
    costs = (np.abs(off) * (scales[:, None] + other_scales[None]) / 2).mean(axis=-1) / epipolar_share
    rows, columns = np.nonzero(costs <= 1)
    pixels = np.stack([_pixels(ones)[rows], _pixels(twos)[columns]])
    points = triangulate(pair, pixels, np.ones(pixels.shape[:2], bool))
    ahead = np.all([camera.project(points)[1] > 0 for camera in pair], axis=0)
    elsewhere = [_missed(points, cameras[v], here[v]) for v in range(len(here)) if v not in (first, second)]
    terms = np.column_stack([costs[rows, columns], *elsewhere])
    weighed = np.full(costs.shape, np.inf)
    weighed[rows, columns] = np.where(ahead, np.nanmean(terms, axis=1), np.inf)
    return weighed


def _pencil(first: Camera, second: Camera) -> np.ndarray | None:
    """Two directions f8[2, 3] across the line between the cameras: epipolar planes turn from the one to the other."""
    along = second.center - first.center
    length = np.linalg.norm(along)
    if length < _LEAST_BASELINE_M:
        return None
    along /= length
    ahead = first.R[2] + second.R[2]
    ahead = ahead - (ahead @ along) * along
    if np.linalg.norm(ahead) < _LEAST_BASELINE_M:  # both look along the line: any direction does
        ahead = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    ahead /= np.linalg.norm(ahead)
    return np.stack([ahead, np.cross(along, ahead)])


def _tangents(camera: Camera, seen: Sequence[Outlined], axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The epipolar planes through the centre of each mask and those that touch it, f8[N, 3] rad.

    And what a turn of them moves there in the picture, f8[N, 3] in diagonals of it per radian.
    """
    diagonal = float(np.hypot(camera.width, camera.height))
    turns, scales = np.full((len(seen), 3), np.nan), np.full((len(seen), 3), np.nan)
    for row, (sighting, outline) in enumerate(seen):
        rays = camera.undistort(np.vstack([sighting.pixel, outline]))
        across = np.column_stack([rays, np.ones(len(rays))]) @ camera.R @ axes.T
        turn = np.arctan2(across[:, 1], across[:, 0])
        turn = turn[0] + (turn - turn[0] + np.pi) % (2 * np.pi) - np.pi
        if np.isfinite(turn).all():
            at = [0, int(turn.argmin()), int(turn.argmax())]
            turns[row], scales[row] = turn[at], np.hypot(*across[at].T) * camera.K[1, 1] / diagonal
    return turns, scales


def _pixels(seen: Sequence[Outlined]) -> np.ndarray:
    return np.array([o.sighting.pixel for o in seen]).reshape(-1, 2)


def _missed(points: np.ndarray, camera: Camera, seen: Sequence[Outlined]) -> np.ndarray:
    """How far points f8[N, 3] lie from the nearest mask of another view, in its radius and 1 at most; NaN out of it."""
    pixels, _ = camera.project(points)
    x, y = pixels.T
    inside = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
    radii = np.array([o.sighting.radius_px for o in seen])
    off = np.linalg.norm(pixels[:, None] - _pixels(seen)[None], axis=-1) / radii
    return np.where(inside, np.minimum(off.min(axis=1, initial=1), 1), np.nan)
