"""Depth of every view and frame."""

import dagster as dg

from assets.pictures import picture
from assets.video_asset import video_asset
from resources.depth_estimator import DepthEstimatorModel
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.points.depth.store import DepthStore
from videotracks.recording import Recording


@video_asset(file="depth.h5", storage="hdf5", group="points", kinds={"opencv"}, settings=["point_depth"], pool="gpu")
def depth_maps(
    context: dg.AssetExecutionContext,
    recording: Recording,
    library: Library,
    depth_estimator: DepthEstimatorModel,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[DepthStore]:
    """Depth along the camera's axis in metres per view and frame, f32[H, W] when read, 0 where there is none.

    From files beside the recording, else from a pair of calibrated views, or from a model where that is asked for; a
    view without any stays empty and the report says why. Read by the query points, the tracker and the trail videos.
    """
    from videotracks.points.depth.maps import make_depth
    from videotracks.points.depth.pictures import depth_tiles
    from videotracks.points.instance_tracks import calibrated_cameras

    source = library.source(context.partition_key)
    cameras = calibrated_cameras(recording, source)
    model = depth_estimator.load() if settings.point_depth.kind == "model" else None
    store, report = make_depth(
        recording,
        source,
        cameras,
        outputs.draft("depth.h5"),
        settings.point_depth,
        model=model,
        progress=progress.of(context, "depth"),
    )
    tiles, labels = depth_tiles(store)
    return dg.MaterializeResult(
        value=store,
        metadata={
            "model": model.provenance() if model else {"backend": ", ".join(sorted({r.kind for r in report}))},
            "views": dg.MetadataValue.json([{n: getattr(r, n) for n in r.__slots__} for r in report]),
            "views_with_depth": sum(r.frames_with_depth > 0 for r in report),
            "summary": "; ".join(f"{r.camera} {r.kind} {r.known_share:.0%}" for r in report),
            **({"depth": picture(tiles, labels, tile=(320, 200), columns=3)} if tiles else {}),
        },
    )
