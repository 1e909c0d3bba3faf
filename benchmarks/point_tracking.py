"""How well and how fast the flow tracker follows points: ``python -m benchmarks.point_tracking [--rig FOLDER]``.

Accuracy: boxes that are drawn with exact truth into four cameras of 640 × 480 px (``tests/points/rendered_scenes.py``:
one drifts and turns, one swings, something passes before them; 60 points on each and on the wall behind), 50 frames,
followed from the first one, with and without depth, by four to one of the views; and the generated street of
``videotracks/demo`` (made anew, or FOLDER), whose people bend, lit and encoded as a camera would. Beside it stand
points that are left where they were asked for. Points count that one of the views sees in the first frame (without
depth: two of them). MTE here is over the tracks that are known in half of their visible frames; the share of others
stands beside it.

Speed: 2,000 points of the depth maps, four views, 300 frames (the 50 back and forth), without decoding; wall clock and
processor seconds, and what each stage takes of one thread's time.
"""

import argparse
import cProfile
import pstats
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from tests.points.rendered_scenes import RenderedScene, RenderedViews, arc, boxes_scene
from videotracks.demo.rig import write_rig
from videotracks.points.accuracy import score_points
from videotracks.points.flow import rigid_pass
from videotracks.points.flow import tracker as flow_tracker
from videotracks.points.flow.tracker import FlowPointTracker
from videotracks.points.trackers import Tracked
from videotracks.points.truth import read_truth

FRAMES, POINTS, SPEED_FRAMES = 50, 2_000, 300
GOALS = "goals: MTE 2 cm, APD 0.85, 30 frames/s"
#: Functions of the profile by the stage that they are.
STAGES = {
    "Lucas–Kanade": ("calcOpticalFlowPyrLK", "follow_surface"),
    "rigid pieces": ("align", "take_pieces"),
    "patches": ("describe", "search", "correlation", "_cross"),
    "depth": ("measure", "erode", "dilate", "in_shadow", "beside_an_edge", "_cells", "_nearest", "_farthest"),
    "fusion": ("fuse", "carry", "_carried", "_distances", "take", "find_neighbours"),
    "projection": ("_rays_to", "distort", "undistort", "pixels_of", "project", "lift"),
    "grey": ("cvtColor", "GaussianBlur", "_stacked"),
}


def setups(scene: RenderedScene) -> dict[str, tuple[RenderedScene, RenderedViews]]:
    chosen: dict[str, Sequence[int]] = {"4": [0, 1, 2, 3], "3": [0, 1, 2], "2": [0, 1], "1": [0]}
    made = {}
    for name, views in chosen.items():
        some = scene.only(views)
        made[f"{name} views, depth"] = some, some.views
        if len(views) > 1:
            made[f"{name} views"] = some, some.without_depth()
    return made


def report_accuracy(scene: RenderedScene) -> None:
    print(f"  {'':16} {'AJ':>6} {'APD':>6} {'OA':>6} {'MTE':>8} {'lost':>6}   (tracks, APD if left where asked for)")
    for name, (some, views) in setups(scene).items():
        least = 1 if views.depths is not None else 2
        there = some.visible[:, 0].sum(axis=0) >= least
        truth, seen, queries = some.points[:, there], some.seen()[:, there], some.queries()[there]
        followed = FlowPointTracker().track(views, queries)
        still = Tracked(np.repeat(queries[None, :, 1:], len(truth), axis=0), np.ones(seen.shape, "f4"))
        reached, left = (score_points(truth, seen, t.tracks, t.visibilities > 0.5) for t in (followed, still))
        error = np.linalg.norm(followed.tracks - truth, axis=2)
        error[~seen] = np.nan
        kept = np.isfinite(error).sum(axis=0) * 2 >= seen.sum(axis=0)
        mte = 100 * float(np.mean([np.nanmedian(e) for e in error[:, kept].T]))
        print(
            f"  {name:16} {reached.average_jaccard:6.3f} {reached.average_points_within:6.3f} "
            f"{reached.occlusion_accuracy:6.3f} {mte:5.2f} cm {1 - kept.mean():6.1%}   ({reached.n_tracks}, "
            f"{left.average_points_within:.3f})"
        )


