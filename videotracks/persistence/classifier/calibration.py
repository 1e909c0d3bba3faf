"""Whether a confidence of 0.8 is right four times in five, and the temperature that makes it so.

Guo et al., "On Calibration of Modern Neural Networks", 2017: logits divided by one number fitted on tracks that the
training did not see. Decisions stay the same, only confidences move.
"""

import numpy as np
from pydantic import BaseModel, Field

#: Equally wide bins of the confidence, as Guo et al. count.
BINS = 15
#: Between these the temperature is searched: beyond, confidences would all be one half, or all 0 and 1.
_COLDEST, _HOTTEST = 0.05, 20.0


class Reliability(BaseModel, frozen=True):
    """Confidence against truth, bin by bin; empty bins are left out."""

    tracks: list[int] = Field(description="tracks of each bin")
    confidence: list[float] = Field(description="their mean confidence")
    things: list[float] = Field(description="the share of them that are things")
    expected_error: float = Field(description="ECE: mean distance of the two, weighted by tracks")


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """What logits f4[N] must be divided by so that the labels [N] are most probable; 1 without tracks."""
    from scipy.optimize import minimize_scalar

    if not len(logits):
        return 1.0
    signed = np.where(labels == 1, logits, -logits).astype("f8")
    found = minimize_scalar(
        lambda log: np.logaddexp(0, -signed / np.exp(log)).mean(),
        bounds=(np.log(_COLDEST), np.log(_HOTTEST)),
        method="bounded",
    )
    return float(np.exp(found.x))


def reliability(confidences: np.ndarray, labels: np.ndarray) -> Reliability:
    """The reliability curve of confidences [N], 0 to 1, that tracks are things, and of the truth [N]."""
    bins = np.minimum((confidences * BINS).astype("i8"), BINS - 1)
    tracks = np.bincount(bins, minlength=BINS)
    filled = tracks > 0
    confidence = np.bincount(bins, confidences, BINS)[filled] / tracks[filled]
    things = np.bincount(bins, labels == 1, BINS)[filled] / tracks[filled]
    gaps = np.abs(confidence - things)
    return Reliability(
        tracks=tracks[filled].tolist(),
        confidence=confidence.tolist(),
        things=things.tolist(),
        expected_error=float(np.average(gaps, weights=tracks[filled])) if len(labels) else 0.0,
    )
