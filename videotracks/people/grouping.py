"""Tracklets merged into persons by the five checks, with every refusal kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import ClassVar, Literal, get_args

import numpy as np
from pydantic import BaseModel, Field, RootModel, model_validator

from videotracks.errors import CorruptFileError
from videotracks.people.pairs import Pairs, frames_in, successors
from videotracks.tables import Persons, Table, Tracklets, TrackletStats, column, is_ragged

Check = Literal["gap", "distance", "area", "direction", "jitter"]
CHECKS: tuple[Check, ...] = get_args(Check)


class GroupingSettings(BaseModel, frozen=True, extra="forbid"):
    """When a tracklet continues another one. Each check can be switched off."""

    checks: Literal["five", "three"] = Field("five", description="three: gap, distance and area only, the older rule")
    check_gap: bool = Field(True, description="refuse pairs too far apart in time")
    check_distance: bool = Field(True, description="refuse pairs too far apart in the frame")
    check_area: bool = Field(True, description="refuse pairs of different size")
    check_direction: bool = Field(True, description="refuse pairs that move in different directions")
    check_jitter: bool = Field(True, description="refuse pairs of different spread of the box centre")
    max_gap_s: float = Field(1.0, gt=0, description="longest gap in s: 30 frames at 30 fps, rounded to whole frames")
    max_distance_px: float = Field(200.0, gt=0, description="longest way from last to first box centre, px")
    min_area_ratio: float = Field(0.7, ge=0, description="smallest mean area of the later over that of the earlier")
    max_area_ratio: float = Field(1.3, gt=0, description="largest mean area of the later over that of the earlier")
    min_cosine: float = Field(0.6, ge=-1, le=1, description="smallest cosine of the mean velocities, where both move")
    min_speed_px_per_s: float = Field(
        30.0, ge=0, description="a tracklet moves when its mean velocity is longer, px/s: 1 px/frame at 30 fps"
    )
    max_jitter_difference_px: float = Field(40.0, ge=0, description="largest difference of the centre jitter, px")
    log_reach: float = Field(
        2.0, ge=1, description="refusals are kept up to this many times the gap and the distance allowed"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "GroupingSettings":
        if self.min_area_ratio > self.max_area_ratio:
            raise ValueError("min_area_ratio must not exceed max_area_ratio")
        return self

    def applies(self, check: Check) -> bool:
        """Whether a check is on."""
        return bool(getattr(self, f"check_{check}")) and (self.checks == "five" or check in CHECKS[:3])


@dataclass(frozen=True, slots=True, eq=False)
class Groups(Table):
    """Groups of tracklets in the order of their first tracklets, and the pairs that a check refused."""

    rows: ClassVar[str] = "T"

    tracklet_ids: np.ndarray = column("i8", "T", doc="tracklets of all groups, in time order within each")
    offsets: np.ndarray = column("i8", "G+1", doc="where each group's tracklets begin and end")
    refused_1: np.ndarray = column("i8", "R", doc="last tracklet of a group")
    refused_2: np.ndarray = column("i8", "R", doc="tracklet refused as its continuation")
    refused_check: np.ndarray = column("i8", "R", doc="index into CHECKS: the first check that failed")
    refused_value: np.ndarray = column("f8", "R", doc="measured: frames, px, ratio, cosine, px by check")
    refused_limit: np.ndarray = column("f8", "R", doc="limit that was broken, in the same unit")

    def check(self) -> None:
        """Every tracklet in one group, no group empty."""
        self.expect(is_ragged(self.tracklet_ids, self.offsets), "offsets must split tracklet_ids completely")
        self.expect(bool(np.all(np.diff(self.offsets) > 0)), "a group must not be empty")
        self.expect(len(np.unique(self.tracklet_ids)) == len(self.tracklet_ids), "a tracklet is in two groups")


def group_tracklets(stats: TrackletStats, fps: Sequence[float], settings: GroupingSettings) -> Groups:
    """Chain tracklets into groups: greedy, by start frame (ties: the smaller id).

    Each tracklet in turn is compared with the last tracklet of every group of its view that ended before it starts,
    oldest group first (the group whose first tracklet comes first in that same order), and joins the first that no
    check refuses; else it begins a group. ``fps`` is the frame rate of each view. The refusals kept are those of the
    comparisons made, where gap and distance lie within ``log_reach`` times what is allowed. Same result as the double
    loop over tracklets and groups; linear in the tracklets where gap and distance are checked.
    """
    first, second, verdict, value, limit = _judged_pairs(stats, fps, settings)
    order = np.lexsort((stats.tracklet_id, stats.start_frame))
    turn = np.empty(len(order), "i8")
    turn[order] = np.arange(len(order))
    a, b, good = turn[first], turn[second], verdict < 0
    seed, before, after = _chain(a[good], b[good], len(order))
    members = np.lexsort((np.arange(len(order)), seed))
    sizes = np.unique(seed, return_counts=True)[1]

    compared = (after[a] > b) & ((before[b] < 0) | (seed[a] < seed[b]))
    refused = np.flatnonzero(~good & compared)
    refused = refused[np.lexsort((seed[a[refused]], b[refused]))]
    return Groups(
        tracklet_ids=stats.tracklet_id[order[members]],
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype("i8"),
        refused_1=stats.tracklet_id[first[refused]],
        refused_2=stats.tracklet_id[second[refused]],
        refused_check=verdict[refused],
        refused_value=value[refused],
        refused_limit=limit[refused],
    )


def _judged_pairs(stats: TrackletStats, fps: Sequence[float], settings: GroupingSettings) -> list[np.ndarray]:
    """Rows of the first and the second of each pair that passes or lies within reach, and the verdict on it."""
    allowed = np.array([frames_in(settings.max_gap_s, rate) for rate in fps], "i8")
    reach = (settings.log_reach * allowed).astype("i8")
    reach_px = settings.log_reach * settings.max_distance_px
    kept: list[tuple[np.ndarray, ...]] = [(np.zeros(0, "i8"),) * 3 + (np.zeros(0),) * 2]
    gaps = reach.tolist() if settings.applies("gap") else [None] * len(reach)
    for pairs in successors(stats, gaps, reach_px if settings.applies("distance") else np.inf):
        verdict, value, limit = _judge(stats, pairs, allowed, fps, settings)
        near = (pairs.gap_frames <= reach[stats.camera[pairs.first]]) & (pairs.distance_px <= reach_px)
        keep = near | (verdict < 0)
        kept.append((pairs.first[keep], pairs.second[keep], verdict[keep], value[keep], limit[keep]))
    return [np.concatenate(parts) for parts in zip(*kept, strict=True)]


def _judge(
    stats: TrackletStats, pairs: Pairs, max_gap_frames: np.ndarray, fps: Sequence[float], settings: GroupingSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pair the first check that fails (index into ``CHECKS``, -1 if none), the value measured, its limit."""
    camera = stats.camera[pairs.first]
    one, two = stats.mean_velocity[pairs.first], stats.mean_velocity[pairs.second]
    speed_1, speed_2 = np.hypot(*one.T), np.hypot(*two.T)
    # The length of the mean velocity, not the mean speed: a box that trembles on the spot has speed but no direction.
    slow = settings.min_speed_px_per_s / np.asarray(fps)[camera]
    moving = (speed_1 > slow) & (speed_2 > slow)
    cosine = np.divide((one * two).sum(axis=1), speed_1 * speed_2, out=np.ones(len(one)), where=moving)
    jitter = np.abs(stats.center_jitter[pairs.first] - stats.center_jitter[pairs.second])
    ratio, low = pairs.area_ratio, settings.min_area_ratio
    measures: tuple[tuple[np.ndarray, np.ndarray | float, np.ndarray], ...] = (
        (pairs.gap_frames, max_gap_frames[camera], pairs.gap_frames <= max_gap_frames[camera]),
        (pairs.distance_px, settings.max_distance_px, pairs.distance_px <= settings.max_distance_px),
        (
            ratio,
            np.where(ratio < low, low, settings.max_area_ratio),
            (ratio >= low) & (ratio <= settings.max_area_ratio),
        ),
        (cosine, settings.min_cosine, cosine >= settings.min_cosine),
        (jitter, settings.max_jitter_difference_px, jitter <= settings.max_jitter_difference_px),
    )
    verdict, value, limit = np.full(len(ratio), -1), np.zeros(len(ratio)), np.zeros(len(ratio))
    for index in reversed([i for i, check in enumerate(CHECKS) if settings.applies(check)]):
        measured, bound, passed = measures[index]
        verdict[~passed] = index
        value = np.where(passed, value, measured)
        limit = np.where(passed, limit, bound)
    return verdict, value, limit


