"""Tracks cleaned, and the videos that show them."""

import json
from typing import Any

import dagster as dg

from assets.checks import video_check
from assets.pictures import picture
from assets.video_asset import video_asset
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.files import Files
from videotracks.points.depth.store import DepthStore
from videotracks.recording import Recording


@video_asset(
    file="combined_refinement_stats.json",
    storage="files",
    group="points",
    kinds={"numpy"},
    settings=["refinement"],
)
def refined_tracks(
    context: dg.AssetExecutionContext,
    instance_tracks: Files,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """Tracks without what is never seen, wild or static, smoothed: ``…_refined.npz`` and ``…_refined_stats.json`` per
    instance, in world metres.

    ``combined_refinement_stats.json`` sums all instances. Read by the trail videos.
    """
    from videotracks.points.recording_outputs import refine_recording

    members, sums = refine_recording(
        instance_tracks, settings.refinement, outputs.draft, progress.of(context, "refining", "instances")
    )
    numbers: dict[str, Any] = sums.model_dump(exclude={"instances"}, exclude_none=True)
    return dg.MaterializeResult(
        value=Files(members),
        metadata={
            **numbers,
            "summary": f"{sums.n_refined} of {sums.n_original} tracks: {sums.n_static} static, "
            f"{sums.n_outliers} unreliable, {sums.n_invalid} never seen",
        },
    )


@video_check(asset="refined_tracks", also=["instance_tracks"], blocking=True)
def refined_from_tracks(refined_tracks: Files, instance_tracks: Files) -> dg.AssetCheckResult:
    """Every instance has its refined tracks, finite where they are seen, and no more of them than were tracked."""
    from videotracks.points.recording_outputs import refinement_problems

    problems = refinement_problems(refined_tracks, instance_tracks)
    return dg.AssetCheckResult(
        passed=not problems,
        description="; ".join(problems[:5]) or "refined tracks are those of the instances",
        metadata={"problems": len(problems)},
    )


@video_asset(file="track_videos.json", storage="files", group="points", kinds={"opencv"}, settings=["point_trails"])
def track_videos(
    context: dg.AssetExecutionContext,
    recording: Recording,
    instance_tracks: Files,
    refined_tracks: Files,
    depth_maps: DepthStore,
    library: Library,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """Refined tracks drawn as trails on every camera, H.264: ``instance_1/cam_00.mp4``, all of them in ``combined/``.

    ``track_videos.json`` lists them. For people to watch.
    """
    from videotracks.points.instance_tracks import tracked_cameras
    from videotracks.points.recording_outputs import read_refined, read_summary, trail_pictures, write_trail_videos

    source, summary = library.source(context.partition_key), read_summary(instance_tracks)
    folder = outputs.draft("trails")
    videos = write_trail_videos(
        recording,
        source,
        tracked_cameras(recording, source, instance_tracks, summary),
        depth_maps,
        summary,
        read_refined(refined_tracks, summary),
        settings.point_trails,
        folder,
        progress.of(context, "drawing trails"),
    )
    entry = outputs.draft("track_videos.json")
    entry.write_text(json.dumps(sorted(videos), indent=1))
    folders = {name.split("/")[0]: folder / name.split("/")[0] for name in videos}
    tiles, labels = trail_pictures(videos)
    return dg.MaterializeResult(
        value=Files({entry.name: entry, **folders}),
        metadata={
            "videos": len(videos),
            "summary": f"{len(videos)} videos",
            **({"trails": picture(tiles, labels, tile=(480, 300), columns=2)} if tiles else {}),
        },
    )
