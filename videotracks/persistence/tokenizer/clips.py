"""Batches of clips for the training: which clips are seen when follows from seed and step alone."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from videotracks.persistence.crop_tracks import CROP_PX

#: The crops of tracks, u1[T, CROP_PX, CROP_PX, 3] RGB with T ≥ 1 each; may be read from a file when asked for.
Clips = Sequence[np.ndarray]


class ClipBatch(NamedTuple):
    """Clips of one length: shorter ones are continued by their last frame, which ``there`` leaves out."""

    crops: np.ndarray  # u1[B, T, CROP_PX, CROP_PX, 3]
    there: np.ndarray  # bool[B, T]


_MIRRORED = 0.5
#: How many clips are looked at for one that is long enough; where few are, the batch is smaller.
_LOOKS_PER_CLIP = 4


def draw_batch(clips: Clips, most_crops: int, most_frames: int, seed: Sequence[int]) -> ClipBatch:
    """Clips of one length at random, ``most_crops`` in all: nothing is filled up. Half of them are mirrored.

    The length, at most ``most_frames``, is that of a clip at random: lengths come as often as clips have them.
    """
    random = np.random.default_rng(seed)
    first = clips[int(random.integers(len(clips)))]
    frames = min(len(first), most_frames, most_crops)
    drawn = [_window(first, frames, random)]
    wanted = most_crops // frames
    for row in random.integers(len(clips), size=_LOOKS_PER_CLIP * wanted).tolist():
        if len(drawn) == wanted:
            break
        if len(crops := clips[row]) >= frames:
            drawn.append(_window(crops, frames, random))
    return joined(drawn)


def draw_sample(clips: Clips, count: int, most_frames: int, seed: Sequence[int]) -> ClipBatch:
    """``count`` clips at random of their own lengths, at most ``most_frames`` successive observations each."""
    random = np.random.default_rng(seed)
    rows = random.integers(len(clips), size=count).tolist()
    return joined([_window(crops, most_frames, random) for crops in map(clips.__getitem__, rows)])


def _window(crops: np.ndarray, most_frames: int, random: np.random.Generator) -> np.ndarray:
    begin = int(random.integers(max(1, len(crops) - most_frames + 1)))
    clip = crops[begin : begin + most_frames]
    return clip[:, :, ::-1] if random.random() < _MIRRORED else clip


def joined(clips: Sequence[np.ndarray]) -> ClipBatch:
    """Clips of any lengths as one batch."""
    lengths = np.array([len(clip) for clip in clips])
    crops = np.empty((len(clips), lengths.max(), CROP_PX, CROP_PX, 3), "u1")
    for row, clip in enumerate(clips):
        crops[row, : len(clip)] = clip
        crops[row, len(clip) :] = clip[-1]
    return ClipBatch(crops, np.arange(crops.shape[1]) < lengths[:, None])
