"""HDF5 files that stay open and are read in parts."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Self

if TYPE_CHECKING:
    import h5py


class Hdf5Handle:
    """A file opened for reading, a context manager.

    A subclass checks in ``__init__(file, name, path)`` that the file is one of its kind and whole, keeps ``file`` as
    ``_file`` and ``path``, and says how the file is made and what its trouble is called.
    """

    #: The asset whose file this is, for errors.
    asset: ClassVar[str] = "its asset"
    path: Path | None
    _file: "h5py.File"

    def __init__(self, file: "h5py.File", name: str, path: Path | None) -> None:
        raise NotImplementedError

    @staticmethod
    def broken(name: str) -> AbstractContextManager[None]:
        """Turns what HDF5 says of a broken file into a ``CorruptFileError`` that names it."""
        raise NotImplementedError

    @classmethod
    def open(cls, source: Path | BinaryIO, name: str | None = None) -> Self:
        """Open a file or a binary file object that can seek; ``name`` stands for it in errors.

        ``CorruptFileError`` for whatever is no whole file of this kind, ``FileNotFoundError`` where there is none.
        """
        import h5py

        name = name or str(source)
        if isinstance(source, Path) and not source.is_file():
            raise FileNotFoundError(f"{name}: no such file; materialise {cls.asset}")
        with cls.broken(name):
            # Without HDF5's chunk cache, only the bytes asked for are read.
            file = h5py.File(source, "r", rdcc_nbytes=0, locking=False)
        try:
            return cls(file, name, source if isinstance(source, Path) else None)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
