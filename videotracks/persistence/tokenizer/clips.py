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


def draw_clips(clips: Clips, count: int, most_frames: int, seed: Sequence[int]) -> ClipBatch:
    """``count`` clips at random, each of at most ``most_frames`` successive observations; half of them mirrored."""
    random = np.random.default_rng(seed)
    drawn = []
    for row in random.integers(len(clips), size=count).tolist():
        crops = clips[row]
        begin = int(random.integers(max(1, len(crops) - most_frames + 1)))
        clip = crops[begin : begin + most_frames]
        drawn.append(clip[:, :, ::-1] if random.random() < 0.5 else clip)
    return joined(drawn)


def joined(clips: Sequence[np.ndarray]) -> ClipBatch:
    """Clips of any lengths as one batch."""
    lengths = np.array([len(clip) for clip in clips])
    crops = np.empty((len(clips), lengths.max(), CROP_PX, CROP_PX, 3), "u1")
    for row, clip in enumerate(clips):
        crops[row, : len(clip)] = clip
        crops[row, len(clip) :] = clip[-1]
    return ClipBatch(crops, np.arange(crops.shape[1]) < lengths[:, None])
