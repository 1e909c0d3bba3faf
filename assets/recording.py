"""The recording: the root of every branch."""

import dagster as dg

from assets.video_asset import video_asset
from resources.library import Library
from resources.progress import ProgressLog
from videotracks.recording import Recording, probe_recording


@video_asset(file="recording.json", storage="json", group="recordings", kinds={"video"})
def recording(
    context: dg.AssetExecutionContext, library: Library, progress: ProgressLog
) -> dg.MaterializeResult[Recording]:
    """What the files really are: per view codec, size in pixels, frames per second, exact frame count and timestamps.

    The hash of the files is its data version, so that a replaced video makes exactly its own outputs stale.
    Every branch starts here.
    """
    from videotracks.contact_sheet import data_uri_image

    source = library.source(context.partition_key)
    found = probe_recording(source, context.partition_key, progress.of(context, "probing", "bytes"))
    return dg.MaterializeResult(
        value=found,
        data_version=dg.DataVersion(found.content_hash[:16]),
        metadata={
            "summary": "; ".join(
                f"{v.camera} {v.width}×{v.height}, {v.frame_count} frames, {v.fps:.2f} fps" for v in found.views
            ),
            "source": dg.MetadataValue.path(str(source)),
            "frames": sum(v.frame_count for v in found.views),
            "duration_s": max(v.duration_s for v in found.views),
            "views": len(found.views),
            "posters": dg.MetadataValue.md(" ".join(data_uri_image(jpeg, "poster") for jpeg in found.posters)),
        },
    )
