"""ByteTrack: detections linked over time, the unsure ones too (Zhang et al., ECCV 2022)."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field, model_validator

from videotracks.tables import Detections, Tracklets

#: Times that differ by less are the same: 26 / 25 - 1 / 25 is more than one second.
_TIME_ROUNDING_S = 1e-6


class TrackingSettings(BaseModel, frozen=True, extra="forbid"):
    """When a detection continues a track, and when a track begins and ends."""

    high_confidence: float = Field(0.5, ge=0, le=1, description="from here on a detection may find a lost track again")
    low_confidence: float = Field(0.1, ge=0, le=1, description="from here on a detection may continue a track at all")
    new_track_confidence: float = Field(0.7, ge=0, le=1, description="from here on a detection may begin a track")
    max_cost: float = Field(0.75, gt=0, le=1, description="most 1 - IoU of a sure detection and the expected box")
    max_cost_low: float = Field(0.5, gt=0, le=1, description="the same for an unsure detection")
    max_cost_tentative: float = Field(0.7, gt=0, le=1, description="the same for a track of one detection")
    lost_buffer_s: float = Field(1.0, ge=0, description="how long a lost track is remembered, s")
    min_hits: int = Field(3, ge=1, description="detections that a tracklet must have to be kept")

    @model_validator(mode="after")
    def _ordered(self) -> "TrackingSettings":
        if not self.low_confidence <= self.high_confidence <= self.new_track_confidence:
            raise ValueError("low_confidence, high_confidence and new_track_confidence must not fall in this order")
        return self


def track(detections: Detections, timestamps_s: Sequence[np.ndarray], settings: TrackingSettings) -> Tracklets:
    """Link the detections of each view; ids count from 1 in order of appearance, view after view.

    ``timestamps_s`` holds the times f64[F] of each view's frames: frames that are missing or far apart are bridged
    by their time. Boxes are the detections' own, not those of the Kalman filter, and a tracklet holds its first boxes
    too. Tracks of fewer than ``min_hits`` detections are left out.
    """
    counts = detections.counts
    if len(timestamps_s) != len(counts):
        raise ValueError(f"detections of {len(counts)} views, times of {len(timestamps_s)}")
    number = np.full(detections.row_count, -1, "i8")
    made = 0
    ends = np.cumsum(counts.sum(axis=1))
    for camera, times in enumerate(timestamps_s):
        rows = slice(int(ends[camera] - counts[camera].sum()), int(ends[camera]))
        found = _track_view(detections, rows, counts[camera], np.asarray(times, "f8"), settings)
        number[rows] = np.where(found >= 0, found + made, -1)
        made += int(found.max(initial=-1)) + 1
    return _tracklets(detections, number, made, settings.min_hits)


def _track_view(
    detections: Detections, rows: slice, counts: np.ndarray, times_s: np.ndarray, settings: TrackingSettings
) -> np.ndarray:
    from videotracks.people._tracking_kernels import COLUMNS, INTEGERS, REALS, track_view

    if len(times_s) > len(counts) or counts[len(times_s) :].any():
        raise ValueError(f"detections of {len(counts)} frames, times of {len(times_s)}")
    steps = np.diff(times_s)
    if not (np.isfinite(times_s).all() and (steps >= 0).all()):
        raise ValueError("times of frames must be finite and must not fall")
    starts = np.concatenate([[0], np.cumsum(counts[: len(times_s)])]).astype("i8")
    boxes = np.ascontiguousarray(detections.bboxes[rows], dtype="f8")
    track_of = np.full(len(boxes), -1, "i8")
    track_view(
        boxes,
        np.ascontiguousarray(detections.confidences[rows], dtype="f8"),
        starts,
        np.ascontiguousarray(times_s),
        float(np.median(steps[steps > 0])) if steps.any() else 1.0,
        _limits(settings),
        np.empty((len(boxes), COLUMNS)),  # as many tracks as boxes at the very most; untouched pages cost nothing
        np.empty((REALS, len(boxes))),
        np.empty((INTEGERS, len(boxes)), "i8"),
        track_of,
    )
    return track_of


def _limits(settings: TrackingSettings) -> np.ndarray:
    """The settings as the compiled loop takes them; confidences are single precision, as those of detections."""
    confidences = [settings.high_confidence, settings.low_confidence, settings.new_track_confidence]
    costs = [settings.max_cost, settings.max_cost_low, settings.max_cost_tentative]
    return np.array([*np.array(confidences, "f4").tolist(), *costs, settings.lost_buffer_s + _TIME_ROUNDING_S])


def _tracklets(detections: Detections, number: np.ndarray, made: int, min_hits: int) -> Tracklets:
    """The rows of all tracks that are long enough, sorted by tracklet and frame, numbered again from 1."""
    hits = np.bincount(number[number >= 0], minlength=made)
    kept = hits >= min_hits
    new_number = np.cumsum(kept)
    rows = np.flatnonzero((number >= 0) & np.where(number >= 0, kept[number] if made else False, False))
    rows = rows[np.argsort(number[rows], kind="stable")]
    flat = detections.counts.ravel()
    position = np.arange(detections.row_count) - np.repeat(np.cumsum(flat) - flat, flat)
    return Tracklets(
        tracklet_id=new_number[number[rows]].astype("i8"),
        camera=detections.camera[rows],
        frame_numbers=detections.frame_numbers[rows],
        bboxes=detections.bboxes[rows],
        confidences=detections.confidences[rows],
        detection_indices=position[rows].astype("i8"),
    )
