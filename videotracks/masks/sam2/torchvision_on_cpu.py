"""Importing torchvision beside a PyTorch without CUDA.

The torchvision wheel of the registry is a CUDA build: its compiled operators link libtorch_cuda, so that beside a
CPU-only PyTorch they do not load, and ``import torchvision`` ends with "operator torchvision::nms does not exist".
SAM 2 imports torchvision, for transforms and for non-maximum suppression.
"""

import functools
import importlib
import importlib.util
import threading
from pathlib import Path
from typing import Any

from videotracks.errors import ModelError

#: The operators whose absence ends the import (torchvision 0.28 registers shape functions for them).
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_LOCK = threading.Lock()


def ensure_torchvision() -> bool:
    """Import torchvision, with a non-maximum suppression of our own where its compiled operators do not load.

    True where they do not: then transforms, ``ops.nms``, ``ops.batched_nms`` and ``ops.box_iou`` work, and the other
    compiled operators keep saying that they are not there. ``ModelError`` where torchvision is not installed. Call it
    before anything imports torchvision or SAM 2.
    """
    with _LOCK:
        return _supplied() is not None


@functools.cache
def _supplied() -> Any:
    """The library that holds our operators (they live as long as it does); None where the compiled ones load."""
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("torchvision is not installed; install the project again (`make install`)")
    if _compiled_operators_load(Path(spec.submodule_search_locations[0])):
        importlib.import_module("torchvision")
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    library.impl("nms", _non_maximum_suppression, "CPU")
    boxes: Any = importlib.import_module("torchvision.ops.boxes")
    # Only the functions of this one module may pass: elsewhere the operators are indeed missing.
    boxes._assert_has_ops = lambda: None
    return library


def _compiled_operators_load(folder: Path) -> bool:
    import torch

    for path in sorted(folder.glob("_C*")):
        if path.suffix in {".so", ".pyd"}:
            try:
                torch.ops.load_library(str(path))
            except (OSError, RuntimeError):
                continue
            return True
    return False


def _non_maximum_suppression(dets: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices i64[K] of the boxes dets f32[N, 4] xyxy that are kept, best score first.

    A box goes when its IoU with a better one that is kept is above the threshold, as torchvision defines it.
    """
    import torch

    order = scores.argsort(descending=True, stable=True)
    boxes = dets[order].float()
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    alive = torch.ones(len(boxes), dtype=torch.bool)
    for at in range(len(boxes)):
        if alive[at]:
            rest = boxes[at + 1 :]
            corner = torch.minimum(boxes[at, 2:], rest[:, 2:]) - torch.maximum(boxes[at, :2], rest[:, :2])
            shared = corner.clamp(min=0).prod(dim=1)
            alive[at + 1 :] &= shared <= iou_threshold * (area[at] + area[at + 1 :] - shared)
    return order[alive]
