"""The classifier trained beside its baselines, and everything that is measured of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from videotracks.persistence.classifier.baselines import Scores, run_baselines
from videotracks.persistence.classifier.calibration import Reliability, reliability
from videotracks.persistence.classifier.evaluation import CLASSIFIER, Evaluation, EvaluationSettings, evaluate
from videotracks.persistence.classifier.faithfulness import Faithfulness, FaithfulnessSettings, examine
from videotracks.persistence.classifier.importance import METHODS, get_frame_importance
from videotracks.persistence.classifier.samples import Samples
from videotracks.persistence.classifier.settings import TrainingSettings
from videotracks.persistence.classifier.training import (
    Device,
    LabelledFeatures,
    TrainedClassifier,
    random_prefixes,
    train_classifier,
)  # fmt: skip
from videotracks.progress import Progress, silent

#: Classic tracks are cut after so many observations or more: the longest of those that are no things have 5.
LEAST_CUT = 8
#: Times that the classic tracks that are no things are shown in addition, in each epoch.
FALSE_REPEATED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """What was trained and measured: ``trained`` is the one of the first seed, which is stored.

    ``reliability`` by name, before and after the temperature; ``faithfulness`` by kind of importance.
    """

    trained: TrainedClassifier
    evaluation: Evaluation
    reliability: dict[str, Reliability]
    faithfulness: list[Faithfulness]


def joined_features(*parts: LabelledFeatures) -> LabelledFeatures:
    """Tracks of several sources as one."""
    tracks = [track for part in parts for track in part.features]
    return LabelledFeatures(tracks, np.concatenate([part.labels for part in parts]))


def training_tracks(matched: Samples, classic: Samples, seed: int) -> LabelledFeatures:
    """What the classifier learns from: matched tracks, and classic ones whole and cut at random lengths.

    Things are cut no shorter than ``LEAST_CUT``: after a few observations classic things and the rest differ by chance
    alone. Tracks that are no things are short and few there, and repeated, or nothing would be learnt of them.
    """
    whole = classic.labelled_features()
    cut = random_prefixes(whole, LEAST_CUT, seed)
    false = classic.labelled_features(np.flatnonzero(classic.label == 0))
    return joined_features(matched.labelled_features(), whole, cut, *[false] * FALSE_REPEATED)


def run_experiment(
    training: tuple[Samples, Samples],
    validation: tuple[Samples, Samples],
    judged: Mapping[str, Samples],
    planted: Samples,
    settings: TrainingSettings,
    evaluation: EvaluationSettings,
    faithfulness: FaithfulnessSettings,
    checkpoints: Path,
    source: str,
    *,
    device: Device = "cpu",
    progress: Progress = silent,
) -> Experiment:
    """Train with each seed, train the baselines on the same matched tracks, and measure all on ``judged`` splits.

    ``training`` and ``validation``: matched and classic tracks. ``judged``: splits by name, the first one is that of
    the reliability curve. ``planted``: tracks not trained on, with observations planted to decide, for faithfulness.
    ``source`` names the tracks, ``checkpoints`` is where trainings go on after a stop.
    ``progress`` counts trainings of classifiers, then methods. Errors as ``train_classifier``.
    """
    from videotracks.persistence.classifier.training_state import logits_of
    from videotracks.persistence.classifier.weights import network_of

    steps = evaluation.seeds + 2 + len(METHODS)
    learnt = training_tracks(*training, settings.seed)
    kept = training_tracks(*validation, settings.seed + 1)
    runs = []
    for at in range(evaluation.seeds):
        chosen = settings.model_copy(update={"seed": settings.seed + at})
        runs.append(train_classifier(learnt, kept, chosen, checkpoints, source, device=device))
        progress(at + 1, steps)
    networks = [network_of(run).to(device) for run in runs]
    scores = run_baselines(training[0], validation[0], dict(judged), settings, evaluation.seeds)
    progress(evaluation.seeds + 1, steps)
    for split, samples in judged.items():
        own = [logits_of(network, samples.labelled_features().features, device) for network in networks]
        scores[split] = {CLASSIFIER: Scores(np.stack(own).astype("f8"), np.zeros(len(own))), **scores[split]}
    figures = evaluate(judged, scores, evaluation)
    progress(evaluation.seeds + 2, steps)
    tracks = planted.labelled_features().features
    spoilt = planted.split(planted.corrupted, np.arange(len(tracks)))
    verdicts = []
    for at, method in enumerate(METHODS):
        explain = partial(get_frame_importance, method=method)
        verdicts.append(examine(networks[0], method, explain, tracks, spoilt, faithfulness))
        progress(evaluation.seeds + 3 + at, steps)
    first = next(iter(judged))
    logits, labels = scores[first][CLASSIFIER].scores[0], judged[first].label
    temperature = float(runs[0].tensors["temperature"])
    curves = {
        "as trained": reliability(1 / (1 + np.exp(-logits)), labels),
        f"temperature {temperature:.2f}": reliability(1 / (1 + np.exp(-logits / temperature)), labels),
    }
    return Experiment(runs[0], figures, curves, verdicts)
