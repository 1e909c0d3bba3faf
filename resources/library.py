"""The library: the folder of recordings that are turned into outputs."""

import shutil
from pathlib import Path

import dagster as dg

from videotracks.errors import RecordingError
from videotracks.sources import find_sources, partition_key


class Library(dg.ConfigurableResource):
    """The folder of recordings. A recording is a file or a folder in it, or a link to one elsewhere.

    Only ``add`` writes here, and it never writes into the folder that a recording comes from.
    """

    folder: str

    def sources(self) -> dict[str, Path]:
        """All recordings by partition key; two that map to one key are a ``RecordingError``."""
        folder = Path(self.folder)
        return find_sources(folder) if folder.is_dir() else {}

    def source(self, video: str) -> Path:
        """Where the recording of this partition key lies; ``RecordingError`` if it is gone."""
        try:
            return self.sources()[video]
        except KeyError:
            raise RecordingError(
                f"no recording {video!r} in {self.folder}: was it moved? Put it back or add it with `videotracks add`"
            ) from None

    def add(self, path: Path, *, copy: bool = False) -> str:
        """Put a recording into the library, by a link or a copy, and return its partition key.

        A recording that is there already is only looked up. Another of the same key is a ``RecordingError``.
        """
        path = path.expanduser()
        if not path.exists():
            raise RecordingError(f"{path}: no such file or folder")
        path = path.resolve()
        key = partition_key(path.name if path.is_dir() else path.stem)
        present = self.sources().get(key)
        if present is not None:
            if present.resolve() == path:
                return key
            raise RecordingError(f"{path}: the library has another recording {key!r} ({present}); rename one of them")
        target = Path(self.folder) / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not copy:
            target.symlink_to(path)
        elif path.is_dir():
            shutil.copytree(path, target)
        else:
            shutil.copy2(path, target)
        if key not in self.sources():
            target.unlink() if target.is_symlink() or target.is_file() else shutil.rmtree(target)
            raise RecordingError(f"{path}: neither a video, nor a folder of views or of numbered images")
        return key
