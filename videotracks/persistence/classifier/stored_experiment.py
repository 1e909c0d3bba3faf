"""Training and judging from the stored features of generated tracks."""

from pathlib import Path

from videotracks.errors import ModelError
from videotracks.persistence.classifier.evaluation import EvaluationSettings
from videotracks.persistence.classifier.experiment import Experiment, run_experiment, training_tracks
from videotracks.persistence.classifier.faithfulness import FaithfulnessSettings
from videotracks.persistence.classifier.sample_files import read_samples
from videotracks.persistence.classifier.samples import Samples
from videotracks.persistence.classifier.settings import TrainingSettings
from videotracks.persistence.classifier.training import Device, TrainedClassifier, train_classifier
from videotracks.persistence.generator.plan import SetName, SplitName
from videotracks.progress import Progress, silent

#: The splits that methods are judged on, by the names that stand in reports; the first one is the main one.
JUDGED: dict[str, tuple[SetName, SplitName]] = {
    "matched": ("matched", "test"),
    "shifted": ("matched", "shifted"),
    "classic": ("classic", "validation"),
}


def train_on(
    folder: Path,
    settings: TrainingSettings,
    checkpoints: Path,
    source: str,
    *,
    device: Device = "cpu",
    progress: Progress = silent,
) -> TrainedClassifier:
    """Train on the files of ``write_samples``; the other arguments and errors are those of ``train_classifier``."""
    training = training_tracks(*_both(folder, "train"), settings.seed)
    validation = training_tracks(*_both(folder, "validation"), settings.seed + 1)
    return train_classifier(training, validation, settings, checkpoints, source, device=device, progress=progress)


def judge_on(
    folder: Path,
    settings: TrainingSettings,
    evaluation: EvaluationSettings,
    faithfulness: FaithfulnessSettings,
    checkpoints: Path,
    source: str,
    *,
    device: Device = "cpu",
    progress: Progress = silent,
) -> Experiment:
    """Train again with several seeds beside the baselines, and measure; arguments as ``run_experiment``."""
    return run_experiment(
        _both(folder, "train"),
        _both(folder, "validation"),
        {name: _part(folder, *part) for name, part in JUDGED.items()},
        _part(folder, "planted", "test"),
        settings,
        evaluation,
        faithfulness,
        checkpoints,
        source,
        device=device,
        progress=progress,
    )


def _both(folder: Path, split: SplitName) -> tuple[Samples, Samples]:
    return _part(folder, "matched", split), _part(folder, "classic", split)


def _part(folder: Path, name: SetName, split: SplitName) -> Samples:
    try:
        return read_samples(folder, name, split)
    except FileNotFoundError as error:
        raise ModelError(
            f"{error.filename}: no {name} tracks for {split}; ask for some in settings.synthetic_tracks"
        ) from error
