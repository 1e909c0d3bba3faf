"""Which tracklets of a video are things and which are noise, and the tracklets without the noise."""

import dagster as dg

from assets.checks import video_check
from assets.video_asset import Stored, video_asset, video_assets
from resources.library import Library
from resources.persistence_filter import PersistenceFilterModel
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.people.crop_store import CropStore
from videotracks.persistence.decisions.deciding import PersistenceDecisions, TrackletImportance
from videotracks.persistence.decisions.features import TrackletFeatures
from videotracks.recording import Recording
from videotracks.tables import Detections, Tracklets


@video_asset(file="tracklet_features.npz", storage="npz", group="persistence", kinds={"pytorch"}, pool="gpu")
def tracklet_features(
    context: dg.AssetExecutionContext,
    tracklets: Tracklets,
    detections: Detections,
    detection_crops: CropStore,
    persistence_filter: PersistenceFilterModel,
    progress: ProgressLog,
) -> dg.MaterializeResult[TrackletFeatures]:
    """Features of each tracklet's crops by the video tokenizer, f4[T, 256], at most 50 observations of each.

    Read by the decisions and the triangulation.
    """
    from videotracks.persistence.decisions.features import tracklet_features as encode
    from videotracks.persistence.decisions.from_tracklets import crop_tracks

    encoder = persistence_filter.encoder()
    total = len(set(tracklets.tracklet_id.tolist()))
    tracks = crop_tracks(tracklets, detections, detection_crops)
    found = encode(tracks, encoder, total=total, progress=progress.of(context, "encoding", "tracklets"))
    said = f"{len(found.frame_numbers)} crops of {found.row_count} tracklets"
    return dg.MaterializeResult(value=found, metadata={"model": encoder.provenance(), "summary": said})


@video_assets(
    group="persistence",
    settings=["decisions"],
    outputs={
        "persistence_decisions": Stored(
            "filter_decisions.json",
            "json",
            {"pytorch"},
            "For each tracklet whether it is kept or filtered, how sure that is, and which frame mattered most. "
            "Read by the kept tracklets, the triangulation, the report and the analysis.",
        ),
        "attention": Stored(
            "attention.npz", "npz", {"pytorch"}, "How much each observation mattered to the decision on its tracklet."
        ),
    },
)
def decide(
    tracklets: Tracklets,
    tracklet_features: TrackletFeatures,
    persistence_filter: PersistenceFilterModel,
    settings: Settings,
) -> tuple[dg.MaterializeResult[PersistenceDecisions], dg.MaterializeResult[TrackletImportance]]:
    """Keep or filter every tracklet."""
    from videotracks.persistence.decisions.deciding import decide as decide_all

    encoder, classifier = persistence_filter.encoder().provenance(), persistence_filter.decider()
    made = decide_all(tracklets, tracklet_features, encoder, classifier, settings.decisions)
    return (
        dg.MaterializeResult(
            asset_key="persistence_decisions",
            value=made.decisions,
            metadata={
                "model": classifier.provenance(),
                "kept": len(made.decisions.kept),
                "filtered": len(made.decisions.filtered),
                "summary": made.decisions.sentence(),
            },
        ),
        dg.MaterializeResult(asset_key="attention", value=made.importance),
    )


@video_check(asset="persistence_decisions", also=["recording", "tracklets"])
def decisions_agree(
    context: dg.AssetCheckExecutionContext,
    persistence_decisions: PersistenceDecisions,
    recording: Recording,
    tracklets: Tracklets,
    library: Library,
) -> dg.AssetCheckResult:
    """Where ground truth lies beside the recording: real tracklets are kept, and what is filtered is false.

    A tracklet is real when at least half of its boxes have IoU ≥ 0.5 with one identity.
    """
    from videotracks.persistence.decisions.agreement import agreement, real_tracklets

    real = real_tracklets(recording, library.source(context.partition_key), tracklets)
    if real is None:
        said = "no ground truth beside the recording (<name>.gt.txt, or gt.txt in its folder): nothing to compare"
        return dg.AssetCheckResult(passed=True, description=said, metadata={"has_ground_truth": False})
    found = agreement(persistence_decisions, real)
    return dg.AssetCheckResult(
        passed=found.loses_few,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.sentence(),
        metadata={"has_ground_truth": True, **found.model_dump(exclude_none=True)},
    )


@video_asset(file="kept_tracklets.npz", storage="npz", group="persistence", kinds={"numpy"})
def kept_tracklets(
    tracklets: Tracklets, persistence_decisions: PersistenceDecisions
) -> dg.MaterializeResult[Tracklets]:
    """The tracklets that were kept, with their ids and boxes as they were.

    The people graph reads them in place of all tracklets where ``track_filter.enabled`` is set.
    """
    from videotracks.persistence.decisions.kept_tracklets import kept_tracklets as keep

    found = keep(tracklets, persistence_decisions)
    count = len(persistence_decisions.kept)
    return dg.MaterializeResult(
        value=found, metadata={"tracklets": count, "summary": f"{count} tracklets kept, {found.row_count} boxes"}
    )
