"""What a piece of work costs, and what more of it would cost."""

import os
import resource
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: How often the memory is looked at: a spike shorter than this is seen only if it is the highest of the process.
SAMPLE_EVERY_S = 0.05
_STATM, _IO = Path("/proc/self/statm"), Path("/proc/self/io")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Cost:
    """What a block of code used; complete when the block has ended.

    CPU seconds count all threads, and child processes that have ended. Peak memory is that of the whole process
    while the block ran. Bytes read and written are those that went through system calls, from the page cache
    or not, memory-mapped files left out; None where the system does not count them.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    bytes_read: int | None = None
    bytes_written: int | None = None


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block: ``with measured() as cost: …``. Blocks may nest."""
    cost, stop = Cost(), threading.Event()
    highest_before, read_before, cpu_before = _highest_memory(), _bytes_moved(), _cpu_s()
    sampler = threading.Thread(target=_sample_memory, args=(cost, stop), daemon=True)
    sampler.start()
    begun = time.perf_counter()
    try:
        yield cost
    finally:
        cost.wall_s = time.perf_counter() - begun
        cost.cpu_s = _cpu_s() - cpu_before
        read_after = _bytes_moved()
        if read_before and read_after:
            cost.bytes_read, cost.bytes_written = (b - a for a, b in zip(read_before, read_after, strict=True))
        stop.set()
        sampler.join()
        highest = _highest_memory()
        if highest > highest_before:
            # The process has never been larger than in this block: the system's own figure misses no spike.
            cost.peak_memory_bytes = max(cost.peak_memory_bytes, highest)


def _sample_memory(cost: Cost, stop: threading.Event) -> None:
    """Look at the resident memory until told to stop; the highest so far where the system tells no more."""
    try:
        with _STATM.open("rb", buffering=0) as statm:
            while True:
                resident = int(os.pread(statm.fileno(), 128, 0).split()[1]) * _PAGE_BYTES
                cost.peak_memory_bytes = max(cost.peak_memory_bytes, resident)
                if stop.wait(SAMPLE_EVERY_S):
                    return
    except (OSError, IndexError, ValueError):
        cost.peak_memory_bytes = max(cost.peak_memory_bytes, _highest_memory())


def _highest_memory() -> int:
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * 1024


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _bytes_moved() -> tuple[int, int] | None:
    try:
        fields = dict(line.split(": ") for line in _IO.read_text("ascii").splitlines())
        return int(fields["rchar"]), int(fields["wchar"])
    except (OSError, ValueError, KeyError):
        return None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the remaining videos would take in wall seconds; ``low_s`` and ``high_s`` are None after one video."""

    wall_s: float
    low_s: float | None
    high_s: float | None
    videos: int
    frames: int
    measured_videos: int


def forecast(costs: Sequence[tuple[int, float]], remaining_frames: Sequence[int]) -> Forecast | None:
    """Estimate a backfill from (frames, wall seconds) of videos that ran, and the frames of those that did not.

    A video costs a constant and so much per frame; both are fitted by least squares and neither is negative.
    The range is the estimate times the smallest and the largest ratio of a measured time to its fitted one.
    None where nothing was measured.
    """
    if not costs:
        return None
    frames, seconds = np.asarray(costs, dtype="f8").T
    constant, per_frame = _fit(frames, seconds)
    total = len(remaining_frames) * constant + sum(remaining_frames) * per_frame
    fitted = constant + per_frame * frames
    ratios = seconds[fitted > 0] / fitted[fitted > 0]
    spread = len(ratios) > 1
    return Forecast(
        wall_s=float(total),
        low_s=float(total * ratios.min()) if spread else None,
        high_s=float(total * ratios.max()) if spread else None,
        videos=len(remaining_frames),
        frames=int(sum(remaining_frames)),
        measured_videos=len(costs),
    )


def _fit(frames: np.ndarray, seconds: np.ndarray) -> tuple[float, float]:
    """Seconds per video and per frame, neither negative."""
    spread = frames - frames.mean()
    if not spread.any():
        # One length only: a constant cannot be told from a rate, and the rate carries over to other lengths.
        return (0.0, float(seconds.sum() / frames.sum())) if frames.sum() else (float(seconds.mean()), 0.0)
    per_frame = float((spread * seconds).sum() / (spread**2).sum())
    constant = float(seconds.mean() - per_frame * frames.mean())
    if per_frame < 0:
        return float(seconds.mean()), 0.0
    if constant < 0:
        return 0.0, float((frames * seconds).sum() / (frames**2).sum())
    return constant, per_frame
