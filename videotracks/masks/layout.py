"""Where the masks of a view and a level lie, relative to the folder of a video."""

import re
from pathlib import Path, PurePosixPath
from typing import Literal

from videotracks.files import Files
from videotracks.recording import Recording

#: The folders of a level: candidates, tracked masks, pictures.
Part = Literal["filtered", "tracking", "viz"]


def level_part(recording: Recording, camera: int, level: int, part: Part) -> str:
    """The relative name of one folder of one level: of a recording of several views, inside one named by the view."""
    view = PurePosixPath() if len(recording.views) == 1 else PurePosixPath(recording.views[camera].camera)
    return (view / f"level_{level}" / part).as_posix()


def levels_in(files: Files, recording: Recording, camera: int, part: Part) -> dict[int, Path]:
    """The folders of all levels of one view that an output has, coarse levels first."""
    found = {}
    for name in files.members:
        level = re.search(rf"(?:^|/)level_(\d{{1,3}})/{part}$", name)
        if level and name == level_part(recording, camera, int(level[1]), part):
            found[int(level[1])] = files[name]
    return dict(sorted(found.items()))
