"""How well 3D tracks agree with the truth, by the metrics of TAPVid-3D, over fixed distances in metres.

Koppula et al., "TAPVid-3D: A Benchmark for Tracking Any Point in 3D", NeurIPS 2024, with its fixed metric thresholds
and without rescaling; median trajectory error: Zheng et al., "PointOdyssey", ICCV 2023. A share is null where there is
nothing to take it of.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera_path import ViewCamera
from videotracks.geometry.triangulation import reprojection_errors
from videotracks.points.refinement.reprojection import Observations, each_placed

#: Metres within which a point counts as found.
THRESHOLDS_M = (0.05, 0.10, 0.20, 0.40)


class PointAccuracy(BaseModel, frozen=True):
    """Scores of tracks against the truth; shares are 0 to 1, more is better."""

    average_jaccard: float | None = Field(description="mean of the Jaccard index over the thresholds")
    average_points_within: float | None = Field(description="APD: share of the visible points that are near enough")
    occlusion_accuracy: float | None = Field(description="share of all points whose visibility is right")
    median_trajectory_error_m: float | None = Field(
        description="median distance over all visible points; infinite where half of them are lost"
    )
    thresholds_m: list[float]
    jaccard: list[float | None] = Field(description="per threshold: found, of what is visible or said to be")
    points_within: list[float | None] = Field(description="per threshold: near enough, of what is visible in truth")
    n_tracks: int
    n_visible: int = Field(description="points that are visible in truth")


def score_points(
    truth: np.ndarray,
    truth_visible: np.ndarray,
    tracks: np.ndarray,
    visible: np.ndarray,
    thresholds_m: Sequence[float] = THRESHOLDS_M,
    *,
    counted: np.ndarray | None = None,
) -> PointAccuracy:
    """Score ``tracks`` f[T, N, 3] with ``visible`` bool[T, N] against the ``truth`` of the same tracks, metres.

    Of all frames and tracks, or of those ``counted`` bool[T, N].

    Distances count where the truth is visible, whether the tracks say so or not; a position that is no finite number
    is infinitely far. A point found (true positive) is visible in both and near enough; a visible one that is not near
    enough is both a false positive and a false negative. Other shapes are a ``ValueError``.
    """
    counts = np.ones(truth.shape[:2], bool) if counted is None else counted
    if truth.shape != tracks.shape or {truth_visible.shape, visible.shape, counts.shape} != {truth.shape[:2]}:
        raise ValueError(
            f"truth {truth.shape} and {truth_visible.shape}, tracks {tracks.shape} and {visible.shape}, counted "
            f"{counts.shape}; "
            "[T, N, 3] and [T, N] of the same tracks are expected"
        )
    distance = np.linalg.norm(tracks.astype("f8") - truth, axis=2)
    distance[~np.isfinite(distance)] = np.inf
    truth_visible, said = truth_visible & counts, visible.astype(bool) & counts
    true_count = int(truth_visible.sum())
    jaccard, within = [], []
    for threshold in thresholds_m:
        near = (distance < threshold) & truth_visible
        found, wrong = int((near & said).sum()), int((said & ~near).sum())
        jaccard.append(_share(found, true_count + wrong))
        within.append(_share(int(near.sum()), true_count))
    return PointAccuracy(
        average_jaccard=_mean(jaccard),
        average_points_within=_mean(within),
        occlusion_accuracy=_share(int((said == truth_visible)[counts].sum()), int(counts.sum())),
        median_trajectory_error_m=_median_trajectory_error(distance, truth_visible),
        thresholds_m=list(thresholds_m),
        jaccard=jaccard,
        points_within=within,
        n_tracks=truth.shape[1],
        n_visible=true_count,
    )


def median_reprojection_error(
    cameras: Sequence[ViewCamera], tracks: np.ndarray, visible: np.ndarray, observed: Observations
) -> float | None:
    """Median distance in px between the visible ``tracks`` [T, N, 3] and where the views saw them; None for no such."""
    errors = []
    for span, placed in each_placed(cameras, len(tracks)):
        frames, which = np.nonzero(visible[span])
        here = tracks[span][frames, which].astype("f8")
        pixels = observed.pixels[:, span][:, frames, which].astype("f8")
        errors.append(reprojection_errors(placed, here, pixels, observed.visible[:, span][:, frames, which]).ravel())
    every = np.concatenate(errors)
    seen = every[~np.isnan(every)]
    return float(np.median(seen)) if len(seen) else None


def _median_trajectory_error(distance: np.ndarray, visible: np.ndarray) -> float | None:
    return float(np.median(distance[visible])) if visible.any() else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
