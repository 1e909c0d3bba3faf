"""Which tracks move: how far a point came, beyond what its own jitter feigns.

The jitter of a track is the covariance of its third differences (a cubic motion leaves none), which is blind to the
motion itself. Positions are then averaged over 1, 2, 4, … visible points, and last over the two halves of a track:
true motion shows at one of these scales, jitter fades with the square root. A step between two averages counts when
Hotelling's T² would exceed it by chance less than once in a hundred tracks, however long they are.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.points.refinement.visible_points import VisiblePoints, visible_points

Method = Literal["total", "max", "endpoint", "std"]

#: The chance that a point at rest passes for moving, over all that is tested of its track; what ``noise_margin`` adds
#: makes it far less where jitter is independent from frame to frame.
FALSE_ALARM = 1e-2
#: Jitter of a point before anything is known of it, and how many degrees of freedom that guess is worth: 5 mm is what
#: depth cameras and stereo give at 2 to 3 m, and it matters only to tracks that are too short to tell.
ASSUMED_JITTER_M = 0.005
ASSUMED_FREEDOM = 20
#: The guess never counts for less than what the test of a mean takes.
LEAST_FREEDOM = 4
#: The ends of a track are averaged over so many points at most: more would no longer be its ends.
_END_POINTS = 4
#: Variance of third differences of white noise, and the degrees of freedom that each is worth among its neighbours.
_THIRD_VARIANCE = 20
_THIRD_FREEDOM = 0.43
#: Third differences longer than this many medians are wild points or bounces, no jitter.
_TRIM = 4.0


class MotionSettings(BaseModel, frozen=True, extra="forbid"):
    """When a track counts as moving."""

    motion_method: Method = Field(
        default="total",
        description="total: sum of the steps over visible frames; max: farthest from the first visible point; "
        "endpoint: from the first to the last; std: spread about the mean",
    )
    motion_threshold_m: float = Field(default=0.01, ge=0, description="metres above which a track moves")
    noise_aware: bool = Field(default=True, description="count only what the jitter of a track cannot feign")
    noise_margin: float = Field(
        default=2.0, ge=1, description="factor on the jitter, because jitter is rarely independent from frame to frame"
    )


class _Jitter(NamedTuple):
    """Per track: the covariance of a position f64[N, 3, 3] m², and its degrees of freedom f64[N]."""

    covariance: np.ndarray
    freedom: np.ndarray


class _Scale(NamedTuple):
    """Means of some successive visible points each, track after track; whole ones only."""

    width: np.ndarray  # i64[N] how many points of each track make a mean
    means: np.ndarray  # f64[B, 3] metres
    whitened: np.ndarray  # f64[B, 3] in units of the jitter
    tracks: np.ndarray  # i64[B]
    counts: np.ndarray  # i64[N] of each track


def motion(points: np.ndarray, visible: np.ndarray, settings: MotionSettings) -> np.ndarray:
    """How far each track moves by the method of ``settings``, f64[N] metres; 0 for what is never visible.

    ``points`` [T, N, 3] metres, ``visible`` bool[T, N]. No track knows of another.
    """
    rows = visible_points(points, visible)
    if not settings.noise_aware:
        plain = _Scale(np.ones_like(rows.counts), rows.positions, rows.positions, rows.tracks, rows.counts)
        return _MEASURES[settings.motion_method](plain, np.zeros(len(rows.counts)), 0.0)
    jitter = _jitter(rows, settings.noise_margin)
    covariance = jitter.covariance
    most = np.zeros(len(rows.counts))
    for scale in _scales(rows, covariance):
        limit = _chance_limit(rows.counts, scale, jitter.freedom)
        noise = np.trace(covariance, axis1=1, axis2=2) / np.maximum(scale.width, 1)
        most = np.maximum(most, _MEASURES[settings.motion_method](scale, noise, limit))
    return most


def _jitter(rows: VisiblePoints, margin: float) -> _Jitter:
    """Covariance of each track's jitter from its third differences over four successive frames.

    What lingers from frame to frame is missing in these differences: what is measured counts ``margin`` times, what is
    assumed counts as it is.
    """
    count = len(rows.counts)
    first = np.flatnonzero((rows.tracks[3:] == rows.tracks[:-3]) & (rows.frames[3:] == rows.frames[:-3] + 3))
    p, tracks = rows.positions, rows.tracks[first]
    third = p[first + 3] - p[first] + 3 * (p[first + 1] - p[first + 2])
    length = np.full(len(rows.frames), np.nan)
    length[first] = np.sqrt(np.einsum("mi,mi->m", third, third))
    kept = length[first] <= _TRIM * rows.medians(length)[tracks]
    third, tracks = third[kept], tracks[kept]
    covariance = np.empty((count, 3, 3))
    for i in range(3):
        for j in range(i + 1):
            sums = np.bincount(tracks, third[:, i] * third[:, j], count) / _THIRD_VARIANCE
            covariance[:, i, j] = covariance[:, j, i] = sums
    seen = np.bincount(tracks, minlength=count)
    own = _THIRD_FREEDOM * seen
    measured = covariance / np.maximum(seen, 1)[:, None, None]
    # Where far more jitter is measured than assumed, the assumption is wrong, and counts for less.
    excess = np.trace(measured, axis1=1, axis2=2) / (3 * ASSUMED_JITTER_M**2)
    assumed = np.maximum(ASSUMED_FREEDOM / np.maximum(excess, 1), LEAST_FREEDOM)
    sums = own[:, None, None] * margin**2 * measured + (assumed * ASSUMED_JITTER_M**2)[:, None, None] * np.eye(3)
    return _Jitter(sums / (own + assumed)[:, None, None], own + assumed)


def _scales(rows: VisiblePoints, covariance: np.ndarray) -> Iterator[_Scale]:
    """Averages over 1, 2, 4, … points, as long as one track has two of them; last, over the halves of each track.

    Slow motion over a few frames shows best between halves, and a track is rarely a power of two long.
    """
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    white = np.empty_like(rows.positions)
    for i in range(3):
        white[:, i] = sum(whiten[rows.tracks, i, j] * rows.positions[:, j] for j in range(i + 1))
    sums, white_sums = _running_sums(rows.positions), _running_sums(white)
    width = 1
    while width == 1 or 2 * width <= rows.counts.max(initial=0):
        widths = np.full_like(rows.counts, width)
        yield _scale(rows, sums, white_sums, widths, rows.counts // width, widths)
        width *= 2
    half = rows.counts // 2
    yield _scale(rows, sums, white_sums, half, np.where(half > 0, 2, 0), rows.counts - half)


def _scale(
    rows: VisiblePoints,
    sums: np.ndarray,
    white_sums: np.ndarray,
    width: np.ndarray,
    counts: np.ndarray,
    apart: np.ndarray,
) -> _Scale:
    """``counts`` i64[N] means of each track, over ``width`` i64[N] points, that begin ``apart`` i64[N] points apart."""
    tracks = np.repeat(np.arange(len(counts)), counts)
    begins = rows.offsets[tracks] + apart[tracks] * (
        np.arange(len(tracks)) - np.repeat(np.cumsum(counts) - counts, counts)
    )
    ends, size = begins + width[tracks], width[tracks, None]
    return _Scale(
        width, (sums[ends] - sums[begins]) / size, (white_sums[ends] - white_sums[begins]) / size, tracks, counts
    )


def _running_sums(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])


def _chance_limit(counts: np.ndarray, scale: _Scale, freedom: np.ndarray) -> np.ndarray:
    """Hotelling's T² of a mean's jitter that chance exceeds in ``FALSE_ALARM`` of the tracks, f64[N].

    Every scale and every step tested has its share of the chance (Bonferroni).
    """
    from scipy.special import fdtri

    scales = np.floor(np.log2(np.maximum(counts, 2))) + 1
    share = FALSE_ALARM / (scales * np.maximum(scale.counts, 1))
    return 3 * freedom / (freedom - 2) * fdtri(3, freedom - 2, 1 - share)


def _significant(scale: _Scale, one: np.ndarray, other: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """Length of the steps between rows ``one`` and ``other`` of the scale, 0 where jitter may have made them."""
    step = scale.means[other] - scale.means[one]
    length = np.sqrt(np.einsum("mi,mi->m", step, step))
    if scale.whitened is scale.means:  # nothing is said about jitter
        return length
    white = scale.whitened[other] - scale.whitened[one]
    t2 = np.einsum("mi,mi->m", white, white) * (
        scale.width[scale.tracks[one]] / 2
    )  # the jitter of a difference is that of two means
    return np.where(t2 > np.asarray(limit)[scale.tracks[one]], length, 0.0)


def _total(scale: _Scale, noise: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    one = np.flatnonzero(scale.tracks[1:] == scale.tracks[:-1])
    steps = _significant(scale, one, one + 1, limit)
    # Jitter makes every step longer: that is taken off again.
    steps = np.sqrt(np.maximum(steps**2 - 2 * noise[scale.tracks[one]], 0))
    return np.bincount(scale.tracks[one], steps, len(scale.counts))


def _farthest(scale: _Scale, noise: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    first = (np.cumsum(scale.counts) - scale.counts)[scale.tracks]
    most = np.zeros(len(scale.counts))
    np.maximum.at(most, scale.tracks, _significant(scale, first, np.arange(len(first)), limit))
    return most


def _from_end_to_end(scale: _Scale, noise: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    made = np.zeros(len(scale.counts))
    some = np.flatnonzero((scale.counts > 0) & (scale.width <= _END_POINTS))
    last = np.cumsum(scale.counts)[some] - 1
    made[some] = _significant(scale, last + 1 - scale.counts[some], last, limit)
    return made


def _spread(scale: _Scale, noise: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """Root of the summed variances; counted where any of the averages is significantly far from the first."""
    size, count = np.maximum(scale.counts, 1), len(scale.counts)
    mean = np.column_stack([np.bincount(scale.tracks, scale.means[:, i], count) / size for i in range(3)])
    away = scale.means - mean[scale.tracks]
    variance = np.bincount(scale.tracks, np.einsum("mi,mi->m", away, away), count) / size
    spread = np.sqrt(np.maximum(variance - noise, 0))
    return np.where(_farthest(scale, noise, limit) > 0, spread, 0.0)


_MEASURES: dict[Method, Callable[[_Scale, np.ndarray, np.ndarray | float], np.ndarray]] = {
    "total": _total,
    "max": _farthest,
    "endpoint": _from_end_to_end,
    "std": _spread,
}
