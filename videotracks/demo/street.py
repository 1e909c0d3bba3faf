"""Drawing the generated street: the background once, then the people of each frame with their exact boxes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from videotracks.demo.camera import StreetCamera
from videotracks.demo.people import Limb, Person, limbs

#: The light comes from above left: the lit core of a limb is shifted by this share of its radius.
LIGHT = (-0.28, -0.12)


class Truth(NamedTuple):
    """One person in one frame: identity, box xyxy px inside the frame, and the visible share of its silhouette."""

    identity: int
    box: tuple[float, float, float, float]
    visibility: float


class StreetFrame(NamedTuple):
    """A drawn frame, u8[H, W, 3] RGB, and the truth about everyone in it."""

    rgb: np.ndarray
    truth: list[Truth]
    owner: np.ndarray  # u8[H, W]: identity of the person that a pixel shows, 0 for the street


def render(people: list[Person], camera: StreetCamera, frames: int, fps: float, seed: int) -> Iterator[StreetFrame]:
    """Draw the frames one after the other."""
    rng = np.random.default_rng(seed)
    street = background(camera, rng)
    grain = rng.normal(0, 2.2, (camera.height + 64, camera.width + 64, 3)).astype(np.int16)
    for index in range(frames):
        canvas = street.copy()
        truth, owner = _draw_people(canvas, people, camera, index / fps)
        dy, dx = rng.integers(0, 64, 2)
        noise = grain[dy : dy + camera.height, dx : dx + camera.width]
        yield StreetFrame(np.clip(canvas + noise, 0, 255).astype(np.uint8), truth, owner)


def background(camera: StreetCamera, rng: np.random.Generator) -> np.ndarray:
    """A pavement, a road and a row of houses with texture, u8[H, W, 3] RGB."""
    import cv2

    rows = np.arange(camera.height, dtype=float)
    distance = camera.ground_at(rows)
    coarse = rng.normal(0, 1, (camera.height // 6 + 1, camera.width // 6 + 1)).astype(np.float32)
    texture = cv2.resize(coarse, (camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
    picture = np.empty((camera.height, camera.width, 3), np.float32)
    for y in range(camera.height):
        if distance[y] > 14:
            base = (148, 126, 108)
        elif distance[y] > 11.4 or distance[y] < 6.4:
            base = (150, 148, 142)
        else:
            base = (104, 104, 108)
        picture[y] = base
    for edge, shade in ((14.0, 0.55), (11.4, 0.72), (6.4, 0.72)):
        row = int(np.argmin(np.abs(np.where(np.isfinite(distance), distance, 1e9) - edge)))
        picture[max(row - 2, 0) : row + 2] *= shade
    _paint_windows(picture, int(np.argmin(np.abs(np.where(np.isfinite(distance), distance, 1e9) - 14.0))), rng)
    _paint_lane_marks(picture, camera)
    picture += 5.0 * texture[..., None] + rng.normal(0, 3.0, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _paint_windows(picture: np.ndarray, foot: int, rng: np.random.Generator) -> None:
    width = picture.shape[1]
    step = width // 9
    for i in range(10):
        left = i * step - step // 3
        tint = rng.uniform(0.75, 1.1)
        picture[:foot, max(left - step // 3, 0) : left + step - step // 3] *= tint
        for top in range(foot - 150, -90, -110):
            y0, y1 = max(top, 0), max(top + 66, 0)
            x0, x1 = max(left, 0), max(left + step // 3, 0)
            picture[y0:y1, x0:x1] = (92, 106, 120)
            picture[y0:y1, (x0 + x1) // 2 : (x0 + x1) // 2 + 2] = (190, 184, 172)


def _paint_lane_marks(picture: np.ndarray, camera: StreetCamera) -> None:
    import cv2

    for x in np.arange(-12, 12, 2.4):
        corners = np.array([[x, 0, 8.85], [x + 1.2, 0, 8.85], [x + 1.2, 0, 9.0], [x, 0, 9.0]])
        pixels, _ = camera.project(corners)
        cv2.fillConvexPoly(picture, np.round(pixels * 16).astype(np.int32), (196, 194, 182), cv2.LINE_AA, 4)


def _draw_people(
    canvas: np.ndarray, people: list[Person], camera: StreetCamera, time_s: float
) -> tuple[list[Truth], np.ndarray]:
    """Draw everyone who is there, far ones first; the truth about them, and whose each pixel is, u8[H, W]."""
    present = [(person, place) for person in people if (place := person.at(time_s)) is not None]
    present.sort(key=lambda item: -item[1][0][1])
    owner = np.zeros(canvas.shape[:2], np.uint8)
    drawn = []
    for person, place in present:
        shapes = [_flatten(limb, camera) for limb in limbs(person, *place)]
        shapes.sort(key=lambda shape: -shape.depth)
        _draw_shadow(canvas, camera, place[0])
        for shape in shapes:
            _draw_capsule(canvas, owner, shape, person.identity)
        drawn.append((person.identity, shapes))
    found = [_truth(who, int(np.count_nonzero(owner == who)), shapes, camera) for who, shapes in drawn]
    return [truth for truth in found if truth is not None], owner


class _Capsule(NamedTuple):
    a: np.ndarray
    b: np.ndarray
    radius_a: float
    radius_b: float
    depth: float
    color: tuple[int, int, int]


def _flatten(limb: Limb, camera: StreetCamera) -> _Capsule:
    pixels, depths = camera.project(np.stack([limb.a, limb.b]))
    radii = camera.focal_px * np.array([limb.radius_a, limb.radius_b]) / depths
    return _Capsule(pixels[0], pixels[1], float(radii[0]), float(radii[1]), float(depths.mean()), limb.color)


def _outline(shape: _Capsule, shrink: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """The convex outline of a capsule, in sixteenths of a pixel."""
    import cv2

    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    move = np.asarray(shift)
    ends = [
        centre + radius * (move + shrink * circle)
        for centre, radius in ((shape.a, shape.radius_a), (shape.b, shape.radius_b))
    ]
    return cv2.convexHull(np.round(np.concatenate(ends) * 16).astype(np.int32))


def _draw_capsule(canvas: np.ndarray, owner: np.ndarray, shape: _Capsule, identity: int) -> None:
    import cv2

    outline = _outline(shape)
    dark = tuple(int(0.72 * c) for c in shape.color)
    cv2.fillConvexPoly(canvas, outline, dark, cv2.LINE_AA, 4)
    cv2.fillConvexPoly(canvas, _outline(shape, 0.62, LIGHT), shape.color, cv2.LINE_AA, 4)
    cv2.fillConvexPoly(owner, outline, identity, cv2.LINE_8, 4)


def _draw_shadow(canvas: np.ndarray, camera: StreetCamera, ground: np.ndarray) -> None:
    import cv2

    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    around = np.stack([ground[0] + 0.1 + 0.42 * np.cos(turn), 0 * turn, ground[1] + 0.16 * np.sin(turn)], axis=1)
    pixels, _ = camera.project(around)
    low, high = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int) + 1
    x0, y0 = np.clip(low, 0, [camera.width, camera.height])
    x1, y1 = np.clip(high, 0, [camera.width, camera.height])
    if x1 > x0 and y1 > y0:
        shade = np.ones((y1 - y0, x1 - x0, 1), np.float32)
        cv2.fillConvexPoly(shade, np.round((pixels - [x0, y0]) * 16).astype(np.int32), 0.62, cv2.LINE_AA, 4)
        canvas[y0:y1, x0:x1] = canvas[y0:y1, x0:x1] * shade


def _truth(identity: int, visible: int, shapes: list[_Capsule], camera: StreetCamera) -> Truth | None:
    """The box of the whole silhouette inside the frame, or None where nobody is to be seen."""
    import cv2

    centres = np.concatenate([[shape.a, shape.b] for shape in shapes])
    radii = np.array([r for shape in shapes for r in (shape.radius_a, shape.radius_b)])[:, None]
    low, high = (centres - radii).min(0), (centres + radii).max(0)
    origin = np.floor(low).astype(int)
    width, height = (np.ceil(high).astype(int) - origin + 1).tolist()
    silhouette = np.zeros((height, width), np.uint8)
    for shape in shapes:
        cv2.fillConvexPoly(silhouette, _outline(shape) - (origin * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    left, top = np.clip(low, 0, [camera.width, camera.height]).tolist()
    right, bottom = np.clip(high, 0, [camera.width, camera.height]).tolist()
    if visible == 0 or right - left < 2 or bottom - top < 2:
        return None
    return Truth(identity, (left, top, right, bottom), min(1.0, visible / max(int(silhouette.sum()), 1)))
