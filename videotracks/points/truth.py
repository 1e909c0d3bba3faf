"""True points beside a recording, and how well a tracker follows them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from videotracks.geometry.camera_path import project_through
from videotracks.npz import read_npz, write_npz
from videotracks.points.accuracy import PointAccuracy, score_points
from videotracks.points.depth.store import DepthStore
from videotracks.points.instance_tracks import PointTrackingSettings, calibrated_cameras
from videotracks.points.synchronised import SynchronisedViews
from videotracks.points.trackers import PointTracker, Tracked, paths_of
from videotracks.progress import Progress, silent
from videotracks.recording import Recording

POINTS_TRUTH = "points_truth.npz"
#: Points that are followed for the score at most, spread over all.
MOST_POINTS = 1000
#: Frames that are scored, before and after the one in which a point is asked for.
SCORED_FRAMES = 50


class PointsTruth(NamedTuple):
    """True positions of N points in T frames, and which of V cameras see them: what ``points_truth.npz`` holds."""

    positions: np.ndarray  # f4[T, N, 3] world metres
    visibility: np.ndarray  # b1[V, T, N]
    instance: np.ndarray  # i8[N] identity of the object, 0 for the ground
    camera_ids: np.ndarray  # U[V]
    timestamps: np.ndarray  # f8[T] seconds


def write_truth(folder: Path, truth: PointsTruth) -> None:
    """Write ``points_truth.npz`` into the folder of a recording."""
    write_npz(folder / POINTS_TRUTH, truth._asdict())


def read_truth(folder: Path) -> PointsTruth:
    """Read it back; ``CorruptFileError`` where it is not such a file."""
    return PointsTruth(**read_npz(folder / POINTS_TRUTH, names=PointsTruth._fields))


class PointTruthSettings(BaseModel, frozen=True, extra="forbid"):
    """What the check against true points expects."""

    median_error_m: float = Field(0.02, gt=0, description="median trajectory error of visible points at most, metres")
    points_within: float = Field(0.85, ge=0, le=1, description="share of points within 5, 10, 20, 40 cm at least")


class TrackerScore(BaseModel, frozen=True):
    """How well a tracker follows true points, each asked for where any camera sees it first."""

    accuracy: PointAccuracy
    reprojection_error_px: float | None = Field(description="median over visible points and the cameras that see them")

    def reaches(self, wanted: PointTruthSettings) -> bool:
        """Whether the score is as good as the check expects; not without a visible point."""
        error_m, within = self.accuracy.median_trajectory_error_m, self.accuracy.average_points_within
        if error_m is None or within is None:
            return False
        return error_m <= wanted.median_error_m and within >= wanted.points_within

    def told(self) -> str:
        """The score in a line."""
        if not self.accuracy.n_visible:
            return "no true point is ever visible"
        found = self.accuracy
        return (
            f"AJ {found.average_jaccard or 0:.3f}, APD {found.average_points_within or 0:.3f}, occlusion accuracy "
            f"{found.occlusion_accuracy or 0:.3f}, MTE {100 * (found.median_trajectory_error_m or 0):.1f} cm, "
            f"reprojection {self.reprojection_error_px or 0:.1f} px over {found.n_tracks} points"
        )

    def numbers(self) -> dict[str, float | int]:
        """The score as numbers, by name."""
        single = self.accuracy.model_dump(exclude={"thresholds_m", "jaccard", "points_within"})
        known = {**single, "reprojection_error_px": self.reprojection_error_px}
        return {name: value for name, value in known.items() if value is not None}


def score_tracker(
    recording: Recording,
    source: Path,
    depth: DepthStore,
    tracker: PointTracker,
    settings: PointTrackingSettings,
    cache: Path,
    progress: Progress = silent,
) -> TrackerScore | None:
    """Let ``tracker`` follow true points of the recording; None without ``points_truth.npz`` or calibration.

    Each point is asked for at its true place in the first frame in which any camera sees it. Scored are the
    ``SCORED_FRAMES`` frames on each side of that one, so that the score of a long recording is that of a short one; the
    frame itself is given, and counts for nothing.
    """
    cameras = calibrated_cameras(recording, source)
    if not cameras or not source.is_dir() or not (source / POINTS_TRUTH).is_file():
        return None
    truth = read_truth(source)
    with SynchronisedViews.open(
        recording, source, cameras, depth, cache=cache, stride=settings.stride, downsample=settings.downsample(cameras)
    ) as views:
        positions = truth.positions[:: settings.stride][: views.frame_count].astype("f8")
        visibility = truth.visibility[:, :: settings.stride][:, : views.frame_count]
        seen = np.logical_or.reduce(visibility, axis=0)
        chosen = np.flatnonzero(seen.any(axis=0))
        chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(MOST_POINTS, len(chosen))).round().astype("i8"))]
        first = seen[:, chosen].argmax(axis=0)
        queries = np.column_stack([first, positions[first, chosen]]).astype("f4")
        tracked = tracker.track(views, queries, progress)
        error_px = _reprojection_px(views, positions[:, chosen], visibility[:, :, chosen], tracked)
    age = np.abs(np.arange(len(seen))[:, None] - first)
    accuracy = score_points(
        positions[:, chosen],
        seen[:, chosen],
        tracked.tracks,
        tracked.visibilities > 0.5,
        counted=(age > 0) & (age <= SCORED_FRAMES),
    )
    return TrackerScore(accuracy=accuracy, reprojection_error_px=error_px)


def _reprojection_px(
    views: SynchronisedViews, positions: np.ndarray, visibility: np.ndarray, tracked: Tracked
) -> float | None:
    """Median distance in px, at the size that was tracked, of projected tracks from the projected truth."""
    distances = []
    for camera, seen in zip(paths_of(views), visibility, strict=True):
        both = seen & np.isfinite(tracked.tracks).all(axis=2) & (tracked.visibilities > 0.5)
        true_px, _ = project_through(camera, positions)
        found_px, _ = project_through(camera, tracked.tracks.astype("f8"))
        distances.append(np.linalg.norm(true_px - found_px, axis=2)[both])
    every = np.concatenate(distances)
    return float(np.nanmedian(every)) if np.isfinite(every).any() else None
