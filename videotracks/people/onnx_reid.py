"""Re-identification by networks in ONNX Runtime: OSNet and others that turn one picture into one vector."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import ModelError
from videotracks.onnx_session import open_session
from videotracks.people.reidentifiers import checked, unit_length
from videotracks.weights import InputSettings


class OnnxReidSettings(BaseModel, frozen=True, extra="forbid"):
    """What the network wants to see and what its cosines mean; a value goes in as ``(value - mean) / std``."""

    width: int = Field(default=128, gt=0, description="px")
    height: int = Field(default=256, gt=0, description="px")
    channel_order: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: tuple[float, float, float] = Field(default=(123.675, 116.28, 103.53), description="per channel, of 0 to 255")
    std: tuple[float, float, float] = Field(default=(58.395, 57.12, 57.375), description="per channel, of 0 to 255")
    batch: int = Field(default=16, ge=1, le=1024, description="crops at a time, where the network does not fix it")
    default_threshold: float = Field(
        default=0.7, gt=-1, le=1, description="mean cosine from which two persons count as one"
    )

    @classmethod
    def of(cls, wanted: InputSettings, default_threshold: float = 0.7) -> "OnnxReidSettings":
        """Of a known network's input (``videotracks.weights``)."""
        return cls(**wanted.model_dump(), default_threshold=default_threshold)


class OnnxReidentifier:
    """A network of one input (pictures of one size) and one output (a vector each), on CPU or CUDA.

    The file is read on first use: ``ModelError`` where it is missing, where ONNX Runtime cannot load it, and where its
    shapes or numbers are not those of ``settings``.
    """

    def __init__(
        self, path: Path, settings: OnnxReidSettings, *, name: str = "onnx", device: Literal["cpu", "cuda"] = "cpu"
    ) -> None:
        self.name, self.default_threshold = name, settings.default_threshold
        self._path, self._settings, self._device = path, settings, device

    def provenance(self) -> dict[str, str]:
        """Backend, weights file, its SHA-256 and the device."""
        digest = hashlib.sha256(self._bytes).hexdigest()
        return {"backend": self.name, "weights": self._path.name, "sha256": digest, "device": self._device}

    def features(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Unit-length features f32[K, D] of crops RGB u8[h, w, 3]."""
        checked(crops)
        step = self._batch
        runs = [self._infer(crops[at : at + step]) for at in range(0, len(crops), step)]
        return unit_length(np.concatenate(runs)) if runs else np.zeros((0, self._dimensions), "f4")

    @cached_property
    def _bytes(self) -> bytes:
        if not self._path.is_file():
            raise ModelError(
                f"{self._path}: the re-identification weights are not there; fetch them with "
                "`videotracks weights fetch`, or name another file, or choose the re-identifier appearance"
            )
        return self._path.read_bytes()

    @cached_property
    def _session(self) -> Any:
        session = open_session(self._bytes, self._path, self._device)
        self._check_shapes(session)
        return session

    def _check_shapes(self, session: Any) -> None:
        inputs, outputs, wanted = session.get_inputs(), session.get_outputs(), self._settings
        if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type != "tensor(float)":
            raise self._unfit(f"{len(inputs)} inputs, {len(outputs)} outputs, the input {inputs[0].type}")
        size = (wanted.height, wanted.width)
        expected = (3, *size) if wanted.layout == "NCHW" else (*size, 3)
        shape = inputs[0].shape
        fits = len(shape) == 4 and all(
            not isinstance(is_, int) or is_ == want for is_, want in zip(shape[1:], expected, strict=True)
        )
        if not fits:
            raise self._unfit(f"an input of shape {shape}, settings of {['N', *expected]} ({wanted.layout})")

    @cached_property
    def _batch(self) -> int:
        """Crops at a time: the network's own number where it is fixed."""
        fixed = self._session.get_inputs()[0].shape[0]
        return fixed if isinstance(fixed, int) and fixed > 0 else self._settings.batch

    @cached_property
    def _dimensions(self) -> int:
        blank = np.zeros((self._settings.height, self._settings.width, 3), np.uint8)
        return self._infer([blank]).shape[1]

    def _infer(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Raw features f32[K, D] of at most a batch."""
        pictures = np.stack([self._prepared(crop) for crop in crops])
        fixed = self._session.get_inputs()[0].shape[0]
        if isinstance(fixed, int) and len(pictures) < fixed:
            pictures = np.concatenate([pictures, np.zeros((fixed - len(pictures), *pictures.shape[1:]), "f4")])
        try:
            found = self._session.run(None, {self._session.get_inputs()[0].name: pictures})[0]
        except Exception as error:  # as above
            raise self._unfit(f"a failure on {list(pictures.shape)} ({str(error)[:200]})") from error
        found = np.asarray(found)
        if found.ndim < 2 or len(found) != len(pictures) or found.size != len(found) * found.shape[1]:
            raise self._unfit(f"an output of shape {list(found.shape)} for {len(pictures)} pictures")
        found = found.reshape(len(found), -1)[: len(crops)].astype("f4")
        if not np.isfinite(found).all():
            raise self._unfit("features that are not finite")
        return found

    def _prepared(self, crop: np.ndarray) -> np.ndarray:
        import cv2

        wanted = self._settings
        sized = cv2.resize(crop, (wanted.width, wanted.height), interpolation=cv2.INTER_LINEAR)
        ordered = sized if wanted.channel_order == "RGB" else sized[:, :, ::-1]
        scaled = (ordered.astype("f4") - np.array(wanted.mean, "f4")) / np.array(wanted.std, "f4")
        return np.ascontiguousarray(scaled.transpose(2, 0, 1) if wanted.layout == "NCHW" else scaled)

    def _unfit(self, found: str) -> ModelError:
        return ModelError(
            f"{self._path}: expected a network that turns pictures f32[N, …] into vectors f32[N, D], got {found}; "
            "name other weights or set their input"
        )


_RETAIL = OnnxReidSettings(channel_order="BGR", layout="NHWC", mean=(0, 0, 0), std=(1, 1, 1), default_threshold=0.75)
#: Networks by name. Measured as for ``AppearanceReidentifier``, on what that was chosen on: same person (least, p5,
#: median), different ones (median, p99, most), missed of 53 and wrong of 1560 at the threshold. retail, which is 0287:
#: 0.74, 0.76, 0.85; 0.27, 0.68, 0.77; 2 and 1. retail_0288: 0.80, 0.85, 0.93; 0.65, 0.86, 0.92; 13 and 4. The
#: threshold of the others is not measured here: 0.70 is the usual one.
PRESETS = {
    "osnet": OnnxReidSettings(),
    "youtureid": OnnxReidSettings(),
    "retail": _RETAIL,
    "retail_0287": _RETAIL,
    "retail_0288": _RETAIL.model_copy(update={"default_threshold": 0.90}),
}
