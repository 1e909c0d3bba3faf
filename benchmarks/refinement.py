"""Refinement of point tracks beside the plain loop: ``python -m benchmarks.refinement``.

Input: 2,000 tracks of 300 frames at 30 frames/s, generated with their truth (``tests/points/scene_examples.py``): a
quarter each at rest, on rigid bodies, on people who walk, and thrown; 5 mm jitter, 2 % wild points, gaps. The plain
loop does what one writes first, track by track: it masks steps beyond median + 6 MAD, drops a track whose steps sum up
to less than 1 cm, and smooths each visible span with SciPy's ``sosfiltfilt``. Medians of five runs, in turn, on one
core. Then accuracy: what was told from what, and the errors before and after.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time

import numpy as np

from tests.points.scene_examples import KINDS, Scene, scene
from tests.points.track_examples import tracks_of
from videotracks.points.accuracy import PointAccuracy, score_points
from videotracks.points.refinement.refining import Refined, RefinementSettings, refine
from videotracks.points.tracks import PointTracks

RUNS = 5
COUNT, FRAMES, FPS = 2_000, 300, 30.0
GOAL_S = 1.0


def plain_refine(tracks: PointTracks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Track by track: (kept i64[K], points f64[T, K, 3], visible bool[T, K])."""
    from scipy.signal import butter, sosfiltfilt

    sections = butter(2, 6.0, fs=FPS, output="sos")
    kept, made, seen = [], [], []
    for n in range(tracks.track_count):
        visible, points = tracks.visible[:, n].copy(), tracks.tracks_3d[:, n].astype("f8")
        frames = np.flatnonzero(visible)
        if len(frames) < 2:
            continue
        steps = np.linalg.norm(np.diff(points[frames], axis=0), axis=1) / np.diff(frames)
        spread = 1.4826 * np.median(np.abs(steps - np.median(steps)))
        visible[frames[1:][steps > np.median(steps) + 6 * spread]] = False
        frames = np.flatnonzero(visible)
        if np.linalg.norm(np.diff(points[frames], axis=0), axis=1).sum() <= 0.01:
            continue
        for span in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1):
            if len(span) > 9:
                points[span] = sosfiltfilt(sections, points[span], axis=0)
        kept.append(n)
        made.append(points)
        seen.append(visible)
    return np.array(kept), np.stack(made, axis=1), np.stack(seen, axis=1)


def seconds(*functions: Callable[[], object]) -> list[tuple[float, float]]:
    """Median wall and processor seconds of each function, run in turn so that a busy moment meets all of them."""
    times: list[list[tuple[float, float]]] = [[] for _ in functions]
    for _ in range(RUNS):
        for function, taken in zip(functions, times, strict=True):
            wall, cpu = perf_counter(), process_time()
            function()
            taken.append((perf_counter() - wall, process_time() - cpu))
    return [(median(w for w, _ in taken), median(c for _, c in taken)) for taken in times]


def report(name: str, made: Scene, kept: np.ndarray, points: np.ndarray, visible: np.ndarray) -> None:
    """One line of the table of accuracy."""
    static = ~np.isin(np.arange(len(made.kind)), kept)
    moving = made.moving
    left = np.zeros_like(made.visible)
    left[:, kept] = visible
    good = made.visible & ~made.wild & moving
    wild = made.visible & made.wild & moving
    which = moving[kept]
    score = scored(made, kept[which], points[:, which], visible[:, which])
    precision = (static & ~moving).sum() / static.sum() if static.any() else float("nan")
    print(
        f"| {name} | {precision:.3f} | {(static & ~moving).sum() / (~moving).sum():.3f} "
        f"| {1 - (good & left).sum() / good.sum():.4f} | {1 - (wild & left).sum() / wild.sum():.3f} "
        f"| {1e3 * score.median_trajectory_error_m:.2f} | {score.average_jaccard:.4f} |"
    )


def scored(made: Scene, kept: np.ndarray, points: np.ndarray, visible: np.ndarray) -> PointAccuracy:
    """Tracks against the truth of the same tracks."""
    return score_points(made.truth[:, kept], made.visible[:, kept], points, visible)


def by_kind(made: Scene, refined: Refined) -> None:
    """Errors before and after, where something was seen and nothing wild measured."""
    error = np.linalg.norm(refined.tracks.tracks_3d - made.truth[:, refined.kept], axis=2)
    before = np.linalg.norm(made.measured - made.truth, axis=2)[:, refined.kept]
    print("\n| motion | median error before, mm | after, mm | 99 % before, mm | after, mm |\n|---|---|---|---|---|")
    for number, kind in enumerate(KINDS[1:], 1):
        here = refined.tracks.visible & (made.kind[refined.kept] == number) & ~made.wild[:, refined.kept]
        middle, high = (lambda e: 1e3 * np.median(e)), (lambda e: 1e3 * np.quantile(e, 0.99))
        print(
            f"| {kind} | {middle(before[here]):.2f} | {middle(error[here]):.2f} "
            f"| {high(before[here]):.1f} | {high(error[here]):.1f} |"
        )


def main() -> None:
    settings = RefinementSettings()
    made = scene(COUNT, FRAMES, fps=FPS)
    tracks = tracks_of(made.measured, made.visible, fps=FPS)
    refined, plain = refine(tracks, settings), plain_refine(tracks)
    (plain_s, plain_cpu), (ours_s, ours_cpu) = seconds(lambda: plain_refine(tracks), lambda: refine(tracks, settings))
    print(f"{COUNT:,} tracks of {FRAMES} frames, {int(made.visible.sum()):,} visible points; wall (processor) s\n")
    print("| plain | ours | plain / ours |\n|---|---|---|")
    print(f"| {plain_s:.2f} ({plain_cpu:.2f}) | {ours_s:.2f} ({ours_cpu:.2f}) | {plain_cpu / ours_cpu:.1f} |")
    print(f"\ngoal {GOAL_S} s: {'reached' if ours_cpu <= GOAL_S else 'MISSED'}\n")
    print("| | static: precision | recall | good moving points lost | wild points found | MTE, mm | average Jaccard |")
    print("|---|---|---|---|---|---|---|")
    report("as measured", made, np.arange(COUNT), made.measured, made.visible)
    report("plain", made, *plain)
    report("ours", made, refined.kept, refined.tracks.tracks_3d, refined.tracks.visible)
    for title, others in (
        ("ours, 1 s", {"frames": 30}),
        ("ours, 2 s", {"frames": 60}),
        ("ours, 100 s", {"frames": 3000, "count": 400}),
        ("ours, 20 mm jitter", {"jitter_m": 0.02}),
        ("ours, jitter that lingers (0.5)", {"correlation": 0.5}),
        ("ours, 20 % wild", {"wild_share": 0.2}),
    ):
        other = scene(**{"count": COUNT, "frames": FRAMES, "seed": 1, **others})
        found = refine(tracks_of(other.measured, other.visible, fps=FPS), settings)
        report(title, other, found.kept, found.tracks.tracks_3d, found.tracks.visible)
    by_kind(made, refined)


if __name__ == "__main__":
    main()
