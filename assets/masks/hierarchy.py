"""Which object lies inside which."""

import dagster as dg

from assets.video_asset import video_asset
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.files import Files
from videotracks.recording import Recording


@video_asset(file="mask_hierarchy.json", storage="files", group="masks", kinds={"numpy"}, settings=["mask_hierarchy"])
def mask_hierarchy(
    context: dg.AssetExecutionContext,
    recording: Recording,
    mask_tracks: Files,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """Which fine object lies inside which coarse one: ``index.json`` by level, ``relations.json`` as a tree.

    A parent contains at least 95 % of its child's pixels over the frames that both are seen in. Of several views
    each has its own, in a folder named by the view; ``mask_hierarchy.json`` counts. Read by the mask report.
    """
    from videotracks.masks.hierarchy.files import write_hierarchy
    from videotracks.masks.hierarchy.tree import build_hierarchy
    from videotracks.masks.layout import in_view, opened_tracks
    from videotracks.masks.summaries import HierarchySummary, count_nodes

    entry, members, counts = outputs.draft("mask_hierarchy.json"), {}, {}
    with opened_tracks(mask_tracks, recording) as tracks:
        for camera, levels in tracks.items():
            found = build_hierarchy(levels, settings.mask_hierarchy, progress.of(context, "nesting"))
            folder = outputs.draft("hierarchy")
            folder.mkdir()
            for name, path in write_hierarchy(folder, found).items():
                members[in_view(recording, camera, name)] = path
            counts[recording.views[camera].camera] = count_nodes(found)
    summary = HierarchySummary(views=counts)
    entry.write_text(summary.model_dump_json(indent=1))
    return dg.MaterializeResult(
        value=Files({entry.name: entry, **members}),
        metadata={
            "objects": summary.objects,
            "inside_another": summary.inside,
            "summary": f"{summary.inside} of {summary.objects} objects lie inside another",
        },
    )
