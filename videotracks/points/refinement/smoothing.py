"""Smoothing of tracks without delay, and the filling of short gaps.

A Butterworth low-pass of second order is run forward and backward over each visible span (Winter, "Biomechanics and
Motor Control of Human Movement", chapter 3, whose correction for the two passes is used, so that the given cut-off is
that of both together). Spans are extended at both ends by their point reflection, which keeps their ends in place.
"""

from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.points.refinement.visible_points import VisiblePoints, visible_points

#: Order of one pass; two passes make four, what is usual for human motion.
ORDER = 2
#: Each pass is cut off higher by this, so that both together lose 3 dB at the asked-for frequency.
TWO_PASSES = (2**0.5 - 1) ** (1 / (2 * ORDER))
#: A cut-off closer to half the frame rate than this leaves nothing to cut off.
_MOST_OF_NYQUIST = 0.95
#: The extension lasts so many periods of the cut-off: by then the filter has forgotten how it began.
_PADDING_PERIODS = 1.5
#: A gap up to this share of a period is too short for the filter to see; the spans on both sides are filtered as one.
_BRIDGED_PERIODS = 0.5


class SmoothingSettings(BaseModel, frozen=True, extra="forbid"):
    """How tracks are smoothed and their gaps filled."""

    cutoff_hz: float = Field(default=6.0, gt=0, description="motion above this frequency is taken for jitter")
    max_endpoint_shift_m: float = Field(
        default=0.01, ge=0, description="metres by which smoothing may move the first and last point of a visible span"
    )
    interpolate: bool = Field(default=True, description="fill short gaps, and flag the filled points as interpolated")
    interpolated_gap_frames: int = Field(default=20, ge=0, description="gaps shorter than this are filled")


class Smoothed(NamedTuple):
    """Smoothed ``points`` f64[T, N, 3], and what was done."""

    points: np.ndarray
    spans: int  # visible spans that were smoothed
    short_spans: int  # spans too short for the filter, left alone
    endpoint_shift_m: float  # the most by which the end of a span moved


def smooth(
    points: np.ndarray, visible: np.ndarray, frame_rate_hz: float | None, settings: SmoothingSettings
) -> Smoothed:
    """Smooth ``points`` [T, N, 3] where ``visible`` bool[T, N]; nothing else is looked at or changed.

    Spans not longer than the filter's extension are left alone, and all of them where the frame rate is unknown or too
    low for the cut-off.
    """
    made, rows = points.astype("f8"), visible_points(points, visible)
    sections, reach = _filter(frame_rate_hz, settings.cutoff_hz)
    series = _bridged(rows, int(_BRIDGED_PERIODS * frame_rate_hz / settings.cutoff_hz) if frame_rate_hz else 0)
    begins = np.flatnonzero(_begins(series))
    lengths = np.diff([*begins, len(series.frames)])
    long = lengths > reach
    if sections is None:
        return Smoothed(made, 0, len(lengths), 0.0)
    shift, values = 0.0, series.positions
    for begin, length in _of_like_length(begins[long], lengths[long]):
        at = begin[:, None] + np.minimum(np.arange(length.max()), length[:, None] - 1)
        before = values[at]
        after = _both_ways(before, length, sections, reach)
        shift = max(shift, _limit_endpoint_shift(before, after, length, reach, settings.max_endpoint_shift_m))
        inside = np.arange(length.max()) < length[:, None]
        values[at[inside]] = after[inside]
    seen = visible[series.frames, series.tracks]
    made[series.frames[seen], series.tracks[seen]] = values[seen]
    return Smoothed(made, int(long.sum()), int((~long).sum()), shift)


