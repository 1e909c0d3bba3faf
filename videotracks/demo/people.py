"""The generated people: where each one is at each moment, and the limbs of the body there.

World axes in metres: x to the right along the street, y away from where the cameras stand, z up; the ground is z = 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videotracks.demo.camera import UP

RGB = tuple[int, int, int]

#: Shirt, trousers, hair: far apart, so that people can be told apart by their clothes.
OUTFITS: tuple[tuple[RGB, RGB, RGB], ...] = (
    ((176, 38, 44), (34, 38, 62), (40, 28, 20)),
    ((36, 92, 168), (58, 54, 50), (92, 62, 34)),
    ((228, 196, 66), (44, 70, 52), (26, 22, 22)),
    ((232, 232, 226), (120, 60, 44), (70, 46, 26)),
    ((34, 112, 72), (150, 142, 120), (150, 112, 62)),
    ((110, 58, 128), (36, 36, 40), (36, 30, 28)),
    ((212, 112, 40), (52, 62, 96), (20, 18, 18)),
    ((60, 60, 66), (176, 166, 140), (110, 80, 50)),
)
SKINS: tuple[RGB, ...] = ((224, 178, 146), (146, 98, 68), (240, 200, 170), (98, 64, 46))

SHOES: RGB = (40, 36, 34)
#: Distances of the walks from x, m; neighbours in this order are far enough apart to pass each other.
LANES_M = (7.2, 9.4, 8.2, 10.6, 7.8, 9.9, 8.8, 11.2)
STRIDE_M = 1.45
#: How far the pattern of what a limb shows departs from its colour, as a share of it.
CLOTH, SKIN = 0.20, 0.08


@dataclass(frozen=True, slots=True)
class Walk:
    """One straight walk on the ground, from ``start`` to ``end`` (x, y in metres) between two times in seconds."""

    start: tuple[float, float]
    end: tuple[float, float]
    begin_s: float
    end_s: float

    def at(self, time_s: float) -> tuple[np.ndarray, np.ndarray, float] | None:
        """Position, heading (unit) and metres walked at a time; None outside the walk."""
        if not self.begin_s <= time_s < self.end_s:
            return None
        path = np.subtract(self.end, self.start)
        length = float(np.linalg.norm(path))
        share = (time_s - self.begin_s) / (self.end_s - self.begin_s)
        return np.asarray(self.start) + share * path, path / length, share * length


@dataclass(frozen=True, slots=True)
class Person:
    """One generated person: identity from 1, looks, and the walks that bring it into the picture."""

    identity: int
    height_m: float
    shirt: RGB
    trousers: RGB
    hair: RGB
    skin: RGB
    walks: tuple[Walk, ...]

    def at(self, time_s: float) -> tuple[np.ndarray, np.ndarray, float] | None:
        """Position, heading and metres walked at a time; None while the person is away."""
        return next((found for walk in self.walks if (found := walk.at(time_s)) is not None), None)


@dataclass(frozen=True, slots=True)
class Limb:
    """The convex hull of two spheres in the world, metres; ``side`` (unit) keeps its pattern from turning around it."""

    a: np.ndarray
    b: np.ndarray
    radius_a: float
    radius_b: float
    color: RGB
    contrast: float
    side: np.ndarray


def limb_axes(body: Sequence[Limb]) -> np.ndarray:
    """The own axes of limbs as rows, f8[L, 3, 3]: along each, aside, and across both."""
    along = np.stack([limb.b - limb.a for limb in body])
    along /= np.sqrt((along**2).sum(axis=1, keepdims=True))
    aside = np.stack([limb.side for limb in body])
    aside = aside - (aside * along).sum(axis=1, keepdims=True) * along
    aside /= np.sqrt((aside**2).sum(axis=1, keepdims=True))
    return np.stack([along, aside, np.cross(along, aside)], axis=1)


def cast(count: int, seconds: float, seed: int) -> list[Person]:
    """People whose walks cross, overlap, end outside the picture and, for every third one, come back."""
    rng = np.random.default_rng(seed)
    people = []
    for i in range(count):
        depth = LANES_M[i % len(LANES_M)]
        reach = 0.55 * depth + 1.2
        direction = 1 if i % 2 == 0 else -1
        duration = 2 * reach / rng.uniform(1.25, 1.65)
        begin = 0.0 if i == 0 else float(rng.uniform(-0.25, 0.55) * seconds)
        ends = (-direction * reach, depth), (direction * reach, depth + rng.uniform(-0.6, 0.6))
        walks = [Walk(*ends, begin, begin + duration)]
        if i % 3 == 0:
            away = begin + duration + 1.5
            walks.append(Walk(ends[1], ends[0], away, away + duration))
        people.append(dressed(i, rng.uniform(1.62, 1.86), tuple(walks)))
    return people


def dressed(i: int, height_m: float, walks: tuple[Walk, ...]) -> Person:
    """The ``i``-th person of a cast, from 0, in clothes unlike those of its neighbours."""
    shirt, trousers, hair = OUTFITS[i % len(OUTFITS)]
    return Person(i + 1, height_m, shirt, trousers, hair, SKINS[i % len(SKINS)], walks)


def limbs(person: Person, ground: np.ndarray, heading: np.ndarray, walked_m: float) -> list[Limb]:
    """The body of a walking person as capsules, at a place on the ground, after so many metres of walking."""
    h = person.height_m
    forward, right = np.array([*heading, 0.0]), np.array([heading[1], -heading[0], 0.0])
    phase = 2 * np.pi * walked_m / STRIDE_M
    base = np.array([*ground, 0.015 * h * np.cos(2 * phase)])

    def point(ahead: float, high: float, aside: float) -> np.ndarray:
        return base + h * (ahead * forward + high * UP + aside * right)

    def swing(origin: np.ndarray, angle: float, length: float) -> np.ndarray:
        return origin + h * length * (np.sin(angle) * forward - np.cos(angle) * UP)

    def limb(a: np.ndarray, b: np.ndarray, radius_a: float, radius_b: float, color: RGB, contrast: float) -> Limb:
        return Limb(a, b, radius_a * h, radius_b * h, color, contrast, right)

    body: list[Limb] = []
    for side in (-1, 1):
        step = phase + (np.pi if side > 0 else 0.0)
        hip, shoulder = point(0, 0.53, 0.055 * side), point(0.01, 0.80, 0.115 * side)
        thigh = 0.46 * np.sin(step)
        knee = swing(hip, thigh, 0.245)
        ankle = swing(knee, thigh - 0.75 * max(0.0, float(np.cos(step))), 0.245)
        toe = ankle + h * (0.10 * forward - 0.012 * UP)
        arm = -0.42 * np.sin(step)
        elbow = swing(shoulder, arm, 0.17)
        hand = swing(elbow, arm + 0.35, 0.15)
        body += [
            limb(hip, knee, 0.052, 0.038, person.trousers, CLOTH),
            limb(knee, ankle, 0.038, 0.026, person.trousers, CLOTH),
            limb(ankle, toe, 0.024, 0.020, SHOES, SKIN),
            limb(shoulder, elbow, 0.032, 0.027, person.shirt, CLOTH),
            limb(elbow, hand, 0.025, 0.020, person.skin, SKIN),
        ]
    body += [
        limb(point(0, 0.53, 0.05 * side), point(0.01, 0.79, 0.085 * side), 0.065, 0.06, person.shirt, CLOTH)
        for side in (-1, 1)
    ]
    body += [
        limb(point(0.01, 0.82, 0), point(0.015, 0.88, 0), 0.032, 0.03, person.skin, SKIN),
        limb(point(0.02, 0.915, 0), point(0.02, 0.945, 0), 0.052, 0.052, person.skin, SKIN),
        limb(point(-0.006, 0.935, 0), point(0.006, 0.96, 0), 0.055, 0.05, person.hair, SKIN),
    ]
    return body
