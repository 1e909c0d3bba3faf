"""What any re-identification model must offer: features of crops whose cosine tells one person from another."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Reidentifier(Protocol):
    """Turns crops of persons into features: the cosine of two is their similarity."""

    name: str
    #: The mean cosine of two persons' crops from which they count as one person, by measurement.
    default_threshold: float

    def provenance(self) -> dict[str, str]:
        """What ran: backend, and where there are weights their file name, SHA-256 and device."""
        ...

    def features(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Unit-length features f32[K, D] of crops RGB u8[h, w, 3] of any size but none; the same D always."""
        ...


def unit_length(features: np.ndarray) -> np.ndarray:
    """Rows f32[K, D] of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(features.astype("f8"), axis=1, keepdims=True)
    return (features / np.maximum(lengths, 1e-12)).astype("f4")


def checked(crops: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """The crops, if each is a picture; ``ValueError`` for an empty one or one of another layout."""
    for i, crop in enumerate(crops):
        if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or crop.size == 0:
            raise ValueError(f"crop {i}: expected RGB u8[h, w, 3] with pixels, got {crop.dtype}{list(crop.shape)}")
    return crops
