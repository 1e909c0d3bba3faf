"""The debugging view of the grouping as a table: which tracklets became whom, and which check refused which pair."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from videotracks.errors import CorruptFileError
from videotracks.people.grouping import GroupingLog, RefusedPair
from videotracks.people.pairs import follow
from videotracks.people.ranking import Ranking
from videotracks.tables import TrackletStats

if TYPE_CHECKING:
    import polars as pl

UNITS = {"gap": " frames", "distance": " px", "area": "", "direction": "", "jitter": " px"}


def grouping_table(
    stats: TrackletStats,
    log: GroupingLog,
    ranking: Ranking,
    timestamps_s: Sequence[np.ndarray],
    camera_ids: Sequence[str],
) -> "pl.DataFrame":
    """One row per tracklet, by rank of its person, then in the order they were joined.

    ``timestamps_s`` (f64[F]) and ``camera_ids`` are per view. ``joined_to`` is the tracklet before it in the same
    person, followed by the measures of that pair; ``refused_after`` lists the tracklets it was refused to continue,
    each with check, value and limit; ``refusals`` counts them. Safe to open in a spreadsheet: no cell can begin a
    formula. ``CorruptFileError`` if log, ranking and statistics are not of the same tracklets.
    """
    import polars as pl

    rank_of = {one.person_id: one.rank for one in ranking.rankings}
    persons = sorted(log.root, key=lambda one: rank_of.get(one.canonical_id, 0))
    members = [tracklet for one in persons for tracklet in one.original_tracklet_ids]
    if sorted(members) != stats.tracklet_id.tolist() or rank_of.keys() != {one.canonical_id for one in persons}:
        raise CorruptFileError(
            "grouping_log, person_ranking and tracklet_stats are not of the same tracklets; "
            "materialize tracklet_stats and what follows it again"
        )
    row = np.searchsorted(stats.tracklet_id, np.array(members, "i8"))
    person = [one.canonical_id for one in persons for _ in one.original_tracklet_ids]
    before = np.concatenate([row[:1], row[:-1]])
    begins = [i == 0 for one in persons for i in range(one.num_merged)]
    pair = follow(stats, before, row)
    cameras = stats.camera[row].tolist()
    start_s = _seconds(timestamps_s, cameras, stats.start_frame[row])
    end_s = _seconds(timestamps_s, cameras, stats.end_frame[row])
    refusals: dict[int, list[RefusedPair]] = {}
    for refused in (refused for one in persons for refused in one.refused):
        refusals.setdefault(refused.tracklet_2, []).append(refused)

    table = {
        "person_id": person,
        "rank": [rank_of[one] for one in person],
        "tracklet_id": members,
        "camera": [_cell(camera_ids[camera]) for camera in cameras],
        "start_frame": stats.start_frame[row],
        "end_frame": stats.end_frame[row],
        "start_s": np.round(start_s, 3),
        "end_s": np.round(end_s, 3),
        "duration_s": np.round(end_s - start_s, 3),
        "detections": stats.duration[row],
        "mean_area_px2": np.round(stats.mean_area[row], 1),
        "center_jitter_px": np.round(stats.center_jitter[row], 2),
        "mean_speed_px_per_frame": np.round(stats.velocity_magnitude[row], 2),
        "mean_confidence": np.round(stats.mean_confidence[row], 3),
        "joined_to": _but_first(begins, stats.tracklet_id[before]),
        "gap_frames": _but_first(begins, pair.gap_frames),
        "distance_px": _but_first(begins, np.round(pair.distance_px, 1)),
        "area_ratio": _but_first(begins, np.round(pair.area_ratio, 3)),
        "refusals": [len(refusals.get(tracklet, [])) for tracklet in members],
        "refused_after": ["; ".join(map(_said, refusals.get(tracklet, []))) for tracklet in members],
    }
    texts, reals = {"camera", "refused_after"}, {"distance_px", "area_ratio", *(n for n in table if n.endswith("_s"))}
    reals |= {"mean_area_px2", "center_jitter_px", "mean_speed_px_per_frame", "mean_confidence"}
    types = {name: pl.String if name in texts else pl.Float64 if name in reals else pl.Int64 for name in table}
    return pl.DataFrame(table, schema=types)


def _seconds(timestamps_s: Sequence[np.ndarray], cameras: Sequence[int], frames: np.ndarray) -> np.ndarray:
    return np.array([timestamps_s[camera][frame] for camera, frame in zip(cameras, frames, strict=True)], "f8")


def _but_first(begins: Sequence[bool], values: np.ndarray) -> list[float | int | None]:
    """The values, None where a person begins: nothing comes before it."""
    return [None if first else value for first, value in zip(begins, values.tolist(), strict=True)]


def _said(refused: RefusedPair) -> str:
    """A refusal in words: ``7 (distance 260.4 > 200 px)``. Begins with a digit: no formula to a spreadsheet."""
    sign = "<" if refused.value < refused.limit else ">"
    return (
        f"{refused.tracklet_1} ({refused.check} {refused.value:.4g} {sign} {refused.limit:.4g}{UNITS[refused.check]})"
    )


def _cell(name: str) -> str:
    """A name from outside as a cell: with an apostrophe before what a spreadsheet would take as a formula."""
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    return f"'{printable}" if printable.lstrip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") else printable
