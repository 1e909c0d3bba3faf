"""Points on the surfaces of the generated street and its people: where each is, and which camera sees it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from videotracks.demo.bodies import bodies_at
from videotracks.demo.people import Limb, Person, limb_axes, limbs
from videotracks.demo.street import StreetFrame, StreetView
from videotracks.geometry.camera import Camera
from videotracks.geometry.visibility import in_frame


class BodyPoints(NamedTuple):
    """Points that move with limbs."""

    person: np.ndarray  # i8[N] row of the person
    limb: np.ndarray  # i8[N] row of the limb of that person
    local: np.ndarray  # f8[N, 3] metres from the limb's first end, in its own axes


def sample_bodies(people: Sequence[Person], count: int, rng: np.random.Generator) -> BodyPoints:
    """``count`` points for each person, everywhere on its limbs alike, also where limbs overlap."""
    parts = [_sample_body(person, count, rng) for person in people]
    limb = np.concatenate([np.zeros(0, "i8"), *(part[0] for part in parts)])
    local = np.concatenate([np.zeros((0, 3)), *(part[1] for part in parts)])
    return BodyPoints(np.repeat(np.arange(len(people)), count), limb, local)


def _sample_body(person: Person, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    # Limbs keep their shape, so that any pose will do.
    body = limbs(person, np.zeros(2), np.array([1.0, 0.0]), 0.0)
    shapes = np.array([_shape(limb) for limb in body])
    length, first, second = shapes.T
    lean = (first - second) / length  # sine of the angle between the mantle and the axis
    mantle = np.pi * (first + second) * length * np.sqrt(1 - lean**2) * np.sqrt(1 - lean**2)
    areas = np.stack([2 * np.pi * first**2 * (1 + lean), mantle, 2 * np.pi * second**2 * (1 - lean)], axis=1)
    chosen = rng.choice(areas.size, count, p=areas.ravel() / areas.sum())
    limb, part = np.divmod(chosen, 3)
    length, first, second, lean = length[limb], first[limb], second[limb], lean[limb]
    share, turn = rng.random(count), rng.uniform(0, 2 * np.pi, count)
    # On a sphere, all heights are alike (Archimedes); on the mantle, area grows with the square of the radius.
    height = np.select([part == 0, part == 1], [-1 + share * (1 + lean), lean], lean + share * (1 - lean))
    widening = np.sqrt(first**2 + share * (second**2 - first**2))
    radius = np.select([part == 0, part == 1], [first, widening], second)
    straight = np.abs(first - second) < 1e-9
    between = np.where(straight, share, (first - radius) / np.where(straight, 1, first - second))
    along = length * np.select([part == 0, part == 1], [0.0, between], 1.0) + radius * height
    around = radius * np.sqrt(1 - height**2)
    return limb, np.stack([along, around * np.cos(turn), around * np.sin(turn)], axis=1)


def _shape(limb: Limb) -> tuple[float, float, float]:
    return float(np.linalg.norm(limb.b - limb.a)), limb.radius_a, limb.radius_b


def place_points(points: BodyPoints, people: Sequence[Person], time_s: float) -> np.ndarray:
    """Where the points are at a time, f8[N, 3] world metres; NaN for people who are away."""
    placed = np.full(points.local.shape, np.nan)
    for row, person in enumerate(people):
        place = person.at(time_s)
        if place is not None:
            body = limbs(person, *place)
            origins, axes = np.stack([limb.a for limb in body]), limb_axes(body)
            of = points.person == row
            limb = points.limb[of]
            placed[of] = origins[limb] + np.einsum("ni,nij->nj", points.local[of], axes[limb])
    return placed


def sample_street(view: StreetView, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points f8[<= count, 3] of the empty street, everywhere in the picture of a view alike; none where it is empty."""
    camera = view.camera
    x, y = rng.integers(0, (camera.width, camera.height), (count, 2)).T
    depths = view.depth[y, x]
    met = np.isfinite(depths)
    return camera.lift(np.stack([x, y], axis=1)[met], depths[met])


def sees(
    camera: Camera,
    people: list[Person],
    time_s: float,
    frame: StreetFrame,
    positions: np.ndarray,
    instance: np.ndarray,
) -> np.ndarray:
    """Which points f8[N, 3] of surfaces a camera sees in ``frame``, drawn at that time; bool[N].

    A point is seen where nothing lies on the way to it, and the centre of the pixel it falls on shows whom it belongs
    to, by ``instance`` i8[N]: at the edge of a limb, it may be less than half a pixel that is left.
    """
    from videotracks.demo import _rays

    pixels, depths = camera.project(positions)
    seen = in_frame(camera, pixels) & (positions[:, 2] > -_rays.SKIN_M)
    column, row = np.rint(pixels[seen]).astype("i8").T
    seen[seen] = frame.owner[row, column] == instance[seen]
    local = positions[seen] @ camera.R.T + camera.t
    hidden = np.zeros(len(local), bool)
    _rays.find_hidden(local[:, :2] / local[:, 2:], depths[seen], bodies_at(people, time_s, camera).table, hidden)
    seen[seen] = ~hidden
    return seen
