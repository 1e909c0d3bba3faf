"""Where the people of a calibrated recording of several views are in the world."""

import dagster as dg

from assets.pictures import image
from assets.video_asset import video_asset
from resources.library import Library
from resources.outputs import Outputs
from resources.progress import ProgressLog
from resources.settings import Settings
from videotracks.files import Files
from videotracks.persistence.decisions.deciding import PersistenceDecisions
from videotracks.persistence.triangulation.tracks3d import TriangulatedTracks
from videotracks.recording import Recording
from videotracks.tables import Tracklets
from videotracks.versions import content_version


@video_asset(
    file="triangulated_tracks.npz", storage="npz", group="persistence", kinds={"numpy"}, settings=["triangulation"]
)
def triangulated_tracks(
    context: dg.AssetExecutionContext,
    recording: Recording,
    tracklets: Tracklets,
    persistence_decisions: PersistenceDecisions,
    library: Library,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[TriangulatedTracks]:
    """3D positions of things that two or more calibrated views see, from the tracklets that were kept.

    World metres, one row per thing and frame. Empty without a calibration or with a single view, and the metadata say
    why. Read by the scene.
    """
    from videotracks.persistence.triangulation.pictures import draw_things
    from videotracks.persistence.triangulation.recording import triangulate_recording
    from videotracks.points.instance_tracks import calibrated_cameras
    from videotracks.points.pictures.trajectory_plots import TrajectoryPlotSettings

    cameras = calibrated_cameras(recording, library.source(context.partition_key))
    found, summary = triangulate_recording(
        cameras,
        tracklets,
        settings.triangulation,
        kept=[decision.tracklet_id for decision in persistence_decisions.kept],
        progress=progress.of(context, "triangulating", "things"),
    )
    if summary.statistics is None:
        return dg.MaterializeResult(value=found, metadata={"summary": summary.reason})
    size = TrajectoryPlotSettings(width_px=900, height_px=450)
    plot = draw_things(found, cameras, recording.views[0].timestamps_s, size)
    return dg.MaterializeResult(
        value=found,
        metadata={
            **summary.statistics.model_dump(exclude_none=True),
            "summary": f"{summary.statistics.things} things, {found.row_count} positions",
            "from above": image(plot),
        },
    )


@video_asset(
    file="triangulated_scene.json", storage="files", group="persistence", kinds={"rerun"}, settings=["point_scene"]
)
def triangulated_scene(
    context: dg.AssetExecutionContext,
    recording: Recording,
    triangulated_tracks: TriangulatedTracks,
    library: Library,
    outputs: Outputs,
    settings: Settings,
    progress: ProgressLog,
) -> dg.MaterializeResult[Files]:
    """The triangulated things in Rerun, ``triangulated_tracks.rrd``, and from above, ``triangulated_tracks.png``.

    Open it with ``rerun FILE``. ``triangulated_scene.json`` lists what there is: nothing where nothing was
    triangulated.
    """
    from videotracks.persistence.triangulation.scene_files import write_scene_files
    from videotracks.points.instance_tracks import calibrated_cameras

    source = library.source(context.partition_key)
    members = write_scene_files(
        recording,
        source,
        triangulated_tracks,
        calibrated_cameras(recording, source),
        settings.point_scene,
        outputs.draft,
        progress.of(context, "writing the scene"),
    )
    return dg.MaterializeResult(
        value=Files(members),
        # Rerun numbers its chunks at random: the bytes differ each time, and that makes nothing stale.
        data_version=dg.DataVersion(content_version(triangulated_tracks)),
        metadata={"summary": ", ".join(sorted(members))},
    )
