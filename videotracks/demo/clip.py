"""The demonstration recording: a folder with one view and its ground truth, boxes and masks."""

import shutil
import tempfile
from pathlib import Path

from videotracks.demo.camera import StreetCamera
from videotracks.demo.people import cast
from videotracks.demo.street import Truth, render
from videotracks.masks.annotations import write_annotation
from videotracks.progress import Progress, silent
from videotracks.sources import ANNOTATIONS

CAMERA = StreetCamera(width=768, height=432, focal_px=900.0, above_ground_m=2.0, pitch_rad=0.10)
FPS = 25.0
#: People of whom less than this share is seen stand in the ground truth as distractors: finding them is neither right
#: nor wrong.
MIN_VISIBILITY = 0.25
#: Classes of MOT16 and later.
PEDESTRIAN, DISTRACTOR = 1, 8
#: Identities that a mask of one byte can hold beside the street (0) and what does not count (255).
MOST_PEOPLE = 254


def write_demo(
    folder: Path, *, seconds: float = 14.0, people: int = 5, seed: int = 7, progress: Progress = silent
) -> Path:
    """Write ``cam_00.mp4``, ``gt.txt`` (MOTChallenge) and ``Annotations/`` (DAVIS) into ``folder``; return it.

    All of it is written, or none. A folder that exists is replaced.
    """
    from videotracks.video_writer import VideoWriter

    if not 0 <= people <= MOST_PEOPLE:
        raise ValueError(f"{people} people; a mask of one byte tells at most {MOST_PEOPLE} apart")
    frames = max(1, round(seconds * FPS))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".demo-") as scratch:
        draft = Path(scratch) / folder.name
        masks = draft / ANNOTATIONS
        masks.mkdir(parents=True)
        lines = []
        with VideoWriter(draft / "cam_00.mp4", CAMERA.width, CAMERA.height, FPS) as video:
            for index, frame in enumerate(render(cast(people, seconds, seed), CAMERA, frames, FPS, seed)):
                video.write(frame.rgb)
                write_annotation(masks / f"{index:05d}.png", frame.owner)
                lines += [_mot_line(index, truth) for truth in frame.truth]
                progress(index + 1, frames)
        (draft / "gt.txt").write_text("".join(lines))
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    return folder


def _mot_line(index: int, truth: Truth) -> str:
    """One line of gt.txt: frame from 1, id, left, top, width, height, counts, class, visibility."""
    left, top, right, bottom = truth.box
    counts = int(truth.visibility >= MIN_VISIBILITY)
    kind = PEDESTRIAN if counts else DISTRACTOR
    size = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
    return f"{index + 1},{truth.identity},{size},{counts},{kind},{truth.visibility:.3f}\n"
