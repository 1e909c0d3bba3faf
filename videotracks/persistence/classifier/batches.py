"""Tracks of different lengths as rectangular batches."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from videotracks.persistence.classifier.settings import MAX_OBSERVATIONS
from videotracks.persistence.crop_tracks import FEATURES

if TYPE_CHECKING:
    import torch

#: Batches whose tracks are sorted by length among themselves: little is padded, and order stays nearly random.
_SORTED_BATCHES = 8


def evenly_spaced(count: int) -> np.ndarray:
    """The observations that are looked at of ``count`` ≥ 1: all, or MAX_OBSERVATIONS with the first and the last."""
    return np.linspace(0, count - 1, min(count, MAX_OBSERVATIONS)).round().astype("i8")


def padded(tracks: Sequence[np.ndarray], device: str = "cpu") -> tuple["torch.Tensor", "torch.Tensor"]:
    """Features f4[T, FEATURES] of B tracks, T ≤ MAX_OBSERVATIONS, as f4[B, longest, FEATURES], and what is there."""
    import torch

    lengths = np.array([len(track) for track in tracks])
    features = np.zeros((len(tracks), lengths.max(), FEATURES), "f4")
    there = np.arange(lengths.max()) < lengths[:, None]
    features[there] = np.concatenate(tracks)
    return torch.from_numpy(features).to(device), torch.from_numpy(there).to(device)


def shuffled(lengths: np.ndarray, batch: int, seed: tuple[int, ...]) -> list[np.ndarray]:
    """Every track once, in random batches of tracks of about the same length: the tracks of each, i8[≤ batch]."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(lengths))
    batches: list[np.ndarray] = []
    for start in range(0, len(order), batch * _SORTED_BATCHES):
        window = order[start : start + batch * _SORTED_BATCHES]
        window = window[np.argsort(lengths[window], kind="stable")]
        batches += [window[at : at + batch] for at in range(0, len(window), batch)]
    return [batches[at] for at in random.permutation(len(batches))]


def by_length(lengths: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Every track once, in batches of at most ``most`` observations after padding (or one track), i8[…] each."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    for at, track in enumerate(order):
        if at > start and (at + 1 - start) * lengths[track] > most:
            yield order[start:at]
            start = at
    if start < len(order):
        yield order[start:]
