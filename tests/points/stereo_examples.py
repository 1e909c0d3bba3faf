"""A room of textured walls and a box, drawn by tracing rays through any calibrated camera: exact depth."""

from functools import cache

import cv2
import numpy as np

from tests.geometry.camera_examples import rotation
from videotracks.geometry.camera import Camera

_TEXTURE_PX, _TEXTURES_PER_M = 512, 0.4
#: Planes as a point of each and its two directions, in metres: back wall, floor, side wall and the front of a box.
_PLANES = (
    ((0, 0, 5.0), (1, 0, 0), (0, 1, 0), None),
    ((0, 1.2, 0), (1, 0, 0), (0, 0, 1), None),
    ((-2.5, 0, 4.0), (0.2, 0, 1), (0, 1, 0), None),
    ((-0.4, -0.1, 2.6), (1, 0, 0.35), (0, 1, 0), 0.9),
)


def camera(name: str, center, look_at=(0, 0.2, 3.5), *, roll=0.0, lens=(), fisheye=False, size=(640, 480), focal=0.9):
    """A camera at ``center`` that looks at a point, turned about its axis."""
    ahead = np.asarray(look_at, "f8") - center
    ahead /= np.linalg.norm(ahead)
    right = np.cross([0, 1.0, 0], ahead)
    right /= np.linalg.norm(right)
    R = rotation([0, 0, roll]) @ np.stack([right, np.cross(ahead, right), ahead])
    f = focal * max(size)
    K = np.array([[f, 0, size[0] / 2 - 3], [0, f * 1.01, size[1] / 2 + 4], [0, 0, 1]])
    return Camera(name, *size, K, np.array(lens, "f8"), fisheye, R, -R @ np.asarray(center, "f8"))


def converging(baseline_m=0.3, **changes) -> list[Camera]:
    """Two cameras side by side that look at the same point."""
    return [
        camera("cam_00", (-baseline_m / 2, 0, 0), **changes),
        camera("cam_01", (baseline_m / 2, 0.02, 0.01), **changes),
    ]


@cache
def textures(seed: int = 0) -> list[np.ndarray]:
    """A picture of spots of many sizes for each plane, u8."""
    random, made = np.random.default_rng(seed), []
    for _ in _PLANES:
        total = np.zeros((_TEXTURE_PX, _TEXTURE_PX), "f4")
        for sigma in (1.5, 3, 8, 20):
            spots = cv2.GaussianBlur(random.normal(0, 1, total.shape).astype("f4"), (0, 0), sigma)
            total += spots / spots.std()
        made.append(np.clip(128 + 38 * total, 0, 255).astype("u1"))
    return made


@cache
def drawn(camera: Camera, shift_m: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Picture RGB u8[H, W, 3] and depth f4[H, W] m of the room, for reading; the box is moved aside by ``shift_m``."""
    y, x = np.mgrid[: camera.height, : camera.width]
    pixels = np.stack([x, y], axis=-1).astype("f8")
    directions = camera.lift(pixels, np.ones(pixels.shape[:2])) - camera.center
    depth = np.full(pixels.shape[:2], np.inf)
    picture = np.zeros(depth.shape, "u1")
    for (point, along, down, half), texture in zip(_PLANES, textures(seed), strict=True):
        origin = np.array(point) + np.array([shift_m * (half is not None), 0, 0])
        a, b = (np.array(v, "f8") / np.linalg.norm(v) for v in (along, down))
        normal = np.cross(a, b)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = ((origin - camera.center) @ normal) / (directions @ normal)
            hit = camera.center + directions * t[..., None] - origin
        u, v = hit @ a, hit @ b
        inside = (t > 0.05) & (t < depth)
        if half is not None:
            inside &= (np.abs(u) < half) & (np.abs(v) < half)
        scale = _TEXTURE_PX * _TEXTURES_PER_M
        sampled = cv2.remap(
            texture,
            np.mod(np.nan_to_num(u) * scale, _TEXTURE_PX).astype("f4"),
            np.mod(np.nan_to_num(v) * scale, _TEXTURE_PX).astype("f4"),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        picture[inside], depth[inside] = sampled[inside], t[inside]
    return np.repeat(picture[..., None], 3, axis=2), np.where(np.isfinite(depth), depth, 0).astype("f4")
