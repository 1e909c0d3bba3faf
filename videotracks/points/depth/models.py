"""Depth from one picture: models that estimate metres, behind one interface."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import ModelError
from videotracks.geometry.camera import Camera
from videotracks.onnx_session import open_session

#: A network that names a larger input is not meant for pictures.
_MOST_INPUT_PX = 8192


class DepthModel(Protocol):
    """Estimates metric depth."""

    name: str

    def provenance(self) -> dict[str, str]:
        """What runs: backend, weights and their hash, device."""

    def depth(self, rgb: np.ndarray, camera: Camera | None) -> np.ndarray:
        """Depth f32[H, W] in metres along the camera's axis of a picture u8[H, W, 3], 0 or NaN where unknown."""


class OnnxDepthSettings(BaseModel, frozen=True, extra="forbid"):
    """What the network wants to see and what its numbers mean; a value goes in as ``(value - mean) / std``."""

    free_side_px: int = Field(
        default=518,
        ge=14,
        le=_MOST_INPUT_PX,
        description="px of a shorter side that the network leaves free",
    )
    multiple_px: int = Field(default=14, ge=1, le=256, description="px: free sides are multiples of this patch")
    mean: tuple[float, float, float] = Field(default=(123.675, 116.28, 103.53), description="per channel, of 0 to 255")
    std: tuple[float, float, float] = Field(default=(58.395, 57.12, 57.375), description="per channel, of 0 to 255")
    focal_px: float | None = Field(
        default=None,
        gt=0,
        description="px at the input's width that its depth is meant for; scaled to the camera's. None: left as it is",
    )


class OnnxDepthModel:
    """A monocular metric model in ONNX Runtime, in the manner of Depth Anything V2 (metric): RGB in, metres out.

    One input f32[1, 3, h, w], whose size is the network's own where it names one, and one output of [1, h', w'] or
    [1, 1, h', w']. The file is read on first use: ``ModelError`` where it is missing, cannot be loaded, or is no such
    network. Models of relative or inverse depth have no metres and are not for this.
    """

    def __init__(
        self,
        path: Path,
        settings: OnnxDepthSettings | None = None,
        *,
        name: str = "onnx",
        device: Literal["cpu", "cuda"] = "cpu",
    ) -> None:
        self.name = name
        self._path, self._settings, self._device = path, settings or OnnxDepthSettings(), device

    def provenance(self) -> dict[str, str]:
        """Backend, weights file, its SHA-256 and the device."""
        digest = hashlib.sha256(self._bytes).hexdigest()
        return {"backend": self.name, "weights": self._path.name, "sha256": digest, "device": self._device}

    def depth(self, rgb: np.ndarray, camera: Camera | None) -> np.ndarray:
        """Depth f32[H, W] m of a picture RGB u8[H, W, 3], 0 where the network has no finite number above 0."""
        import cv2

        height, width = rgb.shape[:2]
        rows, columns = self._input_size(height, width)
        sized = cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_AREA if rows < height else cv2.INTER_CUBIC)
        scaled = (sized.astype("f4") - np.array(self._settings.mean, "f4")) / np.array(self._settings.std, "f4")
        found = self._infer(np.ascontiguousarray(scaled.transpose(2, 0, 1))[None])
        if self._settings.focal_px is not None:
            if camera is None:
                raise ModelError(f"{self._path}: focal_px is set, but there is no camera to scale its depth to")
            found = found * (camera.K[0, 0] * columns / (width * self._settings.focal_px))
        known = np.isfinite(found) & (found > 0)
        whole = cv2.resize(np.where(known, found, 0).astype("f4"), (width, height), interpolation=cv2.INTER_LINEAR)
        if not known.all():  # beside a hole, a mean would be too near
            whole[cv2.resize(known.astype("f4"), (width, height), interpolation=cv2.INTER_LINEAR) < 1] = 0
        return whole

    @cached_property
    def _bytes(self) -> bytes:
        if not self._path.is_file():
            raise ModelError(
                f"{self._path}: the depth model's weights are not there; put an ONNX file of a metric model there, "
                "name another file, or choose the depth source stereo or files"
            )
        return self._path.read_bytes()

    @cached_property
    def _session(self) -> Any:
        session = open_session(self._bytes, self._path, self._device)
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
            raise self._unfit(f"inputs {[(i.type, i.shape) for i in inputs]}")
        batch, channels, *size = inputs[0].shape
        fixed = [side for side in size if isinstance(side, int)]
        if (isinstance(batch, int) and batch != 1) or (isinstance(channels, int) and channels != 3):
            raise self._unfit(f"an input of shape {inputs[0].shape}")
        if any(not 0 < side <= _MOST_INPUT_PX for side in fixed):
            raise self._unfit(f"an input of shape {inputs[0].shape}")
        return session

    def _input_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the network's input: its own, else near the picture's shape."""
        fixed = self._session.get_inputs()[0].shape[2:]
        ratio, multiple = self._settings.free_side_px / min(height, width), self._settings.multiple_px
        free = [min(max(round(side * ratio / multiple), 1) * multiple, _MOST_INPUT_PX) for side in (height, width)]
        rows, columns = (own if isinstance(own, int) else side for own, side in zip(fixed, free, strict=True))
        return rows, columns

    def _infer(self, picture: np.ndarray) -> np.ndarray:
        """Depth f32[h', w'] of a prepared picture f32[1, 3, h, w]."""
        try:
            found = self._session.run(None, {self._session.get_inputs()[0].name: picture})[0]
        except Exception as error:  # as above
            raise self._unfit(f"a failure on {list(picture.shape)} ({str(error)[:200]})") from error
        found = np.asarray(found)
        if found.ndim not in (2, 3, 4) or min(found.shape[-2:]) < 2 or found.size != np.prod(found.shape[-2:]):
            raise self._unfit(f"an output of shape {list(found.shape)}")
        return found.reshape(found.shape[-2:])

    def _unfit(self, found: str) -> ModelError:
        return ModelError(
            f"{self._path}: expected a network that turns a picture f32[1, 3, h, w] into depth [1, h, w], got {found}; "
            "name other weights"
        )
