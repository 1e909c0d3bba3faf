"""Person detection by YOLOX models, and others with the same head, in ONNX Runtime."""

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from videotracks.errors import ModelError
from videotracks.people.detectors import clip_boxes, letterbox, non_maximum_suppression

#: Feature maps of the head, in px of the input per cell, in the order of the output's rows.
STRIDES = (8, 16, 32)
#: COCO's first class, and the only one of a model for persons.
PERSON_CLASS = 0
NMS_IOU = 0.45
#: Candidates below are not worth suppressing; far below what any tracker starts from.
SCORE_FLOOR = 0.05
_MAX_CANDIDATES = 1000
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class YoloxDetector:
    """A YOLOX head in ONNX: one input f32[1, 3, H, W] (BGR, 0 to 255, letterboxed at the top left with 114),
    one output f32[1, A, 5 + classes] of A = cells of the strides 8, 16 and 32.

    A row is x, y, width, height, objectness and class scores, the scores after the sigmoid. Boxes may be
    relative to their cells (the official export) or in pixels already (``--decode_in_inference``): the
    model's own output tells. A model of one class is a person detector. Anything else is a ``ModelError``.
    """

    name = "yolox"

    def __init__(self, weights: Path, *, device: str = "cpu", threads: int = 0) -> None:
        """``device``: cpu or cuda. ``threads`` of one inference; 0: all cores but one, which decodes."""
        if device not in _PROVIDERS:
            raise ModelError(f"device {device!r} is unknown to ONNX Runtime here; expected one of {list(_PROVIDERS)}")
        self._weights, self._device, self._threads = weights, device, threads

    def provenance(self) -> dict[str, str]:
        """Backend, weights file, its SHA-256 and the device."""
        digest = hashlib.sha256(self._bytes).hexdigest()
        return {"backend": self.name, "weights": self._weights.name, "sha256": digest, "device": self._device}

    def detect(self, image_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Persons in a frame RGB u8[H, W, 3]: boxes f32[N, 4] xyxy px, confidences f32[N], most confident first."""
        height, width = self._input_size
        boxed, scale = letterbox(image_rgb, height, width)
        rows = self._run(boxed)
        scores = rows[:, 4] * rows[:, 5 + PERSON_CLASS]
        likely = np.flatnonzero(scores >= SCORE_FLOOR)
        likely = likely[np.argsort(-scores[likely], kind="stable")[:_MAX_CANDIDATES]]
        centre, size = self._decode(rows[likely], likely)
        bboxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1) / np.float32(scale)
        bboxes = clip_boxes(bboxes, image_rgb.shape[1], image_rgb.shape[0])
        kept = non_maximum_suppression(bboxes, scores[likely], max_iou=NMS_IOU)
        kept = kept[(bboxes[kept, 2:] > bboxes[kept, :2]).all(axis=1)]
        return bboxes[kept], scores[likely][kept]

    @cached_property
    def _bytes(self) -> bytes:
        if not self._weights.is_file():
            raise ModelError(
                f"{self._weights}: the detector's weights are not there; fetch them with "
                f"`videotracks weights fetch`, or name another file, or choose the detector hog"
            )
        return self._weights.read_bytes()

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        if _PROVIDERS[self._device] not in onnxruntime.get_available_providers():
            raise ModelError(f"device {self._device}: this ONNX Runtime has {onnxruntime.get_available_providers()}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads or max(1, min(8, (os.cpu_count() or 1) - 1))
        # Idle threads would otherwise spin on the cores that decode and encode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(self._bytes, options, providers=[_PROVIDERS[self._device]])
        except Exception as error:  # its own exception types have no common base but Exception
            raise ModelError(f"{self._weights}: ONNX Runtime cannot load it ({str(error)[:300]})") from error
        if _PROVIDERS[self._device] not in session.get_providers():
            raise ModelError(f"device {self._device}: ONNX Runtime fell back to {session.get_providers()}")
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type != "tensor(float)":
            raise self._unfit(f"{len(inputs)} inputs and {len(outputs)} outputs, the input {inputs[0].type}")
        return session

    @cached_property
    def _input_size(self) -> tuple[int, int]:
        """Height and width of the input in px."""
        shape = self._session.get_inputs()[0].shape
        fixed = len(shape) == 4 and shape[1] == 3 and all(isinstance(d, int) and d % 32 == 0 for d in shape[2:])
        if not fixed or min(shape[2:]) < 32 or shape[0] not in (1, "batch", "N", "batch_size", None):
            raise self._unfit(f"an input of shape {shape}")
        return shape[2], shape[3]

    @cached_property
    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Corner f32[A, 2] in cells and stride f32[A, 1] in px of every output row."""
        height, width = self._input_size
        cells, strides = [], []
        for stride in STRIDES:
            y, x = np.mgrid[: height // stride, : width // stride]
            cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
            strides.append(np.full((x.size, 1), stride))
        return np.concatenate(cells).astype("f4"), np.concatenate(strides).astype("f4")

    @cached_property
    def _in_pixels(self) -> bool:
        """Whether the model's boxes are in px already: then their centres lie near their cells."""
        rows = self._infer(np.full((*self._input_size, 3), 114, np.uint8))
        scores = rows[:, 4:]
        if not np.isfinite(rows).all() or scores.min() < 0 or scores.max() > 1:
            raise self._unfit("scores that are not between 0 and 1 (an export without the sigmoid)")
        cells, strides = self._grid
        return bool(np.median(np.abs(rows[:, :2] - cells * strides)) < np.median(np.abs(rows[:, :2] * strides)))

    def _run(self, boxed: np.ndarray) -> np.ndarray:
        _ = self._in_pixels  # judged before the first frame
        return self._infer(boxed)

    def _infer(self, boxed: np.ndarray) -> np.ndarray:
        """Output rows f32[A, 5 + classes] for a letterboxed image RGB u8[H, W, 3]."""
        tensor = np.ascontiguousarray(boxed[..., ::-1].transpose(2, 0, 1)[None], dtype="f4")
        (output,) = self._session.run(None, {self._session.get_inputs()[0].name: tensor})
        expected = len(self._grid[0])
        if output.ndim != 3 or output.shape[:2] != (1, expected) or output.shape[2] < 6 or output.dtype != np.float32:
            raise self._unfit(f"an output {output.dtype} of shape {output.shape}")
        return output[0]

    def _decode(self, rows: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centres and sizes, f32[N, 2] each in px of the input, of output rows ``at``."""
        if self._in_pixels:
            return rows[:, :2], rows[:, 2:4]
        cells, strides = self._grid[0][at], self._grid[1][at]
        return (rows[:, :2] + cells) * strides, np.exp(np.minimum(rows[:, 2:4], 20.0)) * strides

    def _unfit(self, found: str) -> ModelError:
        return ModelError(
            f"{self._weights}: expected a YOLOX head (input f32[1, 3, H, W] with H and W multiples of 32, output "
            f"f32[1, A, 5 + classes] of the strides {STRIDES}, scores after the sigmoid), got {found}"
        )
