"""The generated street before several calibrated cameras at once: a recording whose depth and points are known."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from videotracks.calibration.reading import CAMERAS_TOML
from videotracks.calibration.toml_files import write_toml
from videotracks.demo.camera import camera_at
from videotracks.demo.people import LANES_M, Person, Walk, dressed
from videotracks.demo.street import StreetView
from videotracks.demo.surface_points import place_points, sample_bodies, sample_street, sees
from videotracks.demo.view_files import ViewFiles, whole_folder
from videotracks.geometry.camera import Camera
from videotracks.points.truth import PointsTruth, write_truth
from videotracks.progress import Progress, silent
from videotracks.sources import ANNOTATIONS

#: Where the cameras stand and what they look at, metres. The first two look at the walkway from 2.5 m apart, at 27
#: degrees to each other, as a motion capture rig does: good for triangulation, too far apart to match pixel by pixel.
#: The third stands 0.4 m beside the first, parallel to it: with the first, a pair for stereo (semi-global matching is
#: right to 2 cm on bodies with this pair, and finds nothing with the first two). The fourth looks down.
STANDS = (
    ((-1.3, 3.0, 1.8), (0.0, 8.2, 0.9)),
    ((1.2, 3.0, 1.6), (0.0, 8.2, 0.9)),
    ((-0.912, 2.903, 1.8), (0.388, 8.103, 0.9)),
    ((0.2, 3.2, 3.6), (0.0, 8.0, 0.8)),
)
#: OpenCV's k1, k2, p1, p2: lenses of action cameras after they were set to a linear view.
LENSES = (
    (-0.06, 0.015, 0.0004, -0.0003),
    (-0.05, 0.010, -0.0003, 0.0005),
    (-0.06, 0.015, 0.0002, 0.0002),
    (-0.04, 0.008, 0.0, 0.0003),
)
#: Focal lengths as shares of the width: about 60 degrees across.
FOCALS = (0.87, 0.86, 0.87, 0.85)
#: People walk at this speed, m/s, over this many metres at most: in long recordings they walk slower, so that all of
#: them are before the cameras all the time.
SPEED_M_S, PATH_M = 1.3, 4.4
#: Points on each person and on the street; of each person more are tried, as some are never seen.
BODY_POINTS, STREET_POINTS, TRIED = 120, 80, 4
DEPTH = "depth"
#: Each has its own place along y, so that no two walk through each other.
MOST_PEOPLE = len(LANES_M)
LEAST_SIDE_PX = 32


def rig_cameras(views: int, size: tuple[int, int]) -> list[Camera]:
    """The first so many of the four cameras, for pictures of a size, width and height in px."""
    stands = zip(FOCALS, STANDS, LENSES, strict=True)
    return [
        camera_at(f"cam_{view:02d}", size, focal * size[0], position, target, lens)
        for view, (focal, (position, target), lens) in enumerate(stands)
    ][:views]


def walkers(count: int, seconds: float, seed: int) -> list[Person]:
    """People who are before the cameras from the first frame to the last; every other one walks to the left."""
    rng = np.random.default_rng(seed)
    people = []
    for i, lane in enumerate(LANES_M[:count]):
        reach = (1 if i % 2 == 0 else -1) * min(SPEED_M_S * seconds, PATH_M) * rng.uniform(0.42, 0.5)
        middle, aside = rng.uniform(-0.4, 0.4), rng.uniform(-0.15, 0.15)
        # The walk ends after the last frame, or whoever walks would be gone in it.
        walk = Walk((middle - reach, lane - aside), (middle + reach, lane + aside), 0.0, seconds + 1)
        people.append(dressed(i, rng.uniform(1.62, 1.86), (walk,)))
    return people


def write_rig(
    folder: Path,
    *,
    seconds: float = 3.0,
    people: int = 3,
    views: int = 2,
    seed: int = 7,
    size: tuple[int, int] = (640, 360),
    fps: float = 25.0,
    progress: Progress = silent,
) -> Path:
    """Write a recording of synchronised, calibrated views and all that is true of it into ``folder``; return it.

    Of each camera ``cam_00.mp4``, ``cam_00.gt.txt`` (MOTChallenge), ``Annotations/cam_00/`` (DAVIS; a person has the
    same id in all) and ``depth/cam_00/00000.png`` (16 bit, mm along the camera's axis at the centre of each pixel, 0
    beyond 65 m); for all of them ``cameras.toml`` and ``points_truth.npz``. All of it is written, or none; a folder
    that exists is replaced. ``progress`` counts frames of all views. ``ValueError`` for what cannot be drawn.
    """
    _check(people, views, size)
    frames = max(1, round(seconds * fps))
    cast, cameras = walkers(people, frames / fps, seed), rig_cameras(views, size)
    with whole_folder(folder) as draft:
        write_toml(draft / CAMERAS_TOML, cameras)
        write_truth(draft, _film(draft, cast, [StreetView(camera, seed) for camera in cameras], frames, fps, progress))
    return folder


def _check(people: int, views: int, size: tuple[int, int]) -> None:
    if not 0 <= people <= MOST_PEOPLE:
        raise ValueError(f"{people} people; there is room for {MOST_PEOPLE} beside each other")
    if not 1 <= views <= len(STANDS):
        raise ValueError(f"{views} views; the rig has 1 to {len(STANDS)} cameras")
    if min(size) < LEAST_SIDE_PX or any(side % 2 for side in size):
        raise ValueError(f"size {size}; expected even numbers from {LEAST_SIDE_PX} px, as H.264 has them")


def _film(
    draft: Path, cast: list[Person], views: list[StreetView], frames: int, fps: float, progress: Progress
) -> PointsTruth:
    """Write the files of all views, frame by frame; the points that any of them sees."""
    rng = np.random.default_rng(views[0].seed)
    points = sample_bodies(cast, TRIED * BODY_POINTS, rng)
    still = np.concatenate([sample_street(view, -(-STREET_POINTS // len(views)), rng) for view in views])
    whose = np.array([person.identity for person in cast], "i8")[points.person]
    instance = np.concatenate([whose, np.zeros(len(still), "i8")])
    positions = np.empty((frames, len(instance), 3), "f4")
    visibility = np.empty((len(views), frames, len(instance)), bool)
    with ExitStack() as stack:
        files = [stack.enter_context(_view_files(draft, view.camera, fps)) for view in views]
        for t, shown in enumerate(zip(*(view.render(cast, frames, fps) for view in views), strict=True)):
            here = np.concatenate([place_points(points, cast, t / fps), still])
            positions[t] = here
            for v, frame in enumerate(shown):
                files[v].write(frame)
                visibility[v, t] = sees(views[v].camera, cast, t / fps, frame, here, instance)
            progress((t + 1) * len(views), frames * len(views))
    kept = _kept(np.any(visibility, axis=(0, 1)), instance)
    ids = np.array([view.camera.camera_id for view in views])
    return PointsTruth(positions[:, kept], visibility[:, :, kept], instance[kept], ids, np.arange(frames) / fps)


def _view_files(draft: Path, camera: Camera, fps: float) -> ViewFiles:
    name = camera.camera_id
    return ViewFiles(
        draft / f"{name}.mp4",
        camera,
        fps,
        boxes=draft / f"{name}.gt.txt",
        masks=draft / ANNOTATIONS / name,
        depth=draft / DEPTH / name,
    )


def _kept(seen: np.ndarray, instance: np.ndarray) -> np.ndarray:
    """Rows of the points that are seen at all, of each person the first ``BODY_POINTS``."""
    return np.concatenate([np.flatnonzero(seen & (instance == who))[:BODY_POINTS] for who in np.unique(instance)])
