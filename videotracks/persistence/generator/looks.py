"""What happens to a track from one observation to the next: light, blur, things in front, and what gives it away.

Nuisance comes to things and to false tracks alike. Only a false track has telling observations: the place shows
through, the content is another one, or there is none. Things have as many decoys in their stead, so that neither a
strange observation nor the number of them says anything.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from videotracks.persistence.generator.scene import SceneSettings

Kind = Literal["persistent", "reflection", "glare", "noise"]
KINDS: tuple[Kind, ...] = ("persistent", "reflection", "glare", "noise")
Nuisance = Literal["cover", "net", "haze", "blur", "shadow", "glint"]
NUISANCES: tuple[Nuisance, ...] = ("cover", "net", "haze", "blur", "shadow", "glint")
#: Telling observations of noise: another content for good, another one for a moment, none.
_SWAP, _GLIMPSE, _VOID = 0, 1, 2
_NOISE_TELLS = (0.45, 0.2, 0.35)


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """How each of T observations is painted.

    ``opacity`` f8[T] 0 to 1 of the content, ``content`` i8[T] which of the track's bodies, ``scale`` f8[T] of the
    body in its extent, ``light`` f8[T] on the body alone, ``haze`` f8[T] 0 to 1, ``blur_px`` f8[T] sigma,
    ``motion_px`` f8[T] of the smear, ``front`` i8[T] −1: nothing stands before it, else the seed of what does,
    ``net`` bool[T] that is a net, ``glint`` f8[T] 0 to 1; ``corrupted`` bool[T] planted.
    """

    opacity: np.ndarray
    content: np.ndarray
    scale: np.ndarray
    light: np.ndarray
    haze: np.ndarray
    blur_px: np.ndarray
    motion_px: np.ndarray
    front: np.ndarray
    net: np.ndarray
    glint: np.ndarray
    corrupted: np.ndarray


def draw_looks(rng: np.random.Generator, kind: Kind, count: int, settings: "SceneSettings") -> Looks:
    """The looks of ``count`` observations of a track of ``kind``."""
    looks = _everyday(rng, count, settings)
    for begin, length in _runs(rng, count, settings.nuisance_gap):
        _disturb(rng, looks, slice(begin, begin + length), settings)
    planted = rng.random() < settings.planted_share
    runs = [_planted_run(rng, count)] if planted else _runs(rng, count, settings.telling_gap)
    for begin, length in runs:
        here = slice(begin, begin + length)
        if kind == "persistent":
            _disturb(rng, looks, here, settings)
        else:
            _clear(looks, here)
            _tell(rng, looks, kind, here, settings, passing=planted)
            looks.corrupted[here] = planted
    return looks


def draw_faded_looks(rng: np.random.Generator, kind: Kind, count: int, settings: "SceneSettings") -> Looks:
    """The looks of a false track in the original's manner: see-through from the first and fading to the last."""
    looks = _everyday(rng, count, settings)
    looks.opacity[:] = np.linspace(rng.uniform(0.4, 0.65), rng.uniform(0.1, 0.3), count)
    if kind == "noise":
        # A whole body in a single frame could not be told from a thing by anyone.
        looks.opacity[:] = rng.uniform(0, 0.5)
        looks.content[:] = np.arange(count)
    return looks


def _everyday(rng: np.random.Generator, count: int, settings: "SceneSettings") -> Looks:
    strength = settings.nuisance
    wander = np.cumsum(rng.normal(0, 0.06 * strength, count))
    return Looks(
        opacity=np.ones(count),
        content=np.zeros(count, "i8"),
        scale=np.ones(count),
        light=np.exp(rng.normal(0, 0.15) + wander - wander.mean()),
        haze=np.clip(rng.uniform(-0.2, 0.2) * strength + rng.normal(0, 0.04, count), 0, 0.6),
        blur_px=rng.uniform(0.3, 1.0) + np.abs(rng.normal(0, 0.25 * strength, count)),
        motion_px=np.zeros(count),
        front=np.full(count, -1),
        net=np.zeros(count, bool),
        glint=np.zeros(count),
        corrupted=np.zeros(count, bool),
    )


def _runs(rng: np.random.Generator, count: int, gap: int) -> list[tuple[int, int]]:
    """Where things happen: (begin, length), the steps between begins evenly spread over 1 to ``gap``.

    The first step is that of a process that has long been running, so that any prefix is like any other.
    """
    left = np.arange(gap, 0, -1)
    at = int(rng.choice(gap, p=left / left.sum()))
    found = []
    while at < count:
        found.append((at, min(int(rng.integers(1, 3)), count - at)))
        at += int(rng.integers(1, gap + 1))
    return found


def _planted_run(rng: np.random.Generator, count: int) -> tuple[int, int]:
    length = min(count, int(rng.integers(1, 2 + count // 5)))
    return int(rng.integers(0, count - length + 1)), length


def _disturb(rng: np.random.Generator, looks: Looks, here: slice, settings: "SceneSettings") -> None:
    """One nuisance over a run of observations."""
    strength = settings.nuisance
    what = NUISANCES[rng.integers(len(NUISANCES))]
    if what in ("cover", "net"):
        looks.front[here] = rng.integers(1 << 31)
        looks.net[here] = what == "net"
    elif what == "haze":
        looks.haze[here] = rng.uniform(0.3, 0.7) * min(strength, 1.2)
    elif what == "blur":
        looks.blur_px[here] = 0.5 + rng.uniform(0.7, 2.3) * strength
        looks.motion_px[here] = rng.uniform(0, 12) * strength
    elif what == "shadow":
        looks.light[here] *= np.exp(-rng.uniform(0.5, 1.1) * strength)
    else:
        looks.glint[here] = rng.uniform(0.5, 1.0) * min(strength, 1.2)


def _clear(looks: Looks, here: slice) -> None:
    """Telling observations are seen: nothing stands before them."""
    looks.front[here] = -1
    looks.glint[here] = 0
    looks.haze[here] = np.minimum(looks.haze[here], 0.3)
    looks.blur_px[here] = np.minimum(looks.blur_px[here], 1.2)
    looks.motion_px[here] = 0


def _tell(
    rng: np.random.Generator, looks: Looks, kind: Kind, here: slice, settings: "SceneSettings", passing: bool
) -> None:
    """Give a false track away over a run of observations; ``passing``: for these alone."""
    if kind in ("reflection", "glare"):
        bounds = settings.show_through_least, settings.show_through_most
        looks.opacity[here] = rng.uniform(*bounds, here.stop - here.start)
        if kind == "glare":
            looks.scale[here] = rng.uniform(0.5, 1.2)
        return
    what = rng.choice(3, p=_NOISE_TELLS)
    if what == _VOID:
        looks.opacity[here] = rng.uniform(0, 0.15)
    elif what == _SWAP and not passing:
        looks.content[here.start :] = looks.content.max() + 1
    else:
        looks.content[here] = looks.content.max() + 1
