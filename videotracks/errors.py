"""The errors a user may meet. Each message names the file, what was expected, and what to do next."""


class VideoTracksError(Exception):
    """Base of all errors that are the input's or the configuration's fault, not the program's."""


class RecordingError(VideoTracksError):
    """A file that is no readable video, a folder that is no recording, a name that cannot be a key."""


class CorruptFileError(VideoTracksError):
    """A stored output that is truncated, foreign, tampered with or of another schema."""


class ModelError(VideoTracksError):
    """A model whose weights are missing, whose hash is wrong, or whose tensors have unexpected shapes."""


class BaselineError(VideoTracksError):
    """A baseline that cannot be read or imported."""


class CalibrationError(VideoTracksError):
    """Cameras that cannot be read, that no camera can be, or that are not those of the recording."""
