"""3D tracks of points on each object, and how good the tracker is where the truth is known."""

import dagster as dg

from assets.checks import video_check
from assets.pictures import image
from assets.video_asset import video_asset
from resources.library import Library
from resources.outputs import Outputs
from resources.point_tracker import PointTrackerModel
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.files import Files
from videotracks.points.depth.store import DepthStore
from videotracks.recording import Recording


@video_asset(
    file="point_tracks.json",
    storage="files",
    group="points",
    kinds={"opencv"},
    settings=["point_tracking", "point_masks", "instances", "query_points", "point_batches"],
    pool="gpu",
)
def instance_tracks(
    context: dg.AssetExecutionContext,
    recording: Recording,
    depth_maps: DepthStore,
    mask_tracks: Files,
    library: Library,
    point_tracker: PointTrackerModel,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """3D trajectories of points on each object, ``{video}_{tracker}_instance_{N}_tracked.npz``: f32[T, N, 3] in world
    metres with visibilities 0 to 1, one file per instance.

    Pixels of an object's masks are lifted through depth, or matched between views; the same object in two cameras is
    one instance. A recording without calibration has none, and ``point_tracks.json`` says why. Read by the scene and
    the refinement.
    """
    from videotracks.points.instance_tracks import track_recording, tracked_cameras
    from videotracks.points.pictures.trajectory_plots import TrajectoryPlotSettings, draw_trajectories
    from videotracks.points.recording_outputs import read_instances

    source = library.source(context.partition_key)
    members, made = track_recording(
        recording,
        source,
        depth_maps,
        mask_tracks,
        point_tracker.load(),
        settings.point_tracking,
        settings.point_masks,
        settings.instances,
        settings.query_points,
        settings.point_batches,
        outputs.draft,
        progress.of(context, "tracking points"),
    )
    files = Files(members)
    cameras = tracked_cameras(recording, source, files, made)
    plot = draw_trajectories(read_instances(files), cameras, TrajectoryPlotSettings(width_px=900, height_px=450))
    said = made.reason or f"{made.points} points on {len(made.instances)} instances, by {point_tracker.kind}"
    return dg.MaterializeResult(
        value=files,
        metadata={
            "model": made.tracker,
            "frames": made.frames,
            "instances": len(made.instances),
            "points": made.points,
            "per_instance": dg.MetadataValue.json([r.model_dump() for r in made.instances]),
            **({"poses": dg.MetadataValue.json([r.model_dump() for r in made.poses])} if made.poses else {}),
            "summary": said,
            **({"trajectories": image(plot)} if made.instances else {}),
        },
    )


@video_check(asset="instance_tracks", also=["recording", "depth_maps"])
def point_accuracy(
    context: dg.AssetCheckExecutionContext,
    instance_tracks: Files,
    recording: Recording,
    depth_maps: DepthStore,
    library: Library,
    point_tracker: PointTrackerModel,
    outputs: Outputs,
    settings: Settings,
) -> dg.AssetCheckResult:
    """Average Jaccard, share of points within 5 to 40 cm, occlusion accuracy, median trajectory error and reprojection
    error of the tracker on the true points of ``points_truth.npz``, where that lies beside the recording."""
    from videotracks.points.truth import score_tracker

    score = score_tracker(
        recording,
        library.source(context.partition_key),
        depth_maps,
        point_tracker.load(),
        settings.point_tracking,
        outputs.draft("truth").parent,
    )
    if score is None:
        said = "no true points (points_truth.npz) and calibration in the recording's folder: nothing to score"
        return dg.AssetCheckResult(passed=True, description=said, metadata={"has_ground_truth": False})
    return dg.AssetCheckResult(
        passed=score.reaches(settings.point_truth),
        severity=dg.AssetCheckSeverity.WARN,
        description=score.told(),
        metadata={"has_ground_truth": True, "tracker": point_tracker.kind, **score.numbers()},
    )
