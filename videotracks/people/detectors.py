"""What every person detector is, and the geometry that detectors share."""

from typing import Protocol

import numpy as np


class Detector(Protocol):
    """Finds persons in one frame. Loads its model on first use; one call at a time."""

    @property
    def name(self) -> str:
        """Short name of the backend: ``hog``, ``yolox``."""

    def provenance(self) -> dict[str, str]:
        """What ran: backend, weights file and its SHA-256 where there are weights, device."""

    def detect(self, image_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Persons in a frame RGB u8[H, W, 3]: boxes f32[N, 4] xyxy px, confidences f32[N] in 0 to 1.

        Most confident first. Weak ones are included: the caller has the threshold.
        """


def overlaps(box: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Overlap f32[N] of a box f32[4] with ``others`` f32[N, 4]: over their union, and over the smaller area."""
    corner = np.maximum(box[:2], others[:, :2])
    inner = np.clip(np.minimum(box[2:], others[:, 2:]) - corner, 0, None).prod(axis=1)
    area, areas = (box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1)
    return inner / np.maximum(area + areas - inner, 1e-9), inner / np.maximum(np.minimum(area, areas), 1e-9)


def non_maximum_suppression(
    bboxes: np.ndarray, confidences: np.ndarray, *, max_iou: float, max_nested: float = 1.0
) -> np.ndarray:
    """Rows i64[K] that remain, most confident first, of boxes f32[N, 4] with confidences f32[N].

    A box goes if it overlaps a more confident one by more than ``max_iou``, or by more than ``max_nested``
    of the smaller of the two (1 allows boxes inside others). Equal confidences keep their order.
    """
    order = np.argsort(-confidences, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        iou, nested = overlaps(bboxes[best], bboxes[order])
        order = order[(iou <= max_iou) & (nested <= max_nested)]
    return np.array(kept, dtype="i8")


def letterbox(image: np.ndarray, height: int, width: int, fill: int = 114) -> tuple[np.ndarray, float]:
    """Scale an image u8[h, w, 3] to fit ``height`` x ``width``, at the top left, the rest filled.

    Also returns the scale: pixels of the result per pixel of ``image``.
    """
    import cv2

    scale = min(height / image.shape[0], width / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    boxed = np.full((height, width, 3), fill, np.uint8)
    boxed[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return boxed, scale


def clip_boxes(bboxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes f32[N, 4] xyxy cut to a frame of that size in px."""
    return np.clip(bboxes, 0, np.array([width, height, width, height], "f4")).astype("f4")
