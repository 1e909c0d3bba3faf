"""Where the masks of a view and a level lie, relative to the folder of a video."""

from pathlib import PurePosixPath

from videotracks.recording import Recording


def view_folder(recording: Recording, camera: int) -> PurePosixPath:
    """The folder of one view: the video's own where there is one view, else one named by the camera."""
    return PurePosixPath() if len(recording.views) == 1 else PurePosixPath(recording.views[camera].camera)


def level_folder(recording: Recording, camera: int, level: int) -> PurePosixPath:
    """The folder of one level of one view."""
    return view_folder(recording, camera) / f"level_{level}"
