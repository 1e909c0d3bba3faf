"""HDF5 files behind a lazy handle, which reads only what is asked for."""

from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self, runtime_checkable

import dagster as dg
from upath import UPath

from resources.io_managers.stored import StoredIOManager
from resources.outputs import Outputs, is_local
from videotracks.errors import CorruptFileError

#: Remote files are read in blocks of this size, the last ones kept: metadata and neighbours come together.
REMOTE_BLOCK_BYTES = 1 << 20


@runtime_checkable
class Handle(Protocol):
    """A file that stays where it is and is read in parts.

    As an asset's value, ``path`` is a finished draft. A ``close()`` and a ``content_version()``, where
    there are any, are used.
    """

    @property
    def path(self) -> Path | None:
        """The file, where it is a local one."""

    @classmethod
    def open(cls, source: Path | BinaryIO, /) -> Self:
        """Open a file; ``CorruptFileError`` if it is not a whole one of this class."""


class Hdf5IOManager(dg.ConfigurableIOManagerFactory):
    """Moves a finished HDF5 draft to its place, after opening it as a check; hands over a lazy handle on it."""

    outputs: Outputs

    def create_io_manager(self, context: dg.InitResourceContext) -> dg.IOManager:
        """Make the manager over the configured root."""
        return _Hdf5(self.outputs)


class _Hdf5(StoredIOManager):
    def write(self, value: Any, path: UPath) -> int:
        if not isinstance(value, Handle) or not isinstance(value.path, Path):
            raise TypeError(f"Hdf5IOManager stores a handle with open() and a local path, got {type(value).__name__}")
        draft = value.path
        self.outputs.refuse_stored(draft)
        _close(_open(type(value), draft, str(draft)))
        _close(value)
        size = draft.stat().st_size
        self.outputs.place(draft, path)
        return size

    def read(self, cls: type[Any], path: UPath) -> Any:
        if not callable(getattr(cls, "open", None)):
            raise TypeError(f"{path} is opened by a handle; annotate the input with its class, not {cls.__name__}")
        if is_local(path):
            return _open(cls, Path(path.path), str(path))
        remote = path.fs.open(path.path, "rb", block_size=REMOTE_BLOCK_BYTES, cache_type="blockcache")
        return _open(cls, remote, str(path))


def _open(cls: type[Any], source: Any, name: str) -> Any:
    try:
        return cls.open(source)
    except CorruptFileError as error:
        if name in str(error):
            raise
        raise CorruptFileError(f"{name}: {error}") from error  # the handle cannot know a remote file's name
    except (OSError, KeyError, ValueError, TypeError) as error:
        # HDF5 reports a damaged file as a bare OSError; what the system refuses has a subclass of its own.
        if isinstance(error, OSError) and type(error) is not OSError:
            raise
        raise CorruptFileError(f"{name}: not a whole {cls.__name__} file: {error}") from error


def _close(handle: Any) -> None:
    close = getattr(handle, "close", None)
    if callable(close):
        close()
