"""The library: the folder of recordings that are turned into outputs."""

import shutil
import tempfile
from pathlib import Path
from typing import Literal

import dagster as dg

from videotracks.errors import RecordingError
from videotracks.sources import annotation_file, find_sources, is_recording, mask_annotations, source_key


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
        if not is_recording(path):
            raise RecordingError(f"{path}: neither a video, nor a folder of views or of numbered images")
        key = source_key(path)
        present = self.sources().get(key)
        if present is not None:
            if present.resolve() == path:
                return key
            raise RecordingError(f"{path}: the library has another recording {key!r} ({present}); rename one of them")
        target = Path(self.folder) / path.name
        if target.exists() or target.is_symlink():
            raise RecordingError(f"{target}: there already, and no recording; remove it or rename {path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        if copy:
            _copy(path, target)
        else:
            target.symlink_to(path)
        return key


def _copy(path: Path, target: Path) -> None:
    """Copy a recording with its annotations; under hidden names first, so that half of it is never a recording."""
    sources = [path]
    if not path.is_dir():
        kinds: tuple[Literal["gt", "det"], ...] = ("gt", "det")
        masks = {file.parent for file in mask_annotations(path, "cam_00").values()}
        sources = [*masks, *(f for kind in kinds if (f := annotation_file(path, "cam_00", kind))), path]
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adding-") as scratch:
        for source in sources:
            draft = Path(scratch) / source.name
            if source.is_dir():
                shutil.copytree(source, draft)
            else:
                shutil.copy2(source, draft)
            draft.rename(target.parent / source.name)
