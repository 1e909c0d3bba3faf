"""What the attention of the decisions looks like, in numbers, and what a language model makes of them."""

from typing import Any

import dagster as dg

from assets.video_asset import video_asset
from resources.language_model import LanguageModel
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from videotracks.files import Files
from videotracks.persistence.analysis.analysis import Analysis
from videotracks.persistence.decisions.deciding import PersistenceDecisions, TrackletImportance
from videotracks.recording import Recording
from videotracks.tables import Tracklets
from videotracks.versions import content_version


@video_asset(file="attention_analysis.json", storage="files", group="persistence", kinds={"openai"})
def attention_analysis(
    context: dg.AssetExecutionContext,
    recording: Recording,
    tracklets: Tracklets,
    persistence_decisions: PersistenceDecisions,
    attention: TrackletImportance,
    library: Library,
    language_model: LanguageModel,
    outputs: Outputs,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """Statistics of the attention by class and outcome, and what a language model makes of them.

    ``attention_analysis.json`` and ``attention_analysis.md``; every number that the model quotes is looked up in the
    statistics, and marked where it is not there. Without a model the statistics stand alone and say so. For people.
    """
    from videotracks.persistence.analysis.analysis import analyse
    from videotracks.persistence.analysis.of_decisions import decided_tracks
    from videotracks.persistence.analysis.statistics import statistics_of
    from videotracks.persistence.decisions.agreement import real_tracklets

    video = context.partition_key
    real = real_tracklets(recording, library.source(video), tracklets)
    statistics = statistics_of(decided_tracks(persistence_decisions, attention, real, video))
    asked = analyse(video, statistics, language_model.load(), progress.of(context, "asking", "questions"))
    return analysis_result(asked, outputs)


def analysis_result(asked: Analysis, outputs: Outputs) -> dg.MaterializeResult[Files]:
    """The files of an analysis, and what it came to as metadata: status, tokens, cost, numbers that were made up."""
    from videotracks.persistence.analysis.report import write_analysis

    paths = write_analysis(outputs.draft("attention_analysis.json").parent, asked)
    used = asked.usage.model_dump(exclude_none=True)
    usage: dict[str, Any] = {f"usage/{name}": value for name, value in used.items()}
    said = asked.status + (f": {asked.why}" if asked.why else "")
    return dg.MaterializeResult(
        value=Files({path.name: path for path in paths}),
        # An answer is worded anew each time; what makes others stale is what it is about.
        data_version=dg.DataVersion(content_version(asked.statistics)),
        metadata={
            "status": asked.status,
            "summary": said,
            "model": asked.asked,
            "numbers checked": asked.numbers_checked,
            "numbers not in the statistics": asked.numbers_not_found,
            "report": dg.MetadataValue.md(paths[1].read_text(encoding="utf-8")),
            **usage,
        },
    )
