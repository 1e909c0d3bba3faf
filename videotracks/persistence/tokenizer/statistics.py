"""Texture and change of crops in numbers: what features must tell, because means over space easily forget it.

Reconstruction alone asks nothing of the means over space that become the features. So the network is also asked to
tell from them how strong the texture of each frame is and how much of it was there a moment ago: targets that come
from the pixels themselves (as in Wei et al., "Masked Feature Prediction", 2022, with gradient histograms). An opaque
body keeps its texture while the light on it changes; what shines through slides.
"""

import torch
from torch.nn import functional

#: Octaves of texture, from single pixels on.
_OCTAVES = 3
#: Texture is compared with that of so many frames ago.
_LAGS = (1, 2)
#: Half the width of the middle of a crop, as a share of the crop; the rest is the rim, where the background is seen.
_MIDDLE = 0.25
#: Texture weaker than this has no more to say than the rounding of pixels: two levels of 255, in units of −1 to 1.
_FLOOR = (2 / 127.5) ** 2
_LUMA = (0.299, 0.587, 0.114)
#: Numbers per frame: colours, energies and correlations, of the middle and of the rim.
STATISTICS = 2 * (3 + _OCTAVES * (1 + len(_LAGS)))


def statistics_of(x: torch.Tensor) -> torch.Tensor:
    """f4[B, T, STATISTICS] of clips f4[B, 3, T, H, W] from −1 to 1, each number of the order of 1.

    Of the middle and the rim of each frame: mean colour; per octave the logarithm of the energy of the texture, and
    its correlation with the texture of earlier frames (1 where there is none, or no texture).
    """
    red, green, blue = _LUMA
    level = red * x[:, 0] + green * x[:, 1] + blue * x[:, 2]
    found = [_in_parts(colour) for colour in x.unbind(dim=1)]
    for _ in range(_OCTAVES):
        coarser = functional.avg_pool2d(level, 2)
        band = level - coarser.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
        energy = _in_parts(band**2)
        found.append(torch.log10(energy + _FLOOR) + 2)
        for lag in _LAGS:
            shared = _in_parts(band * _delayed(band, lag))
            most = (energy * torch.stack([_delayed(part, lag) for part in energy.unbind(-1)], -1)).sqrt()
            found.append((shared + _FLOOR) / (most + _FLOOR))
        level = coarser
    return torch.cat(found, dim=-1)


def _delayed(x: torch.Tensor, frames: int) -> torch.Tensor:
    """[B, T, ...] as it was so many frames ago; before the first frame there is the first again."""
    times = (torch.arange(x.shape[1], device=x.device) - frames).clamp_min(0)
    return x[:, times]


def _in_parts(x: torch.Tensor) -> torch.Tensor:
    """Means f4[B, T, 2] of [B, T, H, W] over the middle and over the rim."""
    height, width = x.shape[2:]
    top, left = round(height * _MIDDLE), round(width * _MIDDLE)
    middle = x[:, :, top : height - top, left : width - left]
    inside = middle.shape[2] * middle.shape[3]
    total = x.sum(dim=(2, 3))
    within = middle.sum(dim=(2, 3))
    return torch.stack([within / inside, (total - within) / (height * width - inside)], dim=-1)
