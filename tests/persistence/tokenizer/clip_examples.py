"""Small clips: a body with a texture of its own before a background that slides."""

import numpy as np

from videotracks.persistence.tokenizer.settings import TokenizerSettings, TokenizerTrainingSettings

TINY = TokenizerTrainingSettings(
    network=TokenizerSettings(stem_channels=8, grid_channels=8, code_bits=6),
    steps=6, crops_per_step=6, clip_frames=3, report_steps=2,
)  # fmt: skip


def clip(seed: int, frames: int) -> np.ndarray:
    """u1[frames, 64, 64, 3]."""
    random = np.random.default_rng(seed)
    wall = np.kron(random.integers(0, 160, (64, 64, 3)), np.ones((3, 3, 1)))
    body = np.kron(random.integers(80, 256, (16, 8, 3)), np.ones((3, 3, 1)))
    made = np.empty((frames, 64, 64, 3), "u1")
    for t in range(frames):
        left = 5 * t % 128
        made[t] = wall[20:84, left : left + 64]
        made[t, 8:56, 20:44] = body
    return made


def clips(count: int, seed: int = 0) -> list[np.ndarray]:
    """Of 1 to 5 frames."""
    return [clip(1000 * seed + at, 1 + at % 5) for at in range(count)]
