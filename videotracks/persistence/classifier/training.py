"""Training of the classifier: seeded, stopped when it no longer learns, continued when it was stopped."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from videotracks.errors import ModelError
from videotracks.persistence.classifier.settings import MAX_OBSERVATIONS, TrainingSettings
from videotracks.persistence.crop_tracks import FEATURES
from videotracks.progress import Progress, silent

if TYPE_CHECKING:
    import torch

Device = Literal["cpu", "cuda"]
#: Columns of the curves, one row for each epoch. All but the first loss are of the tracks kept for validation.
CURVES = ("training_loss", "loss", "accuracy", "auroc")


class LabelledFeatures(NamedTuple):
    """N tracks: features f4[T, FEATURES] of each, 1 ≤ T ≤ MAX_OBSERVATIONS, and labels i8[N], 1 for a thing."""

    features: Sequence[np.ndarray]
    labels: np.ndarray

    def check(self, what: str) -> None:
        """A ``ValueError`` where shapes or labels are others, a ``ModelError`` where one class is missing."""
        if len(self.features) != len(self.labels):
            raise ValueError(f"{what}: {len(self.features)} tracks, {len(self.labels)} labels")
        for at, track in enumerate(self.features):
            if track.shape[1:] != (FEATURES,) or not 1 <= len(track) <= MAX_OBSERVATIONS:
                raise ValueError(
                    f"{what}: track {at}: expected [1 to {MAX_OBSERVATIONS}, {FEATURES}], got {track.shape}"
                )
        if set(np.unique(self.labels).tolist()) != {0, 1}:
            raise ModelError(f"{what}: expected tracks of both kinds, got labels {np.unique(self.labels).tolist()}")


@dataclass(frozen=True, slots=True, eq=False)
class TrainedClassifier:
    """The weights of the best epoch by name, how they were made, and how it went.

    ``curves`` f8[epochs, len(CURVES)]; ``best_epoch`` counts from 0; the temperature is among the tensors.
    """

    settings: TrainingSettings
    tensors: Mapping[str, "torch.Tensor"]
    curves: np.ndarray
    best_epoch: int

    def curve(self, name: str) -> np.ndarray:
        """One column of the curves, f8[epochs]."""
        return self.curves[:, CURVES.index(name)]


def train_classifier(
    training: LabelledFeatures,
    validation: LabelledFeatures,
    settings: TrainingSettings,
    checkpoints: Path,
    source: str,
    *,
    device: Device = "cpu",
    progress: Progress = silent,
) -> TrainedClassifier:
    """Train until the loss on ``validation`` has not fallen for ``patience`` epochs; keep the weights of the best one.

    ``checkpoints`` is a folder for the state of this training: where an earlier run was stopped it is continued from
    its last whole epoch, and on a CPU ends with the same weights. ``source`` names the tracks (the hash of their
    file): a checkpoint belongs to one source and one configuration. ``progress`` counts epochs. The confidence is
    calibrated on ``validation``. ``ModelError``: a class without tracks, a damaged checkpoint, ``device`` cuda where
    there is none, a loss that is no number.
    """
    import torch

    from videotracks.persistence.classifier.calibration import fit_temperature
    from videotracks.persistence.classifier.training_state import TrainingState

    training.check(f"{source}, training")
    validation.check(f"{source}, validation")
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("device cuda: PyTorch finds no GPU here; choose the device cpu")
    checkpoints.mkdir(parents=True, exist_ok=True)
    checkpoint = checkpoints / f"classifier_{_name_of(settings, source)}.safetensors"
    state = TrainingState(settings, checkpoint, training, device)
    progress(state.epochs, settings.epochs)
    while not state.finished:
        state.run_epoch(training, validation)
        progress(state.epochs, settings.epochs)
    tensors = state.best_weights()
    tensors["temperature"] = torch.tensor(fit_temperature(state.best_logits(validation), validation.labels))
    return TrainedClassifier(settings, tensors, np.array(state.curves), state.best_epoch)


def random_prefixes(tracks: LabelledFeatures, least: int, seed: int) -> LabelledFeatures:
    """Each track cut after a random number of its observations, ``least`` to all: as it was while it still went on.

    Tracks that have no more than ``least`` stay whole.
    """
    random = np.random.default_rng(seed)
    cuts = [int(random.integers(min(least, len(track)), len(track) + 1)) for track in tracks.features]
    return LabelledFeatures([track[:cut] for track, cut in zip(tracks.features, cuts, strict=True)], tracks.labels)


def _name_of(settings: TrainingSettings, source: str) -> str:
    return hashlib.sha256(json.dumps([source, settings.model_dump_json()]).encode()).hexdigest()[:16]
