"""One colour per track, the same in every video, scene and refinement of it."""

from functools import lru_cache
from hashlib import blake2b
from math import cos, pi, sin

import numpy as np

from videotracks.palette import encoded_level, linear_rgb

#: Colours of the map: more than anybody can tell apart, few enough to be made at once.
COLORS = 360
#: OKLab lightness of all of them, bright on dark and dull ground; and the saturation beyond which some are garish.
_LIGHTNESS, _MOST_CHROMA = 0.75, 0.2
#: Directions in which the edge of what a screen can show is looked for, and to which share of the chroma.
_DIRECTIONS, _HALVINGS = 720, 12


@lru_cache(maxsize=1)
def color_circle() -> np.ndarray:
    """A closed map of colours u8[360, 3], all equally light, each as far from the next: the eye sees no steps.

    It runs along the edge of what a screen can show at that lightness (OKLab; Björn Ottosson, 2020), in steps of equal
    length there.
    """
    hues = np.arange(_DIRECTIONS + 1) * (2 * pi / _DIRECTIONS)
    places = np.array([(cos(hue), sin(hue)) for hue in hues]) * np.array([[_chroma(hue)] for hue in hues])
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))])
    even = np.arange(COLORS) * (way[-1] / COLORS)
    a, b = (np.interp(even, way, places[:, axis]) for axis in (0, 1))
    # Between two places of the edge lies a hair beyond it, where the edge is hollow.
    linear = [[min(max(v, 0.0), 1.0) for v in linear_rgb(_LIGHTNESS, *place)] for place in zip(a, b, strict=True)]
    circle = np.array([[encoded_level(value) for value in color] for color in linear], np.uint8)
    circle.setflags(write=False)
    return circle


def _chroma(hue: float) -> float:
    """The largest chroma of a hue that a screen can show."""
    low, high = 0.0, _MOST_CHROMA
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        linear = linear_rgb(_LIGHTNESS, middle * cos(hue), middle * sin(hue))
        low, high = (middle, high) if min(linear) >= 0 and max(linear) <= 1 else (low, middle)
    return low


def track_colors(query_points: np.ndarray) -> np.ndarray:
    """Colours u8[N, 3] of tracks by their query points f32[N, 4], spread evenly over the circle of colours.

    The query point is what a track keeps when others are dropped, and it is smoothed or cut: so its hash chooses.
    """
    rows = np.ascontiguousarray(query_points, "<f4") + np.float32(0)  # -0 becomes 0
    data, size = rows.tobytes(), rows.shape[1] * 4
    hashes = [blake2b(data[at : at + size], digest_size=4).digest() for at in range(0, len(data), size)]
    chosen = np.frombuffer(b"".join(hashes), "<u4").astype("i8") * COLORS >> 32
    return color_circle()[chosen]
