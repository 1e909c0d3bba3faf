"""Trails drawn on a view beside OpenCV's lines: ``python -m benchmarks.trails``.

Input: 500 tracks of 300 frames at 1280×720, most of them visible; trails of 10 frames. Beside it what one writes
first: every segment with ``cv2.line`` on the frame in its faded colour, mixed with nothing. Then the whole way from
frames to the MP4 of one instance, and encoding the plain frames alone. Medians of three runs, in turn; frames per
second of the clock and of processor time.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

from tests.points.track_examples import tracks_of
from tests.points.trail_examples import camera
from videotracks.points.pictures.projected_tracks import project_tracks
from videotracks.points.pictures.trails import Brush, Drawing, TrailSettings, draw_trails
from videotracks.video_writer import VideoWriter

RUNS, FRAMES, COUNT, WIDTH, HEIGHT, TRAIL = 3, 300, 500, 1280, 720, 10
GOAL_FPS = 60
VIEW = camera(width=WIDTH, height=HEIGHT, K=np.array([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]]))


def made() -> tuple[object, Drawing]:
    """Tracks that wander before the camera, 4 m away."""
    random = np.random.default_rng(0)
    begin = random.uniform((-2, -1.2, 3.5), (2, 1.2, 4.5), (COUNT, 3))
    points = begin + np.cumsum(random.normal(0, 0.01, (FRAMES, COUNT, 3)), axis=0)
    asked = np.column_stack([random.integers(0, FRAMES, COUNT), begin]).astype("f4")
    tracks = tracks_of(points, views=1, query_points=asked)
    (seen,) = project_tracks(VIEW, [tracks])
    return tracks, Drawing.of(tracks, seen)


def backdrop() -> list[np.ndarray]:
    """A few frames of smooth texture that moves, to be encoded again and again."""
    import cv2

    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    texture = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(np.roll(texture, 2 * shift, axis=1)) for shift in range(10)]


def plain(rgb: np.ndarray, drawing: Drawing, pixels: list[list[list[int]]], t: int) -> None:
    """Every segment by itself."""
    import cv2

    runs = drawing.seen.runs
    for n in np.flatnonzero(runs[t] > 0):
        for at in range(max(0, t - TRAIL), t):
            if runs[at + 1, n] > 1:
                faded = (drawing.colors[n] * (1 - (t - at - 1) / TRAIL)).tolist()
                cv2.line(rgb, pixels[at][n], pixels[at + 1][n], faded, 2, cv2.LINE_AA)
        cv2.circle(rgb, pixels[t][n], 3, drawing.colors[n].tolist(), -1, cv2.LINE_AA)


def rate(count: int, *functions: Callable[[], object]) -> list[tuple[float, float]]:
    """Frames per second of the clock and of the processor, for each function, run in turn."""
    times: list[list[tuple[float, float]]] = [[] for _ in functions]
    for _ in range(RUNS):
        for function, taken in zip(functions, times, strict=True):
            wall, cpu = perf_counter(), process_time()
            function()
            taken.append((perf_counter() - wall, process_time() - cpu))
    return [(count / median(w for w, _ in taken), count / median(c for _, c in taken)) for taken in times]


def main() -> None:
    tracks, drawing = made()
    frames = backdrop()
    brushes = {trail: Brush(HEIGHT, WIDTH, TrailSettings(trail_frames=trail)) for trail in (TRAIL, -1)}

    def draw_with(trail: int) -> Callable[[], None]:
        def draw() -> None:
            for t in range(FRAMES):
                brushes[trail].draw(frames[t % len(frames)].copy(), [drawing], t)

        return draw

    pixels = np.rint(drawing.seen.pixels).astype(int).tolist()

    def draw_plainly() -> None:
        for t in range(0, FRAMES, 10):
            plain(frames[t % len(frames)].copy(), drawing, pixels, t)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)

        def write_all() -> None:
            stream = (frames[t % len(frames)] for t in range(FRAMES))
            draw_trails(stream, VIEW, {1: tracks}, path, TrailSettings(trail_frames=TRAIL), fps=30)  # type: ignore[dict-item]

        def encode() -> None:
            with VideoWriter(path / "plain.mp4", WIDTH, HEIGHT, 30, preset="superfast") as video:
                for t in range(FRAMES):
                    video.write(frames[t % len(frames)])

        draw_with(TRAIL)()  # compiled or read from the cache
        ours, everything, whole, encoded = rate(FRAMES, draw_with(TRAIL), draw_with(-1), write_all, encode)
        (by_lines,) = rate(FRAMES // 10, draw_plainly)
    print(f"{COUNT} tracks, {WIDTH}×{HEIGHT}; frames per second of the clock (of processor time)\n")
    print("| | frames/s |\n|---|---|")
    for name, (wall, cpu) in (
        (f"drawing, trails of {TRAIL}", ours),
        ("drawing, trails of all 300 frames", everything),
        (f"cv2.line, trails of {TRAIL}", by_lines),
        ("a video, drawn and encoded", whole),
        ("a video, encoded only, nothing drawn", encoded),
    ):
        print(f"| {name} | {wall:.0f} ({cpu:.0f}) |")
    print(f"\nours / cv2.line: {ours[1] / by_lines[1]:.1f}")
    print(f"goal {GOAL_FPS} frames/s drawn: {'reached' if ours[1] >= GOAL_FPS else 'MISSED'}")


if __name__ == "__main__":
    main()
