"""How candidates are followed, and what a level came to."""

from pydantic import BaseModel, Field

from videotracks.masks.tracking.journal import StepCounts
from videotracks.masks.tracking.prompts import PromptMode


class MaskTrackingSettings(BaseModel, frozen=True, extra="forbid"):
    """How candidates are followed, and how their masks are kept."""

    prompt_mode: PromptMode = Field(
        default="all_mask", description="prompt by mask, by box, or by box only for the small ones (long_tail)"
    )
    min_area: int = Field(default=300, ge=0, description="px of the smallest candidate; 3 times it ends the long tail")
    max_propagate: int = Field(
        default=90,
        ge=0,
        description="frames that an object is followed forward, and backward; half as many again as lie between "
        "frames with candidates, so that who is prompted anew meets its earlier self",
    )
    dedup_iou: float = Field(default=0.6, ge=0, le=1, description="IoU above which a candidate is followed already")
    dedup_size: int = Field(
        default=256, ge=16, le=4096, description="px of the longer side at which masks are compared"
    )
    identity_iou: float = Field(
        default=0.5, gt=0, le=1, description="mean IoU over shared frames from which an object gets an earlier id back"
    )
    objects_at_once: int = Field(default=32, ge=1, le=1024, description="objects prompted together; more take memory")
    mask_scale_ratio: float = Field(default=1.0, gt=0, le=1, description="size of the stored masks to the video's")
    preview_stride: int = Field(default=1, ge=1, description="every n-th frame with candidates is a preview")
    max_previews: int = Field(default=12, ge=2, description="previews at most; first and last are always kept")


class LevelStatistics(BaseModel, frozen=True, extra="forbid"):
    """What the candidates of a level came to."""

    level: int
    counts: StepCounts = Field(description="sums over all frames with candidates")
    objects: int = Field(ge=0, description="different objects in the archive")
    frames: int = Field(ge=0, description="frames in the archive")
    masks: int = Field(ge=0, description="masks in the archive")
    seconds: dict[str, float] = Field(
        description="by stage: decode, encode, prompt, propagate, dedup, persist; with those of a run that was cut off"
    )
    previews: list[int] = Field(description="frame numbers chosen for preview")
