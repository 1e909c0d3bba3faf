"""Tracks cleaned in four steps: what cannot be used is dropped, outliers masked, what rests dropped, the rest smoothed.

No step lets one track know of another, so that a track comes out the same whatever batch it came in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import Field

from videotracks.geometry.camera_path import ViewCamera
from videotracks.points.refinement.motion import MotionSettings, motion
from videotracks.points.refinement.outliers import OutlierSettings, find_outliers
from videotracks.points.refinement.reprojection import Observations, check_against_views
from videotracks.points.refinement.smoothing import SmoothingSettings, interpolate_gaps, short_gaps, smooth
from videotracks.points.refinement.statistics import (
    AlignmentStatistics,
    MotionStatistics,
    OutlierStatistics,
    RefinementStatistics,
    SmoothingStatistics,
    alignment_statistics,
    motion_statistics,
    reduction,
)
from videotracks.points.tracks import PointTracks

#: So many points are worked on at a time: the tables of a step then stay in the processor's cache.
_POINTS_AT_ONCE = 60_000


class RefinementSettings(OutlierSettings, MotionSettings, SmoothingSettings, frozen=True, extra="forbid"):
    """Which steps refine tracks, and their thresholds."""

    steps: Literal["four", "two"] = Field(
        default="four", description="two: drop only what is never visible and what is static, the older rule"
    )
    align: bool = Field(default=True, description="drop tracks that are never visible at a finite place in the scene")
    reject_outliers: bool = Field(default=True, description="mask outliers, and drop tracks that lose too many points")
    drop_static: bool = Field(default=True, description="drop tracks that do not move")
    smooth: bool = Field(default=True, description="smooth visible spans and fill short gaps")
    scene_min_m: list[float] | None = Field(
        default=None, min_length=3, max_length=3, description="least x, y and z of the scene, metres; empty: no bound"
    )
    scene_max_m: list[float] | None = Field(
        default=None, min_length=3, max_length=3, description="greatest x, y and z of the scene; empty: no bound"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """``tracks``: the K that remain, all finite, masked points invisible, filled ones flagged as ``interpolated``.

    ``kept`` i64[K] says which of the N tracks they were; ``invalid``, ``unreliable`` and ``static`` bool[N] why the
    others went: never to be seen in the scene, too many outliers, no motion. ``masked`` bool[T, N]: visible points that
    were taken away; ``triangulated`` bool[T, N]: points that were moved to where most views see them.
    """

    tracks: PointTracks
    statistics: RefinementStatistics
    kept: np.ndarray
    invalid: np.ndarray
    unreliable: np.ndarray
    static: np.ndarray
    masked: np.ndarray
    triangulated: np.ndarray


def refine(
    tracks: PointTracks,
    settings: RefinementSettings,
    *,
    cameras: Sequence[ViewCamera] | None = None,
    observations: Observations | None = None,
) -> Refined:
    """Refine the tracks of one instance; no tracks are fine, too.

    With ``cameras`` (in the order of ``tracks.camera_ids``) and what each of them saw (``observations`` over the same
    frames and tracks), points are held against every view. ``ValueError`` where one is given without the other, or
    where their order or sizes differ from the tracks'.
    """
    if settings.steps == "two":
        bounds = {"scene_min_m": None, "scene_max_m": None}
        off = {"reject_outliers": False, "smooth": False, "noise_aware": False}
        settings = settings.model_copy(update={**bounds, **off})
    work = _Work(tracks, settings)
    alignment = work.align() if settings.align else None
    outliers = work.reject_outliers(_views(tracks, cameras, observations)) if settings.reject_outliers else None
    moving = work.drop_static() if settings.drop_static else None
    return work.finish(alignment, outliers, moving)


_Views = tuple[Sequence[ViewCamera], Observations]


def _views(
    tracks: PointTracks, cameras: Sequence[ViewCamera] | None, observations: Observations | None
) -> _Views | None:
    if cameras is None and observations is None:
        return None
    if cameras is None or observations is None:
        raise ValueError("cameras and observations belong together; give both or neither")
    ids = tuple(camera.camera_id for camera in cameras)
    if ids != tracks.camera_ids:
        raise ValueError(f"cameras {ids}, but the tracks were seen by {tracks.camera_ids}; give these, in this order")
    expected = (len(ids), tracks.frame_count, tracks.track_count)
    if observations.visible.shape != expected:
        raise ValueError(f"observations of shape {observations.visible.shape}; {expected} is expected")
    return cameras, observations


class _Work:
    """The tracks of one instance as the steps leave them."""

    def __init__(self, tracks: PointTracks, settings: RefinementSettings) -> None:
        self.tracks, self.settings = tracks, settings
        self.points = tracks.tracks_3d
        self.visible = tracks.visible & np.isfinite(self.points).all(axis=2)  # nobody can be seen nowhere
        self.live = np.ones(tracks.track_count, dtype=bool)
        self.invalid, self.unreliable, self.static = (np.zeros_like(self.live) for _ in range(3))
        self.triangulated = np.zeros_like(self.visible)

    def align(self) -> AlignmentStatistics:
        """Drop what is never visible at a finite place within the scene."""
        for bound, beyond in ((self.settings.scene_min_m, np.less), (self.settings.scene_max_m, np.greater)):
            if bound is not None:
                self.visible &= ~beyond(self.points, np.asarray(bound, "f4")).any(axis=2)
        self.invalid = ~self.visible.any(axis=0)
        self.live &= ~self.invalid
        return alignment_statistics(self.tracks.visible, ~self.invalid)

    def reject_outliers(self, views: _Views | None) -> OutlierStatistics:
        """Mask points that contradict the views or their own track; drop tracks that lose too many."""
        before, settings = self.visible & self.live, self.settings
        by_views = np.zeros_like(before)
        if views is not None:
            made = [
                (
                    chunk,
                    check_against_views(
                        self.points[:, chunk], before[:, chunk], *_of(views, chunk), settings.reprojection_px
                    ),
                )
                for chunk in self._chunks()
            ]
            self.points = self.points.copy()
            for chunk, checked in made:
                self.points[:, chunk] = checked.points
                by_views[:, chunk], self.triangulated[:, chunk] = checked.masked, checked.triangulated
        left = before & ~by_views
        by_steps = self._by_chunk(lambda p, v: find_outliers(p, v, settings), left)
        self.visible &= ~(by_views | by_steps)
        seen, lost = before.sum(axis=0), (by_views | by_steps).sum(axis=0)
        self.unreliable = self.live & (lost > settings.max_outlier_share * seen)
        count = int(self.live.sum())
        self.live &= ~self.unreliable
        points, masked = int(seen.sum()), int(lost.sum())
        return OutlierStatistics(
            n_original=count,
            n_kept=int(self.live.sum()),
            n_dropped=int(self.unreliable.sum()),
            n_points=points,
            n_points_masked=masked,
            fraction_masked=masked / points if points else None,
            n_masked_by_steps=int(by_steps.sum()),
            n_masked_by_views=int(by_views.sum()),
            n_triangulated=int(self.triangulated.sum()),
        )

    def drop_static(self) -> MotionStatistics:
        """Drop tracks that do not move."""
        settings = self.settings
        moved = self._by_chunk(lambda p, v: motion(p, v, settings)[None], self.visible)[0]
        self.static = self.live & ~(moved > settings.motion_threshold_m)
        moved = moved[self.live]
        self.live &= ~self.static
        return motion_statistics(moved, settings.motion_threshold_m, settings.motion_method)

    def finish(
        self,
        alignment: AlignmentStatistics | None,
        outliers: OutlierStatistics | None,
        moving: MotionStatistics | None,
    ) -> Refined:
        """Smooth what remains, and see that every point of it is somewhere."""
        kept = np.flatnonzero(self.live)
        masked = self.tracks.visible & ~self.visible
        rest, points, visible = self.tracks.select(kept), self.points[:, kept], self.visible[:, kept]
        smoothing, filled = None, ~np.isfinite(points).all(axis=2)
        if self.settings.smooth:
            points, smoothing, gaps = _smoothed(points, visible, rest.frame_rate_hz, self.settings)
            filled |= gaps
        points = interpolate_gaps(points, visible, filled)
        points[:, ~visible.any(axis=0)] = rest.query_points[:, 1:][~visible.any(axis=0)]  # where it was asked for
        refined = replace(
            rest,
            tracks_3d=points.astype("f4"),
            visibilities=np.where(masked[:, kept], np.float32(0), rest.visibilities),
            interpolated=filled if rest.interpolated is None else filled | rest.interpolated,
        )
        statistics = RefinementStatistics(
            n_original=self.tracks.track_count,
            alignment=alignment,
            outliers=outliers,
            motion_filtering=moving,
            smoothing=smoothing,
            n_refined=len(kept),
            total_reduction_factor=reduction(self.tracks.track_count, len(kept)),
        )
        dropped = (self.invalid, self.unreliable, self.static)
        return Refined(refined, statistics, kept, *dropped, masked, self.triangulated)

    def _chunks(self) -> list[np.ndarray]:
        """The tracks that are left, a few at a time."""
        live = np.flatnonzero(self.live)
        at_once = max(1, _POINTS_AT_ONCE // self.tracks.frame_count)
        return [live[i : i + at_once] for i in range(0, len(live), at_once)]

    def _by_chunk(self, work: Callable[[np.ndarray, np.ndarray], np.ndarray], visible: np.ndarray) -> np.ndarray:
        """The results of ``work`` on some tracks at a time, one column per track; nothing for those that are gone."""
        made = [(chunk, work(self.points[:, chunk], visible[:, chunk])) for chunk in self._chunks()]
        first = made[0][1] if made else work(self.points[:, :0], visible[:, :0])
        joined = np.zeros((first.shape[0], self.tracks.track_count), first.dtype)
        for chunk, values in made:
            joined[:, chunk] = values
        return joined


def _of(views: _Views, chunk: np.ndarray) -> _Views:
    cameras, observations = views
    return cameras, Observations(observations.pixels[:, :, chunk], observations.visible[:, :, chunk])


def _smoothed(
    points: np.ndarray, visible: np.ndarray, frame_rate_hz: float | None, settings: RefinementSettings
) -> tuple[np.ndarray, SmoothingStatistics, np.ndarray]:
    """Points f64[T, K, 3] after smoothing, what it did, and which short gaps are to be filled bool[T, K]."""
    made = smooth(points, visible, frame_rate_hz, settings)
    gaps = np.zeros_like(visible)
    if settings.interpolate:
        gaps = short_gaps(visible, settings.interpolated_gap_frames)
    first = gaps & ~np.concatenate([np.zeros_like(gaps[:1]), gaps[:-1]])
    statistics = SmoothingStatistics(
        cutoff_hz=settings.cutoff_hz,
        frame_rate_hz=frame_rate_hz,
        n_spans=made.spans,
        n_spans_left_alone=made.short_spans,
        max_endpoint_shift_m=made.endpoint_shift_m,
        n_gaps_filled=int(first.sum()),
        n_interpolated=int(gaps.sum()),
    )
    return made.points, statistics, gaps
