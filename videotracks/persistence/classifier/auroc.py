"""The area under the receiver operating characteristic, of many weightings at once."""

import numpy as np


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The chance that a thing (label 1) has a higher score than another track; equal scores count half.

    NaN where one of the two classes is missing. ``labels`` [N] of 0 and 1, ``scores`` [N].
    """
    return float(weighted_auroc(labels, scores, np.ones((1, len(labels))))[0])


def weighted_auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``auroc`` of R weightings [R, N] ≥ 0 of the same tracks, f8[R]; as often as a bootstrap drew each track."""
    order = np.argsort(scores, kind="stable")
    labels, scores, weights = labels[order], scores[order], weights[:, order]
    if not len(scores):
        return np.full(len(weights), np.nan)
    starts = np.flatnonzero(np.r_[True, np.diff(scores) > 0])  # equal scores are one step of the curve
    things = np.add.reduceat(weights * (labels == 1), starts, axis=1)
    others = np.add.reduceat(weights * (labels != 1), starts, axis=1)
    below = np.cumsum(others, axis=1) - others / 2
    pairs = things.sum(axis=1) * others.sum(axis=1)
    return np.divide((things * below).sum(axis=1), pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
