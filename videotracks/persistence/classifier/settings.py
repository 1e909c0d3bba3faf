"""How large the classifier is, and how it is trained."""

from typing import Literal

from pydantic import BaseModel, Field, model_validator

#: Observations of a track that are looked at.
MAX_OBSERVATIONS = 50


class NetworkSettings(BaseModel, frozen=True, extra="forbid"):
    """Size of the network; the defaults are the full configuration."""

    width: int = Field(default=256, ge=8, le=1024, multiple_of=2, description="numbers per observation inside")
    layers: int = Field(default=4, ge=1, le=24, description="attention layers")
    heads: int = Field(default=8, ge=1, le=64, description="attention heads of each layer")
    feedforward: int = Field(default=1024, ge=8, le=8192, description="hidden numbers of a layer's own perceptron")
    hidden: int = Field(default=256, ge=8, le=4096, description="hidden numbers of the perceptron that decides")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of the numbers that training leaves out")
    pooling: Literal["mean", "attention"] = Field(
        default="mean", description="how observations become one: their mean, or weighted by a learned query"
    )

    @model_validator(mode="after")
    def _whole_heads(self) -> "NetworkSettings":
        if self.width % self.heads:
            raise ValueError(f"width: {self.width} is no multiple of the {self.heads} heads")
        return self


class TrainingSettings(BaseModel, frozen=True, extra="forbid"):
    """How the classifier is trained; the defaults are the full configuration, meant for a GPU."""

    network: NetworkSettings = Field(default=NetworkSettings(), description="size of the network")
    seed: int = Field(default=0, ge=0, description="of the first weights, the order of the tracks and the dropout")
    epochs: int = Field(default=50, ge=1, le=10_000, description="times that every track is seen, at most")
    batch: int = Field(default=32, ge=1, le=8192, description="tracks of one update")
    learning_rate: float = Field(default=1e-4, gt=0, le=1, description="of AdamW")
    weight_decay: float = Field(default=0.01, ge=0, le=1, description="of AdamW")
    gradient_clip: float = Field(default=1.0, gt=0, description="longest gradient of all weights together")
    hidden_observations: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="share of the observations that training hides, so that gaps are nothing new",
    )
    patience: int = Field(default=10, ge=1, description="epochs without a better validation loss, then training ends")


#: For two cores without a GPU. More is left out in training, because so small a set is soon learnt by heart.
SMALL = TrainingSettings(
    network=NetworkSettings(width=128, layers=2, heads=4, feedforward=512, hidden=128, dropout=0.2),
    epochs=15,
    learning_rate=5e-4,
    hidden_observations=0.2,
    patience=4,
)
