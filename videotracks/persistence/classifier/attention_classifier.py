"""Decisions of a trained network, each with the importance of its observations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from videotracks.errors import ModelError
from videotracks.persistence.classifier.batches import by_length, evenly_spaced, padded
from videotracks.persistence.classifier.importance import CHOSEN, get_frame_importance
from videotracks.persistence.classifier.training import Device
from videotracks.persistence.crop_tracks import FEATURES, Prediction
from videotracks.weights import hash_file

if TYPE_CHECKING:
    from videotracks.persistence.classifier.model import PersistenceNetwork

#: Weights that come with the project.
SHIPPED = Path(__file__).parents[1] / "weights" / "persistence_model.safetensors"
#: Observations that are decided together, after padding: the attention of so many takes some 10 MB.
BATCH_OBSERVATIONS = 2048


class AttentionClassifier:
    """The attention classifier, ready to decide."""

    def __init__(self, network: "PersistenceNetwork", origin: Mapping[str, str], device: Device = "cpu") -> None:
        """``origin`` says in provenance where the weights come from."""
        self._network, self._origin, self._device = network.to(device).eval(), dict(origin), device

    @classmethod
    def load(cls, path: Path = SHIPPED, device: Device = "cpu") -> Self:
        """Read the weights; ``ModelError`` where they are none, or ``device`` cuda where there is none."""
        import torch

        from videotracks.persistence.classifier.weights import read_classifier

        if device == "cuda" and not torch.cuda.is_available():
            raise ModelError("device cuda: PyTorch finds no GPU here; choose the device cpu")
        network = read_classifier(path).network
        return cls(network, {"weights": path.name, "sha256": hash_file(path)}, device)

    def predict(self, features: Sequence[np.ndarray]) -> list[Prediction]:
        """A prediction for each track's features f4[T, FEATURES]; T may differ and be 1.

        Of a track with more than ``MAX_OBSERVATIONS`` as many are looked at, evenly spaced; the importance of the
        others is 0. ``ValueError`` for a track without observations, or features of another shape.
        """
        for at, track in enumerate(features):
            if track.shape[1:] != (FEATURES,) or not len(track):
                raise ValueError(f"track {at}: expected features [T ≥ 1, {FEATURES}], got {list(track.shape)}")
        chosen = [evenly_spaced(len(track)) for track in features]
        found: dict[int, Prediction] = {}
        for rows in by_length(np.array([len(places) for places in chosen], "i8"), BATCH_OBSERVATIONS):
            batch = padded([features[row][chosen[row]] for row in rows], self._device)
            logits, importance = get_frame_importance(self._network, *batch, CHOSEN)
            confidences = 1 / (1 + np.exp(-logits.astype("f8") / float(self._network.temperature)))
            for at, row in enumerate(rows.tolist()):
                whole = np.zeros(len(features[row]), "f4")
                whole[chosen[row]] = importance[at, : len(chosen[row])]
                found[row] = Prediction(bool(logits[at] >= 0), float(confidences[at]), whole)
        return [found[row] for row in range(len(features))]

    def provenance(self) -> dict[str, str]:
        """The weights file and its SHA-256, the device, and how importance is computed."""
        return {**self._origin, "device": self._device, "importance": CHOSEN}
