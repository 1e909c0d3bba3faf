"""The network: causal 3D convolutions down to a grid of 8 × 8 codes per frame, and back to the crop.

Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation" (MAGVIT-v2), 2023, made small. Time
is never shortened, so that each observation has latents of its own, which know nothing of what comes later: brought
to the frames of the track they would else be mixed with those of the next. There is no normalisation either: it would
take away the energies of texture and change that means over space are to carry.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from videotracks.persistence.crop_tracks import CROP_PX, FEATURES
from videotracks.persistence.tokenizer.quantisation import quantise
from videotracks.persistence.tokenizer.settings import TokenizerSettings
from videotracks.persistence.tokenizer.statistics import STATISTICS

#: Frames up to the present one that a convolution over time sees.
_CONV_FRAMES = 3
#: Frames before the present one that reach its latents: there are two convolutions over time in the encoder.
HISTORY_FRAMES = 2 * (_CONV_FRAMES - 1)
_STEM_STRIDE, _GRID_STRIDE = 4, 2
#: Places of the grid of codes along each side of a crop.
GRID = CROP_PX // _STEM_STRIDE // _GRID_STRIDE


class Encoded(NamedTuple):
    """What the tokenizer makes of clips."""

    pooled: torch.Tensor  # f4[B, T, FEATURES]: means of the grid of features over space
    latents: torch.Tensor  # f4[B, bits, T, GRID, GRID], whose signs are the code


class CausalConv(nn.Module):
    """A 3D convolution over the frames up to the present one; before the first frame it sees the first again."""

    def __init__(self, inside: int, outside: int, width: int, stride: int = 1) -> None:
        super().__init__()
        around = (width - stride + 1) // 2
        self.conv = nn.Conv3d(
            inside, outside, (_CONV_FRAMES, width, width), stride=(1, stride, stride), padding=(0, around, around)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, inside, T, H, W] to [B, outside, T, H / stride, W / stride]."""
        before = x[:, :, :1].expand(-1, -1, _CONV_FRAMES - 1, -1, -1)
        return self.conv(torch.cat([before, x], dim=2))


class Residual(nn.Module):
    """A 3 × 3 convolution within each frame, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, (1, 3, 3), padding=(0, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, T, H, W] to the same shape."""
        return x + functional.silu(self.conv(x))


class Encoder(nn.Module):
    """Crops to a grid of features."""

    def __init__(self, settings: TokenizerSettings) -> None:
        super().__init__()
        self.stem = CausalConv(3, settings.stem_channels, _STEM_STRIDE + 2, _STEM_STRIDE)
        self.fine = Residual(settings.stem_channels)
        self.down = CausalConv(settings.stem_channels, settings.grid_channels, _GRID_STRIDE + 2, _GRID_STRIDE)
        self.coarse = Residual(settings.grid_channels)
        self.widen = nn.Conv3d(settings.grid_channels, FEATURES, 1)
        # Means over space do not know where something is; with these, channels can be of the middle or of the rim.
        self.place = nn.Parameter(torch.zeros(FEATURES, 1, GRID, GRID))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """f4[B, 3, T, CROP_PX, CROP_PX] from −1 to 1, to f4[B, FEATURES, T, GRID, GRID]."""
        x = self.fine(functional.silu(self.stem(x)))
        x = self.coarse(functional.silu(self.down(x)))
        return functional.silu(self.widen(x) + self.place)


class Decoder(nn.Module):
    """Codes back to crops; causal, too."""

    def __init__(self, settings: TokenizerSettings) -> None:
        super().__init__()
        stem, grid = settings.stem_channels, settings.grid_channels
        self.begin = CausalConv(settings.code_bits, grid, 3)
        self.coarse = Residual(grid)
        self.up = nn.Conv3d(grid, stem * _GRID_STRIDE**2, 1)
        self.fine = Residual(stem)
        self.end = nn.Conv3d(stem, 3 * _STEM_STRIDE**2, (1, 3, 3), padding=(0, 1, 1))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Signs f4[B, bits, T, GRID, GRID] to f4[B, 3, T, CROP_PX, CROP_PX] from about −1 to 1."""
        x = self.coarse(functional.silu(self.begin(codes)))
        x = self.fine(functional.silu(_spread(self.up(x), _GRID_STRIDE)))
        return _spread(self.end(x), _STEM_STRIDE)


class VideoTokenizer(nn.Module):
    """Encoder, codes and decoder, and what is told of texture and change from the features alone."""

    feature_mean: torch.Tensor
    feature_scale: torch.Tensor

    def __init__(self, settings: TokenizerSettings) -> None:
        super().__init__()
        self.encoder = Encoder(settings)
        self.to_code = nn.Conv3d(FEATURES, settings.code_bits, 1)
        self.decoder = Decoder(settings)
        self.tell = nn.Linear(FEATURES, STATISTICS)
        self.register_buffer("feature_mean", torch.zeros(FEATURES))
        self.register_buffer("feature_scale", torch.ones(FEATURES))
        self._begin()

    def _begin(self) -> None:
        """First weights that keep the strength of signals from layer to layer (He et al. 2015), as nothing else does.

        PyTorch's own let them fade: trained from those, it takes some three times as many updates to the same error.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, Residual):
                nn.init.zeros_(module.conv.weight)

    def encode(self, x: torch.Tensor) -> Encoded:
        """Clips f4[B, 3, T, CROP_PX, CROP_PX] from −1 to 1."""
        grid = self.encoder(x)
        return Encoded(grid.mean(dim=(3, 4)).transpose(1, 2), self.to_code(grid))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Clips f4[B, 3, T, CROP_PX, CROP_PX] from the signs of latents f4[B, bits, T, GRID, GRID]."""
        return self.decoder(quantise(latents))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """f4[B, T, FEATURES] of clips f4[B, 3, T, CROP_PX, CROP_PX]: mean 0, spread 1 over what was trained on."""
        return (self.encoder(x).mean(dim=(3, 4)).transpose(1, 2) - self.feature_mean) / self.feature_scale


def from_pixels(crops: torch.Tensor) -> torch.Tensor:
    """Clips u1[B, T, H, W, 3] as the network takes them: f4[B, 3, T, H, W] from −1 to 1."""
    return crops.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def to_pixels(x: torch.Tensor) -> torch.Tensor:
    """The opposite of ``from_pixels``; what lies beyond black and white is cut."""
    return ((x.permute(0, 2, 3, 4, 1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _spread(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Channels [B, C · factor², T, H, W] laid out as pixels [B, C, T, H · factor, W · factor]."""
    return functional.pixel_shuffle(x.transpose(1, 2), factor).transpose(1, 2)
