"""Which scenes a file of generated tracks holds: sets, splits and seeds."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from pydantic import BaseModel, Field, model_validator

from videotracks.persistence.generator.scene import SceneSettings

SetName = Literal["matched", "classic", "planted"]
SplitName = Literal["train", "validation", "test", "shifted"]
SETS: tuple[SetName, ...] = ("matched", "classic", "planted")
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test", "shifted")
#: No two scenes of a file share a seed, and those of scenarios begin here.
MOST_SCENES = 1_000_000


class SplitScenes(BaseModel, frozen=True, extra="forbid"):
    """Scenes of each split of a set."""

    train: int = Field(default=0, ge=0)
    validation: int = Field(default=0, ge=0)
    test: int = Field(default=0, ge=0)
    shifted: int = Field(default=0, ge=0, description="a test in another world: patterns, light, noise and sizes")


class TracksSettings(BaseModel, frozen=True, extra="forbid"):
    """What is generated."""

    first_seed: int = Field(default=0, ge=0, lt=MOST_SCENES, description="of the first scene; the others follow")
    matched: SplitScenes = SplitScenes(train=1200, validation=150, test=500, shifted=150)
    classic: SplitScenes = SplitScenes(train=150, validation=40, test=40)
    planted: SplitScenes = Field(
        default=SplitScenes(test=100), description="matched scenes in which all tracks have planted observations"
    )
    scene: SceneSettings = Field(
        default=SceneSettings(), description="of all scenes; sets and splits have their own ranges, world and plants"
    )
    jpeg_quality: int = Field(default=90, ge=50, le=100)

    @model_validator(mode="after")
    def _few_enough(self) -> "TracksSettings":
        if self.first_seed + sum(1 for _ in planned_scenes(self)) > MOST_SCENES:
            raise ValueError(f"seeds beyond {MOST_SCENES}: fewer scenes or a smaller first_seed")
        return self


class PlannedScene(NamedTuple):
    """One scene of a file."""

    set: SetName
    split: SplitName
    seed: int
    settings: SceneSettings


def planned_scenes(settings: TracksSettings) -> Iterator[PlannedScene]:
    """All scenes of a file in their order."""
    seed = settings.first_seed
    for name in SETS:
        of_set: dict[str, object] = {"ranges": "classic" if name == "classic" else "matched"}
        if name == "planted":
            of_set["planted_share"] = 1.0
        for split in SPLITS:
            of_set["world"] = "shifted" if split == "shifted" else "usual"
            scene = settings.scene.model_copy(update=of_set)
            for _ in range(getattr(getattr(settings, name), split)):
                yield PlannedScene(name, split, seed, scene)
                seed += 1
