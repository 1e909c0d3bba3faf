"""The segmenter SAM 2 (Ravi et al. 2024, arXiv 2408.00714), by the package ``sam2`` and weights that lie here."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from videotracks.errors import ModelError
from videotracks.masks.sam2.features import Computing, inference
from videotracks.masks.sam2.model import build, load_weights, variant
from videotracks.masks.sam2.proposals import ProposalGenerator
from videotracks.masks.sam2.session import BATCH, Sam2Session
from videotracks.masks.segmenters import Frames, Prompt, Proposal
from videotracks.weights import hash_file

_DEVICES = ("cpu", "cuda")
#: More threads than this gain nothing for matrices of these sizes.
_MAX_THREADS = 8
#: px; the encoder halves the image five times.
_SIZE_STEP = 32


class Sam2Segmenter:
    """A predictor of the SAM 2 family with its weights (``segmenters.Segmenter``); never with random ones.

    Which networks there are, and how another one is added, stands in ``model``. On CUDA it computes in bfloat16,
    on the CPU in single precision. The network is built and read on first use; a missing file is an error at once.
    """

    name = "sam2"

    def __init__(
        self, size: str, weights: Path, *, device: str = "cpu", threads: int = 0, image_size: int = 1024
    ) -> None:
        """``threads`` of one operation on the CPU; 0: all cores but one, which decodes.

        ``image_size`` in px is what the network sees of a frame; it was trained at 1024. Half of it costs a quarter
        of the time and the small objects.

        ``ModelError``: an unknown size or device, an image size that does not fit, no file at ``weights``.
        """
        described = variant(size)
        if device not in _DEVICES:
            raise ModelError(f"device {device!r} is unknown here; expected one of {list(_DEVICES)}")
        if image_size % _SIZE_STEP or not 64 <= image_size <= 2048:
            raise ModelError(f"image size {image_size} px: expected a multiple of {_SIZE_STEP} from 64 to 2048")
        if not weights.is_file():
            raise ModelError(
                f"{weights}: the weights of SAM 2 are not there; fetch {described.file} with "
                f"`videotracks weights fetch {described.weights}`, or name another file, or choose the segmenter flow"
            )
        self._size, self._weights, self._image_size = size, weights, image_size
        self._device, self._threads = device, threads or max(1, min(_MAX_THREADS, (os.cpu_count() or 1) - 1))
        self._generators: dict[int, ProposalGenerator] = {}

    @classmethod
    def of_model(
        cls, network: Any, provenance: dict[str, str], *, device: str = "cpu", threads: int = 1
    ) -> "Sam2Segmenter":
        """A segmenter of a network in memory, whatever its weights are: for tests and benchmarks of speed."""
        made = cls.__new__(cls)
        made._image_size, made._device, made._threads = network.image_size, device, threads
        made._generators = {}
        made.__dict__.update(_network=network, _provenance=dict(provenance))
        return made

    def provenance(self) -> dict[str, str]:
        """What runs: backend, size, weights file and its SHA-256, device, PyTorch's version, precision, image size."""
        return dict(self._provenance)

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        """The network's own square: SAM 2 does not keep the aspect of a frame."""
        return self._image_size, self._image_size

    def propose(
        self, image_rgb: np.ndarray, neighbour_rgb: np.ndarray | None, levels: Sequence[int]
    ) -> dict[int, list[Proposal]]:
        """The objects of a frame RGB u8[H, W, 3] at each level 1 to 6 (``sam2_proposals.GRAINS``); the neighbour is
        not looked at. Those of which the network is surest come first."""
        network = self._network
        for level in levels:
            if level not in self._generators:
                self._generators[level] = ProposalGenerator(network, level, self._device)
        with inference(self._device, self._threads):
            return {level: self._generators[level].propose(image_rgb) for level in levels}

    def session(self, frames: Frames, width: int, height: int) -> Sam2Session:
        """Begin to follow objects through ``frames``, squares of ``frame_size``; masks at ``width`` x ``height`` px."""
        return Sam2Session(self._network, frames, width, height, Computing(self._device, self._threads))

    def forecast_s(self, frames: int, objects: int) -> float:
        """Seconds that following ``objects`` through ``frames`` is expected to take here, decoding apart.

        Measured when first asked, on a picture of noise: one frame encoded, one batch of objects followed with full
        memory.
        """
        encode_s, step_s = self._pace
        return frames * (encode_s + objects * step_s)

    @cached_property
    def _network(self) -> Any:
        network = build(variant(self._size).config, device=self._device, image_size=self._image_size)
        load_weights(network, self._weights)
        return network

    @cached_property
    def _provenance(self) -> dict[str, str]:
        from importlib.metadata import version

        return {
            "backend": self.name,
            "size": self._size,
            "weights": self._weights.name,
            "sha256": hash_file(self._weights),
            "device": self._device,
            "torch": version("torch"),
            "sam2": version("sam2"),
            "dtype": "bfloat16" if self._device == "cuda" else "float32",
            "image_size": str(self._image_size),
        }

    @cached_property
    def _pace(self) -> tuple[float, float]:
        """Seconds to encode a frame, and to follow one object through one frame."""
        # What a GPU does first of all is compile and allocate.
        runs = [self._measure() for _ in range(2 if self._device == "cuda" else 1)]
        return runs[-1]

    def _measure(self) -> tuple[float, float]:
        network, objects = self._network, BATCH[self._device]
        reach = max(network.num_maskmem, network.max_obj_ptrs_in_encoder)
        session = self.session(_Still(self._image_size, reach + 1), self._image_size, self._image_size)
        centre = np.zeros((self._image_size, self._image_size), bool)
        centre[self._image_size // 4 : self._image_size // 2, self._image_size // 4 : self._image_size // 2] = True
        session.prompt(0, [Prompt(mask=centre)] * objects)
        for batch in session.batches:
            # As if the objects had been followed up to the last frame but one.
            batch["non_cond_frame_outputs"].update(dict.fromkeys(range(1, reach), batch["cond_frame_outputs"][0]))
        session.follow(reach, reverse=False)
        return session.seconds["encode"] / 2, session.seconds["propagate"] / objects


class _Still:
    """One picture of noise, as often as asked for."""

    def __init__(self, size: int, length: int) -> None:
        self._image = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> np.ndarray:
        return self._image
