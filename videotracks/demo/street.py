"""Drawing the generated street: for each pixel the nearest surface, its depth, whose it is, and its colour.

Every surface is met by a ray in closed form, so that depth and identity are exact; every colour is a function of the
place on the surface, so that any number of cameras see the same street and the same people.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from videotracks.demo.bodies import Bodies, bodies_at, limb_bounds
from videotracks.demo.people import Person
from videotracks.geometry.camera import Camera

#: Where the light comes from: above, from the left, from before the houses.
LIGHT = np.array([-0.5, -0.6, 0.62])
#: Below this share of the light no ground is, and how far a shadow reaches along x and y, metres, from its middle,
#: which lies this much beside the person; it fades over this share of its reach.
SHADOW, SHADOW_REACH_M, SHADOW_ASIDE_M, SHADOW_FADES = 0.62, (0.42, 0.16), 0.1, 0.3
#: Silhouettes are told up to this share of the width outside of the picture: at the edge, people are cut in half.
BORDER = 0.25
#: Noise of the sensor, of 255, and the most it is moved between frames, px.
GRAIN, GRAIN_SHIFT_PX = 2.2, 64
#: Who shows less of itself than this many pixels across is not told of.
LEAST_PX = 2


class Truth(NamedTuple):
    """One person in one frame: identity, box xyxy px inside the frame, and the visible share of its silhouette.

    The box is that of the whole silhouette, hidden or not; the middle of its first pixel is (0.5, 0.5) here.
    """

    identity: int
    box: tuple[float, float, float, float]
    visibility: float


class StreetFrame(NamedTuple):
    """A drawn frame, u8[H, W, 3] RGB, and the truth about everyone in it."""

    rgb: np.ndarray
    truth: list[Truth]
    owner: np.ndarray  # u8[H, W]: identity of the person that a pixel shows, 0 for the street
    depth: np.ndarray  # f8[H, W] m along the camera's axis at the centre of each pixel, infinite where there is nothing


def render(people: list[Person], camera: Camera, frames: int, fps: float, seed: int) -> Iterator[StreetFrame]:
    """Draw the frames one after the other; cameras with the same ``seed`` see the same street."""
    return StreetView(camera, seed).render(people, frames, fps)


class StreetView:
    """What one camera sees of the empty street, drawn once, and where the rays of its pixels go."""

    def __init__(self, camera: Camera, seed: int) -> None:
        from videotracks.demo import _rays

        self.camera, self.seed, self.border = camera, seed, max(1, round(BORDER * camera.width))
        height, width, around = camera.height, camera.width, self.border
        grid = np.meshgrid(np.arange(-around, width + around), np.arange(-around, height + around))
        self.rays = np.ascontiguousarray(camera.undistort(np.stack(grid, axis=-1).astype("f8")))
        self.picture, self.depth = np.zeros((height, width, 3), "f4"), np.empty((height, width))
        turn = np.ascontiguousarray(camera.R.T)
        _rays.draw_street(self.rays, around, turn, camera.center, seed, self.picture, self.depth)
        inner = self.rays[around : around + height, around : around + width]
        ends = np.concatenate([inner, np.ones((height, width, 1))], axis=-1) @ turn.T
        with np.errstate(invalid="ignore"):
            places = camera.center + self.depth[..., None] * ends
        self.ground = np.where(np.abs(places[..., 2:]) < _rays.SKIN_M, places[..., :2], np.inf).astype("f4")

    def render(self, people: list[Person], frames: int, fps: float) -> Iterator[StreetFrame]:
        """Draw the frames one after the other, with the noise of a sensor."""
        camera = self.camera
        rng = np.random.default_rng([self.seed, *camera.camera_id.encode()])
        size = camera.height + GRAIN_SHIFT_PX, camera.width + GRAIN_SHIFT_PX, 3
        grain = rng.normal(0, GRAIN, size).astype("f4")
        for index in range(frames):
            picture, truth, owner, depth = self._draw(bodies_at(people, index / fps, camera))
            dy, dx = rng.integers(0, GRAIN_SHIFT_PX, 2)
            picture += grain[dy : dy + camera.height, dx : dx + camera.width]
            yield StreetFrame(np.clip(picture, 0, 255, out=picture).astype("u1"), truth, owner, depth)

    def _draw(self, bodies: Bodies) -> tuple[np.ndarray, list[Truth], np.ndarray, np.ndarray]:
        """The picture f4[H, W, 3] without noise, the truth, the owners u1[H, W] and the depths f8[H, W] m."""
        from videotracks.demo import _rays

        picture, depth, owner = self.picture.copy(), self.depth.copy(), np.zeros(self.depth.shape, "u1")
        for place in bodies.places:
            self._shade(picture, place)
        pass_depth = np.repeat(depth[..., None].astype("f4"), len(_rays.PASSES), axis=2)
        pass_limb = np.full(pass_depth.shape, -1, "i2")
        tally = np.zeros((len(bodies.people), _rays.TALLIES), "i8")
        tally[:, [_rays.LEFT, _rays.TOP]] = np.iinfo("i8").max
        stamp = np.full(self.rays.shape[:2], -1, "i4")
        limbs, bounds = bodies.table, limb_bounds(bodies.table, self.camera, self.border)
        _rays.trace_bodies(self.rays, self.border, limbs, bounds, depth, owner, pass_depth, pass_limb, stamp, tally)
        light = self.camera.R @ (LIGHT / np.linalg.norm(LIGHT))
        _rays.paint_bodies(picture, self.rays, self.border, limbs, pass_depth, pass_limb, light)
        visible = np.bincount(owner.ravel(), minlength=256)
        told = zip(bodies.people, tally, strict=True)
        truth = [_truth(person.identity, int(visible[person.identity]), row) for person, row in told]
        return picture, [known for known in truth if known is not None], owner, depth

    def _shade(self, picture: np.ndarray, place: np.ndarray) -> None:
        """Draw the shadow of someone who stands at ``place`` on the ground."""
        reach = np.array(SHADOW_REACH_M) * (1 + SHADOW_FADES)
        middle = place + np.array([SHADOW_ASIDE_M, 0])
        corners = np.array([(*(middle + reach * (x, y)), 0) for x in (-1, 1) for y in (-1, 1)])
        pixels, _ = self.camera.project(corners)
        if np.isnan(pixels).any():
            return
        size = self.camera.width, self.camera.height
        left, top = np.clip(np.floor(pixels.min(axis=0)), 0, size).astype(int)
        right, bottom = np.clip(np.ceil(pixels.max(axis=0)) + 1, 0, size).astype(int)
        away = ((self.ground[top:bottom, left:right] - middle) / SHADOW_REACH_M) ** 2
        fading = np.clip((np.sqrt(away.sum(axis=-1, keepdims=True)) - 1) / SHADOW_FADES + 0.5, 0, 1)
        picture[top:bottom, left:right] *= (SHADOW + (1 - SHADOW) * fading).astype("f4")


def _truth(identity: int, visible: int, tally: np.ndarray) -> Truth | None:
    """What a tally of ``_rays`` says of a person; None where nobody is to be seen."""
    pixels, left, top, right, bottom = tally.tolist()
    if visible == 0 or right - left < LEAST_PX or bottom - top < LEAST_PX:
        return None
    return Truth(identity, (left, top, right, bottom), visible / pixels)
