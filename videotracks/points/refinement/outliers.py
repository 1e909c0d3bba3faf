"""Points of a track that cannot be where they are said to be: steps that no motion explains.

A robust limit per track, median + k · MAD (Hampel 1974), of two measures that fast, even and accelerating motion leaves
small:

- the departure of a point from where its neighbours put it. All ways to tell must agree: the course of the points
  before it, of those after it, and the cubic through both. A lone wild point contradicts all of them; at a sudden
  start, stop or bounce one side still agrees, and in sustained acceleration the cubic does.
- the jump: a step more than twice as long as those around it. Points between a jump away and a jump back are an
  excursion to another surface; a gap in sight may hide one of the two jumps. A jump without return is left alone, but
  for the few points that it cuts off at an end: what it leads to may be true.

Everything is per frame: a step over a gap of g frames counts a g-th.
"""

import numpy as np
from pydantic import BaseModel, Field

from videotracks.points.refinement.visible_points import VisiblePoints, visible_points

#: The median absolute deviation of normal noise, times this, is its standard deviation.
MAD_TO_SIGMA = 1.4826
#: Wild points hide one another: a second look finds those beside the worst. A fifth finds next to nothing.
ROUNDS = 5
#: A jump is this many times longer than the steps around it, and comes back to within this share of its length.
_JUMP_RATIO = 2.0
_RETURN_SHARE = 0.5
#: So many points before the first jump of a track, or after its last, are wild; of more nobody knows which side is.
_MOST_AT_AN_END = 3


class OutlierSettings(BaseModel, frozen=True, extra="forbid"):
    """When a point counts as an outlier, and a track as lost."""

    outlier_mads: float = Field(
        default=5.0, ge=1, description="scaled MADs above a track's median from which a point departs from its course"
    )
    outlier_floor_m: float = Field(
        default=0.02, ge=0, description="metres per frame that are never an outlier, however quiet the track"
    )
    max_excursion_frames: int = Field(
        default=10, ge=0, description="frames between a jump away and the jump back that are masked together"
    )
    reprojection_px: float = Field(
        default=15.0, gt=0, description="with several views: px between a point and where a view saw it"
    )
    max_outlier_share: float = Field(
        default=0.3, ge=0, le=1, description="a track that loses more of its visible points is dropped"
    )


def find_outliers(points: np.ndarray, visible: np.ndarray, settings: OutlierSettings) -> np.ndarray:
    """Which of the visible ``points`` [T, N, 3] are outliers of their own track, bool[T, N].

    ``visible`` bool[T, N]; points that are not visible are not looked at. No track knows of another.
    """
    found = np.zeros(visible.shape, dtype=bool)
    left = visible_points(points, visible)
    for _ in range(ROUNDS):
        wild = _departing(left, settings) | _on_excursion(left, settings)
        if not wild.any():
            break
        found[left.frames[wild], left.tracks[wild]] = True
        looked_at_again = np.bincount(left.tracks[wild], minlength=visible.shape[1]) > 0
        left = left.where(~wild & looked_at_again[left.tracks])
    return found


def _velocities(points: VisiblePoints) -> np.ndarray:
    """Metres per frame from each point to the next, f64[M, 3]; NaN from the last of a track."""
    velocities = np.full(points.positions.shape, np.nan)
    gaps = np.diff(points.frames).astype("f8")
    gaps[points.tracks[1:] != points.tracks[:-1]] = np.nan
    np.divide(np.diff(points.positions, axis=0), gaps[:, None], out=velocities[:-1])
    return velocities


def _limits(points: VisiblePoints, values: np.ndarray, settings: OutlierSettings) -> np.ndarray:
    """The limit for each row, f64[M], from the track's own values."""
    median = points.medians(values)
    spread = points.medians(np.abs(values - median[points.tracks]))
    limit = np.maximum(median + settings.outlier_mads * MAD_TO_SIGMA * spread, settings.outlier_floor_m)
    return limit[points.tracks]


def _departing(points: VisiblePoints, settings: OutlierSettings) -> np.ndarray:
    """The points that depart most, and beyond the limit, from where their neighbours put them, bool[M]."""
    departure = departures(points)
    is_first = _shifted(points.tracks, 1, -1) != points.tracks
    is_last = _shifted(points.tracks, -1, -1) != points.tracks
    # The end of a track has one witness, which a wild neighbour deceives: then both depart, and it is not the end.
    at_end = is_first | is_last
    weighed = np.where(at_end, departure / 2, departure)
    before, after = _shifted(weighed, 1, 0.0), _shifted(weighed, -1, 0.0)
    before[is_first] = after[is_last] = 0
    return (weighed >= np.fmax(before, after)) & (departure > _limits(points, departure, settings))


def departures(points: VisiblePoints) -> np.ndarray:
    """How far each point is from where its neighbours in time put it, metres per frame f64[M]; NaN where none can tell.

    The least of the differences to the line and the parabola through the points before, to those through the points
    after, and to the cubic through two on either side, or beside a track's end to the line between both neighbours. At
    the end itself the line and the parabola alone can tell, for a half and a third, because jitter moves them so much
    more.
    """
    velocity = _velocities(points)
    turn = velocity - _shifted(velocity, 1, np.nan)  # at a point: how the velocity changes there
    bend = _length(turn - _shifted(turn, 1, np.nan))  # between two points: how that changes
    change = _length(turn)
    line = np.fmin(_shifted(change, 1, np.nan), _shifted(change, -1, np.nan))
    parabola = np.fmin(_shifted(bend, 1, np.nan), _shifted(bend, -2, np.nan))
    between = _cubic_residual(points)
    between = np.where(np.isnan(between), change * _line_share(points), between)
    alone = np.where(_beside_gap(points), np.nan, np.fmin(line / 2, parabola / 3))
    return np.where(np.isnan(change), alone, np.fmin(np.fmin(line, parabola), between))


