"""The page on the masks of a video."""

import dagster as dg

from assets.video_asset import video_asset
from resources.outputs import Outputs
from videotracks.files import Files
from videotracks.recording import Recording
from videotracks.versions import content_version, data_version_of

REPORT = "masks.html"


@video_asset(file=REPORT, storage="files", group="masks", kinds={"html"})
def mask_report(
    context: dg.AssetExecutionContext,
    recording: Recording,
    mask_tracks: Files,
    mask_comparison: Files,
    mask_hierarchy: Files,
    outputs: Outputs,
) -> dg.MaterializeResult[Files]:
    """One page per view: what was found and followed, the comparison pictures, when each object is seen, what lies in
    what.

    Opens from disk and loads only the pictures and the video beside it.
    """
    from videotracks.masks.report.recording import write_mask_reports

    pages = write_mask_reports(recording, mask_tracks, mask_comparison, mask_hierarchy, outputs.draft, REPORT)
    shown = content_version(mask_comparison) + content_version(mask_hierarchy)
    return dg.MaterializeResult(
        value=Files(pages),
        # The page also tells seconds, which are different each time and make nothing stale.
        data_version=dg.DataVersion(data_version_of(shown.encode())),
        metadata={
            "report": dg.MetadataValue.url(f"file://{outputs.path(context.partition_key, REPORT).path}"),
            "summary": f"{len(pages)} pages",
        },
    )
