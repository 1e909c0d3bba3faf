"""Where the masks of a view and a level lie, relative to the folder of a video."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from videotracks.errors import CorruptFileError
from videotracks.files import Files
from videotracks.masks.archive import SegmentsReader
from videotracks.masks.object_archive import verify_archives
from videotracks.recording import Recording

#: The folders of a level: candidates, tracked masks, pictures.
Part = Literal["filtered", "tracking", "viz/compare"]
MANIFEST = "filtered.json"
OBJECT_SEGMENTS = "object_segments.npz"


def in_view(recording: Recording, camera: int, name: str) -> str:
    """The relative name of a file of one view: of a recording of several views, inside a folder named by the view."""
    return name if len(recording.views) == 1 else f"{recording.views[camera].camera}/{name}"


def level_part(recording: Recording, camera: int, level: int, part: Part) -> str:
    """The relative name of one folder of one level."""
    return in_view(recording, camera, f"level_{level}/{part}")


def levels_in(files: Files, recording: Recording, camera: int, part: Part) -> dict[int, Path]:
    """The folders of all levels of one view that an output has, coarse levels first."""
    found = {}
    for name in files.members:
        level = re.search(rf"(?:^|/)level_(\d{{1,2}})/{part}$", name)
        if level and name == level_part(recording, camera, int(level[1]), part):
            found[int(level[1])] = files[name]
    return dict(sorted(found.items()))


def video_segments(folder: Path) -> Path:
    """The archive of masks by frame in a folder ``tracking``, whatever the scale in its name."""
    found = sorted(folder.glob("video_segments*.npz"))
    if len(found) != 1:
        raise CorruptFileError(f"{folder}: expected one archive video_segments*.npz, found {[p.name for p in found]}")
    return found[0]


def has_masks(mask_tracks: Files, recording: Recording) -> bool:
    """Whether any object was followed in any view."""
    with opened_tracks(mask_tracks, recording) as tracks:
        return any(archive.objects for levels in tracks.values() for archive in levels.values())


@contextmanager
def opened_tracks(mask_tracks: Files, recording: Recording) -> Iterator[Mapping[int, Mapping[int, SegmentsReader]]]:
    """The tracked masks by view and level, opened for reading and closed after the block."""
    with ExitStack() as stack:
        yield {
            camera: {
                level: stack.enter_context(SegmentsReader(video_segments(folder)))
                for level, folder in levels_in(mask_tracks, recording, camera, "tracking").items()
            }
            for camera in range(len(recording.views))
        }


def archive_problems(mask_tracks: Files, recording: Recording) -> list[str]:
    """What is wrong with the archives of all views and levels, or between the two of a level; empty if nothing is."""
    problems = []
    for camera in range(len(recording.views)):
        for folder in levels_in(mask_tracks, recording, camera, "tracking").values():
            try:
                problems += verify_archives(video_segments(folder), folder / OBJECT_SEGMENTS)
            except CorruptFileError as error:
                problems.append(str(error))
    return problems
