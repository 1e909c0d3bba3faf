"""The segmenter: what proposes objects and follows them through the video."""

from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import Field, PrivateAttr

from videotracks.masks.segmenters import Segmenter


class SegmenterModel(dg.ConfigurableResource):
    """A segmenter, loaded on first use and kept for the run.

    ``flow`` needs no download: regions of colour and motion, followed by optical flow. ``sam2`` is SAM 2.1 in one of
    its four sizes and wants its weights.
    """

    kind: Literal["flow", "sam2"] = "flow"
    size: str = Field("tiny", description="which network: tiny, small, base_plus or large of SAM 2.1 (sam2)")
    image_size: int = Field(1024, description="px that the network sees of a frame; 512 costs a quarter (sam2)")
    weights: str = Field("", description="file name in the weights folder, or a path; empty: the size's own (sam2)")
    weights_folder: str = "data/weights"
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = Field(0, ge=0, description="threads on the CPU; 0: all cores but one, which decodes (sam2)")
    _loaded: Segmenter | None = PrivateAttr(default=None)

    def load(self) -> Segmenter:
        """The segmenter; it reads its weights on first use, ``ModelError`` where they are missing or do not fit."""
        if self._loaded is None:
            self._loaded = self._make()
        return self._loaded

    def provenance(self) -> dict[str, str]:
        """What runs: backend, weights file and its SHA-256, device; ``ModelError`` where the weights are missing."""
        return self.load().provenance()

    def _make(self) -> Segmenter:
        if self.kind == "flow":
            from videotracks.masks.flow.segmenter import FlowSegmenter

            return FlowSegmenter()
        from videotracks.masks.sam2.model import variant
        from videotracks.masks.sam2.segmenter import Sam2Segmenter

        path = Path(self.weights_folder) / (self.weights or variant(self.size).file)
        return Sam2Segmenter(self.size, path, device=self.device, threads=self.threads, image_size=self.image_size)
