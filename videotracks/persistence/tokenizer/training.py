"""Training of the tokenizer on crops alone: what it reconstructs, and what its features tell of layout and change."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from videotracks.errors import ModelError
from videotracks.persistence.tokenizer.clips import Clips, draw_batch, draw_sample
from videotracks.persistence.tokenizer.settings import TokenizerTrainingSettings
from videotracks.progress import Progress, silent

if TYPE_CHECKING:
    import torch

#: Columns of the curves. All are of clips that the training does not see; ``step`` counts updates, errors are absolute,
#: use and doubt of codes are shares of the most that there can be.
CURVES = ("step", "loss", "psnr_db", "statistics_error", "code_usage", "code_doubt")
#: Clips that the curves are measured on, and those that the features' mean and spread are taken of.
_JUDGED_CLIPS, _NORMAL_CLIPS = 48, 128
#: Where the draws beside those of the steps begin to count.
_JUDGED, _NORMAL = 1 << 40, 2 << 40


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTokenizer:
    """The weights by name, how they were made, and how it went: ``curves`` f4[N, len(CURVES)]."""

    settings: TokenizerTrainingSettings
    tensors: Mapping[str, "torch.Tensor"]
    curves: np.ndarray

    def curve(self, name: str) -> np.ndarray:
        """One column of the curves, f4[N]."""
        return self.curves[:, CURVES.index(name)]


def train_tokenizer(
    clips: Clips,
    held_out: Clips,
    settings: TokenizerTrainingSettings,
    checkpoints: Path,
    source: str,
    *,
    device: Literal["cpu", "cuda"] = "cpu",
    progress: Progress = silent,
) -> TrainedTokenizer:
    """Train on ``clips``, draw curves on ``held_out`` ones; go on where an earlier training was stopped.

    ``checkpoints`` is a folder for the state of this training; it may be removed when the weights are stored.
    ``source`` names the clips (the hash of their file): a checkpoint belongs to one source and one configuration,
    others are left alone. The same arguments give the same weights on the same machine, stopped in between or not.
    ``ModelError``: no clips, a checkpoint that is damaged, ``device`` cuda where there is none, a loss that diverges.
    """
    import torch

    from videotracks.persistence.tokenizer.training_state import TrainingState

    if not len(clips) or not len(held_out):
        raise ModelError(f"{source}: expected clips to train and to test on, got {len(clips)} and {len(held_out)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("device cuda: PyTorch finds no GPU here; choose the device cpu")
    state = TrainingState(settings, checkpoints / f"tokenizer_{_name_of(settings, source)}.safetensors", device)
    judged = draw_sample(held_out, _JUDGED_CLIPS, settings.clip_frames, (settings.seed, _JUDGED))
    progress(state.step, settings.steps)
    while state.step < settings.steps:
        state.update(draw_batch(clips, settings.crops_per_step, settings.clip_frames, (settings.seed, state.step)))
        if state.step % settings.report_steps == 0 or state.step == settings.steps:
            state.report(judged)
        progress(state.step, settings.steps)
    state.normalise(draw_sample(clips, _NORMAL_CLIPS, settings.clip_frames, (settings.seed, _NORMAL)))
    return TrainedTokenizer(settings, state.network.state_dict(), np.array(state.curves, "f4"))


def _name_of(settings: TokenizerTrainingSettings, source: str) -> str:
    return hashlib.sha256(f"{source}\0{settings.model_dump_json()}".encode()).hexdigest()[:16]
