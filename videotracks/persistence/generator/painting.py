"""Crops: the place, the body before it, what stands before both, the light, the lens and the sensor."""

from dataclasses import dataclass

import numpy as np

from videotracks.persistence.crop_tracks import CROP_PX
from videotracks.persistence.generator.bodies import EXTENT_PX, SPRITE_PX, Body
from videotracks.persistence.generator.looks import Looks
from videotracks.persistence.generator.textures import PLACE_SCALE, World, color, grain

_MARGIN = (SPRITE_PX - EXTENT_PX) // 2
#: Side of the sheet of ready noise that crops take their piece from.
_NOISE_PX = 256
#: What stands before a thing is nearer to the camera and turns its unlit side to it.
_IN_SHADE = 0.45


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What all crops of one camera of a scene share.

    ``place`` u1[h, w, 3], ``gains`` f4[frames, 3] of the light and the camera's exposure, ``veil`` f4[3] the colour of
    haze, ``noise`` f4[_NOISE_PX, _NOISE_PX, 3] of the sensor, levels; ``world`` whose patterns stand in front.
    """

    place: np.ndarray
    gains: np.ndarray
    veil: np.ndarray
    noise: np.ndarray
    world: World


def sensor_noise(rng: np.random.Generator, levels: float) -> np.ndarray:
    """A sheet of noise, a little smooth as after demosaicing, f4[_NOISE_PX, _NOISE_PX, 3]."""
    import cv2

    sheet: np.ndarray = cv2.GaussianBlur(rng.standard_normal((_NOISE_PX, _NOISE_PX, 3), dtype="f4"), (0, 0), 0.6)
    return sheet * np.float32(levels / sheet.std())


def paint_crops(
    rng: np.random.Generator,
    view: View,
    bodies: list[Body],
    poses: np.ndarray,
    looks: Looks,
    frames: np.ndarray,
    extents: np.ndarray,
    boxes: np.ndarray,
    mirrored: bool = False,
) -> np.ndarray:
    """The crops u1[T, CROP_PX, CROP_PX, 3] of a track.

    ``bodies`` by ``looks.content``; ``poses`` i8[T]; ``extents`` f8[T, 4] xyxy px is where the body is, ``boxes``
    f8[T, 4] what the detector cut out.
    """
    crops = np.empty((len(frames), CROP_PX, CROP_PX, 3), "u1")
    for t, frame in enumerate(frames.tolist()):
        light = _cut(view.place, boxes[t])
        cover = _laid(bodies[looks.content[t]].picture(int(poses[t])), extents[t], boxes[t], looks.scale[t], mirrored)
        cover *= np.float32(looks.opacity[t])
        light *= 1 - cover[..., 3:]
        light += cover[..., :3] * np.float32(looks.light[t])
        if looks.front[t] >= 0:
            _stand_before(light, view.world, int(looks.front[t]), bool(looks.net[t]), t)
        light *= view.gains[frame]
        if looks.glint[t] > 0:
            _shine(rng, light, looks.glint[t])
        _see(rng, light, view, looks, t)
        np.clip(light, 0, 255, out=light)
        crops[t] = light
    return crops


def _cut(place: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The piece of the place behind a box, f4[CROP_PX, CROP_PX, 3]."""
    import cv2

    step = (box[2:] - box[:2]) / (CROP_PX * PLACE_SCALE)
    origin = box[:2] / PLACE_SCALE + step / 2 - 0.5
    to_place = np.array([[step[0], 0, origin[0]], [0, step[1], origin[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(place, to_place, (CROP_PX, CROP_PX), flags=flags, borderMode=cv2.BORDER_REFLECT).astype("f4")


def _laid(picture: np.ndarray, extent: np.ndarray, box: np.ndarray, scale: float, mirrored: bool) -> np.ndarray:
    """A body's picture as it lies in the crop, f4[CROP_PX, CROP_PX, 4]."""
    import cv2

    size = box[2:] - box[:2]
    per_pixel = (extent[2:] - extent[:2]) / EXTENT_PX * CROP_PX / size * scale
    middle = ((extent[:2] + extent[2:]) / 2 - box[:2]) * CROP_PX / size - 0.5
    sign = -1 if mirrored else 1
    center = (SPRITE_PX - 1) / 2
    to_crop = np.array(
        [
            [sign * per_pixel[0], 0, middle[0] - sign * per_pixel[0] * center],
            [0, per_pixel[1], middle[1] - per_pixel[1] * center],
        ]
    )
    return cv2.warpAffine(picture, to_crop, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR)


def _stand_before(light: np.ndarray, world: World, seed: int, net: bool, step: int) -> None:
    """Put a post, a ledge, leaves or a net before everything; it passes on with each observation."""
    rng = np.random.default_rng(seed)
    paint = color(rng, world, vivid=0.5) * _IN_SHADE * (0.8 + 0.4 * grain(rng, CROP_PX, CROP_PX, 9)[..., None])
    y, x = np.mgrid[0:CROP_PX, 0:CROP_PX].astype("f4") / CROP_PX
    drift = rng.uniform(-0.25, 0.25) * step
    if net:
        waves, angle = rng.uniform(4, 9), rng.uniform(0, np.pi)
        u, v = x * np.cos(angle) + y * np.sin(angle) + drift, y * np.cos(angle) - x * np.sin(angle)
        cover = np.maximum(np.cos(2 * np.pi * waves * u), np.cos(2 * np.pi * waves * v)) - rng.uniform(0.3, 0.8)
    elif rng.random() < 0.35:
        cover = grain(rng, CROP_PX, CROP_PX, int(rng.integers(3, 8))) - rng.uniform(0.4, 0.6)
    else:
        along = x if rng.random() < 0.7 else y
        middle, half = (rng.random() + drift) % 1, rng.uniform(0.12, 0.3)
        cover = half - np.abs(along - middle)
    cover = np.clip(cover * 12 + 0.5, 0, 1)[..., None]
    light += (paint - light) * cover


def _shine(rng: np.random.Generator, light: np.ndarray, strength: float) -> None:
    """A glint: a bloom somewhere in the crop."""
    y, x = np.mgrid[0:CROP_PX, 0:CROP_PX].astype("f4") / CROP_PX
    at, radius = rng.uniform(0.15, 0.85, 2), rng.uniform(0.12, 0.4)
    bloom = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / radius**2)
    light += (np.float32(strength * 300) * bloom)[..., None]


def _see(rng: np.random.Generator, light: np.ndarray, view: View, looks: Looks, t: int) -> None:
    """Haze, lens and sensor."""
    import cv2

    light += (view.veil - light) * np.float32(looks.haze[t])
    if looks.motion_px[t] >= 2:
        across = max(1, round(looks.motion_px[t]))
        cv2.blur(light, (across, 1) if rng.random() < 0.7 else (1, across), dst=light)
    cv2.GaussianBlur(light, (0, 0), looks.blur_px[t], dst=light)
    top, left = rng.integers(0, _NOISE_PX - CROP_PX, 2)
    light += view.noise[top : top + CROP_PX, left : left + CROP_PX]
