"""Textured balls before a wall, drawn exactly by every camera: pictures, depth, masks, and where each ball is."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from videotracks.geometry.camera import Camera

WALL_Z_M, FAR_M = 7.0, 30.0


def arc(count: int, *, width: int = 320, height: int = 240, reach: float = 0.4) -> list[Camera]:
    """Cameras 4 m from (0, 0, 4), ``reach`` rad to either side, looking at it; a little distortion."""
    cameras = []
    for view, angle in enumerate(np.linspace(-reach, reach, count) if count > 1 else [0.0]):
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        cameras.append(
            Camera(
                camera_id=f"cam_{view:02}",
                width=width,
                height=height,
                K=np.array([[width * 0.95, 0, width / 2], [0, width * 0.95, height / 2], [0, 0, 1]]),
                distortion=np.array([-0.05, 0.01, 0, 0, 0]),
                fisheye=False,
                R=turn,
                t=np.array([0, 0, 4.0]) - turn @ [0, 0, 4.0],
            )
        )
    return cameras


@dataclass
class Balls:
    """``centers`` f8[T, B, 3] m and ``radii`` f8[B] m, seen by ``cameras``: views and masks at once.

    ``ids`` [V][B] is the object id of each ball in each view; ``swaps`` {(view, frame from which): ids}; the wall has
    the id 99. ``hidden`` {(view, frame)}: no masks there. Without ``with_depth`` there is no depth.
    """

    cameras: list[Camera]
    centers: np.ndarray
    radii: np.ndarray
    ids: list[list[int]]
    with_depth: bool = True
    names_shared: bool = False
    hidden: set[tuple[int, int]] = field(default_factory=set)
    swaps: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    with_wall: bool = False
    fps: float = 30.0
    drawn: dict = field(default_factory=dict)

    @property
    def frame_count(self) -> int:
        return len(self.centers)

    def draw(self, view: int, t: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Picture u8[H, W, 3], depth f4[H, W], number of the ball or -1 for the wall i8[H, W]."""
        if (view, t) not in self.drawn:
            self.drawn[view, t] = _draw(self.cameras[view], self.centers[t], self.radii)
        return self.drawn[view, t]

    def camera(self, view: int, t: int) -> Camera:
        return self.cameras[view]

    def rgb(self, view: int, t: int) -> np.ndarray:
        return self.draw(view, t)[0]

    def depth(self, view: int, t: int) -> np.ndarray | None:
        return self.draw(view, t)[1] if self.with_depth else None

    def frames(self, view: int) -> list[int]:
        return [t for t in range(self.frame_count) if (view, t) not in self.hidden]

    def names(self, view: int, t: int) -> list[int]:
        """The id of each ball in a view and frame."""
        since = [begin for where, begin in self.swaps if where == view and begin <= t]
        return self.swaps[view, max(since)] if since else self.ids[view]

    def mask(self, view: int, frame: int) -> dict[int, np.ndarray]:
        if (view, frame) in self.hidden:
            return {}
        balls = self.draw(view, frame)[2]
        masks = {name: balls == ball for ball, name in enumerate(self.names(view, frame))}
        wall = {99: balls == -1} if self.with_wall else {}
        return {name: mask for name, mask in (masks | wall).items() if mask.any()}


def _draw(camera: Camera, centers: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rays = _rays(camera)
    directions = rays @ camera.R
    depth, ball = (WALL_Z_M - camera.center[2]) / directions[:, 2], np.full(len(rays), -1)
    depth[(depth < 0) | (depth > FAR_M)] = FAR_M  # of a camera that looks along the wall, or away from it
    local = 0.3 * directions * depth[:, None] + camera.center
    for number, (center, radius) in enumerate(zip(centers, radii, strict=True)):
        middle = camera.R @ center + camera.t
        along, square = rays @ middle, (rays**2).sum(axis=1)
        inside = along**2 - square * (middle @ middle - radius**2)
        near = (along - np.sqrt(np.maximum(inside, 0))) / square
        hit = (inside > 0) & (near > 0) & (near < depth)
        depth[hit], ball[hit] = near[hit], number
        local[hit] = ((rays[hit] * near[hit, None] - middle) @ camera.R) / radius + 10 * (number + 1)
    shape = camera.height, camera.width
    return _pattern(local).reshape(*shape, 3), depth.reshape(shape).astype("f4"), ball.reshape(shape)


@lru_cache(8)
def _rays(camera: Camera) -> np.ndarray:
    x, y = np.meshgrid(np.arange(camera.width, dtype="f8"), np.arange(camera.height))
    rays = camera.undistort(np.stack([x, y], axis=-1).reshape(-1, 2))
    return np.column_stack([rays, np.ones(len(rays))])


def _pattern(points: np.ndarray) -> np.ndarray:
    """Colours u8[N, 3] of no regular order that stay with the points f8[N, 3] they are on."""
    waves = np.random.default_rng(0).normal(0, 6, (3, 12))
    waves[:, 6:] *= 2
    values = np.cos(points.astype("f4") @ waves.astype("f4"))
    return np.clip(128 + 35 * (values[:, 0::3] + values[:, 1::3] + values[:, 2::3])[:, :3], 0, 255).astype("u1")
