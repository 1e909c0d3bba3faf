"""Query points in batches that a tracker can hold, and what became of them in one piece again."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from videotracks.errors import ModelError
from videotracks.points.trackers import PointTracker, Tracked, Views
from videotracks.progress import Progress, part_of, silent


class BatchSettings(BaseModel, frozen=True, extra="forbid"):
    """How many points a tracker gets at a time, and which together."""

    most_points: int = Field(default=5000, ge=1, description="points of a batch at most")
    order: Literal["time", "random"] = Field(
        default="time", description="time: those asked for in the same frames together; random: a fair sample each"
    )
    seed: int = Field(default=0, ge=0, description="of the random order")


def split_points(query_points: np.ndarray, settings: BatchSettings) -> list[np.ndarray]:
    """Which of ``query_points`` f32[N, 4] make each batch: i64 indices, ascending, each point in exactly one batch.

    As few batches as possible, of equal size but for one point. None for no points.
    """
    count = len(query_points)
    if settings.order == "time":
        order = np.argsort(query_points[:, 0], kind="stable")
    else:
        order = np.random.default_rng(settings.seed).permutation(count)
    batches = -(-count // settings.most_points)
    return [np.sort(batch) for batch in np.array_split(order, batches)] if batches else []


def merge_batches(batches: list[np.ndarray], tracked: list[Tracked], frame_count: int) -> Tracked:
    """Put together what became of the batches of ``split_points``: track i is that of query point i again.

    ``ValueError`` where the batches do not hold each point exactly once, or a result is not of its batch's size.
    """
    count = sum(map(len, batches))
    order = np.concatenate([np.zeros(0, "i8"), *batches])
    if not np.array_equal(np.sort(order), np.arange(count)):
        raise ValueError(f"batches of {count} points in all, which are not each of 0 to {count - 1} once")
    merged = _unknown(frame_count, count)
    for batch, part in zip(batches, tracked, strict=True):
        _put(merged, batch, part)
    return merged


def track_in_batches(
    tracker: PointTracker,
    views: Views,
    query_points: np.ndarray,
    settings: BatchSettings,
    progress: Progress = silent,
) -> Tracked:
    """Let ``tracker`` follow ``query_points`` f32[N, 4] batch after batch; track i is that of query point i.

    No points are no work: the tracker is not asked. ``progress`` counts frames of all batches. ``ModelError`` where
    a tracker returns other shapes than ``Tracked`` has.
    """
    batches = split_points(query_points, settings)
    merged = _unknown(views.frame_count, len(query_points))
    for number, batch in enumerate(batches):
        bar = part_of(progress, number * views.frame_count, len(batches) * views.frame_count)
        try:
            _put(merged, batch, tracker.track(views, query_points[batch], bar))
        except ValueError as error:
            raise ModelError(f"point tracker {tracker.name!r}, batch {number + 1} of {len(batches)}: {error}") from None
    return merged


def _unknown(frame_count: int, count: int) -> Tracked:
    return Tracked(np.full((frame_count, count, 3), np.nan, "f4"), np.zeros((frame_count, count), "f4"))


def _put(merged: Tracked, batch: np.ndarray, part: Tracked) -> None:
    shape = (len(merged.tracks), len(batch))
    if part.tracks.shape != (*shape, 3) or part.visibilities.shape != shape:
        raise ValueError(
            f"tracks {part.tracks.shape} and visibilities {part.visibilities.shape} for {shape[1]} points in "
            f"{shape[0]} frames; expected {(*shape, 3)} and {shape}"
        )
    merged.tracks[:, batch] = part.tracks
    merged.visibilities[:, batch] = part.visibilities
