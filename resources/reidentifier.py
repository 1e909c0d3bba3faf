"""The re-identification model: what turns a crop of a person into a feature."""

from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import Field, PrivateAttr

from videotracks.people.reidentifiers import Reidentifier

#: The weights file of each known network, as the manifest names it.
FILES = {
    "osnet": "osnet_x1_0_msmt17.onnx",
    "youtureid": "person_reid_youtu_2021nov.onnx",
    "retail_0287": "person-reidentification-retail-0287.onnx",
    "retail_0288": "person-reidentification-retail-0288.onnx",
}


class ReidentifierModel(dg.ConfigurableResource):
    """A re-identification model, loaded on first use and kept for the run.

    ``appearance`` needs no download. The others are ONNX networks: a known one by its kind, any other as
    ``onnx`` with its input stated here.
    """

    kind: Literal["appearance", "osnet", "youtureid", "retail_0287", "retail_0288", "onnx"] = "appearance"
    weights: str = Field("", description="file name in the weights folder, or a path; empty: the kind's own")
    weights_folder: str = "data/weights"
    device: Literal["cpu", "cuda"] = "cpu"
    width: int = Field(128, description="px of the network's input (onnx)")
    height: int = Field(256, description="px of the network's input (onnx)")
    channel_order: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: list[float] = Field([123.675, 116.28, 103.53], description="per channel, of 0 to 255 (onnx)")
    std: list[float] = Field([58.395, 57.12, 57.375], description="per channel, of 0 to 255 (onnx)")
    default_threshold: float = Field(0.7, description="mean cosine from which two persons count as one (onnx)")
    _loaded: Reidentifier | None = PrivateAttr(default=None)

    def load(self) -> Reidentifier:
        """The model; it reads its weights on first use, ``ModelError`` where they are missing or do not fit."""
        if self._loaded is None:
            self._loaded = self._make()
        return self._loaded

    def provenance(self) -> dict[str, str]:
        """What runs: backend, weights file and its SHA-256, device; ``ModelError`` where the weights are missing."""
        return self.load().provenance()

    def _make(self) -> Reidentifier:
        if self.kind == "appearance":
            from videotracks.people.appearance import AppearanceReidentifier

            return AppearanceReidentifier()
        from videotracks.people.onnx_reid import PRESETS, OnnxReidentifier, OnnxReidSettings

        stated = {
            name: getattr(self, name) for name in OnnxReidSettings.model_fields if name in type(self).model_fields
        }
        settings = PRESETS[self.kind] if self.kind in PRESETS else OnnxReidSettings(**stated)
        path = Path(self.weights_folder) / (self.weights or FILES.get(self.kind, "reid.onnx"))
        return OnnxReidentifier(path, settings, name=self.kind, device=self.device)
