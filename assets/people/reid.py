"""Who looks alike, and who therefore is one person."""

from typing import Any

import dagster as dg
import numpy as np

from assets.checks import accuracy_result, video_check
from assets.pictures import image
from assets.video_asset import Stored, video_assets
from resources.baselines import Baselines
from resources.library import Library
from resources.progress import ProgressLog
from resources.reidentifier import ReidentifierModel
from resources.settings import Settings
from videotracks.people.crop_store import CropStore
from videotracks.people.merging import MergingReport
from videotracks.people.similarity import SimilaritySummary
from videotracks.recording import Recording
from videotracks.tables import Persons, Similarity


@video_assets(
    group="people",
    settings=["similarity", "merging"],
    pool="gpu",
    outputs={
        "person_similarity": Stored(
            "similarity_matrix.npz",
            "npz",
            {"onnx"},
            "Re-ID features of the best crops of each person and the mean pairwise cosine of every two persons, "
            "-1 to 1. Read by the merging and the report.",
        ),
        "similarity_summary": Stored(
            "similarity_results.json",
            "json",
            {"onnx"},
            "The model that compared, its threshold, and the pairs of persons above it.",
        ),
    },
)
def compare(
    context: dg.AssetExecutionContext,
    final_crops: CropStore,
    reidentifier: ReidentifierModel,
    settings: Settings,
    progress: ProgressLog,
) -> tuple[dg.MaterializeResult[Similarity], dg.MaterializeResult[SimilaritySummary]]:
    """Turn the best crops of each person into features and compare all persons."""
    from videotracks.people.similarity import person_similarity, similarity_summary

    model = reidentifier.load()
    bar = progress.of(context, "comparing", "crops")
    similarity = person_similarity(final_crops, model, settings.similarity, bar)
    threshold = settings.merging.threshold if settings.merging.threshold is not None else model.default_threshold
    summary = similarity_summary(similarity, model, threshold)
    about: dict[str, Any] = {
        "model": model.provenance(),
        "summary": f"{len(similarity.features)} crops, by {model.name}",
    }
    return (
        dg.MaterializeResult(
            asset_key="person_similarity", value=similarity, metadata={**about, **_heatmap(similarity)}
        ),
        dg.MaterializeResult(
            asset_key="similarity_summary",
            value=summary,
            metadata={
                "pairs": len(summary.pairs_above),
                "summary": f"{len(summary.pairs_above)} pairs above {threshold:.2f}",
            },
        ),
    )


def _heatmap(similarity: Similarity) -> dict[str, dg.MarkdownMetadataValue]:
    """The matrix as a picture, high is bright."""
    count = len(similarity.person_ids)
    if not count:
        return {}
    cell = max(1, 360 // count)
    level = np.clip(similarity.similarity, 0, 1).repeat(cell, 0).repeat(cell, 1)
    return {"similarity": image((np.stack([level] * 3, axis=-1) * 255).astype(np.uint8))}


@video_assets(
    group="people",
    settings=["merging", "ranking"],
    outputs={
        "merged_persons": Stored(
            "merged_persons.npz",
            "npz",
            {"numpy"},
            "Persons after joining those who look alike and are never seen together: one row per box, xyxy in "
            "pixels. The result of the branch; read by the animations, the annotated video and the report.",
        ),
        "merging_report": Stored(
            "merging_report.json",
            "json",
            {"numpy"},
            "Which persons were joined on which evidence, which were kept apart although they look alike, and the "
            "ranking of the persons that remain.",
        ),
    },
)
def merge(
    recording: Recording,
    canonical_persons: Persons,
    person_similarity: Similarity,
    similarity_summary: SimilaritySummary,
    settings: Settings,
) -> tuple[dg.MaterializeResult[Persons], dg.MaterializeResult[MergingReport]]:
    """Join persons by their similarity, then rank those that remain."""
    from videotracks.people.merging import merge_persons
    from videotracks.people.ranking import rank_persons

    persons, report = merge_persons(canonical_persons, person_similarity, similarity_summary.threshold)
    ranking = rank_persons(
        persons,
        [view.frame_count for view in recording.views],
        [(view.width, view.height) for view in recording.views],
        settings.ranking,
    )
    before, after = len(canonical_persons.person_ids), len(persons.person_ids)
    return (
        dg.MaterializeResult(
            asset_key="merged_persons",
            value=persons,
            metadata={"persons": after, "summary": f"{after} persons of {before}"},
        ),
        dg.MaterializeResult(
            asset_key="merging_report",
            value=report.model_copy(update={"rankings": ranking}),
            metadata={
                "merges": len(report.merges),
                "summary": f"{len(report.merges)} joined, {len(report.blocked)} alike but seen together",
            },
        ),
    )


@video_check(asset="merged_persons", also=["recording"])
def person_accuracy(
    context: dg.AssetCheckExecutionContext,
    merged_persons: Persons,
    recording: Recording,
    library: Library,
    baselines: Baselines,
    settings: Settings,
) -> dg.AssetCheckResult:
    """HOTA, IDF1 and MOTA of the persons where ground truth lies beside the recording, no lower than the baseline's."""
    from videotracks.people.accuracy import score_recording

    video = context.partition_key
    score = score_recording(recording, library.source(video), merged_persons)
    return accuracy_result(score, baselines.of(video), "merged_persons", settings.validation)
