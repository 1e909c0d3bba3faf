"""The demonstration recording: a folder with one view and its ground truth, boxes and masks."""

from pathlib import Path

import numpy as np

from videotracks.demo.camera import camera_at
from videotracks.demo.people import cast
from videotracks.demo.street import render
from videotracks.demo.view_files import MOST_PEOPLE, ViewFiles, whole_folder
from videotracks.progress import Progress, silent
from videotracks.sources import ANNOTATIONS

#: Level with the heads, looking a little down.
CAMERA = camera_at("cam_00", (768, 432), 900.0, (0, 0, 2.0), (0, 10, 2 - 10 * float(np.tan(0.10))))
FPS = 25.0


def write_demo(
    folder: Path, *, seconds: float = 14.0, people: int = 5, seed: int = 7, progress: Progress = silent
) -> Path:
    """Write ``cam_00.mp4``, ``gt.txt`` (MOTChallenge) and ``Annotations/`` (DAVIS) into ``folder``; return it.

    All of it is written, or none. A folder that exists is replaced.
    """
    if not 0 <= people <= MOST_PEOPLE:
        raise ValueError(f"{people} people; a mask of one byte tells at most {MOST_PEOPLE} apart")
    frames = max(1, round(seconds * FPS))
    with whole_folder(folder) as draft:
        files = ViewFiles(draft / "cam_00.mp4", CAMERA, FPS, boxes=draft / "gt.txt", masks=draft / ANNOTATIONS)
        with files:
            for index, frame in enumerate(render(cast(people, seconds, seed), CAMERA, frames, FPS, seed)):
                files.write(frame)
                progress(index + 1, frames)
    return folder
