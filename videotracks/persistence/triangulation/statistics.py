"""What a filter and the geometry made of the tracks, in numbers."""

import numpy as np
from pydantic import BaseModel, Field

from videotracks.persistence.triangulation.triangulating import Triangulated


class TriangulationStatistics(BaseModel, frozen=True):
    """Counts over all views, and how well they agree."""

    total_tracks: int = Field(description="tracks of all views")
    filtered_out: int = Field(description="of them, those that a filter took for no things")
    kept: int = Field(description="of them, the others")
    triangulated_points: int = Field(description="positions in the world")
    filter_rate: float = Field(description="share of the tracks that were filtered out, 0 to 1; 0 without any")
    reduction_rate: float = Field(description="share of the boxes that went with them, 0 to 1; 0 without any")
    things: int = Field(description="tracks in the world")
    unmatched_tracks: int = Field(description="kept tracks that no track of another view belongs to")
    refused_points: int = Field(description="frames that two views or more share, but no two agree on where")
    dropped_views: int = Field(description="sights of stored positions that did not agree with the others")
    reprojection_median_px: float | None = Field(description="of the sights that positions are made of; null without")
    undropped_median_px: float | None = Field(
        description="the same of all sights, before any was dropped or refused: far above the other, a calibration or "
        "the boxes are off"
    )

    @classmethod
    def of(
        cls, kept: int, filtered_out: int, boxes: int, filtered_boxes: int, made: Triangulated
    ) -> "TriangulationStatistics":
        """The statistics of tracks that were triangulated; ``boxes`` are those of all tracks, filtered or not."""
        tracks, total = made.tracks, kept + filtered_out
        errors = tracks.errors_px[tracks.used]
        return cls(
            total_tracks=total,
            filtered_out=filtered_out,
            kept=kept,
            triangulated_points=tracks.row_count,
            filter_rate=filtered_out / total if total else 0.0,
            reduction_rate=filtered_boxes / boxes if boxes else 0.0,
            things=len(tracks.track_ids),
            unmatched_tracks=kept - len(tracks.member_ids),
            refused_points=made.refused,
            dropped_views=made.dropped_views,
            reprojection_median_px=float(np.median(errors)) if len(errors) else None,
            undropped_median_px=made.undropped_median_px if made.asked else None,
        )
