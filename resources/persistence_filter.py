"""The persistence filter: the tokenizer's encoder, and the classifier that decides from its features."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import dagster as dg
from pydantic import Field, PrivateAttr

if TYPE_CHECKING:
    from videotracks.persistence.classifier.attention_classifier import AttentionClassifier
    from videotracks.persistence.classifier.filter import PersistenceFilter
    from videotracks.persistence.tokenizer.encoder import VideoTokenizerEncoder

#: Which weights: those that come with the project, or those that its training assets made here.
SHIPPED, TRAINED = "shipped", "trained"
TOKENIZER_FILE, CLASSIFIER_FILE = "video_tokenizer.safetensors", "persistence_model.safetensors"


class PersistenceFilterModel(dg.ConfigurableResource):
    """What tells things from noise, loaded on first use and kept for the run.

    The shipped weights need no download; ``videotracks train`` makes others.
    """

    tokenizer: str = Field(SHIPPED, description="weights of the encoder: shipped, trained, or a path")
    classifier: str = Field(SHIPPED, description="weights of the classifier: shipped, trained, or a path")
    trained_folder: str = Field("data/outputs/_shared", description="where trained weights lie")
    device: Literal["cpu", "cuda"] = "cpu"
    _encoder: "VideoTokenizerEncoder | None" = PrivateAttr(default=None)
    _classifier: "AttentionClassifier | None" = PrivateAttr(default=None)

    def encoder(self) -> "VideoTokenizerEncoder":
        """What turns crops into features; ``ModelError`` at its first use where the weights are missing."""
        from videotracks.persistence.tokenizer.encoder import VideoTokenizerEncoder

        if self._encoder is None:
            self._encoder = VideoTokenizerEncoder(self._weights(self.tokenizer, TOKENIZER_FILE), device=self.device)
        return self._encoder

    def decider(self) -> "AttentionClassifier":
        """What decides from features; ``ModelError`` where the weights are missing."""
        from videotracks.persistence.classifier.attention_classifier import AttentionClassifier

        if self._classifier is None:
            self._classifier = AttentionClassifier.load(self._weights(self.classifier, CLASSIFIER_FILE), self.device)
        return self._classifier

    def load(self) -> "PersistenceFilter":
        """Both together: from crops to decisions."""
        from videotracks.persistence.classifier.filter import PersistenceFilter

        return PersistenceFilter(self.encoder(), self.decider())

    def provenance(self) -> dict[str, str]:
        """What runs: weights files and their SHA-256, device."""
        parts = {"encoder": self.encoder().provenance(), "classifier": self.decider().provenance()}
        return {f"{part} {name}": value for part, stated in parts.items() for name, value in stated.items()}

    def _weights(self, chosen: str, file: str) -> Path:
        from videotracks.persistence.tokenizer.encoder import SHIPPED as SHIPPED_TOKENIZER

        known = {SHIPPED: SHIPPED_TOKENIZER.parent / file, TRAINED: Path(self.trained_folder) / file}
        return known.get(chosen) or Path(chosen)
