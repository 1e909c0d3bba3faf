"""What a classifier without attention makes of the same tracks: single numbers, statistics, mean features.

Each is trained on the same tracks as the classifier and judged by ``evaluation``. A score has no unit: higher means
more of a thing, and it is a thing above ``threshold``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from videotracks.persistence.classifier.samples import Samples
from videotracks.persistence.classifier.settings import TrainingSettings
from videotracks.progress import Progress, silent


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What one method says of N tracks of a split, with S seeds: ``scores`` f8[S, N], things above ``thresholds``.

    ``thresholds`` f8[S]: chosen on the tracks of the training.
    """

    scores: np.ndarray
    thresholds: np.ndarray


#: Numbers that need no training but a threshold.
SINGLE: dict[str, Callable[[Samples], np.ndarray]] = {
    "length": lambda samples: _length(samples),
    "mean confidence": lambda samples: _mean_confidence(samples),
    "max confidence": lambda samples: samples.max_confidence,
    "M of N": lambda samples: samples.m_of_n,
    "length times confidence": lambda samples: _length(samples) * _mean_confidence(samples),
}
BOOSTED, POOLED = "12 statistics, boosted trees", "mean features, perceptron"
BASELINES = (*SINGLE, BOOSTED, POOLED)


def run_baselines(
    training: Samples,
    validation: Samples,
    judged: dict[str, Samples],
    settings: TrainingSettings,
    seeds: int,
    progress: Progress = silent,
) -> dict[str, dict[str, Scores]]:
    """Train every baseline and score the ``judged`` splits: by split, then by baseline.

    The two that learn do so with seeds ``settings.seed`` and the next ones; the perceptron has the classifier's budget:
    its hidden sizes, optimiser, epochs and early stop. ``progress`` counts trainings.
    """
    results: dict[str, dict[str, Scores]] = {split: {} for split in judged}
    for name, number in SINGLE.items():
        limit = np.array([best_threshold(training.label, number(training))])
        for split, samples in judged.items():
            results[split][name] = Scores(number(samples)[None].astype("f8"), limit)
    learning = {BOOSTED: _boosted, POOLED: _pooled}
    for at, (name, train) in enumerate(learning.items()):
        runs = []
        for seed in range(seeds):
            score = train(training, validation, settings.model_copy(update={"seed": settings.seed + seed}))
            runs.append({split: score(samples) for split, samples in judged.items()})
            progress(at * seeds + seed + 1, len(learning) * seeds)
        for split in judged:
            results[split][name] = Scores(np.stack([run[split] for run in runs]), np.full(seeds, 0.5))
    return results


def best_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The threshold above which calling tracks things is right most often; the lowest of equally good ones."""
    order = np.argsort(scores, kind="stable")
    ranked, things = scores[order], labels[order] == 1
    # Right when the first ``i`` are called no things and the rest things; a cut must not part equal scores.
    right = np.r_[0, np.cumsum(~things)] + np.r_[np.cumsum(things[::-1])[::-1], 0]
    cuts = np.flatnonzero(np.r_[True, np.diff(ranked) > 0, True])
    best = int(cuts[right[cuts].argmax()])
    return float(ranked[best - 1]) if best else float(ranked[0]) - 1.0


def _length(samples: Samples) -> np.ndarray:
    return np.diff(samples.offsets).astype("f8")


def _mean_confidence(samples: Samples) -> np.ndarray:
    return samples.statistics[:, -1]


def _boosted(training: Samples, validation: Samples, settings: TrainingSettings) -> Callable[[Samples], np.ndarray]:
    """Gradient boosting on the twelve statistics; the number of trees is chosen on ``validation``."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(
        max_iter=300, learning_rate=0.05, early_stopping=True, n_iter_no_change=20, random_state=settings.seed
    )
    random = np.random.default_rng(settings.seed)
    # Without chance of its own the training would be the same for every seed: a bootstrap of the tracks gives it some.
    rows = random.integers(0, len(training.label), len(training.label))
    trees.fit(training.statistics[rows], training.label[rows], X_val=validation.statistics, y_val=validation.label)
    return lambda samples: trees.predict_proba(samples.statistics)[:, 1]


def _pooled(training: Samples, validation: Samples, settings: TrainingSettings) -> Callable[[Samples], np.ndarray]:
    from videotracks.persistence.classifier.pooled_perceptron import train_perceptron

    means = {name: mean_features(samples) for name, samples in (("t", training), ("v", validation))}
    score = train_perceptron(means["t"], training.label, means["v"], validation.label, settings)
    return lambda samples: score(mean_features(samples))


def mean_features(samples: Samples) -> np.ndarray:
    """The mean feature of each track, f4[N, FEATURES]."""
    sums = np.add.reduceat(samples.features, samples.offsets[:-1], axis=0)
    return sums / np.diff(samples.offsets)[:, None].astype("f4")
