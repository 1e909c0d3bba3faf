"""What refinement did, as numbers: the content of ``*_refined_stats.json`` and ``combined_refinement_stats.json``."""

from collections.abc import Mapping

import numpy as np
from pydantic import BaseModel, Field

from videotracks.points.refinement.motion import Method


class AlignmentStatistics(BaseModel, frozen=True):
    """Tracks that can be used; visibility is the share of frames in which a track is visible."""

    n_original: int
    n_valid: int
    n_invalid: int = Field(description="never visible at a finite place within the scene")
    fraction_valid: float | None
    visibility_min: float | None
    visibility_max: float | None
    visibility_mean: float | None


class OutlierStatistics(BaseModel, frozen=True):
    """Points masked because they contradict their own track or the views, and tracks that lost too many."""

    n_original: int
    n_kept: int
    n_dropped: int = Field(description="tracks that lost more than max_outlier_share of their visible points")
    n_points: int = Field(description="visible points that were looked at")
    n_points_masked: int
    fraction_masked: float | None
    n_masked_by_steps: int = Field(description="off the course of their own track")
    n_masked_by_views: int = Field(description="off by more than reprojection_px in too many views")
    n_triangulated: int = Field(description="moved to where the other views see them")


class MotionStatistics(BaseModel, frozen=True):
    """How far tracks move by the chosen method, metres."""

    n_original: int
    n_moving: int
    n_static: int
    fraction_moving: float | None
    motion_threshold: float = Field(description="metres")
    motion_method: Method
    motion_min: float | None
    motion_max: float | None
    motion_mean: float | None
    motion_median: float | None
    motion_moving_min: float | None
    motion_moving_mean: float | None
    motion_static_max: float | None


class SmoothingStatistics(BaseModel, frozen=True):
    """What was smoothed and filled."""

    cutoff_hz: float
    frame_rate_hz: float | None
    n_spans: int = Field(description="visible spans that were smoothed")
    n_spans_left_alone: int = Field(description="spans too short for the filter, or all at too low a frame rate")
    max_endpoint_shift_m: float = Field(
        description="the most by which the end of a span was moved; never above the setting"
    )
    n_gaps_filled: int
    n_interpolated: int = Field(description="points in filled gaps, flagged as interpolated")


class RefinementStatistics(BaseModel, frozen=True):
    """The four steps on the tracks of one instance; a step that is switched off is null."""

    n_original: int
    alignment: AlignmentStatistics | None
    outliers: OutlierStatistics | None
    motion_filtering: MotionStatistics | None
    smoothing: SmoothingStatistics | None
    n_refined: int
    total_reduction_factor: float | None = Field(description="original per refined; null when none remain")


class CombinedStatistics(BaseModel, frozen=True):
    """The sums over all instances, and each of them."""

    n_instances: int
    n_original: int
    n_invalid: int
    n_outliers: int = Field(description="tracks that lost too many points")
    n_static: int
    n_refined: int
    total_reduction_factor: float | None = Field(description="original per refined; null when none remain")
    instances: dict[str, RefinementStatistics]


def combined(instances: Mapping[str, RefinementStatistics]) -> CombinedStatistics:
    """Sum the statistics of instances by their names."""
    every = list(instances.values())
    original, refined = sum(s.n_original for s in every), sum(s.n_refined for s in every)
    return CombinedStatistics(
        n_instances=len(every),
        n_original=original,
        n_invalid=sum(s.alignment.n_invalid for s in every if s.alignment),
        n_outliers=sum(s.outliers.n_dropped for s in every if s.outliers),
        n_static=sum(s.motion_filtering.n_static for s in every if s.motion_filtering),
        n_refined=refined,
        total_reduction_factor=reduction(original, refined),
        instances=dict(instances),
    )


def reduction(original: int, refined: int) -> float | None:
    """How many original tracks there are to each refined one; None when none remain."""
    return original / refined if refined else None


def alignment_statistics(visible: np.ndarray, valid: np.ndarray) -> AlignmentStatistics:
    """Of all tracks: ``visible`` bool[T, N] as the tracker says, ``valid`` bool[N]."""
    share = visible.mean(axis=0) if visible.size else np.zeros(0)
    return AlignmentStatistics(
        n_original=len(valid),
        n_valid=int(valid.sum()),
        n_invalid=int((~valid).sum()),
        fraction_valid=_mean(valid),
        visibility_min=_least(share),
        visibility_max=_most(share),
        visibility_mean=_mean(share),
    )


def motion_statistics(moved_m: np.ndarray, threshold_m: float, method: Method) -> MotionStatistics:
    """Of tracks that move by ``moved_m`` f64[N]."""
    moving = moved_m > threshold_m
    return MotionStatistics(
        n_original=len(moved_m),
        n_moving=int(moving.sum()),
        n_static=int((~moving).sum()),
        fraction_moving=_mean(moving),
        motion_threshold=threshold_m,
        motion_method=method,
        motion_min=_least(moved_m),
        motion_max=_most(moved_m),
        motion_mean=_mean(moved_m),
        motion_median=float(np.median(moved_m)) if len(moved_m) else None,
        motion_moving_min=_least(moved_m[moving]),
        motion_moving_mean=_mean(moved_m[moving]),
        motion_static_max=_most(moved_m[~moving]),
    )


def _least(values: np.ndarray) -> float | None:
    return float(values.min()) if len(values) else None


def _most(values: np.ndarray) -> float | None:
    return float(values.max()) if len(values) else None


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
