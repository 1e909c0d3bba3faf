"""The tracks in Rerun: cameras, pictures, points and trails."""

from typing import Any

import dagster as dg

from assets.video_asset import video_asset
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.files import Files
from videotracks.recording import Recording
from videotracks.versions import content_version


@video_asset(file="track_scene.json", storage="files", group="points", kinds={"rerun"}, settings=["point_scene"])
def track_scene(
    context: dg.AssetExecutionContext,
    recording: Recording,
    instance_tracks: Files,
    library: Library,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """The tracks as Rerun recordings, ``{video}_{tracker}_instance_{N}.rrd`` and ``…_combined.rrd``.

    Cameras with their pictures, visible points, trails of the last frames, in world metres. Open one with
    ``rerun FILE``. ``track_scene.json`` lists them.
    """
    import json

    from videotracks.points.recording_outputs import write_scenes

    scenes = write_scenes(
        recording,
        library.source(context.partition_key),
        instance_tracks,
        settings.point_scene,
        outputs.draft,
        progress.of(context, "writing scenes", "scenes"),
    )
    entry = outputs.draft("track_scene.json")
    entry.write_text(json.dumps(sorted(scenes), indent=1))
    links: dict[str, Any] = {}
    if scenes:
        combined = outputs.path(context.partition_key, next(n for n in scenes if n.endswith("_combined.rrd"))).path
        links = {
            "scene": dg.MetadataValue.url(f"file://{combined}"),
            "open": dg.MetadataValue.text(f"rerun {combined}"),
        }
    return dg.MaterializeResult(
        value=Files({entry.name: entry, **scenes}),
        # Rerun numbers its chunks at random: the bytes differ each time, and that makes nothing stale.
        data_version=dg.DataVersion(content_version(instance_tracks)),
        metadata={"scenes": len(scenes), "summary": f"{len(scenes)} scenes", **links},
    )
