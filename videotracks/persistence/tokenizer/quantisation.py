"""Lookup-free quantisation: a code is the signs of its numbers, and no table of codes is kept.

Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation", 2023, section 3.1.
"""

import torch
from torch.nn import functional

from videotracks.persistence.tokenizer.settings import GROUP_BITS

#: Steepness at which distances to the two values of a bit become its probability.
_SHARPNESS = 4.0


def quantise(latents: torch.Tensor) -> torch.Tensor:
    """The signs −1 and 1 of latents of any shape; gradients pass as if nothing had happened (straight through)."""
    signs = torch.where(latents > 0, 1.0, -1.0).to(latents.dtype)
    return latents + (signs - latents).detach()


def indices_of(signs: torch.Tensor) -> torch.Tensor:
    """The number i8[...] of each code, from its signs [..., bits]: the first is the lowest bit."""
    weights = 2 ** torch.arange(signs.shape[-1], device=signs.device)
    return ((signs > 0) * weights).sum(dim=-1)


def signs_of(indices: torch.Tensor, bits: int) -> torch.Tensor:
    """The signs f4[..., bits] of codes from their numbers i8[...]."""
    places = torch.arange(bits, device=indices.device)
    return ((indices[..., None] >> places) & 1).float() * 2 - 1


def commitment(latents: torch.Tensor) -> torch.Tensor:
    """Mean squared distance of latents from their codes."""
    return functional.mse_loss(latents, torch.where(latents > 0, 1.0, -1.0))


def entropies(latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How unsure single codes are, and how evenly all codes are used, as shares 0 to 1 of the most that there can be.

    ``latents`` [N, bits]. The penalty is the first minus the second: every code certain, all of them in use. Bits are
    independent in one code, so the first is exact; the second is counted in groups of ``GROUP_BITS``.
    """
    ones = torch.sigmoid(_SHARPNESS * latents)
    unsure = _entropy(torch.stack([ones, 1 - ones], dim=-1)).mean()
    joint = torch.ones((*latents.shape[:1], latents.shape[1] // GROUP_BITS, 1), device=latents.device)
    for bit in ones.unflatten(1, (-1, GROUP_BITS)).unbind(dim=2):
        joint = torch.cat([joint * (1 - bit)[..., None], joint * bit[..., None]], dim=-1)
    return unsure, _entropy(joint.mean(dim=0)).mean() / GROUP_BITS


def _entropy(probabilities: torch.Tensor) -> torch.Tensor:
    """Entropy over the last axis in bits."""
    return -(probabilities * torch.log2(probabilities.clamp_min(1e-9))).sum(dim=-1)
