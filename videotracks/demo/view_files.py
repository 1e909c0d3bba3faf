"""The files of one generated view: the video, and the truth about it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from videotracks.demo.street import StreetFrame, Truth
from videotracks.geometry.camera import Camera
from videotracks.masks.annotations import write_annotation
from videotracks.video_writer import VideoWriter

#: People of whom less than this share is seen stand in the ground truth as distractors: finding them is neither right
#: nor wrong.
MIN_VISIBILITY = 0.25
#: Classes of MOT16 and later.
PEDESTRIAN, DISTRACTOR = 1, 8
#: Identities that a mask of one byte can hold beside the street (0) and what does not count (255).
MOST_PEOPLE = 254
#: Depth is stored in millimetres of 16 bit; 0 stands for what is farther, or nothing.
MM_PER_M, MOST_MM = 1000, 65_535


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, that takes the place of ``folder`` when the block ends well, and goes away when it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".demo-") as scratch:
        draft = Path(scratch) / folder.name
        draft.mkdir()
        yield draft
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)


class ViewFiles:
    """Writes a view as it is drawn: the video, boxes (MOTChallenge), masks (DAVIS) and, where asked for, depth.

    Masks and depth are folders of one PNG for each frame, ``00000.png`` the first; depth is of 16 bit, in mm.
    """

    def __init__(
        self, video: Path, camera: Camera, fps: float, *, boxes: Path, masks: Path, depth: Path | None = None
    ) -> None:
        for place in (masks, depth):
            if place is not None:
                place.mkdir(parents=True)
        self._video = VideoWriter(video, camera.width, camera.height, fps)
        self._boxes, self._masks, self._depth = boxes, masks, depth
        self._lines: list[str] = []
        self._frames = 0

    def write(self, frame: StreetFrame) -> None:
        """Append a frame to all files."""
        self._video.write(frame.rgb)
        write_annotation(self._masks / f"{self._frames:05d}.png", frame.owner)
        if self._depth is not None:
            _write_depth(self._depth / f"{self._frames:05d}.png", frame.depth)
        self._lines += [_mot_line(self._frames, truth) for truth in frame.truth]
        self._frames += 1

    def __enter__(self) -> Self:
        self._video.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.__exit__(kind, error, trace)
        self._boxes.write_text("".join(self._lines))


def _write_depth(path: Path, depth: np.ndarray) -> None:
    import cv2

    mm = np.rint(depth * MM_PER_M)
    quick = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if not cv2.imwrite(str(path), np.where(mm <= MOST_MM, mm, 0).astype("u2"), quick):
        raise OSError(f"{path}: cannot be written; is there room on the disk?")


def _mot_line(index: int, truth: Truth) -> str:
    """One line of gt.txt: frame from 1, id, left, top, width, height, counts, class, visibility."""
    left, top, right, bottom = truth.box
    counts = int(truth.visibility >= MIN_VISIBILITY)
    kind = PEDESTRIAN if counts else DISTRACTOR
    size = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
    return f"{index + 1},{truth.identity},{size},{counts},{kind},{truth.visibility:.3f}\n"
