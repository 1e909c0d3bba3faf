"""Statistics and grouping beside the plain loops: ``python -m benchmarks.grouping``.

The plain loops are what one writes first: statistics tracklet by tracklet with NumPy, grouping as the greedy double
loop on Python numbers. They run on 2,000 tracklets, where their results are checked against ours; ours also run on
50,000 tracklets of 8.4 million boxes. Medians of five runs, in turn.
"""

import math
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

from videotracks.people.grouping import GroupingSettings, Groups, canonical_persons, group_tracklets
from videotracks.people.statistics import ReidCandidateSettings, reid_candidates, tracklet_statistics
from videotracks.tables import Tracklets, TrackletStats

RUNS = 5
FPS = [30.0]
GOAL_S = 1.5


def street(count: int, seed: int = 0) -> Tracklets:
    """People who cross a street of 1920 by 1080 for three to eight seconds, about a hundred at a time."""
    random = np.random.default_rng(seed)
    lengths = random.integers(100, 237, count)
    rows, frames = int(lengths.sum()), max(400, int(lengths.sum() / 100))
    starts = np.sort(random.integers(0, frames, count))
    steps = np.arange(rows) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    begin, velocity = random.uniform(0, (1920, 1080), (count, 2)), random.normal(0, 2, (count, 2))
    centers = np.repeat(begin, lengths, axis=0) + np.repeat(velocity, lengths, axis=0) * steps[:, None]
    centers += random.normal(0, 1, (rows, 2))
    half = np.repeat(random.uniform(20, 40, (count, 1)) * (1, 2.2), lengths, axis=0)
    return Tracklets(
        tracklet_id=np.repeat(np.arange(1, count + 1), lengths),
        camera=np.zeros(rows, "i2"),
        frame_numbers=np.repeat(starts, lengths) + steps,
        bboxes=np.concatenate([centers - half, centers + half], axis=1).astype("f4"),
        confidences=random.uniform(0.3, 1, rows).astype("f4"),
        detection_indices=np.zeros(rows, "i8"),
    )


def plain_statistics(tracklets: Tracklets) -> list[tuple]:
    """Tracklet by tracklet: (mean centre, jitter, mean area, std of the area, mean velocity, mean speed)."""
    starts = np.flatnonzero(np.diff(tracklets.tracklet_id, prepend=0))
    statistics = []
    for start, end in zip(starts, [*starts[1:], len(tracklets.camera)], strict=True):
        boxes, frames = tracklets.bboxes[start:end].astype("f8"), tracklets.frame_numbers[start:end]
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        velocities = np.diff(centers, axis=0) / np.diff(frames)[:, None]
        speeds = np.hypot(velocities[:, 0], velocities[:, 1])
        mean = (centers.mean(axis=0), centers.std(axis=0).mean(), areas.mean(), areas.std())
        statistics.append((*mean, velocities.mean(axis=0), speeds.mean()))
    return statistics


def plain_groups(stats: TrackletStats, criteria: GroupingSettings) -> list[list[int]]:
    """The greedy double loop over tracklets and groups, leaving a pair at the first check that fails."""
    first = ((stats.first_bbox[:, :2].astype("f8") + stats.first_bbox[:, 2:]) / 2).tolist()
    last = ((stats.last_bbox[:, :2].astype("f8") + stats.last_bbox[:, 2:]) / 2).tolist()
    start, end, area = stats.start_frame.tolist(), stats.end_frame.tolist(), stats.mean_area.tolist()
    velocity, jitter = stats.mean_velocity.tolist(), stats.center_jitter.tolist()
    max_gap = round(criteria.max_gap_s * FPS[0])
    slow = criteria.min_speed_px_per_s / FPS[0]

    def joins(a: int, b: int) -> bool:
        if not 1 <= start[b] - end[a] <= max_gap:
            return False
        if math.dist(last[a], first[b]) > criteria.max_distance_px:
            return False
        if not criteria.min_area_ratio <= area[b] / area[a] <= criteria.max_area_ratio:
            return False
        one, two = math.hypot(*velocity[a]), math.hypot(*velocity[b])
        if one > slow and two > slow:
            dot = velocity[a][0] * velocity[b][0] + velocity[a][1] * velocity[b][1]
            if dot / (one * two) < criteria.min_cosine:
                return False
        return abs(jitter[a] - jitter[b]) <= criteria.max_jitter_difference_px

    groups: list[list[int]] = []
    for b in np.lexsort((stats.tracklet_id, stats.start_frame)).tolist():
        for group in groups:
            if joins(group[-1], b):
                group.append(b)
                break
        else:
            groups.append([b])
    return [stats.tracklet_id[group].tolist() for group in groups]


