"""Bodies: what a box holds, drawn as small see-through pictures, one per pose.

A picture has SPRITE_PX pixels a side; the body's extent is its middle EXTENT_PX square, stretched like a crop. So a
walking figure is as wide as it is high here, and the crop of a padded or shaking box is one affine map away.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from videotracks.persistence.generator.textures import PATTERN_PX, World, color, grain, pattern

Shape = Literal["figure", "case", "ball", "car", "bag", "basket", "lamp"]

SPRITE_PX = 96
EXTENT_PX = 64
_MARGIN = (SPRITE_PX - EXTENT_PX) // 2
#: Poses of a cycle: steps of a walk, or of a turn.
POSES = 12
#: Width over height of the extents, least and most.
ASPECTS: dict[Shape, tuple[float, float]] = {
    "figure": (0.36, 0.5), "case": (0.6, 1.4), "ball": (0.95, 1.05), "car": (1.5, 2.2), "bag": (0.6, 1.2),
    "basket": (0.7, 1.3), "lamp": (0.8, 1.2),
}  # fmt: skip
SHAPES: tuple[Shape, ...] = ("figure", "figure", "figure", "case", "ball", "car", "bag", "basket", "lamp")


@dataclass(eq=False)
class Body:
    """One body; its pictures are drawn when they are first asked for."""

    shape: Shape
    aspect: float
    patterns: list[np.ndarray]
    colors: list[np.ndarray]
    traits: np.ndarray
    outline: np.ndarray
    _drawn: dict[int, np.ndarray] = field(default_factory=dict)

    def picture(self, pose: int) -> np.ndarray:
        """The body in a pose, f4[SPRITE_PX, SPRITE_PX, 4]: RGB 0 to 255 times cover, and cover 0 to 1."""
        pose %= POSES
        if pose not in self._drawn:
            canvas = np.zeros((SPRITE_PX, SPRITE_PX, 4), "f4")
            _DRAWERS[self.shape](self, canvas, 2 * np.pi * pose / POSES)
            self._drawn[pose] = canvas
        return self._drawn[pose]

    @property
    def mean_color(self) -> np.ndarray:
        """Mean colour of what covers, f4[3] of 0 to 255."""
        picture = self.picture(0).reshape(-1, 4)
        return picture[:, :3].sum(axis=0) / picture[:, 3].sum()


def body(rng: np.random.Generator, world: World, shapes: tuple[Shape, ...] = SHAPES) -> Body:
    """A body of one of ``shapes``, with its own patterns and proportions."""
    shape = shapes[rng.integers(len(shapes))]
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    waves = np.sum(
        [rng.normal(0, 0.12 / n) * np.cos(n * angles + rng.uniform(0, 2 * np.pi)) for n in (2, 3, 5)], axis=0
    )
    return Body(
        shape=shape,
        aspect=rng.uniform(*ASPECTS[shape]),
        patterns=[pattern(rng, world) for _ in range(2)],
        colors=[color(rng, world) for _ in range(3)],
        traits=rng.random(6),
        outline=np.stack([np.cos(angles), np.sin(angles)], -1) * (0.45 + 0.3 * (waves - waves.max()))[:, None],
    )


def _figure(body: Body, canvas: np.ndarray, phase: float) -> None:
    swing, lift = np.sin(phase), abs(np.cos(phase))
    wide = 0.9 + 0.3 * body.traits[0]
    skin, shoes, hair = body.colors
    hip, neck, top = 0.54 - 0.015 * lift, 0.19, 0.02 + 0.015 * lift
    legs, coat = body.patterns
    for side in (-1, 1):
        knee = (0.5 + side * 0.09 + side * swing * 0.14, 0.75)
        foot = (0.5 + side * 0.09 + side * swing * 0.26, 0.96)
        _paint(canvas, legs, _stroke([(0.5 + side * 0.08, hip), knee, foot], 0.17 * wide), 1 - 0.12 * (side < 0))
        _paint(canvas, shoes, _stroke([foot, (foot[0] + 0.06, 0.975)], 0.07), 1)
    _paint(canvas, coat, _stroke([(0.4, 0.24), (0.42, hip), (0.58, hip), (0.6, 0.24)], 0.2 * wide, closed=True), 1)
    for side in (-1, 1):
        hand = (0.5 + side * 0.2 * wide - side * swing * 0.2, 0.52)
        elbow = (0.5 + side * 0.24 * wide - side * swing * 0.08, 0.38)
        _paint(canvas, coat, _stroke([(0.5 + side * 0.19 * wide, 0.24), elbow, hand], 0.1), 0.85)
        _paint(canvas, skin, _stroke([hand, hand], 0.1), 1)
    _paint(canvas, skin, _stroke([(0.5, neck - 0.07), (0.5, neck - 0.06)], 0.2), 1)
    _paint(canvas, hair, _stroke([(0.46, top + 0.035), (0.54, top + 0.03)], 0.12 + 0.06 * body.traits[1]), 1)


def _case(body: Body, canvas: np.ndarray, phase: float) -> None:
    """A box that turns a little: a broad side, a narrow side, a lid."""
    edge = 0.72 + 0.2 * np.sin(phase + 6 * body.traits[0])
    lid = 0.06 + 0.1 * body.traits[1]
    front = [(0.02, lid), (edge, lid + 0.03), (edge, 0.99), (0.02, 0.95)]
    aside = [(edge, lid + 0.03), (0.98, lid), (0.98, 0.94), (edge, 0.99)]
    _paint(canvas, body.colors[0], _area([(0.02, lid), (1.02 - edge, 0.01), (0.98, lid), (edge, lid + 0.03)]), 1.1)
    _paint(canvas, _squeezed(body.patterns[0], edge), _area(front), 1)
    _paint(canvas, body.patterns[1] if body.traits[2] < 0.4 else body.patterns[0], _area(aside), 0.7)


def _ball(body: Body, canvas: np.ndarray, phase: float) -> None:
    """A ball that rocks: its pattern moves over a half sphere, and back."""
    import cv2

    y, x = np.mgrid[0:EXTENT_PX, 0:EXTENT_PX].astype("f4") * (2 / (EXTENT_PX - 1)) - 1
    depth = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    around = np.arctan2(x, depth + 1e-6) / np.pi + 0.4 * np.sin(phase)
    map_x = (np.abs((around + 0.25) % 2 - 1) * (PATTERN_PX - 1)).astype("f4")
    map_y = ((np.arcsin(np.clip(y, -1, 1)) / np.pi + 0.5) * (PATTERN_PX - 1)).astype("f4")
    skin = cv2.remap(body.patterns[0], map_x, map_y, cv2.INTER_LINEAR) * (0.55 + 0.5 * depth)[..., None]
    _paint(canvas, skin, _stroke([(0.5, 0.5), (0.5, 0.5)], 0.99), 1)


def _car(body: Body, canvas: np.ndarray, phase: float) -> None:
    paint, glass = body.patterns[0], body.colors[1] * 0.5
    nose = 0.16 + 0.12 * body.traits[0]
    _paint(canvas, paint, _area([(nose + 0.06, 0.42), (nose + 0.2, 0.05), (0.72, 0.04), (0.93, 0.42)]), 0.95)
    _paint(canvas, glass, _area([(nose + 0.13, 0.4), (nose + 0.23, 0.12), (0.5, 0.11), (0.5, 0.4)]), 1)
    _paint(canvas, glass, _area([(0.54, 0.4), (0.54, 0.11), (0.7, 0.11), (0.84, 0.4)]), 1)
    _paint(canvas, paint, _area([(0.01, 0.5), (0.1, 0.4), (0.97, 0.4), (0.99, 0.85), (0.02, 0.85)]), 1)
    for x in (0.22, 0.78):
        _paint(canvas, np.full(3, 28, "f4"), _stroke([(x, 0.82), (x, 0.82)], 0.26), 1)
        spoke = 0.07 * np.array([np.cos(phase), np.sin(phase)])
        _paint(
            canvas, body.colors[2], _stroke([(x - spoke[0], 0.82 - spoke[1]), (x + spoke[0], 0.82 + spoke[1])], 0.05), 1
        )


def _bag(body: Body, canvas: np.ndarray, phase: float) -> None:
    """A soft thing of any outline, that sways."""
    points = body.outline + 0.5
    points = points + np.stack([0.05 * np.sin(phase) * (0.5 - points[:, 1]), 0 * points[:, 0]], -1)
    _paint(canvas, body.patterns[0], _area(points.tolist()), 1)
    _paint(canvas, body.patterns[1], _area(((points - 0.5) * (0.3 + 0.4 * body.traits[0]) + 0.5).tolist()), 1)


def _basket(body: Body, canvas: np.ndarray, phase: float) -> None:
    """A thing with holes, through which one sees the place, as through a trolley or a plant."""
    _bag(body, canvas, phase) if body.traits[3] < 0.5 else _case(body, canvas, phase)
    seeds = np.random.default_rng(int(body.traits[4] * (1 << 32)))
    holes = grain(seeds, SPRITE_PX, SPRITE_PX, 9 + int(8 * body.traits[5]))
    canvas *= np.clip(6 * (holes - 0.25 - 0.25 * body.traits[2]) + 0.5, 0, 1)[..., None]


def _lamp(body: Body, canvas: np.ndarray, phase: float) -> None:
    """A bright round thing with a bloom about it; a glare looks the same."""
    y, x = (np.mgrid[0:SPRITE_PX, 0:SPRITE_PX].astype("f4") + 0.5 - SPRITE_PX / 2) / (EXTENT_PX / 2)
    radius = np.hypot(x, y * (0.8 + 0.5 * body.traits[1]))
    cover = np.clip((0.85 - radius) * 3, 0, 1) + 0.35 * np.exp(-((radius / 0.9) ** 2))
    spikes = np.exp(-np.abs(x * y) * 60) * np.clip(1.1 - radius, 0, 1) * (body.traits[2] < 0.5)
    cover = np.clip(cover + spikes, 0, 1)
    hue = 235 + 20 * (body.colors[0] / body.colors[0].max() - 0.5)
    canvas[..., :3] = np.clip(hue, 0, 255) * cover[..., None]
    canvas[..., 3] = cover


_DRAWERS: dict[Shape, Callable[[Body, np.ndarray, float], None]] = {
    "figure": _figure, "case": _case, "ball": _ball, "car": _car, "bag": _bag, "basket": _basket, "lamp": _lamp,
}  # fmt: skip


def _squeezed(texture: np.ndarray, share: float) -> np.ndarray:
    """A pattern on a face that takes ``share`` of the width: narrower as the face turns away."""
    import cv2

    width = max(8, round(PATTERN_PX * share))
    narrow = cv2.resize(texture, (width, PATTERN_PX))
    return np.concatenate([narrow, narrow[:, : PATTERN_PX - width]], axis=1) if width < PATTERN_PX else narrow


def _fixed(points: list[tuple[float, float]]) -> np.ndarray:
    """Places of the extent, 0 to 1, as the fixed-point pixels that OpenCV draws between."""
    return np.round((np.asarray(points) * EXTENT_PX + _MARGIN) * 16).astype("i4")


def _stroke(points: list[tuple[float, float]], width: float, closed: bool = False) -> np.ndarray:
    import cv2

    mask = np.zeros((SPRITE_PX, SPRITE_PX), "u1")
    line = _fixed(points)
    if closed:
        cv2.fillPoly(mask, [line], 255, cv2.LINE_AA, 4)
    thick = max(1, round(width * EXTENT_PX))
    if (line == line[0]).all():
        cv2.circle(mask, tuple(line[0].tolist()), round(width * EXTENT_PX * 8), 255, -1, cv2.LINE_AA, 4)
    else:
        cv2.polylines(mask, [line], closed, 255, thick, cv2.LINE_AA, 4)
    return mask


def _area(points: list[tuple[float, float]]) -> np.ndarray:
    import cv2

    mask = np.zeros((SPRITE_PX, SPRITE_PX), "u1")
    cv2.fillPoly(mask, [_fixed(points)], 255, cv2.LINE_AA, 4)
    return mask


def _paint(canvas: np.ndarray, paint: np.ndarray, mask: np.ndarray, light: float) -> None:
    """Lay a colour f4[3] or a pattern f4[EXTENT_PX, EXTENT_PX, 3] over the canvas where the mask is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return
    here = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    cover = mask[here][..., None].astype("f4") / 255
    if paint.ndim == 3:
        y = np.clip(np.arange(rows[0], rows[-1] + 1) - _MARGIN, 0, EXTENT_PX - 1)
        x = np.clip(np.arange(columns[0], columns[-1] + 1) - _MARGIN, 0, EXTENT_PX - 1)
        paint = paint[y[:, None], x]
    part = canvas[here]
    part *= 1 - cover
    part[..., :3] += np.clip(paint * light, 0, 255) * cover
    part[..., 3:] += cover
