"""Surfaces: the patterns of things, of what stands before them, and of the place they are in."""

from typing import Literal

import numpy as np

World = Literal["usual", "shifted"]

#: Side of a pattern, pixels: a crop shows most of it.
PATTERN_PX = 64
#: Pictures of the place are kept at half the camera's resolution: crops are rarely sharper.
PLACE_SCALE = 2


def color(rng: np.random.Generator, world: World, vivid: float = 1.0) -> np.ndarray:
    """A surface colour, f4[3] of 0 to 255: of any hue, mostly dull; ``vivid`` scales its tint."""
    level = rng.uniform(35, 225)
    tint = rng.normal(size=3)
    tint -= tint.mean()
    strength = rng.uniform(0, 70) if world == "usual" else rng.uniform(20, 95)
    return np.clip(level + vivid * strength * tint / (np.abs(tint).max() + 1e-6), 8, 247).astype("f4")


def grain(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """Smooth noise of 0 to 1, f4[height, width], with about ``cells`` spots across."""
    import cv2

    down = max(2, round(cells * height / width))
    return cv2.resize(rng.random((down, cells), dtype="f4"), (width, height), interpolation=cv2.INTER_CUBIC)


def pattern(rng: np.random.Generator, world: World, size: int = PATTERN_PX) -> np.ndarray:
    """The pattern of a cloth, a case or a coat of paint, f4[size, size, 3] of 0 to 255."""
    one, other = color(rng, world), color(rng, world)
    y, x = np.mgrid[0:size, 0:size].astype("f4") / size
    weight = _WEAVES[world][rng.integers(len(_WEAVES[world]))](rng, x, y)
    mottle = 1 + rng.uniform(0, 0.25) * (grain(rng, size, size, 7) - 0.5)
    return (one + (other - one) * weight[..., None]) * mottle[..., None]


def _plain(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.25 * grain(rng, len(y), len(x), 4)


def _stripes(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    angle, waves = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]), rng.uniform(2.5, 8)
    phase = (x * np.cos(angle) + y * np.sin(angle)) * waves + rng.random()
    return _soft(np.sin(2 * np.pi * phase) + rng.uniform(-0.5, 0.5))


def _checks(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    waves = rng.uniform(1.5, 5, 2)
    return _soft(3 * np.sin(2 * np.pi * x * waves[0]) * np.sin(2 * np.pi * y * waves[1]))


def _spots(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    waves = rng.uniform(2, 6)
    return _soft(2 * (np.cos(2 * np.pi * x * waves) + np.cos(2 * np.pi * y * waves)) - rng.uniform(0.5, 2))


def _blotches(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _soft(12 * (grain(rng, len(y), len(x), int(rng.integers(4, 11))) - 0.5))


def _bands(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    edges = np.sort(rng.uniform(0.1, 0.9, 2))
    return ((y > edges[0]) & (y < edges[1])).astype("f4")


def _rings(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    at, waves = rng.uniform(0.2, 0.8, 2), rng.uniform(3, 8)
    return _soft(2 * np.sin(2 * np.pi * waves * np.hypot(x - at[0], y - at[1])))


def _zigzag(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    waves, teeth = rng.uniform(3, 7), rng.uniform(2, 5)
    return _soft(3 * np.sin(2 * np.pi * (y * waves + np.abs((x * teeth) % 1 - 0.5))))


def _soft(value: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + value, 0, 1).astype("f4")


#: The shifted world has other patterns, and none of the usual ones but plain.
_WEAVES = {
    "usual": (_plain, _stripes, _checks, _spots, _blotches, _bands),
    "shifted": (_plain, _rings, _zigzag, _rings, _zigzag),
}


#: Places are duller than the things in them.
_DULL = 0.5


def place(rng: np.random.Generator, world: World, width: int, height: int) -> np.ndarray:
    """A picture of the empty place a camera sees, u8[height, width, 3] at 1/``PLACE_SCALE`` of the camera's pixels.

    Coarse and fine grain, and flat things with edges at every size that a crop may show: shelves, panes, tiles.
    """
    import cv2

    width, height = width // PLACE_SCALE, height // PLACE_SCALE
    base = np.empty((height, width, 3), "f4")
    base[:] = color(rng, world, _DULL)
    for cells, depth in ((5, 60), (23, 35), (90, 30), (240, 22)):
        base += depth * (grain(rng, height, width, cells)[..., None] - 0.5) * rng.uniform(0.6, 1.4, 3).astype("f4")
    for _ in range(70):
        w, h = rng.integers(6, 90), rng.integers(6, 70)
        x, y = rng.integers(-w, width), rng.integers(-h, height)
        shade = tuple(float(c) for c in color(rng, world, _DULL))
        if world == "usual":
            cv2.rectangle(base, (int(x), int(y)), (int(x + w), int(y + h)), shade, -1 if rng.random() < 0.45 else 2)
        else:
            axes = (int(w) // 2, int(h) // 2)
            cv2.ellipse(
                base, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, shade, 2 if rng.random() < 0.5 else -1
            )
    base += 14 * (grain(rng, height, width, 300)[..., None] - 0.5)
    return np.clip(base, 0, 255).astype("u1")
