"""What speaks for two tracks of two views being one thing: epipolar distance, size and appearance in shared frames."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import ViewCamera
from videotracks.geometry.epipolar import epipolar_distances
from videotracks.persistence.triangulation.moments import same_poses
from videotracks.persistence.triangulation.sightings import Sightings

#: Pairs of boxes that are compared at a time, some 40 MB.
_CHUNK_PAIRS = 1 << 16
#: A frame speaks against two tracks by this much at most: a box that is cut or shared by two says little.
_MOST_AGAINST = 1.0
#: Rays whose sine squared is less are parallel: their crossing has no depth to speak of.
_PARALLEL = 1e-10


class EvidenceSettings(BaseModel, frozen=True, extra="forbid"):
    """When two boxes of two views may be the same thing."""

    distance_share: float = Field(
        default=0.15, gt=0, le=1, description="epipolar distance of their middles, as a share of the boxes' longer side"
    )
    distance_px: float = Field(default=3.0, ge=0, description="added to that: what boxes tremble")
    size_ratio: float = Field(
        default=2.0, gt=1, description="how many times larger one may be in the world than the other"
    )
    appearance_weight: float = Field(
        default=0.5, ge=0, le=1, description="weight of appearance beside place and size, where these speak for a pair"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """For pairs of tracks of different views with shared frames: rows of tracks, ``first`` < ``second``.

    ``gains`` f8[P]: the sum over their shared frames of 1 for a perfect fit down to −1 for none; above 0 they are
    rather one thing. ``shared`` i8[P] counts these frames.
    """

    first: np.ndarray
    second: np.ndarray
    gains: np.ndarray
    shared: np.ndarray


def gather_evidence(
    cameras: Sequence[ViewCamera],
    sightings: Sightings,
    settings: EvidenceSettings,
    features: Mapping[int, np.ndarray] | None = None,
) -> Evidence:
    """Compare every two tracks of different views in the frames that they share.

    A frame's gain is 1 − (distance/limit)² − (log of the size ratio/log of its limit)², −1 at least and where the
    rays meet behind a camera. ``features``: a vector f4[D] for tracks by their row, any length. Their cosine speaks for
    two tracks of which place and size do, or against them; it joins none that stand apart.
    """
    views = range(len(cameras))
    parts = [_compare(cameras, sightings, a, b, settings) for a in views for b in views if a < b]
    keys = np.concatenate([np.zeros(0, "i8"), *(part[0] for part in parts)])
    gains = np.concatenate([np.zeros(0), *(part[1] for part in parts)])
    shared = np.concatenate([np.zeros(0, "i8"), *(part[2] for part in parts)])
    first, second = np.divmod(keys, max(len(sightings), 1))
    if features and settings.appearance_weight:
        looks = settings.appearance_weight * shared * _likeness(sightings, features, first, second)
        gains = np.where(gains > 0, gains + looks, gains)
    return Evidence(first, second, gains, shared)


def _compare(
    cameras: Sequence[ViewCamera], sightings: Sightings, a: int, b: int, settings: EvidenceSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys i8[P] of pairs of tracks (row of the first times T plus row of the second), gains and shared frames."""
    one, other = sightings.in_view(a), sightings.in_view(b)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for rows, others in _same_frames(sightings.frames[one], sightings.frames[other]):
        rows, others = rows + one.start, others + other.start
        gains = np.empty(len(rows))
        for at, (first, second) in same_poses((cameras[a], cameras[b]), sightings.frames[rows]):
            gains[at] = _gains(first, second, sightings, rows[at], others[at], settings)
        found.append(_summed(sightings.tracks[rows] * len(sightings) + sightings.tracks[others], gains, 1))
        if len(found) > 1:  # one sum per pair of tracks, however long the video
            found = [_summed(*(np.concatenate(parts) for parts in zip(*found, strict=True)))]
    return found[0] if found else (np.zeros(0, "i8"), np.zeros(0), np.zeros(0, "i8"))


