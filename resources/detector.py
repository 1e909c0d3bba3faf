"""The person detector: which one runs, with which weights, on which device."""

from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import Field, PrivateAttr

from videotracks.people.detectors import Detector


class DetectorModel(dg.ConfigurableResource):
    """A person detector, loaded on first use and kept for the run.

    ``hog`` needs no download; ``yolox`` wants ONNX weights; ``public`` takes the detections that lie
    beside a MOTChallenge sequence instead of looking at the pictures.
    """

    kind: Literal["hog", "yolox", "public"] = "hog"
    weights: str = Field("yolox_nano.onnx", description="file name in the weights folder, or a path (yolox)")
    weights_folder: str = "data/weights"
    device: Literal["cpu", "cuda"] = "cpu"
    _loaded: Detector | None = PrivateAttr(default=None)

    def load(self) -> Detector:
        """The detector; it reads its weights on first use, ``ModelError`` where they are missing."""
        if self._loaded is None:
            self._loaded = self._make()
        return self._loaded

    def provenance(self) -> dict[str, str]:
        """What runs: backend, weights file and its SHA-256, device; ``ModelError`` where the weights are missing."""
        return {"backend": "public"} if self.kind == "public" else self.load().provenance()

    def _make(self) -> Detector:
        if self.kind == "hog":
            from videotracks.people.hog import HogDetector

            return HogDetector()
        from videotracks.people.yolox import YoloxDetector

        return YoloxDetector(Path(self.weights_folder) / self.weights, device=self.device)
