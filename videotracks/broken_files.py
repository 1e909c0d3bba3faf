"""What HDF5 says of a broken file, as an error that names it."""

from collections.abc import Iterator
from contextlib import contextmanager

from videotracks.errors import CorruptFileError


@contextmanager
def hdf5_trouble(name: str, kind: str, remedy: str) -> Iterator[None]:
    """Turn whatever HDF5 says of a broken file of a ``kind`` into a ``CorruptFileError`` that says what to do."""
    try:
        yield
    except CorruptFileError as error:
        text = str(error)
        raise CorruptFileError(text if text.startswith(name) else f"{name}: {text}; {remedy}") from None
    except FileNotFoundError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise CorruptFileError(f"{name}: no complete {kind} ({error}); {remedy}") from error
