"""The scenarios: what the filter in use does for a reconstruction, and what its attention looks like there."""

import dagster as dg

from assets.persistence.analysis import analysis_result
from assets.video_asset import shared_asset
from resources.language_model import LanguageModel
from resources.outputs import Outputs
from resources.persistence_filter import PersistenceFilterModel
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.files import Files

GROUP = "persistence_scenarios"


@shared_asset(
    file="all_scenarios_results.json", storage="files", group=GROUP, kinds={"pytorch", "html"}, settings=["scenarios"]
)
def scenario_results(
    context: dg.AssetExecutionContext,
    persistence_filter: PersistenceFilterModel,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """Generated scenes, clean, cluttered and noisy, triangulated with and without the filter that videos go through.

    ``all_scenarios_results.json`` with intervals over the scenes, ``scenarios.html`` with the point clouds before and
    after, ``scenario_attention.json`` with the statistics of the attention.
    """
    from videotracks.persistence.scenarios.files import write_scenarios
    from videotracks.persistence.scenarios.results import Expectations

    written = write_scenarios(
        outputs.draft("all_scenarios_results.json").parent,
        persistence_filter.load(),
        persistence_filter.provenance(),
        settings.scenarios,
        Expectations(),
        progress.of(context, "scenarios", "scenes"),
    )
    rows = [f"| {one.scenario} | {one.what} | {one.value} | {one.expected} | {one.passed} |" for one in written.judged]
    head = ["| scenario | figure | value | expected | holds |", "|---|---|---|---|---|"]
    failed = [f"{one.scenario}: {one.what} {one.value}" for one in written.judged if not one.passed]
    return dg.MaterializeResult(
        value=Files(written.files),
        metadata={
            "scenes": settings.scenarios.seeds * len(written.results.scenarios),
            "summary": "; ".join(failed) or "all as expected",
            "figures": dg.MetadataValue.md("\n".join(head + rows)),
            "page": dg.MetadataValue.url(f"file://{outputs.path(None, 'scenarios.html').path}"),
        },
    )


@dg.asset_check(asset=scenario_results)
def shares_as_expected(scenario_results: Files) -> dg.AssetCheckResult:
    """The shares of tracks kept and filtered, the recall, the spurious points gone and the 3D error are as expected."""
    from videotracks.persistence.scenarios.files import read_results
    from videotracks.persistence.scenarios.results import Expectations, judge

    judged = judge(read_results(scenario_results["all_scenarios_results.json"]), Expectations())
    failed = [f"{one.scenario}: {one.what} {one.value}, expected {one.expected}" for one in judged if not one.passed]
    return dg.AssetCheckResult(
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(failed) or f"all {len(judged)} figures are as expected",
        metadata={f"{one.scenario}: {one.what}": one.value for one in judged if one.value is not None},
    )


@shared_asset(file="attention_analysis.json", storage="files", group=GROUP, kinds={"openai"})
def scenario_analysis(
    context: dg.AssetExecutionContext,
    scenario_results: Files,
    language_model: LanguageModel,
    outputs: Outputs,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """The attention over all scenarios, by class and outcome, and what a language model makes of it.

    ``attention_analysis.json`` and ``attention_analysis.md``.
    """
    from videotracks.persistence.analysis.analysis import analyse
    from videotracks.persistence.scenarios.files import read_attention

    statistics = read_attention(scenario_results["scenario_attention.json"])
    asked = analyse("scenarios", statistics, language_model.load(), progress.of(context, "asking", "questions"))
    return analysis_result(asked, outputs)
