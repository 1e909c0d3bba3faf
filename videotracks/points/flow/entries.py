"""Which views see a point that they do not follow: by depth, by its own patch, by its look in another view."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from videotracks.points.flow.settings import FlowTrackerSettings
from videotracks.points.flow.view import LOOKED_EVERY, Sight, ViewFollower

#: The reach of a search grows by so many pixels per frame that a point was lost.
GROWTH_PX = 0.5
#: How far the planes that are tried lean to the sides: the tangent of 40 degrees.
SLANT = 0.84
#: Correlation from which no plane needs to fit better.
ALIKE = 0.85
#: Correlation below which two views do not show the same; that of different places is mostly lower.
LIKELY = 0.5
#: The views of a point are compared in every so-manieth frame.
COMPARED_EVERY = 12
#: Least reach: following and re-projection agree to a pixel or two.
LEAST_REACH_PX = 3


def first_views(followers: Sequence[ViewFollower], rows: np.ndarray, points: np.ndarray, limit: float) -> list[Sight]:
    """Follow the points ``rows`` i8[M], which are at ``points`` f8[M, 3] m, from here on in the views that see them."""
    pixels, sees = seen_from(followers, points, limit)
    return [
        follower.begin(rows[there], at[there], afresh=True)
        for follower, there, at in zip(followers, sees, pixels, strict=True)
    ]


def seen_from(followers: Sequence[ViewFollower], points: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels f4[V, M, 2] of ``points`` f8[M, 3] m in the frames that are loaded, and which views see them, bool[V, M].

    By depth where a view has it. Without, a view sees a point that looks there as in another view (``limit`` of
    correlation); where no two do, the two are taken in which it looks most alike.
    """
    found = [follower.on_surface(points) for follower in followers]
    pixels = np.array([at for at, _, _ in found])
    sees = np.array([confirmed for _, _, confirmed in found])
    blind = [view for view, follower in enumerate(followers) if not follower.surface.known]
    if blind and len(points):
        inside = np.array([within for _, within, _ in found])
        alike = _pairwise(followers, points, inside)
        doubtful = (sees | (alike.max(axis=1) >= limit)).sum(axis=0) < 2
        pair = np.argmax(alike.reshape(-1, len(points)), axis=0)
        for view in blind:
            likely = alike[view].max(axis=0)
            paired = (pair // len(followers) == view) | (pair % len(followers) == view)
            sees[view] = inside[view] & ((likely >= limit) | (doubtful & paired & (likely >= LIKELY)))
    return pixels, sees


def drop_strangers(followers: Sequence[ViewFollower], points: np.ndarray, seen: np.ndarray, t: int) -> None:
    """Where there is no depth: points f8[N, 3] m, ``seen`` bool[N], that look in a view as in no other are dropped.

    Two views that slipped along their epipolar lines still agree on a point; what they show does not. The points take
    turns.
    """
    waits = (np.arange(len(points)) + t) % COMPARED_EVERY == 0
    rows = np.flatnonzero(seen & waits & (sum(f.followed.astype("i8") for f in followers) >= 2))
    followed = np.array([follower.followed[rows] for follower in followers])
    alike = _pairwise(followers, points[rows], followed).max(axis=1)
    for view, follower in enumerate(followers):
        if not follower.surface.known:
            follower.drop(rows[followed[view] & (alike[view] < LIKELY)])


class Wanted(NamedTuple):
    """What views look for in a frame, N points."""

    points: np.ndarray  # f8[N, 3] metres: where they are, or are expected
    held: np.ndarray  # bool[N]: worth looking there
    seen: np.ndarray  # bool[N]: some view sees it in this frame
    lost_for: np.ndarray  # i8[N] frames
    followed: np.ndarray  # bool[V, N]: by the view, before any looks


def enter(followers: Sequence[ViewFollower], view: int, wanted: Wanted, t: int, settings: FlowTrackerSettings) -> Sight:
    """Follow in ``view`` what it sees of the points that it does not follow.

    A point that was here before is looked for by its patch. One that another view sees may also enter anew, on a
    surface at its depth, or with the look that it has in that view.
    """
    follower = followers[view]
    points, held, seen, lost_for, followed = wanted
    waits = (np.arange(len(points)) + t) % LOOKED_EVERY == 0
    rows = np.flatnonzero(held & ~followed[view] & waits & np.isfinite(points).all(axis=1))
    pixels, inside, confirmed = follower.on_surface(points[rows])
    rows, pixels, confirmed = rows[inside], pixels[inside], confirmed[inside]
    reach = np.where(seen[rows], 0, GROWTH_PX * lost_for[rows])
    reach = np.minimum(LEAST_REACH_PX + reach.astype("i8"), settings.search_px)
    at, sure = pixels.copy(), np.zeros(len(rows), bool)
    known = follower.known[rows]
    if follower.surface.known:
        known &= confirmed | ~seen[rows]
    at[known], sure[known] = follower.look_for(rows[known], points[rows[known]], reach[known])
    if not follower.surface.known:
        elsewhere = sure & followed[:, rows].any(axis=0)
        sure[elsewhere] = _looks_alike(followers, view, wanted, rows[elsewhere], LIKELY)
    fresh = ~sure & seen[rows]
    if follower.surface.known:
        fresh &= confirmed
    else:
        fresh &= (rows + t) % COMPARED_EVERY < LOOKED_EVERY
        fresh[fresh] = _looks_alike(followers, view, wanted, rows[fresh], settings.entry_correlation)
    sight = follower.begin(rows[sure], at[sure], afresh=False)
    entered = follower.begin(rows[fresh], pixels[fresh], afresh=True)
    for kept, more in zip(sight, entered, strict=True):
        kept[rows[fresh]] = more[rows[fresh]]
    return sight


def _looks_alike(
    followers: Sequence[ViewFollower], view: int, wanted: Wanted, rows: np.ndarray, limit: float
) -> np.ndarray:
    """Which of the points ``rows`` i8[M] look in ``view`` as in one that follows them, bool[M]."""
    alike = np.zeros(len(rows), bool)
    for other, follower in enumerate(followers):
        if other != view:
            there = wanted.followed[other, rows] & ~alike
            alike[there] = correlation(follower, followers[view], wanted.points[rows[there]]) >= limit
    return alike


def _pairwise(followers: Sequence[ViewFollower], points: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """How alike points f8[M, 3] m look from each two views, f4[V, V, M]; 0 from a view that does not hold them."""
    alike = np.zeros((len(followers), len(followers), len(points)), "f4")
    for first in range(len(followers)):
        for second in range(first):
            both = inside[first] & inside[second]
            alike[first, second, both] = correlation(followers[first], followers[second], points[both])
    return np.maximum(alike, alike.transpose(1, 0, 2))


def correlation(first: ViewFollower, second: ViewFollower, points: np.ndarray) -> np.ndarray:
    """How alike ``points`` f8[M, 3] m look from two views, f4[M], -1 to 1.

    A small plane at the point is seen by both; it faces the one, the other, between them or aside, as fits best.
    """
    best = np.full(len(points), -1, "f4")
    if not len(points):
        return best
    eyes = first, second
    pixels = [eye.camera.project(points) for eye in eyes]
    jacobians = [eye.camera.projection_jacobian(points) for eye in eyes]
    to_first, to_second = (_unit(eye.camera.center - points) for eye in eyes)
    between = _unit(to_first + to_second)
    aside = _unit(_cross(np.broadcast_to(first.camera.R[1], between.shape), between))
    above = _cross(between, aside)
    pixel_m = pixels[0][1] / first.camera.K[0, 0]
    left = np.arange(len(points))
    slants = [_unit(between + lean * SLANT) for lean in (aside, -aside, above, -above)]
    for normals in (between, to_first, to_second, *slants):
        across = _unit(_cross(np.broadcast_to(first.camera.R[1], (len(left), 3)), normals[left]))
        plane = np.stack([across, _cross(normals[left], across)], axis=-1) * pixel_m[left, None, None]
        patches = [
            eye.patches_along(at[left], jacobian[left] @ plane)
            for eye, (at, _), jacobian in zip(eyes, pixels, jacobians, strict=True)
        ]
        best[left] = np.maximum(best[left], (patches[0] * patches[1]).sum(axis=1))
        left = left[best[left] < ALIKE]
    return best


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """NumPy's cross product of f8[M, 3], without what it takes to be general: a tenth of the time."""
    (a, b, c), (x, y, z) = first.T, second.T
    return np.stack([b * z - c * y, c * x - a * z, a * y - b * x], axis=-1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
