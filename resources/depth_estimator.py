"""The depth model: metres from one picture, where neither files nor a second view give depth."""

from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import Field

from videotracks.points.depth.models import DepthModel


class DepthEstimatorModel(dg.ConfigurableResource):
    """A monocular metric depth model. ``none`` leaves depth to files and stereo; ``onnx`` wants a network by path.

    It is asked where ``point_depth.kind`` is ``model``.
    """

    kind: Literal["none", "onnx"] = "none"
    weights: str = Field("depth.onnx", description="file name in the weights folder, or a path (onnx)")
    weights_folder: str = "data/weights"
    device: Literal["cpu", "cuda"] = "cpu"

    def load(self) -> DepthModel | None:
        """The model, or None where there is none; it reads its weights on first use."""
        if self.kind == "none":
            return None
        from videotracks.points.depth.models import OnnxDepthModel

        return OnnxDepthModel(Path(self.weights_folder) / self.weights, device=self.device)

    def provenance(self) -> dict[str, str]:
        """What runs; ``ModelError`` where the weights are missing."""
        model = self.load()
        return model.provenance() if model else {"backend": "none"}
