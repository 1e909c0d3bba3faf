"""A SAM 2 of a few million random parameters, for tests of the plumbing: it sees nothing, but at 25 frames a second."""

from typing import Any

import numpy as np

from videotracks.masks.sam2.model import build, variant

#: px
IMAGE_SIZE = 128
SETTINGS = (
    "model.image_encoder.trunk.embed_dim=16",
    "model.image_encoder.trunk.stages=[1,1,2,1]",
    "model.image_encoder.trunk.global_att_blocks=[3]",
    "model.image_encoder.neck.backbone_channel_list=[128,64,32,16]",
    "model.memory_attention.num_layers=1",
    "model.memory_attention.layer.dim_feedforward=256",
    "model.memory_encoder.fuser.num_layers=1",
)


def micro_network(seed: int = 0) -> Any:
    """The network; equal seeds give equal weights."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(variant("tiny").config, device="cpu", image_size=IMAGE_SIZE, settings=SETTINGS)


class Clip:
    """Frames of noise with a bright square that moves; counts how often each is read."""

    def __init__(self, length: int, size: int = IMAGE_SIZE) -> None:
        self.length, self.size = length, size
        self.reads: dict[int, int] = {}
        self.window = range(length)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, position: int) -> np.ndarray:
        if position not in self.window:
            raise IndexError(f"frame {position} is not in the window")
        self.reads[position] = self.reads.get(position, 0) + 1
        image = np.random.default_rng(position).integers(0, 60, (self.size, self.size, 3), dtype=np.uint8)
        image[40:80, 20 + position : 60 + position] = 220
        image.flags.writeable = False
        return image
