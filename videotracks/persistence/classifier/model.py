"""The network: a transformer over the features of a track's observations, which shows where it looks.

Vaswani et al., "Attention Is All You Need", 2017, with the normalisation before each block (Xiong et al. 2020), which
needs no warming up. The layers are the project's own because the stock ones do not return their attention.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from videotracks.persistence.classifier.settings import MAX_OBSERVATIONS, NetworkSettings
from videotracks.persistence.crop_tracks import FEATURES

#: Longest wave of the positions: that of Vaswani et al.
_LONGEST_WAVE = 10_000.0
#: Directions of features that spread less than this, of the mean of all (variances), are not blown up to full size:
#: what is in them is rounding.
_LEAST_SPREAD = 2e-2


class Decided(NamedTuple):
    """What the network says of B tracks of up to T observations, and where it looked."""

    logits: torch.Tensor  # f4[B], above 0: a thing
    attention: tuple[torch.Tensor, ...]  # f4[B, heads, T, T] of each layer: row looks at column, rows sum to 1
    pooling: torch.Tensor  # f4[B, T]: what each observation counts in the end, sums to 1


class Attention(nn.Module):
    """Every observation looks at every other one, in several ways."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.enter = nn.Linear(settings.width, 3 * settings.width)
        self.leave = nn.Linear(settings.width, settings.width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: torch.Tensor, there: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of x f4[B, T, width] and there bool[B, T]: the new f4[B, T, width], and the attention f4[B, heads, T, T]."""
        batch, count, width = x.shape
        parts = self.enter(x).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        weights = scores.masked_fill(~there[:, None, None, :], -torch.inf).softmax(dim=-1)
        mixed = self.dropout(weights) @ value
        return self.leave(mixed.transpose(1, 2).reshape(batch, count, width)), weights


class Layer(nn.Module):
    """Attention, then a perceptron of each observation by itself; both added to what came in."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(settings.width)
        self.attention = Attention(settings)
        self.before_perceptron = nn.LayerNorm(settings.width)
        self.perceptron = nn.Sequential(
            nn.Linear(settings.width, settings.feedforward),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.feedforward, settings.width),
        )
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: torch.Tensor, there: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As ``Attention.forward``."""
        mixed, weights = self.attention(self.before_attention(x), there)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.perceptron(self.before_perceptron(x))), weights


class PersistenceNetwork(nn.Module):
    """From features of a track to one number that says whether it is a thing."""

    positions: torch.Tensor
    temperature: torch.Tensor
    feature_mean: torch.Tensor
    whitening: torch.Tensor

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        #: Features are brought to mean 0 and equal spread in all directions: see ``whitening_of``.
        self.register_buffer("feature_mean", torch.zeros(FEATURES))
        self.register_buffer("whitening", torch.eye(FEATURES))
        self.enter = nn.Linear(FEATURES, settings.width)
        self.register_buffer("positions", sinusoids(MAX_OBSERVATIONS, settings.width), persistent=False)
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(Layer(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.width)
        self.query = nn.Linear(settings.width, 1, bias=False) if settings.pooling == "attention" else None
        self.decide = nn.Sequential(
            nn.Linear(settings.width, settings.hidden),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, 1),
        )
        #: What logits are divided by before they become probabilities; fitted after the training.
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, features: torch.Tensor, there: torch.Tensor) -> Decided:
        """Of features f4[B, T, FEATURES], T ≤ MAX_OBSERVATIONS, and there bool[B, T], at least one a row.

        What is not there may be gaps or the end of a row, and counts for nothing.
        """
        white = (features - self.feature_mean) @ self.whitening
        x = self.dropout(self.enter(white) + self.positions[: features.shape[1]])
        attention = []
        for layer in self.layers:
            x, weights = layer(x, there)
            attention.append(weights)
        x = self.norm(x)
        pooling = self._pooling(x, there)
        if torch.is_grad_enabled() and not pooling.requires_grad:
            pooling.requires_grad_()  # a mean has no weights to learn, but its share in the decision is asked for
        pooled = (pooling[:, None, :] @ x)[:, 0]
        return Decided(self.decide(pooled)[:, 0], tuple(attention), pooling)

    def _pooling(self, x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """What each observation counts, f4[B, T]."""
        if self.query is None:
            shares = there.to(x.dtype)
            return shares / shares.sum(dim=1, keepdim=True)
        scores = self.query(x)[..., 0] / math.sqrt(x.shape[-1])
        return scores.masked_fill(~there, -torch.inf).softmax(dim=-1)


def sinusoids(count: int, width: int) -> torch.Tensor:
    """Positions as waves of lengths from 2π to 10,000 · 2π, f4[count, width]; Vaswani et al. 2017, section 3.5."""
    steps = torch.exp(torch.arange(0, width, 2) * (-math.log(_LONGEST_WAVE) / width))
    angles = torch.arange(count)[:, None] * steps
    return torch.stack([angles.sin(), angles.cos()], dim=-1).reshape(count, width)


def whitening_of(features: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean f4[F] and whitening f4[F, F] of features [O, F].

    The features of an encoder that was never told of tracks lie almost in a plane: a few directions (brightness,
    colour) spread a million times as much as those that tell things apart, which gradient descent would hardly find.
    """
    mean = features.mean(axis=0, dtype="f8")
    covariance = np.cov(features - mean, rowvar=False, bias=True)
    spread, directions = np.linalg.eigh(covariance)
    scales = 1 / np.sqrt(np.maximum(spread, 0) + _LEAST_SPREAD * spread.mean() + np.finfo("f4").tiny)
    return torch.from_numpy(mean).float(), torch.from_numpy(directions * scales).float()


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of logits f4[B] and labels f4[B], its mean."""
    return functional.binary_cross_entropy_with_logits(logits, labels)
