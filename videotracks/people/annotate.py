"""The video with its persons drawn on it: boxes, ids, and the way that each came."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from videotracks.palette import Colour, color_of, text_color_on
from videotracks.progress import Progress, silent
from videotracks.read_ahead import read_ahead
from videotracks.recording import Recording, View, read_frames, view_path
from videotracks.tables import Persons

#: Frames that wait between decoding, drawing and encoding.
_AHEAD_FRAMES = 4
#: A trail is the mean of this many places of the feet, of which every second is drawn: boxes tremble, people do not.
_SMOOTHED, _STRIDE = 5, 2
#: A trail fades in as many widths; each is one call.
_WIDTHS = 4
#: Who was away for longer begins a new trail: nobody knows the way between.
_TRAIL_GAP_S = 0.5
#: Drawing overflows beyond; no frame is as large.
_FAR_PX = 20_000

#: Box of a person in whole pixels: left, top, right, bottom.
Box = tuple[int, int, int, int]
#: Time and place (x, y) of somebody's feet.
Step = tuple[float, int, int]


class AnnotationSettings(BaseModel, frozen=True, extra="forbid"):
    """How persons are drawn."""

    trail_s: float = Field(default=1.5, ge=0, description="time over which the way of the feet is shown, s")
    line_px: int = Field(default=2, ge=1, le=20, description="width of lines, px")
    crf: int = Field(default=23, ge=0, le=51, description="H.264 quality: 0 is lossless, 51 the worst")


def annotate_recording(
    recording: Recording,
    source: Path,
    persons: Persons,
    folder: Path,
    settings: AnnotationSettings,
    progress: Progress = silent,
) -> dict[str, Path]:
    """Write one H.264 video ``<camera>.mp4`` per view into ``folder``; return them by camera.

    Boxes are drawn in the person's steady colour, with its id, and a trail of the feet that thins out over ``trail_s``.
    A video has the mean frame rate of its view. Memory does not grow with the recording.
    """
    from videotracks.video_writer import VideoWriter

    total, done = sum(view.frame_count for view in recording.views), 0
    made: dict[str, Path] = {}
    for camera, view in enumerate(recording.views):
        path = made[view.camera] = folder / f"{view.camera}.mp4"
        drawn = _drawn(view, view_path(source, view), _rows_of(persons, camera), settings)
        with VideoWriter(path, view.width, view.height, view.fps, crf=settings.crf) as video:
            # Decoding, drawing and encoding each in a thread of its own.
            for rgb in read_ahead(drawn, _AHEAD_FRAMES):
                video.write(rgb)
                done += 1
                progress(done, total)
    return made


class _Rows:
    """The boxes of one view, sorted by frame."""

    def __init__(self, frames: np.ndarray, ids: np.ndarray, boxes: np.ndarray) -> None:
        order = np.argsort(frames, kind="stable")
        self._frames, self._ids, self._boxes = frames[order], ids[order], boxes[order]

    def at(self, frame: int) -> list[tuple[int, Box]]:
        """Person and box in whole pixels of everyone in a frame."""
        begin, end = np.searchsorted(self._frames, [frame, frame + 1])
        boxes = np.round(self._boxes[begin:end].clip(-_FAR_PX, _FAR_PX)).astype(int).tolist()
        return list(zip(self._ids[begin:end].tolist(), map(tuple, boxes), strict=True))


def _rows_of(persons: Persons, camera: int) -> _Rows:
    here = persons.camera == camera
    return _Rows(persons.frame_numbers[here], persons.person_id[here], persons.bboxes[here])


def _drawn(view: View, source: Path, rows: _Rows, settings: AnnotationSettings) -> Iterator[np.ndarray]:
    """The frames of a view with everything drawn on them, RGB u8[H, W, 3]."""
    trails: dict[int, deque[Step]] = {}
    for frame, rgb in read_ahead(((f, f.rgb()) for f in read_frames(source, view)), _AHEAD_FRAMES):
        present = rows.at(frame.index)
        for person, (left, _, right, bottom) in present:
            trail = trails.setdefault(person, deque())
            if trail and frame.time_s - trail[-1][0] > _TRAIL_GAP_S:
                trail.clear()
            trail.append((frame.time_s, (left + right) // 2, bottom))
        forget(trails, frame.time_s - settings.trail_s)
        for person, trail in trails.items():
            _draw_trail(rgb, trail, color_of(person), frame.time_s, settings)
        for person, box in present:
            _draw_box(rgb, box, color_of(person), settings.line_px)
        for person, box in present:  # last: no box of another may hide a number
            _draw_label(rgb, str(person), box, color_of(person))
        yield rgb


def forget(trails: dict[int, deque[Step]], before_s: float) -> None:
    """Drop all steps before a time, and the trails that are gone by it."""
    for person in list(trails):
        trail = trails[person]
        while trail and trail[0][0] < before_s:
            trail.popleft()
        if not trail:
            del trails[person]


def _draw_trail(rgb: np.ndarray, trail: deque[Step], color: Colour, now_s: float, settings: AnnotationSettings) -> None:
    """The way of the feet, smoothed, thinner the older it is."""
    import cv2

    if len(trail) < 2:
        return
    steps = np.array(trail)
    chosen = np.unique(np.r_[0, np.arange(len(steps) - 1, -1, -_STRIDE)])
    points = np.round(smoothed(steps[:, 1:])[chosen]).astype("i4")
    age = (now_s - steps[chosen, 0]) / settings.trail_s
    level = np.clip((1 - age) * _WIDTHS, 0, _WIDTHS - 1).astype(int)
    for width in range(_WIDTHS):
        here = np.flatnonzero(level == width)
        if len(here):
            part = points[max(here[0] - 1, 0) : here[-1] + 1]
            thickness = max(1, round(2 * settings.line_px * (width + 1) / _WIDTHS))
            cv2.polylines(rgb, [part], False, color, thickness, cv2.LINE_AA)


def smoothed(places: np.ndarray) -> np.ndarray:
    """Means of ``_SMOOTHED`` places f64[K, 2]; of fewer towards both ends, which stay where they are."""
    at = np.arange(len(places))
    half = np.minimum(_SMOOTHED // 2, np.minimum(at, at[::-1]))
    sums = np.concatenate([np.zeros((1, 2)), np.cumsum(places, axis=0)])
    return (sums[at + half + 1] - sums[at - half]) / (2 * half + 1)[:, None]


def _draw_box(rgb: np.ndarray, box: Box, color: Colour, line_px: int) -> None:
    import cv2

    cv2.rectangle(rgb, box[:2], box[2:], color, line_px)


def _draw_label(rgb: np.ndarray, label: str, box: Box, color: Colour) -> None:
    """The number above the box, or inside where there is no room above; never outside the frame."""
    import cv2

    scale = max(0.45, rgb.shape[0] / 1400)
    (width, height), base = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    tall, wide = height + base + 2, width + 6
    left = min(max(box[0], 0), rgb.shape[1] - wide)
    foot = box[1] if box[1] >= tall else max(box[1], 0) + tall
    cv2.rectangle(rgb, (left, foot - tall), (left + wide, foot), color, -1)
    place = left + 3, foot - base
    cv2.putText(rgb, label, place, cv2.FONT_HERSHEY_SIMPLEX, scale, text_color_on(color), 1, cv2.LINE_AA)
