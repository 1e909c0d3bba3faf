"""What a training is made of at the end of an epoch, in a file from which it goes on."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, Field, ValidationError

from videotracks.errors import ModelError
from videotracks.persistence.classifier.auroc import auroc
from videotracks.persistence.classifier.batches import by_length, padded, shuffled
from videotracks.persistence.classifier.model import PersistenceNetwork, loss_of, whitening_of
from videotracks.persistence.classifier.settings import TrainingSettings
from videotracks.persistence.classifier.training import CURVES, Device, LabelledFeatures
from videotracks.persistence.weights_files import fill, read_weights, write_weights

#: Observations that are judged together, after padding.
JUDGED_OBSERVATIONS = 4096


class _Kept(BaseModel, frozen=True, extra="forbid"):
    """What a checkpoint says beside its tensors."""

    curves: list[list[float]] = Field(max_length=10_000)
    best_epoch: int = Field(ge=-1)
    updates: int = Field(ge=0)


class TrainingState:
    """Network, optimiser and curves; all chance comes from the seed and the number of the epoch."""

    def __init__(self, settings: TrainingSettings, path: Path, training: LabelledFeatures, device: Device) -> None:
        self.settings, self.path, self.device = settings, path, device
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            self.network = PersistenceNetwork(settings.network)
        self.network.feature_mean, self.network.whitening = whitening_of(np.concatenate(training.features))
        self.network.to(device)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.curves: list[list[float]] = []
        self.best_epoch, self.updates = -1, 0
        self.best = self._weights()
        if path.exists():
            self._read()

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.curves)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to learn, or no epoch left."""
        settings = self.settings
        return self.epochs >= settings.epochs or self.epochs - 1 - self.best_epoch >= settings.patience

    def best_weights(self) -> dict[str, torch.Tensor]:
        """The weights of the best epoch, on the CPU."""
        return {name: tensor.cpu().clone() for name, tensor in self.best.items()}

    def best_logits(self, tracks: LabelledFeatures) -> np.ndarray:
        """What the best epoch says of tracks, f4[N]."""
        network = copy.deepcopy(self.network)  # a new one would draw on the chance of others
        network.load_state_dict(self.best)
        return logits_of(network, tracks.features, self.device)

    def run_epoch(self, training: LabelledFeatures, validation: LabelledFeatures) -> None:
        """See every track of ``training`` once, judge ``validation``, and write the checkpoint."""
        devices = [torch.cuda.current_device()] if self.device == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed((self.settings.seed << 16) + self.epochs + 1)
            training_loss = self._learn(training)
        logits = logits_of(self.network, validation.features, self.device)
        loss = float(loss_of(torch.from_numpy(logits), torch.from_numpy(validation.labels).float()))
        if not np.isfinite([training_loss, loss]).all():
            raise ModelError(
                f"training diverged in epoch {self.epochs + 1} (losses {training_loss}, {loss}); lower learning_rate"
            )
        accuracy = float(((logits > 0) == (validation.labels == 1)).mean())
        losses = [row[CURVES.index("loss")] for row in self.curves]
        self.curves.append([training_loss, loss, accuracy, auroc(validation.labels, logits)])
        if loss < min(losses, default=np.inf):
            self.best_epoch, self.best = self.epochs - 1, self._weights()
        self._write()

    def _learn(self, tracks: LabelledFeatures) -> float:
        """One pass over the tracks; the mean loss."""
        settings, total = self.settings, 0.0
        random = np.random.default_rng((settings.seed, self.epochs))
        lengths = np.array([len(track) for track in tracks.features])
        self.network.train()
        for rows in shuffled(lengths, settings.batch, (settings.seed, self.epochs)):
            features, there = padded([tracks.features[row] for row in rows], self.device)
            there &= torch.from_numpy(_seen(random, lengths[rows], there.shape[1], settings)).to(self.device)
            labels = torch.from_numpy(tracks.labels[rows]).float().to(self.device)
            loss = loss_of(self.network(features, there).logits, labels)
            self.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_clip)
            self.optimiser.step()
            self.updates += 1
            total += loss.item() * len(rows)
        return total / len(lengths)

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}

    def _write(self) -> None:
        moments: dict[str, torch.Tensor] = {}
        for name, parameter in self.network.named_parameters():
            kept = self.optimiser.state[parameter]
            moments |= {f"mean.{name}": kept["exp_avg"], f"square.{name}": kept["exp_avg_sq"]}
        tensors = {f"now.{name}": tensor for name, tensor in self._weights().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()} | moments
        said = _Kept(curves=self.curves, best_epoch=self.best_epoch, updates=self.updates)
        write_weights(self.path, tensors, self.settings, {"state": said.model_dump_json()})

    def _read(self) -> None:
        remedy = "delete it to begin the training anew"
        try:
            settings, tensors, provenance = read_weights(self.path, TrainingSettings)
            said = _Kept.model_validate_json(provenance.get("state", ""))
        except (ModelError, ValidationError) as error:
            raise ModelError(f"{self.path}: no checkpoint of a training ({str(error)[:300]}); {remedy}") from error
        parts = {kind: _part(tensors, kind) for kind in ("now", "best", "mean", "square")}
        parameters = dict(self.network.named_parameters())
        shapes = {name: parameter.shape for name, parameter in parameters.items()}
        moments = all({name: t.shape for name, t in parts[kind].items()} == shapes for kind in ("mean", "square"))
        rows = all(len(row) == len(CURVES) for row in said.curves)
        same = settings.model_dump() == self.settings.model_dump()  # the type of what was configured is another
        if not same or not moments or not rows or said.best_epoch >= len(said.curves):
            raise ModelError(f"{self.path}: a checkpoint of another training; {remedy}")
        fill(self.network, parts["best"], str(self.path))
        self.best = self._weights()
        fill(self.network, parts["now"], str(self.path))
        for name, parameter in parameters.items():
            self.optimiser.state[parameter] = {
                "step": torch.tensor(float(said.updates)),
                "exp_avg": parts["mean"][name].to(self.device),
                "exp_avg_sq": parts["square"][name].to(self.device),
            }
        self.curves = [list(row) for row in said.curves]
        self.best_epoch, self.updates = said.best_epoch, said.updates


def logits_of(network: PersistenceNetwork, tracks: Sequence[np.ndarray], device: str = "cpu") -> np.ndarray:
    """What a network says of tracks f4[T, FEATURES], T ≤ MAX_OBSERVATIONS, f4[N]; no temperature, no dropout."""
    found = np.zeros(len(tracks), "f4")
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        for rows in by_length(np.array([len(track) for track in tracks], "i8"), JUDGED_OBSERVATIONS):
            found[rows] = network(*padded([tracks[row] for row in rows], device)).logits.cpu().numpy()
    network.train(was_training)
    return found


def _seen(random: np.random.Generator, lengths: np.ndarray, longest: int, settings: TrainingSettings) -> np.ndarray:
    """The observations that training does not hide, bool[B, longest]; at least one of each track."""
    chance = random.random((len(lengths), longest))
    chance[np.arange(longest) >= lengths[:, None]] = 0  # beyond the end: hidden anyway, and never the one that is kept
    seen = chance >= settings.hidden_observations
    seen[np.arange(len(lengths)), chance.argmax(axis=1)] = True
    return seen


def _part(tensors: dict[str, torch.Tensor], kind: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{kind}."): value for name, value in tensors.items() if name.startswith(f"{kind}.")}