def _chain(first: np.ndarray, second: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join each tracklet to the oldest group whose last one accepts it; tracklets are numbered by their turn.

    Takes the acceptable pairs and gives, i64[count]: the group (the turn of its first tracklet), the tracklet before
    (-1 if none) and the tracklet after (``count`` if none).
    """
    order = np.argsort(second, kind="stable")
    seed, before, after = list(range(count)), [-1] * count, [count] * count
    pairs = zip(second[order].tolist(), first[order].tolist(), strict=True)
    for b, candidates in groupby(pairs, key=itemgetter(0)):
        free = [a for _, a in candidates if after[a] == count]
        if free:
            a = min(free, key=seed.__getitem__)
            seed[b], before[b], after[a] = seed[a], a, b
    return np.array(seed, "i8"), np.array(before, "i8"), np.array(after, "i8")


def canonical_persons(tracklets: Tracklets, groups: Groups) -> Persons:
    """The boxes of each group as one person, whose id is that of the group's first tracklet.

    Where tracklets of a group share a frame of a view, the more confident box stays (ties: the earlier tracklet).
    ``CorruptFileError`` if the groups are not exactly those of the tracklets.
    """
    ids = tracklets.tracklet_id
    starts = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1))
    counts = np.diff(np.append(starts, len(ids)))
    if not np.array_equal(np.sort(groups.tracklet_ids), ids[starts]):
        raise CorruptFileError(
            f"the groups hold {len(groups.tracklet_ids)} tracklets, which are not the {len(starts)} of the tracklets "
            "table; materialize tracklet_stats and canonical_persons again from the same tracklets"
        )
    sizes, members = np.diff(groups.offsets), groups.tracklet_ids
    group_ids = members[groups.offsets[:-1]]
    by_id = np.argsort(group_ids)
    members = members[_runs(groups.offsets[:-1][by_id], sizes[by_id])]
    person = np.repeat(np.arange(len(sizes)), sizes[by_id])

    block = np.searchsorted(ids[starts], members)
    rows = _runs(starts[block], counts[block])
    person_of_row = np.repeat(person, counts[block])
    rows, person_of_row = _one_box_a_frame(tracklets, rows, person_of_row)
    return Persons(
        person_id=group_ids[by_id][person_of_row],
        camera=tracklets.camera[rows],
        frame_numbers=tracklets.frame_numbers[rows],
        bboxes=tracklets.bboxes[rows],
        confidences=tracklets.confidences[rows],
        detection_indices=tracklets.detection_indices[rows],
        tracklet_id=ids[rows],
        person_ids=group_ids[by_id],
        num_tracklets_merged=sizes[by_id],
        original_tracklet_ids=members,
        original_tracklet_offsets=np.concatenate([[0], np.cumsum(sizes[by_id])]).astype("i8"),
    )


def _runs(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The indices of runs [start, start + count), one after the other."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + counts, counts)


def _one_box_a_frame(tracklets: Tracklets, rows: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort rows by person, camera and frame, and keep the most confident of those that share all three."""
    frames, cameras = tracklets.frame_numbers[rows], tracklets.camera[rows].astype("i8")
    key = (person * (cameras.max(initial=0) + 1) + cameras) * (frames.max(initial=0) + 1) + frames
    if np.all(np.diff(key) > 0):
        return rows, person
    order = np.lexsort((-tracklets.confidences[rows], key))  # stable: equals stay in the order of their tracklets
    order = order[np.diff(key[order], prepend=-1) > 0]
    return rows[order], person[order]


class RefusedPair(BaseModel, frozen=True):
    """A tracklet that was not taken as the continuation of another, and why."""

    tracklet_1: int = Field(description="last tracklet of the person at that moment")
    tracklet_2: int = Field(description="tracklet refused as its continuation")
    check: Check = Field(description="first check that failed, in the order gap, distance, area, direction, jitter")
    value: float = Field(description="measured: frames, px, ratio, cosine, px by check")
    limit: float = Field(description="limit that was broken, in the same unit")


class GroupedPerson(BaseModel, frozen=True):
    """One person of the grouping log."""

    canonical_id: int
    original_tracklet_ids: list[int] = Field(description="in time order")
    num_merged: int = Field(description="number of tracklets")
    start_frame: int
    end_frame: int
    total_frames: int = Field(description="boxes of the person, one a frame and view")
    refused: list[RefusedPair] = Field(description="pairs whose tracklet_1 is this person's, by tracklet_2's start")


class GroupingLog(RootModel[list[GroupedPerson]]):
    """What became of the tracklets: a list of persons by ascending id.

    The file stays the plain list that other tools read; the refusals stand with the person that was not continued.
    """


def grouping_log(persons: Persons, groups: Groups) -> GroupingLog:
    """Say for each person which tracklets it was made of, and which were refused by which check."""
    bounds = np.searchsorted(persons.person_id, persons.person_ids)
    start = np.minimum.reduceat(persons.frame_numbers, bounds) if len(bounds) else bounds
    end = np.maximum.reduceat(persons.frame_numbers, bounds) if len(bounds) else bounds
    total = np.diff(np.append(bounds, persons.row_count))
    refused: dict[int, list[RefusedPair]] = {}
    for one, two, check, value, limit in zip(
        groups.refused_1.tolist(),
        groups.refused_2.tolist(),
        groups.refused_check.tolist(),
        groups.refused_value.tolist(),
        groups.refused_limit.tolist(),
        strict=True,
    ):
        pair = RefusedPair(tracklet_1=one, tracklet_2=two, check=CHECKS[check], value=value, limit=limit)
        refused.setdefault(one, []).append(pair)
    log = []
    for i, person in enumerate(persons.person_ids.tolist()):
        members = persons.tracklets_of(person).tolist()
        log.append(
            GroupedPerson(
                canonical_id=person,
                original_tracklet_ids=members,
                num_merged=len(members),
                start_frame=int(start[i]),
                end_frame=int(end[i]),
                total_frames=int(total[i]),
                refused=[pair for member in members for pair in refused.get(member, [])],
            )
        )
    return GroupingLog(log)
