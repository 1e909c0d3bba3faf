"""What this wing works on: tracks as sequences of small pictures, and what a filter says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

#: Crops are squares of this many pixels: what a detector's box holds, stretched.
CROP_PX = 64
#: Size of the feature of one observation.
FEATURES = 256


@dataclass(frozen=True, slots=True, eq=False)
class CropTrack:
    """One track of one view: T ≥ 1 observations in time order, gaps allowed.

    ``frame_numbers`` i8[T] rising, ``boxes`` f4[T, 4] xyxy px, ``confidences`` f4[T] 0 to 1, ``crops``
    u1[T, CROP_PX, CROP_PX, 3] RGB.
    """

    track_id: int
    camera: int
    frame_numbers: np.ndarray
    boxes: np.ndarray
    confidences: np.ndarray
    crops: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.frame_numbers)
        shapes = {"boxes": (count, 4), "confidences": (count,), "crops": (count, CROP_PX, CROP_PX, 3)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: shape {getattr(self, name).shape}, expected {shape}")
        if count == 0 or (np.diff(self.frame_numbers) <= 0).any():
            raise ValueError("frame_numbers: expected at least one, rising")

    def __len__(self) -> int:
        return len(self.frame_numbers)

    def first(self, count: int) -> "CropTrack":
        """The track as it was after its first ``count`` observations."""
        return CropTrack(
            self.track_id,
            self.camera,
            self.frame_numbers[:count],
            self.boxes[:count],
            self.confidences[:count],
            self.crops[:count],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a filter says of one track: ``confidence`` is the probability 0 to 1 that it is a thing.

    ``importance`` f4[T], 0 and more with sum 1, says how much each observation mattered to the decision.
    """

    is_persistent: bool
    confidence: float
    importance: np.ndarray


class TrackEncoder(Protocol):
    """Turns crops into features: the tokenizer's encoder."""

    def features(self, crops: Sequence[np.ndarray]) -> list[np.ndarray]:
        """For each track's crops u1[T, CROP_PX, CROP_PX, 3] its features f4[T, FEATURES]; T may differ and be 1."""
        ...

    def provenance(self) -> dict[str, str]:
        """What runs: weights file and its SHA-256, device."""
        ...


class TrackClassifier(Protocol):
    """Decides from features."""

    def predict(self, features: Sequence[np.ndarray]) -> list[Prediction]:
        """A prediction for each track's features f4[T, FEATURES]; T may differ and be 1."""
        ...

    def provenance(self) -> dict[str, str]:
        """What runs: weights file and its SHA-256, device."""
        ...
