"""How long work tells of its progress."""

from collections.abc import Callable

#: Called with (done, total); total is None where it is not known. Cheap enough to call per frame.
Progress = Callable[[int, int | None], None]


def silent(done: int, total: int | None) -> None:
    """Report nothing."""
