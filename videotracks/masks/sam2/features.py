"""What SAM 2 computes of a frame whatever is followed in it: computed once, kept for a while, timed by stage."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from videotracks.masks.segmenters import Frames

#: Mean and standard deviation of ImageNet's channels R, G, B, of 0 to 255: what the encoder was trained with.
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
#: Bytes of features that are kept. A frame of 1024 px takes 16.8 MB in single precision (CPU) and 8.4 MB in bfloat16
#: (CUDA, where the encoder's last layers compute in it anyway): 64 frames and 128.
CACHE_BYTES = 64 * 4 * 4_194_304


class Computing:
    """Where the network runs and how: device, threads, precision; and the seconds that it took, by stage."""

    def __init__(self, device: str, threads: int) -> None:
        """``threads`` of one operation on the CPU."""
        self.device, self.threads = device, threads
        self.seconds = {"encode": 0.0, "prompt": 0.0, "propagate": 0.0}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run the body without gradients, and count its time to the stage; less what it spends in ``encode``."""
        self._wait()
        begun, encoded = time.perf_counter(), self.seconds["encode"]
        with inference(self.device, self.threads):
            yield
        self._wait()
        inner = self.seconds["encode"] - encoded
        self.seconds[name] += time.perf_counter() - begun - inner

    def _wait(self) -> None:
        """CUDA answers before it has computed."""
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()


@contextmanager
def inference(device: str, threads: int) -> Iterator[None]:
    """No gradients; bfloat16 where the GPU is meant to use it; the threads asked for, for as long as it lasts."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    precision = torch.autocast("cuda", dtype=torch.bfloat16) if device == "cuda" else nullcontext()
    try:
        with torch.inference_mode(), precision:
            yield
    finally:
        torch.set_num_threads(before)


class FrameFeatures:
    """The image features of the frames, computed when asked for and kept, the least recently used ones let go first.

    It takes the place of ``cached_features`` in sam2's state, which holds one frame: since ``get`` always has an
    answer, sam2 never computes features of its own. Prompts, levels and both directions share them.
    """

    def __init__(self, network: Any, frames: Frames, computing: Computing, cache_bytes: int) -> None:
        self._network, self._frames, self._computing = network, frames, computing
        self._cache_bytes, self._held_bytes = cache_bytes, 0
        self._held: OrderedDict[int, list[Any]] = OrderedDict()
        self._positions: list[Any] = []

    def __len__(self) -> int:
        return len(self._held)

    def get(self, position: int, _default: Any = None) -> tuple[Any, dict[str, Any]]:
        """What sam2 keeps of a frame: the image (which it only hands on: a pixel stands for it) and its features."""
        if position not in self._held:
            with self._computing.stage("encode"):
                self._keep(position, self._encode(position))
        self._held.move_to_end(position)
        maps = self._held[position]
        return maps[-1].new_zeros(1, 3, 1, 1), {"backbone_fpn": maps, "vision_pos_enc": self._positions}

    def release(self, first: int, last: int) -> None:
        """Let go of frames outside positions ``first`` to ``last`` (included)."""
        for position in [p for p in self._held if not first <= p <= last]:
            self._drop(position)

    def _encode(self, position: int) -> list[Any]:
        import torch

        image, size = self._frames[position], self._network.image_size
        if image.shape != (size, size, 3) or image.dtype != np.uint8:
            raise ValueError(f"frame {position}: expected u8[{size}, {size}, 3], got {image.dtype}{list(image.shape)}")
        pixels = torch.tensor(image, device=self._computing.device).permute(2, 0, 1)[None].float()
        mean, std = (pixels.new_tensor(values)[None, :, None, None] for values in (_MEAN, _STD))
        found = self._network.forward_image((pixels - mean) / std)
        # The encoding of positions is the same for every frame, and five times as large as its features.
        self._positions = self._positions or found["vision_pos_enc"]
        return list(found["backbone_fpn"])

    def _keep(self, position: int, maps: list[Any]) -> None:
        self._held[position] = maps
        self._held_bytes += _bytes_of(maps)
        while self._held_bytes > self._cache_bytes and len(self._held) > 1:
            self._drop(next(iter(self._held)))

    def _drop(self, position: int) -> None:
        self._held_bytes -= _bytes_of(self._held.pop(position))


def _bytes_of(maps: list[Any]) -> int:
    return sum(tensor.nbytes for tensor in maps)
