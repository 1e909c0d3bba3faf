"""Objects followed through the video, and the checks of what was followed."""

from typing import Any

import dagster as dg

from assets.checks import video_check
from assets.video_asset import video_asset
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.segmenter import SegmenterModel
from resources.settings import Settings
from videotracks.files import Files
from videotracks.recording import Recording
from videotracks.versions import content_version


@video_asset(
    file="tracking_stats.json",
    storage="files",
    group="masks",
    kinds={"opencv"},
    settings=["mask_candidates", "mask_tracking"],
    pool="gpu",
)
def mask_tracks(
    context: dg.AssetExecutionContext,
    recording: Recording,
    mask_candidates: Files,
    library: Library,
    segmenter: SegmenterModel,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """Every object's mask in every frame, by level: packed bits, one frame readable without the rest.

    ``level_{L}/tracking/video_segments.npz`` by frame and ``object_segments.npz`` by object; ids from 1 on each
    level. A killed run goes on where it was. ``tracking_stats.json`` counts prompts, duplicates, objects and seconds.
    Read by the comparison, the hierarchy and the match with the persons.
    """
    from videotracks.masks.summaries import TRACKING_STATS
    from videotracks.masks.tracking.recording import track_recording

    with outputs.work_folder(context.partition_key, "mask_tracks") as work:
        members, made = track_recording(
            recording,
            library.source(context.partition_key),
            segmenter.load(),
            mask_candidates,
            settings.mask_candidates,
            settings.mask_tracking,
            work,
            outputs.draft,
            progress.of(context, "tracking"),
            lambda text: progress.say(context, text),
        )
    objects, seconds = made.total("objects"), made.seconds()
    about: dict[str, Any] = {f"seconds/{stage}": round(took, 3) for stage, took in seconds.items()}
    return dg.MaterializeResult(
        value=Files(members),
        # What it took is different each time, and makes nothing stale.
        data_version=dg.DataVersion(content_version(Files({n: p for n, p in members.items() if n != TRACKING_STATS}))),
        metadata={
            "model": made.segmenter,
            "objects": objects,
            "masks": made.total("masks"),
            "levels": dg.MetadataValue.md(made.table()),
            "summary": f"{objects} objects, {made.total('masks')} masks, by {segmenter.kind}",
            **about,
        },
    )


@video_check(asset="mask_tracks", also=["recording"], blocking=True)
def archive_integrity(mask_tracks: Files, recording: Recording) -> dg.AssetCheckResult:
    """Every archive opens, every mask in it fits its frame, and the two archives of a level tell the same."""
    from videotracks.masks.layout import archive_problems

    problems = archive_problems(mask_tracks, recording)
    return dg.AssetCheckResult(
        passed=not problems,
        description="; ".join(problems[:5]) or "all archives are whole and agree",
        metadata={"problems": len(problems)},
    )


@video_check(asset="mask_tracks", also=["recording"])
def mask_accuracy(
    context: dg.AssetCheckExecutionContext,
    mask_tracks: Files,
    recording: Recording,
    library: Library,
    settings: Settings,
) -> dg.AssetCheckResult:
    """Region similarity J and boundary accuracy F against true masks beside the recording, where there are any."""
    from videotracks.masks.layout import opened_tracks
    from videotracks.masks.truth import score_masks

    with opened_tracks(mask_tracks, recording) as tracks:
        score = score_masks(recording, library.source(context.partition_key), tracks)
    if score is None:
        said = "no true masks beside the recording (<name>.Annotations/, or Annotations/ in its folder)"
        return dg.AssetCheckResult(passed=True, description=said, metadata={"has_ground_truth": False})
    wanted = settings.mask_truth.expected_j
    return dg.AssetCheckResult(
        passed=score.j >= wanted,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"J {score.j:.3f}, F {score.f:.3f} over {len(score.objects)} true objects",
        metadata={
            "has_ground_truth": True,
            "j": score.j,
            "f": score.f,
            "expected_j": wanted,
            "objects": dg.MetadataValue.md(score.table()),
        },
    )