def _beside_gap(points: VisiblePoints) -> np.ndarray:
    """Rows with a gap before or after: whatever began in it is not seen from an end of the track, bool[M]."""
    gap = (points.frames[1:] != points.frames[:-1] + 1) & (points.tracks[1:] == points.tracks[:-1])
    beside = np.zeros(len(points.frames), dtype=bool)
    beside[1:] |= gap
    beside[:-1] |= gap
    return beside


def _line_share(points: VisiblePoints) -> np.ndarray:
    """What a change of velocity is worth as the distance per frame to the line between both neighbours, f64[M]."""
    after = _shifted(points.frames, -1, 0) - points.frames
    before = points.frames - _shifted(points.frames, 1, 0)
    return np.maximum(before, after) / np.maximum(np.abs(before + after), 1)  # of no meaning at the ends of a track


def _cubic_residual(points: VisiblePoints) -> np.ndarray:
    """Distance per frame to the cubic through the two points before and the two after, f64[M]; NaN without these."""
    residual, p = np.full(len(points.frames), np.nan), points.positions
    if len(p) < 5:
        return residual
    residual[2:-2] = _length(p[2:-2] - (4 * (p[1:-3] + p[3:-1]) - (p[:-4] + p[4:])) / 6)
    residual[2:-2][points.tracks[4:] != points.tracks[:-4]] = np.nan
    uneven = (
        np.flatnonzero((points.tracks[4:] == points.tracks[:-4]) & (points.frames[4:] != points.frames[:-4] + 4)) + 2
    )
    around = [uneven - 2, uneven - 1, uneven + 1, uneven + 2]
    times = [(points.frames[rows] - points.frames[uneven]).astype("f8") for rows in around]
    away = p[uneven]
    for k, rows in enumerate(around):
        weight = np.ones(len(uneven))
        for other in range(4):
            if other != k:
                weight *= times[other] / (times[other] - times[k])  # Lagrange's polynomial at the point's own time
        away -= weight[:, None] * p[rows]
    residual[uneven] = _length(away) / np.minimum(-times[1], times[2])
    return residual


def _on_excursion(points: VisiblePoints, settings: OutlierSettings) -> np.ndarray:
    """Points between a jump away and a jump back, one of which a gap may hide, and those cut off at an end, bool[M]."""
    velocity = _velocities(points)
    speed = _length(velocity)  # NaN from the last point of a track
    around = np.fmax(np.nan_to_num(_shifted(speed, 1, 0.0)), np.nan_to_num(_shifted(speed, -1, 0.0)))
    jump = (speed > _limits(points, speed, settings)) & (speed > _JUMP_RATIO * around)
    gap = _shifted(points.frames, -1, 0) != points.frames + 1
    cuts = np.flatnonzero(jump | gap)  # the ends of tracks among them
    away, back = cuts[:-1], cuts[1:]
    same = points.tracks[away] == points.tracks[back]
    returns = same & (jump[away] | jump[back]) & ~np.isnan(speed[back]) & _come_back(points, velocity, away, back)
    returns &= points.frames[back] - points.frames[away + 1] < settings.max_excursion_frames
    few = (back - away) <= np.minimum(_MOST_AT_AN_END, settings.max_excursion_frames)
    # A jump over or beside a gap may be a motion that began unseen.
    seen = jump & ~gap & ~_shifted(gap, 1, True) & ~_shifted(gap, -1, True)
    starts = few & ~same & seen[back]
    ends = few & same & seen[away] & np.isnan(speed[back])
    cut_off = returns | starts | ends
    marks = np.zeros(len(speed) + 1, "i8")
    np.add.at(marks, away[cut_off] + 1, 1)
    np.add.at(marks, back[cut_off] + 1, -1)
    return np.cumsum(marks[:-1]) > 0


def _come_back(points: VisiblePoints, velocity: np.ndarray, away: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Whether the point after ``back`` is about where the one at ``away`` would be by then, bool[K]."""
    after = np.minimum(back + 1, len(velocity) - 1)
    here, there = points.positions[away], points.positions[after]
    jumps = [_length(points.positions[away + 1] - here), _length(points.positions[back] - there)]
    known = np.nan_to_num(velocity[np.maximum(away - 1, 0)]) + np.nan_to_num(velocity[after])
    course = known / 2 * (points.frames[after] - points.frames[away])[:, None]
    missed = np.minimum(_length(there - here), _length(there - here - course))
    return missed < _RETURN_SHARE * np.minimum(*jumps)


def _shifted(values: np.ndarray, by: int, fill: float) -> np.ndarray:
    """``values`` moved down by so many rows, or up."""
    moved = np.full_like(values, fill)
    if by > 0:
        moved[by:] = values[:-by]
    else:
        moved[:by] = values[-by:]
    return moved


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("mi,mi->m", vectors, vectors))
