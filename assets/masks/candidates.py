"""Candidate masks: the objects that a segmenter sees in some frames."""

import dagster as dg

from assets.video_asset import video_asset
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.segmenter import SegmenterModel
from resources.settings import Settings
from videotracks.files import Files
from videotracks.recording import Recording


@video_asset(
    file="mask_candidates.json",
    storage="files",
    group="masks",
    kinds={"opencv"},
    settings=["mask_candidates"],
    pool="gpu",
)
def mask_candidates(
    context: dg.AssetExecutionContext,
    recording: Recording,
    library: Library,
    segmenter: SegmenterModel,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """Candidate objects of sampled frames at several levels, coarse to fine, filtered by area and stability.

    ``level_{L}/filtered/filtered.json`` holds masks packed to bits at the size of the view, boxes in px and scores 0
    to 1; ``mask_candidates.json`` counts. Proposed by the segmenter, or imported from what Semantic-SAM wrote. Read by
    the tracking.
    """
    from videotracks.masks.candidates.recording import propose_recording

    members, made = propose_recording(
        recording,
        library.source(context.partition_key),
        segmenter.load() if settings.mask_candidates.source == "segmenter" else None,
        settings.mask_candidates,
        outputs.draft,
        progress.of(context, "proposing"),
    )
    return dg.MaterializeResult(
        value=Files(members),
        metadata={
            "model": made.source,
            "candidates": made.kept,
            "levels": dg.MetadataValue.md(made.table()),
            "summary": f"{made.kept} candidates, by {made.source['backend']}",
        },
    )
