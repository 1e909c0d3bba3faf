"""What the training lessens, and what the curves show."""

from typing import NamedTuple

import torch
from torch.nn import functional

from videotracks.persistence.tokenizer.clips import ClipBatch
from videotracks.persistence.tokenizer.model import Encoded, VideoTokenizer, from_pixels
from videotracks.persistence.tokenizer.quantisation import commitment, entropies
from videotracks.persistence.tokenizer.statistics import GROUPS, statistics_of

#: What the parts of the loss count beside the absolute error of pixels: that of their means over 2 × 2 and 4 × 4, as
#: long edges and colours matter more than grain; the distance of latents from their codes; the penalty of entropy.
_COARSE_WEIGHT, _COMMITMENT_WEIGHT, _ENTROPY_WEIGHT = 0.5, 0.02, 0.02
_COARSER = (2, 4)
#: Levels from black to white, −1 to 1.
_RANGE = 2.0


class Judged(NamedTuple):
    """A batch through the network: scalars."""

    loss: torch.Tensor
    squared_error: torch.Tensor  # of pixels from −1 to 1
    statistics_error: torch.Tensor  # absolute, of what is told of layout, texture and change
    code_usage: torch.Tensor  # how evenly codes are used, 0 to 1
    code_doubt: torch.Tensor  # how unsure single codes are, 0 to 1

    @property
    def psnr_db(self) -> torch.Tensor:
        """Peak signal-to-noise ratio of the reconstruction, dB."""
        return 10 * torch.log10(_RANGE**2 / self.squared_error.clamp_min(1e-10))


def judge(network: VideoTokenizer, batch: ClipBatch, statistics_weight: float) -> Judged:
    """The losses of one batch; the frames that only fill it up count nowhere."""
    device = network.feature_mean.device
    x = from_pixels(torch.from_numpy(batch.crops).to(device))
    there = torch.from_numpy(batch.there).to(device)
    encoded: Encoded = network.encode(x)
    wrong = _frames_of(network.decode(encoded.latents) - x, there)
    coarse = torch.stack([functional.avg_pool2d(wrong, factor).abs().mean() for factor in _COARSER]).sum()
    missed = _mean_of_groups((network.tell(encoded.pooled) - statistics_of(x)).abs()[there])
    codes = _frames_of(encoded.latents, there).movedim(1, -1).flatten(0, -2)
    doubt, usage = entropies(codes)
    loss = wrong.abs().mean() + _COARSE_WEIGHT * coarse + statistics_weight * missed
    loss = loss + _COMMITMENT_WEIGHT * commitment(codes) + _ENTROPY_WEIGHT * (doubt - usage)
    return Judged(loss, (wrong**2).mean(), missed, usage, doubt)


def _frames_of(x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """The frames [N, C, H, W] of [B, C, T, H, W] that are there."""
    return x.transpose(1, 2)[there]


def _mean_of_groups(errors: torch.Tensor) -> torch.Tensor:
    """The mean of errors [N, STATISTICS] in which each kind of number counts the same."""
    return torch.stack([group.mean() for group in errors.split(GROUPS, dim=-1)]).mean()
