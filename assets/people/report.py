"""The page that people open, and the checks that look at the whole chain."""

import json

import dagster as dg

from assets.checks import verdict_result, video_check
from assets.video_asset import video_asset, wall_seconds
from resources.baselines import Baselines
from resources.detector import DetectorModel
from resources.library import Library
from resources.outputs import Outputs
from resources.reidentifier import ReidentifierModel
from resources.settings import Settings
from videotracks.files import Files
from videotracks.people.crop_store import CropStore
from videotracks.people.grouping import GroupingLog
from videotracks.people.merging import MergingReport
from videotracks.people.similarity import SimilaritySummary
from videotracks.people.validation import time_against_baseline
from videotracks.recording import Recording
from videotracks.tables import Detections, Persons, Similarity, TrackletStats

#: The assets whose time is compared, by the name of each step's first output.
STAGES = (
    *("recording", "detections", "tracklets", "tracklet_stats", "reid_candidates", "canonical_persons"),
    *("person_ranking", "crops_by_person", "final_crops", "person_similarity", "merged_persons"),
    *("person_animations", "grouping_table", "annotated_video", "person_report"),
)
#: The settings that have a say in what the page shows.
SECTIONS = (
    *("detection", "crops", "tracking", "reid_candidates", "grouping", "ranking", "selection", "similarity"),
    *("merging", "animations", "annotation", "timeline", "validation"),
)
REPORT = "person_selection_report.html"


@video_asset(file=REPORT, storage="files", group="people", kinds={"html"})
def person_report(
    context: dg.AssetExecutionContext,
    recording: Recording,
    detections: Detections,
    tracklet_stats: TrackletStats,
    canonical_persons: Persons,
    grouping_log: GroupingLog,
    final_crops: CropStore,
    person_similarity: Similarity,
    similarity_summary: SimilaritySummary,
    merged_persons: Persons,
    merging_report: MergingReport,
    person_animations: Files,
    library: Library,
    detector: DetectorModel,
    reidentifier: ReidentifierModel,
    outputs: Outputs,
    settings: Settings,
) -> dg.MaterializeResult[Files]:
    """One self-contained page: who is in the video, when, how sure, who was joined with whom and why.

    Opens from disk, loads nothing from anywhere, and tells what made it.
    """
    from videotracks.people.accuracy import score_recording
    from videotracks.people.report.data import build_report_data
    from videotracks.people.report.page import write_report
    from videotracks.provenance import software

    score = score_recording(recording, library.source(context.partition_key), merged_persons)
    data = build_report_data(
        recording,
        merged_persons,
        merging_report,
        person_similarity,
        similarity_summary,
        final_crops,
        person_animations["webp"],
        grouping_log,
        counts={
            "frames": sum(view.frame_count for view in recording.views),
            "detections": detections.row_count,
            "tracklets": tracklet_stats.row_count,
            "persons before merging": len(canonical_persons.person_ids),
            "persons": len(merged_persons.person_ids),
        },
        accuracy=score.headline() if score else {},
        provenance={
            "detector": detector.provenance(),
            "re-identification": similarity_summary.provenance,
            "settings": {name: json.dumps(getattr(settings, name).model_dump(mode="json")) for name in SECTIONS},
            "software": {**software(), "code version": str(context.assets_def.code_versions_by_key[context.asset_key])},
        },
    )
    page = outputs.draft(REPORT)
    write_report(page, data)
    return dg.MaterializeResult(
        value=Files({REPORT: page}),
        metadata={
            "report": dg.MetadataValue.url(f"file://{outputs.path(context.partition_key, REPORT).path}"),
            "summary": f"{len(data.persons)} persons, {page.stat().st_size / 1e6:.1f} MB",
        },
    )


@video_check(asset="person_report")
def time(context: dg.AssetCheckExecutionContext, baselines: Baselines, settings: Settings) -> dg.AssetCheckResult:
    """The chain takes no longer than the baseline's plus the tolerance; a table tells it by stage."""
    baseline = baselines.of(context.partition_key)
    seconds = wall_seconds(context.instance, context.partition_key, STAGES)
    return verdict_result(time_against_baseline(seconds, baseline.timings_s if baseline else None, settings.validation))
