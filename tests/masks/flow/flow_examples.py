"""Clips whose masks are known: textured discs over a textured ground."""

from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 192, 128


class Disc(NamedTuple):
    """A disc of one tint that moves evenly; later ones of a clip hide earlier ones."""

    start: tuple[float, float]  # x, y of its centre in the first frame
    step: tuple[float, float]  # px per frame
    tint: tuple[int, int, int]
    radius: float = 18


RED, BLUE, GREEN = (190, 50, 50), (50, 60, 190), (60, 160, 60)


def texture(seed: int, height: int, width: int, grain_px: int = 4) -> np.ndarray:
    """Smooth noise of mean 0, f4[height, width]."""
    import cv2

    coarse = np.random.default_rng(seed).normal(0, 30, (height // grain_px + 2, width // grain_px + 2)).astype("f4")
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def clip(discs: list[Disc], frames: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames u1[HEIGHT, WIDTH, 3], and masks bool[frames, discs, HEIGHT, WIDTH] of what is seen of each disc."""
    ground = np.clip(125 + texture(0, HEIGHT, WIDTH), 0, 255)[..., None] * (1.0, 1.0, 0.9)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    images, masks = [], np.zeros((frames, len(discs), HEIGHT, WIDTH), bool)
    for frame in range(frames):
        image = ground.copy()
        for index, disc in enumerate(discs):
            left, top = (round(disc.start[axis] + frame * disc.step[axis]) for axis in (0, 1))
            inside = (x - left) ** 2 + (y - top) ** 2 <= disc.radius**2
            pattern = texture(index + 1, 2 * HEIGHT, 2 * WIDTH)
            moved = np.roll(pattern, (top, left), (0, 1))[:HEIGHT, :WIDTH, None]
            image[inside] = (np.array(disc.tint) + moved)[inside]
            masks[frame, :, inside] = False
            masks[frame, index][inside] = True
        images.append(np.clip(image, 0, 255).astype("u1"))
    return images, masks
