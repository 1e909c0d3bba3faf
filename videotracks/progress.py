"""How long work tells of its progress."""

from collections.abc import Callable

#: Called with (done, total); total is None where it is not known. Cheap enough to call per frame.
Progress = Callable[[int, int | None], None]


def silent(done: int, total: int | None) -> None:
    """Report nothing."""


def part_of(progress: Progress, begin: int, total: int) -> Progress:
    """The progress of a part of some work: it begins when ``begin`` of ``total`` are done."""
    return lambda done, _: progress(begin + done, total)
