"""The files that show triangulated things: a Rerun scene and a plan, with a list of them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from videotracks.geometry.camera_path import ViewCamera
from videotracks.persistence.triangulation.pictures import draw_things, write_things
from videotracks.persistence.triangulation.tracks3d import TriangulatedTracks
from videotracks.points.pictures.scene import SceneSettings
from videotracks.points.pictures.trajectory_plots import TrajectoryPlotSettings
from videotracks.progress import Progress, silent
from videotracks.recording import Recording

LIST, SCENE, PLAN = "triangulated_scene.json", "triangulated_tracks.rrd", "triangulated_tracks.png"


def write_scene_files(
    recording: Recording,
    source: Path,
    tracks: TriangulatedTracks,
    cameras: Sequence[ViewCamera],
    settings: SceneSettings,
    draft: Callable[[str], Path],
    progress: Progress = silent,
) -> dict[str, Path]:
    """Write the list, and where anything was triangulated the scene and the plan; by their names.

    ``draft`` gives a fresh path for a file of that name.
    """
    made: dict[str, Path] = {}
    if tracks.row_count:
        from PIL import Image

        made = {name: draft(name) for name in (SCENE, PLAN)}
        cache = draft("frames")
        cache.mkdir()
        write_things(made[SCENE], recording, source, tracks, cameras, settings, cache=cache, progress=progress)
        plan = draw_things(tracks, cameras, recording.views[0].timestamps_s, TrajectoryPlotSettings())
        Image.fromarray(plan).save(made[PLAN])
    listed = draft(LIST)
    listed.write_text(json.dumps(sorted(made), indent=1))
    return {LIST: listed, **made}
