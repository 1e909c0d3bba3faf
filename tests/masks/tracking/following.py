"""A world of rectangles whose place is known in every frame, and a segmenter that follows them exactly."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.videos import write_video
from videotracks.masks.candidates.manifest import Candidate, CandidateFrame, Manifest, frame_name
from videotracks.masks.packed import pack
from videotracks.masks.segmenters import Prompt, PromptError, Proposal
from videotracks.recording import View, probe_recording

WIDTH, HEIGHT = 64, 48
Box = tuple[int, int, int, int]  # x, y, width, height
World = Mapping[str, Callable[[int], Box | None]]


def still(x: int, y: int, w: int, h: int, first: int = 0, last: int = 10**9) -> Callable[[int], Box | None]:
    """A rectangle that stays where it is, and is seen from ``first`` to ``last``."""
    return lambda frame: (x, y, w, h) if first <= frame <= last else None


def drawn(box: Box | None, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    if box is not None:
        x, y, w, h = box
        mask[y : y + h, x : x + w] = True
    return mask


def candidate(frame: int, box: Box, name: str = "a", level: int = 2, size=(HEIGHT, WIDTH)) -> Candidate:
    mask = drawn(box, *size)
    return Candidate(frame, name, box, int(mask.sum()), 0.95, level, pack(mask))


def manifest(frames: Mapping[int, Sequence[Box]], level: int = 2, size=(HEIGHT, WIDTH)) -> Manifest:
    return Manifest(
        level,
        [
            CandidateFrame(
                f, frame_name(f), [candidate(f, box, f"c{i}", level, size) for i, box in enumerate(frames[f])]
            )
            for f in sorted(frames)
        ],
    )


def clip(folder: Path, frames: int) -> tuple[View, Path]:
    path = write_video(folder / "clip.mp4", frames, size=(WIDTH, HEIGHT))
    return probe_recording(path, "clip").views[0], path


class RectangleSegmenter:
    """Follows the rectangle that a prompt overlaps most; ``numbers`` maps positions to frames of the world."""

    name = "rectangles"

    def __init__(self, world: World, numbers: range = range(10**9)) -> None:
        self.world, self.numbers = world, numbers
        self.dies_at: int | None = None  # raise at this many calls of prompt
        self.refuses: Callable[[Prompt], bool] = lambda prompt: False
        self.blind_to: Callable[[Prompt], bool] = lambda prompt: False
        self.prompts: list[tuple[int, list[Prompt]]] = []
        self.asked: list[tuple[int, int]] = []  # position, last
        self.most_held = 0
        self.sessions = 0

    def provenance(self) -> dict[str, str]:
        return {"backend": self.name}

    def frame_size(self, width: int, height: int) -> tuple[int, int]:
        return width // 2, height // 2

    def propose(self, image_rgb, neighbour_rgb, levels) -> dict[int, list[Proposal]]:
        raise NotImplementedError

    def forecast_s(self, frames: int, objects: int) -> float | None:
        return 0.5 * frames * objects

    def session(self, frames, width: int, height: int) -> "RectangleSession":
        self.sessions += 1
        return RectangleSession(self, frames, (height, width))


class RectangleSession:
    def __init__(self, owner: RectangleSegmenter, frames, shape: tuple[int, int]) -> None:
        self.owner, self.frames, self.shape = owner, frames, shape
        self.following: list[str] = []
        self.at, self.released = 0, (0, 0)
        self.seconds = {"encode": 0.0, "prompt": 0.0, "propagate": 0.0}

    def prompt(self, position: int, prompts: Sequence[Prompt]) -> np.ndarray:
        owner = self.owner
        if owner.dies_at is not None:
            owner.dies_at -= 1
            if owner.dies_at < 0:
                raise KeyboardInterrupt
        owner.prompts.append((position, list(prompts)))
        for index, prompt in enumerate(prompts):
            assert (prompt.mask is None) != (prompt.box is None)
            if owner.refuses(prompt):
                raise PromptError(index, "refused")
        self.at, self.following = position, [self._meant(position, prompt) for prompt in prompts]
        return self._masks(position)

    def _meant(self, position: int, prompt: Prompt) -> str:
        if self.owner.blind_to(prompt):
            return ""
        if prompt.mask is not None:
            region = prompt.mask
        else:
            x0, y0, x1, y1 = (round(v) for v in prompt.box)
            region = drawn((x0, y0, x1 - x0, y1 - y0), *self.shape)
        best, name = 0.0, ""
        for key, place in self.owner.world.items():
            seen = drawn(place(self.owner.numbers[position]), *self.shape)
            iou = (seen & region).sum() / max(1, (seen | region).sum())
            if iou > best:
                best, name = iou, key
        return name

    def _masks(self, position: int) -> np.ndarray:
        assert self.frames[position].shape == (self.shape[0] // 2, self.shape[1] // 2, 3)
        assert self.released[0] <= position <= self.released[1]
        self.owner.most_held = max(self.owner.most_held, self.frames.held)
        number = self.owner.numbers[position]
        boxes = [self.owner.world[name](number) if name else None for name in self.following]
        return np.stack([drawn(box, *self.shape) for box in boxes])

    def propagate(self, last: int) -> Iterator[tuple[int, np.ndarray]]:
        self.owner.asked.append((self.at, last))
        step = 1 if last > self.at else -1
        for position in range(self.at + step, last + step, step):
            yield position, self._masks(position)

    def release(self, first: int, last: int) -> None:
        self.released = first, last
