"""What a comparison drew, and what it could not: the summary beside the pictures."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from videotracks.errors import CorruptFileError
from videotracks.json_models import read_model

#: Frame numbers that a warning names; how many there are it says as well.
NAMED_FRAMES = 20

Code = Literal[
    "comparison.no_targets", "comparison.missing_sources", "comparison.missing_masks", "comparison.render_empty"
]


class ComparisonWarning(BaseModel, frozen=True, extra="forbid"):
    """Something that is missing from the pictures of a level; the others are there."""

    stage: Literal["comparison"] = "comparison"
    code: Code
    message: str
    level: int
    details: dict[str, JsonValue] = Field(default_factory=dict)


class DrawnFrame(BaseModel, frozen=True, extra="forbid"):
    """One picture."""

    frame_idx: int = Field(ge=0)
    time_s: float
    file: str = Field(description="name of the PNG in the same folder")
    candidates: int | None = Field(description="candidates in this frame; empty where none were looked for")
    followed: int = Field(description="candidates that an object covers")
    objects: list[int] = Field(description="tracked objects seen in this frame")


class DrawnObject(BaseModel, frozen=True, extra="forbid"):
    """The small picture of an object, cut from the frame in the middle of those that it is seen in."""

    object_id: int = Field(ge=0)
    frame_idx: int = Field(ge=0)
    file: str = Field(description="name of the JPEG in the same folder")


class ComparisonSummary(BaseModel, frozen=True, extra="forbid"):
    """What was drawn of a level."""

    level: int
    picture_size: tuple[int, int] = Field(description="width and height of each picture, px")
    frames_with_candidates: int
    frames_with_masks: int
    drawn: list[DrawnFrame]
    objects: list[DrawnObject]
    warnings: list[ComparisonWarning]


def summary_name(level: int) -> str:
    """The file name of a level's summary."""
    return f"L{level:02d}_comparison_summary.json"


def picture_name(level: int, frame: int) -> str:
    """The file name of a comparison picture."""
    return f"L{level}_{frame:05d}.png"


def thumbnail_name(level: int, object_id: int) -> str:
    """The file name of the small picture of an object."""
    return f"L{level}_object_{object_id:05d}.jpg"


def read_summary(path: Path) -> ComparisonSummary:
    """Read a summary; ``CorruptFileError`` for a file that is none, or names files other than its own."""
    again = "materialise mask_comparison again"
    summary = read_model(path, ComparisonSummary, again)
    pictures = {frame.file: picture_name(summary.level, frame.frame_idx) for frame in summary.drawn}
    pictures |= {item.file: thumbnail_name(summary.level, item.object_id) for item in summary.objects}
    for name, expected in pictures.items():
        if name != expected:
            raise CorruptFileError(f"{path}: expected a picture called {expected}, got {name[:80]!r}; {again}")
    return summary
