"""From detections to tracklets, their statistics, and how well they agree with ground truth."""

import dagster as dg

from assets.checks import accuracy_result, verdict_result, video_check
from assets.video_asset import video_asset
from resources.baselines import Baselines
from resources.library import Library
from resources.settings import Settings
from videotracks.people.statistics import ReidCandidates
from videotracks.people.validation import compare_statistics, statistics_match_tracklets
from videotracks.recording import Recording
from videotracks.tables import Detections, Tracklets, TrackletStats


@video_asset(file="tracklets_raw.npz", storage="npz", group="people", settings=["tracking"])
def tracklets(recording: Recording, detections: Detections, settings: Settings) -> dg.MaterializeResult[Tracklets]:
    """Detections linked over time by ByteTrack: one row per box, with its tracklet and its place among the detections.

    Boxes are the detections' own, xyxy in pixels. Read by the statistics, by the persons and by the accuracy.
    """
    from videotracks.people.bytetrack import track

    found = track(detections, [view.timestamps_s for view in recording.views], settings.tracking)
    count = len(set(found.tracklet_id.tolist()))
    return dg.MaterializeResult(
        value=found,
        metadata={"tracklets": count, "summary": f"{count} tracklets from {detections.row_count} detections"},
    )


@video_check(asset="tracklets", also=["recording"])
def tracklet_accuracy(
    context: dg.AssetCheckExecutionContext,
    tracklets: Tracklets,
    recording: Recording,
    library: Library,
    baselines: Baselines,
    settings: Settings,
) -> dg.AssetCheckResult:
    """HOTA, IDF1 and MOTA where ground truth lies beside the recording, no lower than the baseline's."""
    from videotracks.people.accuracy import score_recording

    video = context.partition_key
    score = score_recording(recording, library.source(video), tracklets)
    return accuracy_result(score, baselines.of(video), "tracklets", settings.validation)


@video_asset(file="tracklet_stats.npz", storage="npz", group="people", settings=["track_filter"])
def tracklet_stats(tracklets: Tracklets) -> dg.MaterializeResult[TrackletStats]:
    """Twelve statistics per tracklet: extent in time, centre, jitter, area, velocity, first and last box.

    Pixels, frames of the view, and pixels per frame. Read by the grouping, so that nothing is computed twice.
    """
    from videotracks.people.statistics import tracklet_statistics

    return dg.MaterializeResult(value=tracklet_statistics(tracklets))


@video_check(asset="tracklet_stats", also=["tracklets"], blocking=True)
def matches_tracklets(tracklet_stats: TrackletStats, tracklets: Tracklets) -> dg.AssetCheckResult:
    """Statistics and tracklets hold the same ids, each with the same number of boxes."""
    return verdict_result(statistics_match_tracklets(tracklet_stats, tracklets))


@video_check(asset="tracklet_stats")
def same_as_baseline(
    context: dg.AssetCheckExecutionContext, tracklet_stats: TrackletStats, baselines: Baselines, settings: Settings
) -> dg.AssetCheckResult:
    """The statistics agree with the baseline's: counts, start and end frames, velocities to three decimals."""
    baseline = baselines.of(context.partition_key)
    before = baseline.tracklet_stats if baseline else None
    return verdict_result(compare_statistics(tracklet_stats, before, settings.validation))


@video_asset(file="reid_candidates.json", storage="json", group="people", settings=["reid_candidates"])
def reid_candidates(
    recording: Recording, tracklet_stats: TrackletStats, settings: Settings
) -> dg.MaterializeResult[ReidCandidates]:
    """Pairs of tracklets that may be one person: close in time, place and size. For tools that compare appearance."""
    from videotracks.people.statistics import reid_candidates as find

    found = find(tracklet_stats, [view.fps for view in recording.views], settings.reid_candidates)
    return dg.MaterializeResult(value=found, metadata={"pairs": len(found.root), "summary": f"{len(found.root)} pairs"})
