"""The colours of an object and of the ground around it, as smoothed histograms."""

import numpy as np

from videotracks.masks.flow.fields import COLOURS, LEVELS

#: Standard deviation of the smoothing in levels: a colour speaks for its neighbours too.
SMOOTHING_LEVELS = 1.0
#: Share of pixels that every colour is granted, so that one never seen says little.
UNSEEN_SHARE = 1e-4


def histogram(code: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The colours u16[h, w] of the pixels ``where`` bool[h, w], smoothed, as shares f32[COLOURS]."""
    counts = np.bincount(code[where], minlength=COLOURS).astype("f4")
    return smooth(counts / max(counts.sum(), 1))


def smooth(shares: np.ndarray) -> np.ndarray:
    """Colours blurred along lightness, a and b; f32[COLOURS] to the same."""
    levels = np.arange(LEVELS)
    blur = np.exp(-0.5 * (np.subtract.outer(levels, levels) / SMOOTHING_LEVELS) ** 2).astype("f4")
    blur /= blur.sum(axis=1, keepdims=True)
    by_lightness = blur @ shares.reshape(LEVELS, -1)
    by_a = blur @ by_lightness.reshape(LEVELS, LEVELS, LEVELS)
    return (by_a @ blur.T).reshape(-1)


def log_odds(object_shares: np.ndarray, ground_shares: np.ndarray) -> np.ndarray:
    """How much each colour speaks for the object, f32[COLOURS]."""
    return np.log((object_shares + UNSEEN_SHARE) / (ground_shares + UNSEEN_SHARE))


def likeness_of(a: np.ndarray, b: np.ndarray) -> float:
    """Bhattacharyya coefficient of two histograms of shares: 1 where they are one, 0 where they share no colour."""
    return float(np.sqrt(a * b).sum())
