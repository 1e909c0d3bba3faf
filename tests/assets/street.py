"""A street small enough for the tests: three people as coloured boxes, with exact truth and public detections."""

from pathlib import Path

import numpy as np

WIDTH, HEIGHT, FRAMES, FPS = 320, 180, 40, 20
#: Colour, left edge at the first frame, px per frame, top edge, and the frames in which the person is there.
PEOPLE = [
    ((220, 40, 40), 10.0, 3.0, 60.0, range(FRAMES)),
    ((40, 60, 220), 280.0, -2.5, 100.0, range(FRAMES)),
    ((40, 200, 60), 120.0, 0.5, 20.0, range(5, 35)),
]
BOX = (24, 60)


def boxes_at(frame: int) -> list[tuple[int, float, float]]:
    """Person, left and top of everyone in a frame."""
    return [
        (number, left + speed * frame, top)
        for number, (_, left, speed, top, present) in enumerate(PEOPLE, start=1)
        if frame in present
    ]


def picture(frame: int) -> np.ndarray:
    """A frame, RGB u8: a grey ramp, and a coloured box with a light head for each person."""
    ramp = np.linspace(90, 150, WIDTH).astype(np.uint8)
    rgb = np.broadcast_to(ramp[None, :, None], (HEIGHT, WIDTH, 3)).copy()
    for number, left, top in boxes_at(frame):
        x, y = round(left), round(top)
        cut = rgb[max(y, 0) : y + BOX[1], max(x, 0) : x + BOX[0]]
        cut[:] = PEOPLE[number - 1][0]
        cut[:14, 6:18] = (230, 200, 180)
    return rgb


def owner(frame: int) -> np.ndarray:
    """Whose each pixel of a frame is, u8: the person's number, 0 for the ground."""
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, left, top in boxes_at(frame):
        x, y = round(left), round(top)
        ids[max(y, 0) : y + BOX[1], max(x, 0) : x + BOX[0]] = number
    return ids


def write_street(folder: Path, *, people: bool = True, cameras: int = 1, detections: bool = True) -> Path:
    """A recording as a folder of one or more views, with ``gt.txt``, ``det.txt`` and masks where there are people."""
    from videotracks.masks.annotations import write_annotation
    from videotracks.video_writer import VideoWriter

    folder.mkdir(parents=True)
    for camera in range(cameras):
        with VideoWriter(folder / f"cam_{camera:02d}.mp4", WIDTH, HEIGHT, FPS) as video:
            for frame in range(FRAMES):
                video.write(picture(frame if people else FRAMES))
        truth, found = [], []
        for frame in range(FRAMES if people else 0):
            for number, left, top in boxes_at(frame):
                size = f"{left:.1f},{top:.1f},{BOX[0]},{BOX[1]}"
                truth.append(f"{frame + 1},{number},{size},1,1,1\n")
                found.append(f"{frame + 1},-1,{size},0.9\n")
        masks = folder / "Annotations" / (f"cam_{camera:02d}" if cameras > 1 else "")
        masks.mkdir(parents=True)
        for frame in range(FRAMES if people else 0):
            write_annotation(masks / f"{frame:05d}.png", owner(frame))
        prefix = f"cam_{camera:02d}." if cameras > 1 else ""
        (folder / f"{prefix}gt.txt").write_text("".join(truth))
        if detections:
            (folder / f"{prefix}det.txt").write_text("".join(found))
    return folder
