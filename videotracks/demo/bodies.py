"""The limbs of everyone who is there, as the table that rays are cast against."""

from typing import NamedTuple

import numpy as np

from videotracks.demo.people import Person, limb_axes, limbs
from videotracks.geometry.camera import Camera

#: The bounds of a limb are those of boxes around its ends; a lens bends the lines between their corners, by less.
_BENT_PX = 3


class Bodies(NamedTuple):
    """Everyone who is there at one moment, seen from one camera."""

    people: list[Person]
    places: np.ndarray  # f8[P, 2] where they stand, x and y in metres
    table: np.ndarray  # f8[L, _rays.COLUMNS] their limbs in the camera's axes, in order of the people


def bodies_at(people: list[Person], time_s: float, camera: Camera) -> Bodies:
    """Those who are there at a time."""
    from videotracks.demo import _rays

    there = [(person, place) for person in people if (place := person.at(time_s)) is not None]
    rows = []
    for order, (person, place) in enumerate(there):
        body = limbs(person, *place)
        ends = np.stack([[limb.a, limb.b] for limb in body]) @ camera.R.T + camera.t
        axes = limb_axes(body) @ camera.R.T
        for part, limb in enumerate(body):
            about = (limb.contrast, 100 * person.identity + 2 * part, order, person.identity)
            rows.append((*ends[part].ravel(), limb.radius_a, limb.radius_b, *axes[part].ravel(), *limb.color, *about))
    places = np.array([place[0] for _, place in there]).reshape(-1, 2)
    return Bodies([person for person, _ in there], places, np.array(rows, dtype="f8").reshape(-1, _rays.COLUMNS))


def limb_bounds(table: np.ndarray, camera: Camera, border: int) -> np.ndarray:
    """Left, top, right, bottom i8[L, 4] of the pixels that limbs may cover, up to ``border`` px outside of the picture.

    A limb that is not wholly in front of the camera may cover all of them.
    """
    from videotracks.demo import _rays

    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    ends = np.stack([table[:, _rays.A : _rays.A + 3], table[:, _rays.B : _rays.B + 3]], axis=1)
    radii = table[:, [_rays.RADIUS_A, _rays.RADIUS_B]]
    boxes = (ends[:, :, None] + radii[:, :, None, None] * corners).reshape(len(table), 2 * len(corners), 3)
    pixels, _ = camera.project((boxes - camera.t) @ camera.R)
    low, high = np.floor(pixels.min(axis=1)) - _BENT_PX, np.ceil(pixels.max(axis=1)) + _BENT_PX + 1
    size = np.array([camera.width, camera.height])
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    # The last column and row of the border only lend their rays to their neighbours.
    return np.clip(np.concatenate([low, high], axis=1), -border, np.tile(size + border - 1, 2)).astype("i8")
