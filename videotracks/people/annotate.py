"""The video with its persons drawn on it: boxes, ids, and the way that each came."""

from collections import deque
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from videotracks.palette import color_of, text_color_on
from videotracks.people.detection import read_ahead
from videotracks.progress import Progress, silent
from videotracks.recording import Recording, View, read_frames, view_path
from videotracks.tables import Persons

_AHEAD_FRAMES = 4


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

    Boxes are drawn in the person's steady colour, with its id, and a trail of the feet that fades over ``trail_s``.
    Memory does not grow with the video.
    """
    total, done = sum(view.frame_count for view in recording.views), 0
    made = {}
    for camera, view in enumerate(recording.views):
        path = folder / f"{view.camera}.mp4"
        _annotate_view(view, view_path(source, view), path, _rows_of(persons, camera), settings, progress, done, total)
        done += view.frame_count
        made[view.camera] = path
    return made


class _Rows:
    """The boxes of one view, sorted by frame."""

    def __init__(self, frames: np.ndarray, ids: np.ndarray, boxes: np.ndarray) -> None:
        order = np.argsort(frames, kind="stable")
        self._frames, self._ids, self._boxes = frames[order], ids[order], boxes[order]

    def at(self, frame: int) -> list[tuple[int, tuple[int, int, int, int]]]:
        """Person and box in whole pixels of everyone in a frame."""
        begin, end = np.searchsorted(self._frames, [frame, frame + 1])
        boxes = np.round(self._boxes[begin:end]).astype(int).tolist()
        return list(zip(self._ids[begin:end].tolist(), map(tuple, boxes), strict=True))


def _rows_of(persons: Persons, camera: int) -> _Rows:
    here = persons.camera == camera
    return _Rows(persons.frame_numbers[here], persons.person_id[here], persons.bboxes[here])


def _annotate_view(
    view: View,
    source: Path,
    target: Path,
    rows: _Rows,
    settings: AnnotationSettings,
    progress: Progress,
    done: int,
    total: int,
) -> None:
    from videotracks.video_writer import VideoWriter

    trails: dict[int, deque[tuple[float, int, int]]] = {}
    with VideoWriter(target, view.width, view.height, view.fps, crf=settings.crf) as video:
        for frame, rgb in read_ahead(((f, f.rgb()) for f in read_frames(source, view)), _AHEAD_FRAMES):
            present = rows.at(frame.index)
            for person, (left, _, right, bottom) in present:
                trails.setdefault(person, deque()).append((frame.time_s, (left + right) // 2, bottom))
            _forget(trails, frame.time_s - settings.trail_s)
            for person, trail in trails.items():
                _draw_trail(rgb, trail, color_of(person), frame.time_s, settings)
            for person, box in present:
                _draw_person(rgb, person, box, settings.line_px)
            video.write(rgb)
            progress(done + frame.index + 1, total)


def _forget(trails: dict[int, deque[tuple[float, int, int]]], before_s: float) -> None:
    for person in list(trails):
        trail = trails[person]
        while trail and trail[0][0] < before_s:
            trail.popleft()
        if not trail:
            del trails[person]


def _draw_trail(
    rgb: np.ndarray,
    trail: deque[tuple[float, int, int]],
    color: tuple[int, int, int],
    now_s: float,
    settings: AnnotationSettings,
) -> None:
    """Lines between the places of the feet, thinner the older they are."""
    import cv2

    points = list(trail)
    for (time_s, x0, y0), (_, x1, y1) in zip(points, points[1:], strict=False):
        age = (now_s - time_s) / settings.trail_s if settings.trail_s else 1.0
        width = max(1, round(2 * settings.line_px * (1 - age)))
        cv2.line(rgb, (x0, y0), (x1, y1), color, width, cv2.LINE_AA)


def _draw_person(rgb: np.ndarray, person: int, box: tuple[int, int, int, int], line_px: int) -> None:
    import cv2

    left, top, right, bottom = box
    color = color_of(person)
    cv2.rectangle(rgb, (left, top), (right, bottom), color, line_px, cv2.LINE_AA)
    scale = max(0.45, rgb.shape[0] / 1400)
    label = str(person)
    (width, height), base = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    foot = top if top > height + base + 2 else top + height + base + 4
    cv2.rectangle(rgb, (left, foot - height - base - 2), (left + width + 6, foot), color, -1)
    place = left + 3, foot - base
    cv2.putText(rgb, label, place, cv2.FONT_HERSHEY_SIMPLEX, scale, text_color_on(color), 1, cv2.LINE_AA)
