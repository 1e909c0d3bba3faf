"""Synthetic features for tests: what a track is shows in some observations, or in what goes together in each."""

import numpy as np

from videotracks.persistence.classifier.samples import Samples
from videotracks.persistence.classifier.settings import NetworkSettings, TrainingSettings
from videotracks.persistence.classifier.training import LabelledFeatures
from videotracks.persistence.crop_tracks import FEATURES

DIRECTIONS = 12
#: Small enough to learn in seconds.
TINY = TrainingSettings(
    network=NetworkSettings(width=32, layers=1, heads=4, feedforward=64, hidden=32),
    epochs=12,
    learning_rate=3e-3,
    patience=12,
)


def telling_tracks(seed: int, count: int, length: int = 8) -> tuple[LabelledFeatures, list[np.ndarray]]:
    """Tracks of noise; in those that are no things one observation points in a direction of its own, flagged.

    Half of the tracks, of both kinds, are pushed along that direction throughout, so that their mean tells little.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    features = _noise(random, count, length)
    features[:, :, 0] += random.normal(0, 1.5, (count, 1))
    flags = np.zeros((count, length), bool)
    flags[np.arange(count), random.integers(0, length, count)] = labels == 0
    features[flags] += np.eye(FEATURES, dtype="f4")[1] * 8
    return LabelledFeatures(list(features), labels), list(flags)


def agreeing_tracks(seed: int, count: int, lengths: tuple[int, ...] = (2, 4, 8)) -> Samples:
    """Two directions have the same sign in every observation of a thing, opposite ones in those of others.

    The signs change from one observation to the next, and lengths are even, so that means say nothing.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    k = random.choice(lengths, count)
    features = _noise(random, k.sum()) / 2
    signs = np.repeat(random.choice([-1, 1], count), k) * (-1) ** np.arange(k.sum())
    features[:, 0] += 3 * signs
    features[:, 1] += 3 * signs * np.repeat(2 * labels - 1, k)
    statistics = random.normal(size=(count, 20))
    return Samples(
        label=labels,
        k=k,
        scene=np.arange(count) // 10,
        statistics=statistics,
        max_confidence=random.random(count),
        m_of_n=random.integers(1, 6, count).astype("f8"),
        offsets=np.cumsum([0, *k]),
        features=features,
        corrupted=np.zeros(k.sum(), bool),
    )


def _noise(random, *shape: int) -> np.ndarray:
    """Features that vary in a few directions only, so that little is enough to learn from."""
    noise = np.zeros((*shape, FEATURES), "f4")
    noise[..., :DIRECTIONS] = random.normal(0, 1, (*shape, DIRECTIONS))
    return noise