def rig_scene(folder: Path) -> RenderedScene:
    """The recording of ``write_rig`` in memory."""
    import cv2

    from videotracks.calibration.reading import CAMERAS_TOML
    from videotracks.calibration.toml_files import read_toml

    truth = read_truth(folder)
    cameras = {camera.camera_id: camera for camera in read_toml(folder / CAMERAS_TOML)}
    pictures, depths = [], []
    for camera_id in truth.camera_ids.tolist():
        film, shown = cv2.VideoCapture(str(folder / f"{camera_id}.mp4")), []
        while True:
            there, picture = film.read()
            if not there:
                break
            shown.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        maps = sorted((folder / "depth" / camera_id).iterdir())
        pictures.append(shown)
        depths.append([cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype("f4") / 1000 for path in maps])
    views = RenderedViews([cameras[i] for i in truth.camera_ids.tolist()], np.array(pictures), np.array(depths))
    return RenderedScene(views, truth.positions, truth.visibility, truth.instance)


class BackAndForth:
    """The frames of some views, repeated for as long as is wanted (``trackers.Views``)."""

    def __init__(self, views: RenderedViews, frame_count: int) -> None:
        self.cameras, self.fps, self.frame_count, self._views = views.cameras, views.fps, frame_count, views
        self.camera = views.camera
        self.rgb = lambda view, t: views.rgb(view, self._at(t))
        self.depth = lambda view, t: views.depth(view, self._at(t))

    def _at(self, t: int) -> int:
        return min(t % (2 * FRAMES - 2), 2 * FRAMES - 2 - t % (2 * FRAMES - 2))


def many_points(views: RenderedViews) -> np.ndarray:
    """Query points f4[POINTS, 4], as many from each view's first depth map."""
    random, made = np.random.default_rng(0), []
    each = POINTS // len(views.cameras)
    for view, camera in enumerate(views.cameras):
        y, x = np.nonzero(views.depth(view, 0)[10:-10, 10:-10])
        some = random.choice(len(x), each, replace=False)
        at = np.column_stack([x[some], y[some]]) + 10
        made.append(camera.lift(at, views.depth(view, 0)[at[:, 1], at[:, 0]]))
    return np.column_stack([np.zeros(POINTS), np.concatenate(made)]).astype("f4")


def report_speed(scene: RenderedScene) -> None:
    queries = many_points(scene.views)
    for name, views in (("depth", scene.views), ("no depth", scene.without_depth())):
        film = BackAndForth(views, SPEED_FRAMES)
        FlowPointTracker().track(BackAndForth(views, 5), queries)
        wall, processor = perf_counter(), process_time()
        FlowPointTracker().track(film, queries)
        wall, processor = perf_counter() - wall, process_time() - processor
        print(
            f"  {name}: {SPEED_FRAMES / wall:.1f} frames/s; {1e3 * processor / SPEED_FRAMES:.1f} ms of processor time "
            f"per frame, {2 * SPEED_FRAMES / processor:.1f} frames/s of two cores with nothing else"
        )
        print("   ", ", ".join(f"{stage} {share:.0%}" for stage, share in shares(film, queries).items()))


def shares(film: BackAndForth, queries: np.ndarray) -> dict[str, float]:
    """What each stage takes of the time, all in one thread."""

    class InTurn:
        def __init__(self, _: int) -> None: ...
        def __enter__(self) -> "InTurn":
            return self

        def __exit__(self, *_: object) -> None: ...
        def map(self, function, items):
            return [function(item) for item in items]

    threads = flow_tracker.ThreadPoolExecutor
    flow_tracker.ThreadPoolExecutor = rigid_pass.ThreadPoolExecutor = InTurn
    profile = cProfile.Profile()
    try:
        profile.runcall(FlowPointTracker().track, BackAndForth(film._views, 60), queries)
    finally:
        flow_tracker.ThreadPoolExecutor = rigid_pass.ThreadPoolExecutor = threads
    by_name: dict[str, float] = {}
    for (_, _, name), (_, _, own, _, _) in pstats.Stats(profile).stats.items():
        by_name[name.strip("<>")] = by_name.get(name.strip("<>"), 0) + own
    total = sum(by_name.values())
    made = {stage: sum(by_name.get(name, 0) for name in names) / total for stage, names in STAGES.items()}
    return {**made, "the rest": 1 - sum(made.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rig", type=Path, help="folder of a generated rig with four views; without it one is made")
    folder = parser.parse_args().rig
    print(GOALS)
    scene = boxes_scene(arc(4, 640, 480), FRAMES)
    print("boxes, 50 frames of 640 × 480 px")
    report_accuracy(scene)
    with tempfile.TemporaryDirectory() as scratch:
        rig = rig_scene(folder or write_rig(Path(scratch) / "rig", seconds=2, views=4))
    print(f"street with people, {len(rig.points)} frames of 640 × 360 px")
    report_accuracy(rig)
    print(f"speed, {POINTS:,} points, 4 views of 640 × 480 px, {SPEED_FRAMES} frames")
    report_speed(scene)


if __name__ == "__main__":
    main()
