"""What the scenarios came to, ``all_scenarios_results.json``, and what is expected of them."""

from typing import Literal, NamedTuple

from pydantic import BaseModel, Field

Name = Literal["clean", "cluttered", "noisy"]


class ScenarioSettings(BaseModel, frozen=True, extra="forbid"):
    """How many scenes, and what counts."""

    seeds: int = Field(default=100, ge=1, le=10_000, description="scenes of each scenario")
    first_seed: int = Field(
        default=1_000_000, ge=0, description="of the first scene; none that anything was trained on"
    )
    spurious_m: float = Field(default=0.5, gt=0, description="farther from its object a 3D point is spurious, m")
    resamples: int = Field(default=2000, ge=10, le=100_000, description="resamples of the scenes behind each interval")
    coverage: float = Field(default=0.95, gt=0, lt=1, description="share of the resamples inside an interval")


class Expectations(BaseModel, frozen=True, extra="forbid"):
    """What the checks ask for, all of them shares."""

    clean_kept: float = Field(default=0.98, ge=0, le=1, description="tracks of the clean scenes kept, at least")
    cluttered_filtered: float = Field(default=0.67, ge=0, le=1, description="tracks of the cluttered scenes filtered")
    noisy_filtered: float = Field(default=0.87, ge=0, le=1, description="tracks of the noisy scenes filtered")
    tolerance: float = Field(default=0.05, ge=0, le=1, description="around the shares filtered")
    recall: float = Field(default=0.97, ge=0, le=1, description="true tracks kept, at least")
    spurious_reduction: float = Field(default=0.9, ge=0, le=1, description="spurious 3D points gone, at least")
    error_growth: float = Field(default=0.02, ge=0, le=1, description="growth of the 3D error that counts as none")


class Interval(BaseModel, frozen=True):
    """A figure over all scenes, and its bootstrap interval over scenes; null where there is nothing to count."""

    value: float | None
    low: float | None
    high: float | None


class ScenarioResult(BaseModel, frozen=True):
    """One scenario; shares are 0 to 1."""

    name: Name
    scenes: int
    tracks: int = Field(description="of both cameras and all scenes")
    true_tracks: int
    points_before: int
    points_after: int
    spurious_before: int
    spurious_after: int
    kept: Interval = Field(description="tracks kept")
    filtered: Interval = Field(description="tracks filtered: the reduction of tracks")
    precision: Interval = Field(description="of the tracks kept, true ones")
    recall: Interval = Field(description="of the true tracks, kept ones")
    point_reduction: Interval = Field(description="3D points gone")
    spurious_reduction: Interval = Field(description="of the spurious 3D points, those gone")
    error_before_m: Interval = Field(description="mean over scenes of the median distance from the true object, m")
    error_after_m: Interval = Field(description="the same with the filter, over the objects that are left")


class ScenarioResults(BaseModel, frozen=True):
    """All scenarios, and what filtered."""

    settings: ScenarioSettings
    filter: dict[str, str] = Field(description="weights and their hashes")
    scenarios: list[ScenarioResult]


class Judged(NamedTuple):
    """One expectation: the figure, what was expected of it in words, and whether it holds."""

    scenario: Name
    what: str
    value: float | None
    expected: str
    passed: bool


def judge(results: ScenarioResults, wanted: Expectations) -> list[Judged]:
    """Hold the results against what is expected."""
    judged = []
    for found in results.scenarios:
        name, growth = found.name, wanted.error_growth
        if name == "clean":
            judged.append(_at_least(name, "tracks kept", found.kept.value, wanted.clean_kept))
        else:
            share = wanted.cluttered_filtered if name == "cluttered" else wanted.noisy_filtered
            judged.append(_near(name, "tracks filtered", found.filtered.value, share, wanted.tolerance))
            least, gone = wanted.spurious_reduction, found.spurious_reduction.value
            judged.append(_at_least(name, "spurious 3D points gone", gone if found.spurious_before else 1.0, least))
        judged.append(_at_least(name, "recall of true tracks", found.recall.value, wanted.recall))
        before, after = found.error_before_m.value, found.error_after_m.value
        no_worse = before is None or (after is not None and after <= before * (1 + growth))
        judged.append(Judged(name, "3D error after, m", after, f"not above {_told(before)}", no_worse))
    return judged


def _at_least(name: Name, what: str, value: float | None, least: float) -> Judged:
    return Judged(name, what, value, f"at least {least:.0%}", value is not None and value >= least)


def _near(name: Name, what: str, value: float | None, share: float, tolerance: float) -> Judged:
    expected = f"{share:.0%} ± {100 * tolerance:.0f}"
    return Judged(name, what, value, expected, value is not None and abs(value - share) <= tolerance)


def _told(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