def _summed(keys: np.ndarray, gains: np.ndarray, shared: np.ndarray | int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    unique, at = np.unique(keys, return_inverse=True)
    counts = np.bincount(at, np.broadcast_to(shared, at.shape), minlength=len(unique))
    return unique, np.bincount(at, gains, minlength=len(unique)), counts.astype("i8")


def _same_frames(frames: np.ndarray, others: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of all pairs with the same frame, a chunk at a time; both rising."""
    begins, ends = np.searchsorted(others, frames, "left"), np.searchsorted(others, frames, "right")
    counts = ends - begins
    total = np.cumsum(counts)
    start = 0
    while start < len(frames):
        done = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, done + _CHUNK_PAIRS, "right")))
        some = counts[start:stop]
        rows = np.repeat(np.arange(start, stop), some)
        inside = np.arange(len(rows)) - np.repeat(np.cumsum(some) - some, some)
        if len(rows):
            yield rows, np.repeat(begins[start:stop], some) + inside
        start = stop


def _gains(
    first: Camera,
    second: Camera,
    sightings: Sightings,
    rows: np.ndarray,
    others: np.ndarray,
    settings: EvidenceSettings,
) -> np.ndarray:
    """The gain f8[N] of each pair of boxes."""
    pixels, other_pixels = sightings.centers[rows], sightings.centers[others]
    sides = sightings.sides[rows], sightings.sides[others]
    limit = settings.distance_px + settings.distance_share * (sides[0] + sides[1]) / 2
    off = epipolar_distances(first, second, pixels, other_pixels) / limit
    depths = crossing_depths(first, second, pixels, other_pixels)
    sizes = [
        side * depth / np.sqrt(camera.K[0, 0] * camera.K[1, 1])
        for side, depth, camera in zip(sides, depths, (first, second), strict=True)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        uneven = np.log(sizes[0] / sizes[1]) / np.log(settings.size_ratio)
    gains = np.maximum(1 - off**2 - uneven**2, -_MOST_AGAINST)
    return np.where((depths > 0).all(axis=0) & np.isfinite(gains), gains, -_MOST_AGAINST)


def crossing_depths(first: Camera, second: Camera, pixels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How deep in each camera the sights of ``pixels`` f8[N, 2] and ``others`` come closest to each other, f8[2, N] m.

    Negative behind a camera, NaN where both sights are parallel or the distortion reaches a pixel with no ray.
    """
    one, two = (
        np.column_stack([camera.undistort(seen), np.ones(len(seen))]) @ camera.R
        for camera, seen in ((first, pixels), (second, others))
    )
    apart = second.center - first.center
    aa, bb, ab = (one * one).sum(axis=1), (two * two).sum(axis=1), (one * two).sum(axis=1)
    determinant = aa * bb - ab * ab
    determinant = np.where(determinant > _PARALLEL * aa * bb, determinant, np.nan)
    along_one, along_two = one @ apart, two @ apart
    return np.stack([bb * along_one - ab * along_two, ab * along_one - aa * along_two]) / determinant


def _likeness(
    sightings: Sightings, features: Mapping[int, np.ndarray], first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """How alike pairs look, −1 to 1; 0 where one has no feature.

    What a cosine means differs from one network to the next: −1 is what two tracks have that one view sees in one
    frame, for they are surely two, and 1 is what tracks have with the track of another view that is most like them.
    """
    rows = np.array(sorted(features), "i8")
    units = np.stack([np.asarray(features[row], "f8") for row in rows.tolist()])
    units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)
    place = np.full(len(sightings), -1)
    place[rows] = np.arange(len(rows))
    a, b = place[first], place[second]
    both = np.flatnonzero((a >= 0) & (b >= 0))
    cosines = (units[a[both]] * units[b[both]]).sum(axis=1)
    apart = _cosine_apart(sightings, units, place)
    best = np.full(len(units), -np.inf)
    np.maximum.at(best, a[both], cosines)
    np.maximum.at(best, b[both], cosines)
    alike = float(best[np.isfinite(best)].mean()) if len(both) else apart
    looks = np.zeros(len(first))
    if alike > apart:
        looks[both] = np.clip((2 * cosines - alike - apart) / (alike - apart), -1, 1)
    return looks


def _cosine_apart(sightings: Sightings, units: np.ndarray, place: np.ndarray) -> float:
    """The mean cosine of tracks that one view saw in one frame; without any, of all tracks."""
    view = sightings.views[sightings.tracks]
    beside = (np.diff(view) == 0) & (np.diff(sightings.frames) == 0)
    pairs = np.stack([place[sightings.tracks[:-1][beside]], place[sightings.tracks[1:][beside]]])
    pairs = np.unique(pairs[:, (pairs >= 0).all(axis=0)], axis=1)
    if not pairs.shape[1]:
        return float((units @ units.mean(axis=0)).mean())
    return float((units[pairs[0]] * units[pairs[1]]).sum(axis=1).mean())