def seconds(*functions: Callable[[], object]) -> list[float]:
    """Median time of each function, run in turn so that a busy moment meets all of them."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(RUNS):
        for function, taken in zip(functions, times, strict=True):
            begin = perf_counter()
            function()
            taken.append(perf_counter() - begin)
    return [median(taken) for taken in times]


def check_same(stats: TrackletStats, plain: list[tuple], groups: Groups, plain_grouped: list[list[int]]) -> None:
    """Fast and wrong counts for nothing."""
    names = ("mean_center", "center_jitter", "mean_area", "area_std", "mean_velocity", "velocity_magnitude")
    for name, values in zip(names, zip(*plain, strict=True), strict=True):
        np.testing.assert_allclose(getattr(stats, name), np.array(values), rtol=1e-9, atol=1e-9)
    assert [part.tolist() for part in np.split(groups.tracklet_ids, groups.offsets[1:-1])] == plain_grouped


def main() -> None:
    criteria = GroupingSettings()
    few, many = street(2_000), street(50_000)
    stats, many_stats = tracklet_statistics(few), tracklet_statistics(many)
    groups, many_groups = group_tracklets(stats, FPS, criteria), group_tracklets(many_stats, FPS, criteria)
    check_same(stats, plain_statistics(few), groups, plain_groups(stats, criteria))
    plain_s, plain_g, few_s, few_g, many_s, many_g, many_c, many_p = seconds(
        lambda: plain_statistics(few),
        lambda: plain_groups(stats, criteria),
        lambda: tracklet_statistics(few),
        lambda: group_tracklets(stats, FPS, criteria),
        lambda: tracklet_statistics(many),
        lambda: group_tracklets(many_stats, FPS, criteria),
        lambda: reid_candidates(many_stats, FPS, ReidCandidateSettings()),
        lambda: canonical_persons(many, many_groups),
    )
    print(f"2,000 tracklets, {few.row_count:,} boxes; 50,000 tracklets, {many.row_count:,} boxes; s\n")
    print("| step | plain, 2,000 | ours, 2,000 | plain / ours | ours, 50,000 |")
    print("|---|---|---|---|---|")
    print(f"| statistics | {plain_s:.4f} | {few_s:.4f} | {plain_s / few_s:.0f} | {many_s:.3f} |")
    print(f"| grouping | {plain_g:.4f} | {few_g:.4f} | {plain_g / few_g:.0f} | {many_g:.3f} |")
    print(f"| both | {plain_s + plain_g:.4f} | {few_s + few_g:.4f} | | {many_s + many_g:.3f} |")
    print(f"| re-ID candidates | | | | {many_c:.3f} |")
    print(f"| canonical persons | | | | {many_p:.3f} |")
    total, verdict = many_s + many_g, "reached" if many_s + many_g <= GOAL_S else "MISSED"
    print(f"\nstatistics and grouping of 50,000 tracklets: {total:.2f} s, goal {GOAL_S} s: {verdict}")
    print(
        f"{len(many_groups.offsets) - 1:,} groups, {len(many_groups.refused_1):,} refusals kept; same groups as plain"
    )


if __name__ == "__main__":
    main()