def interpolate_gaps(points: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """``points`` [T, N, 3] with those of ``wanted`` bool[T, N] put on the line between the nearest that are ``known``.

    Before the first and after the last known point of a track they are put where that is.
    """
    before, after = nearest_known(known)
    frames, tracks = np.nonzero(wanted & known.any(axis=0))
    low, high = before[frames, tracks], after[frames, tracks]
    low, high = np.where(low < 0, high, low), np.where(high >= len(known), low, high)
    share = np.where(high > low, (frames - low) / np.maximum(high - low, 1), 0.0)[:, None]
    filled = points.copy()
    filled[frames, tracks] = (1 - share) * points[low, tracks] + share * points[high, tracks]
    return filled


def nearest_known(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last known frame up to, and the first from, each frame, i64[T, N]: -1 and T where there is none."""
    frames = np.arange(len(known))[:, None]
    before = np.maximum.accumulate(np.where(known, frames, -1), axis=0)
    after = np.minimum.accumulate(np.where(known, frames, len(known))[::-1], axis=0)[::-1]
    return before, after


def short_gaps(visible: np.ndarray, below_frames: int) -> np.ndarray:
    """Invisible points between visible ones, in gaps of fewer than ``below_frames`` frames, bool[T, N]."""
    before, after = nearest_known(visible)
    return ~visible & (before >= 0) & (after < len(visible)) & (after - before - 1 < below_frames)


def _filter(frame_rate_hz: float | None, cutoff_hz: float) -> tuple[np.ndarray | None, int]:
    """Second-order sections of one pass, and the frames of the extension; None where there can be no such filter."""
    from scipy.signal import butter

    if frame_rate_hz is None or cutoff_hz >= _MOST_OF_NYQUIST * frame_rate_hz / 2:
        return None, 0
    analog = np.tan(np.pi * cutoff_hz / frame_rate_hz) / TWO_PASSES  # the correction is that of an analog filter
    sections = butter(ORDER, np.arctan(analog) / np.pi * frame_rate_hz, fs=frame_rate_hz, output="sos")
    return sections, int(np.ceil(_PADDING_PERIODS * frame_rate_hz / cutoff_hz))


def _begins(rows: VisiblePoints) -> np.ndarray:
    """The rows at which a span begins, bool[M]."""
    begins = np.ones(len(rows.frames), dtype=bool)
    begins[1:] = (rows.tracks[1:] != rows.tracks[:-1]) | (rows.frames[1:] != rows.frames[:-1] + 1)
    return begins


def _bridged(rows: VisiblePoints, most_frames: int) -> VisiblePoints:
    """The same rows, and such on the line across gaps of up to ``most_frames``."""
    missing = np.where(rows.tracks[1:] == rows.tracks[:-1], np.diff(rows.frames) - 1, 0)
    missing[missing > most_frames] = 0
    repeats = np.append(missing, 0) + 1 if len(rows.frames) else np.zeros(0, "i8")
    source = np.repeat(np.arange(len(rows.frames)), repeats)
    step = np.arange(len(source)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    following = np.minimum(source + 1, len(rows.frames) - 1)
    share = (step / repeats[source])[:, None]
    positions = (1 - share) * rows.positions[source] + share * rows.positions[following]
    return VisiblePoints(positions, rows.frames[source] + step, rows.tracks[source], rows.offsets)


def _of_like_length(begins: np.ndarray, lengths: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Spans in groups whose lengths differ by half at most: little is padded, and few groups are filtered."""
    group = np.floor(2 * np.log2(np.maximum(lengths, 1))).astype("i8")
    return [(begins[group == g], lengths[group == g]) for g in np.unique(group)]


def _both_ways(series: np.ndarray, lengths: np.ndarray, sections: np.ndarray, reach: int) -> np.ndarray:
    """``series`` f64[S, L, 3], of which the first ``lengths`` i64[S] count, filtered forward and backward."""
    from scipy.signal import sosfilt, sosfilt_zi

    span = np.arange(len(series))[:, None]
    last = lengths[:, None] - 1
    at = np.arange(-reach, series.shape[1] + reach)[None, :]
    at = np.minimum(at, last + reach)
    inner = np.where(at < 0, -at, np.where(at > last, 2 * last - at, at))
    extended = series[span, inner]
    ends = np.where(at < 0, 0, last)
    extended = np.where(((at < 0) | (at > last))[..., None], 2 * series[span, ends] - extended, extended)
    rest = sosfilt_zi(sections)[:, None, :, None]
    backward = np.maximum(last + 2 * reach - np.arange(extended.shape[1]), 0)
    for _ in range(2):  # each time the other way round
        extended, _ = sosfilt(sections, extended, axis=1, zi=rest * extended[None, :, :1])
        extended = extended[span, backward]
    return extended[:, reach : reach + series.shape[1]]


def _limit_endpoint_shift(
    before: np.ndarray, after: np.ndarray, lengths: np.ndarray, reach: int, most_m: float
) -> float:
    """Draw ``after`` back where an end of a span moved by more than ``most_m``; returns the most that is left.

    What is too much is taken off the end, and ever less of it over ``reach`` frames.
    """
    span, frame = np.arange(len(lengths)), np.arange(after.shape[1])
    shifts = []
    for ends in (np.zeros_like(lengths), lengths - 1):
        shift = after[span, ends] - before[span, ends]
        length = np.linalg.norm(shift, axis=1)
        excess = np.maximum(length - most_m, 0)
        fade = np.maximum(1 - np.abs(frame - ends[:, None]) / reach, 0)
        unit = shift / np.maximum(length, np.finfo("f8").tiny)[:, None]
        after -= fade[..., None] * (excess[:, None] * unit)[:, None]
        shifts.append(np.minimum(length, most_m).max(initial=0))
    return float(max(shifts))
