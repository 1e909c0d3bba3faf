"""How large the tokenizer is, and how it is trained."""

from pydantic import BaseModel, Field, model_validator

#: Bits whose joint distribution is counted when the use of codes is judged: the 2⁶ codes of a group are seen often
#: enough in one batch, all 2¹⁸ together are not (Yu et al. 2023 split them for the same reason).
GROUP_BITS = 6


class TokenizerSettings(BaseModel, frozen=True, extra="forbid"):
    """Size of the network."""

    stem_channels: int = Field(default=48, ge=8, le=512, description="channels of the 16 × 16 grid")
    grid_channels: int = Field(default=96, ge=8, le=1024, description="channels of the 8 × 8 grid")
    code_bits: int = Field(default=18, ge=GROUP_BITS, le=36, description="bits of the code of a place of the grid")

    @model_validator(mode="after")
    def _whole_groups(self) -> "TokenizerSettings":
        if self.code_bits % GROUP_BITS:
            raise ValueError(f"code_bits: {self.code_bits} is no multiple of {GROUP_BITS}")
        return self


class TokenizerTrainingSettings(BaseModel, frozen=True, extra="forbid"):
    """How the tokenizer is trained; the defaults are the small configuration, for two cores without a GPU."""

    network: TokenizerSettings = Field(default=TokenizerSettings(), description="size of the network")
    seed: int = Field(default=0, ge=0, description="of the first weights, and of which clips are seen when")
    steps: int = Field(default=700, ge=1, le=10_000_000, description="updates of the weights")
    crops_per_step: int = Field(default=96, ge=1, le=65_536, description="crops of one update, of all its clips")
    clip_frames: int = Field(default=8, ge=1, le=256, description="successive observations of a clip, at most")
    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="of AdamW after its first steps; falls to zero")
    statistics_weight: float = Field(
        default=0.5, ge=0, description="what the error of layout, texture and change told from the features counts"
    )
    report_steps: int = Field(
        default=100, ge=1, description="updates between two points of the curves, and between two checkpoints"
    )
