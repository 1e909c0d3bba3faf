"""Layout, texture and change of crops in numbers: what features must tell, because means over space easily forget it.

Reconstruction alone asks nothing of the means over space that become the features. So the network is also asked to
tell from them which colours and which texture are where in each frame, and how much of the texture was there a moment
ago: targets that come from the pixels themselves (as in Wei et al., "Masked Feature Prediction", 2022, with gradient
histograms). A body stays what it is while the light on it changes; what shines through slides.
"""

import torch
from torch.nn import functional

#: Cells along each side of a crop; the inner half of them are its middle, the outer ones its rim.
_CELLS = 4
#: Octaves of texture, from single pixels on.
_OCTAVES = 3
#: Texture is compared with that of so many frames ago.
_LAGS = (1, 2)
#: Texture weaker than this has no more to say than the rounding of pixels: two levels of 255, in units of −1 to 1.
_FLOOR = (2 / 127.5) ** 2
_LUMA = (0.299, 0.587, 0.114)
#: Numbers per frame: colours of the cells, energies of the octaves in the cells, correlations of middle and rim.
GROUPS = (3 * _CELLS**2, _OCTAVES * _CELLS**2, 2 * _OCTAVES * len(_LAGS))
STATISTICS = sum(GROUPS)


def statistics_of(x: torch.Tensor) -> torch.Tensor:
    """f4[B, T, STATISTICS] of clips f4[B, 3, T, H, W] from −1 to 1, each number of the order of 1.

    Of each frame: mean red, green and blue of the cells, row by row; per octave the logarithm of the energy of the
    texture in each cell; per octave and lag the correlation of the texture of the middle, and of the rim, with that of
    the earlier frame (1 where there is no texture; before the first frame there is the first again).
    """
    red, green, blue = _LUMA
    level = red * x[:, 0] + green * x[:, 1] + blue * x[:, 2]
    colors = [_in_cells(color) for color in x.unbind(dim=1)]
    energies, correlations = [], []
    for _ in range(_OCTAVES):
        coarser = functional.avg_pool2d(level, 2)
        band = level - coarser.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
        energy = _in_cells(band**2)
        energies.append(torch.log10(energy + _FLOOR) + 2)
        whole = _middle_and_rim(energy)
        for lag in _LAGS:
            shared = _middle_and_rim(_in_cells(band * _delayed(band, lag)))
            correlations.append((shared + _FLOOR) / ((whole * _delayed(whole, lag)).sqrt() + _FLOOR))
        level = coarser
    return torch.cat([*colors, *energies, *correlations], dim=-1)


def _delayed(x: torch.Tensor, frames: int) -> torch.Tensor:
    """[B, T, ...] as it was so many frames ago."""
    times = (torch.arange(x.shape[1], device=x.device) - frames).clamp_min(0)
    return x[:, times]


def _in_cells(x: torch.Tensor) -> torch.Tensor:
    """Means f4[B, T, cells] of [B, T, H, W], row by row."""
    return functional.adaptive_avg_pool2d(x, _CELLS).flatten(2)


def _middle_and_rim(cells: torch.Tensor) -> torch.Tensor:
    """Means f4[B, T, 2] over the cells of the middle and over those of the rim."""
    square = cells.unflatten(2, (_CELLS, _CELLS))
    inner = slice(_CELLS // 4, _CELLS - _CELLS // 4)
    middle = square[:, :, inner, inner].mean(dim=(2, 3))
    share = (inner.stop - inner.start) ** 2 / _CELLS**2
    return torch.stack([middle, (cells.mean(dim=2) - share * middle) / (1 - share)], dim=-1)
