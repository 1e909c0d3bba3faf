"""The state of a training that can be stopped: weights, optimiser and curves, in one file without pickles."""

import math
from pathlib import Path

import numpy as np
import torch

from videotracks.errors import ModelError
from videotracks.persistence.tokenizer.clips import ClipBatch
from videotracks.persistence.tokenizer.losses import Judged, judge
from videotracks.persistence.tokenizer.model import VideoTokenizer, from_pixels
from videotracks.persistence.tokenizer.settings import TokenizerTrainingSettings
from videotracks.persistence.weights_files import fill, read_weights, write_weights

#: Share of the updates in which the learning rate rises to its full value.
_RISING = 0.05
_WEIGHT_DECAY, _MOST_GRADIENT = 0.01, 1.0
#: A channel that hardly varies must not become noise of full strength.
_LEAST_SCALE = 1e-3
#: Names in a checkpoint: of the curves, and before those of the network and of the two moments of AdamW.
_CURVES, _NETWORK, _MOMENTS = "curves", "network.", {"exp_avg": "first_moment.", "exp_avg_sq": "second_moment."}


class TrainingState:
    """A training after ``step`` updates; it begins where the checkpoint says, or with fresh weights."""

    def __init__(self, settings: TokenizerTrainingSettings, checkpoint: Path, device: str) -> None:
        self._settings, self._checkpoint = settings, checkpoint
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = VideoTokenizer(settings.network).to(device)
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY
        )
        self.step = 0
        self.curves: list[list[float]] = []
        if checkpoint.is_file():
            self._resume()

    def update(self, batch: ClipBatch) -> None:
        """One update of the weights."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._settings.learning_rate * _rate_at(self.step / self._settings.steps)
        self._optimiser.zero_grad()
        judge(self.network, batch, self._settings.statistics_weight).loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _MOST_GRADIENT)
        self._optimiser.step()
        self.step += 1

    def report(self, batch: ClipBatch) -> None:
        """Add a point to the curves, measured on clips that are not trained on, and write the checkpoint."""
        with torch.inference_mode():
            judged: Judged = judge(self.network, batch, self._settings.statistics_weight)
        shown = (judged.loss, judged.psnr_db, judged.statistics_error, judged.code_usage, judged.code_doubt)
        if not math.isfinite(float(judged.loss)):
            raise ModelError(f"{self._checkpoint}: the loss is no longer finite after {self.step} steps; learn slower")
        self.curves.append([self.step, *map(float, shown)])
        self._save()

    def normalise(self, batch: ClipBatch) -> None:
        """Let features have mean 0 and spread 1 over a batch."""
        network = self.network
        with torch.inference_mode():
            pooled = network.encode(from_pixels(torch.from_numpy(batch.crops).to(network.feature_mean.device))).pooled
            rows = pooled[torch.from_numpy(batch.there).to(pooled.device)]
            network.feature_mean.copy_(rows.mean(dim=0))
            network.feature_scale.copy_(rows.std(dim=0, correction=0).clamp_min(_LEAST_SCALE))

    def _save(self) -> None:
        tensors = {_NETWORK + name: value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for moment, prefix in _MOMENTS.items():
                tensors[prefix + name] = self._optimiser.state[parameter][moment]
        tensors[_CURVES] = torch.from_numpy(np.array(self.curves, "f4"))
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        write_weights(self._checkpoint, tensors, self._settings, {"step": str(self.step)})

    def _resume(self) -> None:
        """Take everything from the checkpoint; ``ModelError`` where it is not one of this training."""
        settings, tensors, said = read_weights(self._checkpoint, TokenizerTrainingSettings)
        name = f"{self._checkpoint} (remove it to begin anew)"
        fill(self.network, _under(_NETWORK, tensors), name)
        moments = {moment: _under(prefix, tensors) for moment, prefix in _MOMENTS.items()}
        curves, step, state = tensors.get(_CURVES), said.get("step", ""), {}
        for at, (key, parameter) in enumerate(self.network.named_parameters()):
            state[at] = {moment: found.get(key) for moment, found in moments.items()}
            if any(found is None or found.shape != parameter.shape for found in state[at].values()):
                raise ModelError(f"{name}: the moments of {key} are missing or of another shape")
        same = settings.model_dump() == self._settings.model_dump()  # the type of what was configured is another
        if not same or curves is None or curves.ndim != 2 or not step.isdecimal():
            raise ModelError(f"{name}: expected the checkpoint of a training with the same settings")
        self.step = min(int(step), self._settings.steps)
        for found in state.values():
            found["step"] = torch.tensor(float(self.step))
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": state, "param_groups": groups})
        self.curves = curves.tolist()


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _rate_at(done: float) -> float:
    """The learning rate as a share of its full value: a straight rise, then half a cosine down to zero."""
    if done < _RISING:
        return (done + 1e-3) / (_RISING + 1e-3)
    return (1 + math.cos(math.pi * (done - _RISING) / (1 - _RISING))) / 2
