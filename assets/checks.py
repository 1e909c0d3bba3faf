"""How every check of a per-video asset is declared, and how a comparison becomes a check result."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from assets.video_asset import videos
from videotracks.baseline import Baseline
from videotracks.people.accuracy import Accuracy
from videotracks.people.validation import ValidationSettings, Verdict, accuracy_against_baseline


def video_check(
    *, asset: str, also: Sequence[str] = (), blocking: bool = False
) -> Callable[[Callable[..., dg.AssetCheckResult]], dg.AssetChecksDefinition]:
    """Declare a check of one asset, evaluated per video. The asset, and those of ``also``, are inputs by name.

    A blocking check that fails with severity ERROR stops what depends on the asset.
    """

    def declare(function: Callable[..., dg.AssetCheckResult]) -> dg.AssetChecksDefinition:
        ins = {name: dg.AssetIn(name) for name in also}
        with warnings.catch_warnings():
            # Checks keyed by partition are a preview in the pinned version of Dagster: that is known.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return dg.asset_check(asset=asset, additional_ins=ins, blocking=blocking, partitions_def=videos)(function)

    return declare


def verdict_result(verdict: Verdict) -> dg.AssetCheckResult:
    """The check result of a comparison, with the numbers that were compared."""
    severity = dg.AssetCheckSeverity.ERROR if verdict.severity == "error" else dg.AssetCheckSeverity.WARN
    numbers: dict[str, Any] = dict(verdict.numbers)
    if verdict.table:
        numbers["table"] = dg.MetadataValue.md(verdict.table)
    return dg.AssetCheckResult(
        passed=verdict.passed, severity=severity, description=verdict.description, metadata=numbers
    )


def accuracy_result(
    score: Accuracy | None, baseline: Baseline | None, asset: str, settings: ValidationSettings
) -> dg.AssetCheckResult:
    """The check result of a score: its numbers beside the baseline's. Without ground truth there is nothing to fail."""
    if score is None:
        said = "no ground truth beside the recording (<name>.gt.txt, or gt.txt in its folder): nothing to score"
        return dg.AssetCheckResult(passed=True, description=said, metadata={"has_ground_truth": False})
    before = baseline.accuracy(asset) if baseline else None
    result = verdict_result(accuracy_against_baseline(score.headline(), before, settings))
    if before is None:
        # A score that nothing is compared with is no failure; that it is not compared is said.
        said = ", ".join(f"{name} {value:.3f}" for name, value in score.headline().items())
        result = result._replace(passed=True, description=f"{said}; no baseline to compare with")
    numbers: dict[str, Any] = {**result.metadata, **score.model_dump(), "has_ground_truth": True}
    return result._replace(metadata=numbers)
