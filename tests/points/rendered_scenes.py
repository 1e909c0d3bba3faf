"""Scenes whose truth is exact: textured boxes that move before a textured wall and floor, drawn into every camera.

Each side of a box is a rectangle in space; its homography into a camera draws its texture, its plane gives the depth
of every pixel, and the nearest of all sides is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.geometry.visibility import visible_from

#: Pixels of a texture per metre; a texture is as fine as what a camera resolves at 3 m.
TEXELS = 250


@dataclass(frozen=True)
class Rectangle:
    """Spanned from ``corner`` f8[3] along ``right`` and ``down`` f8[3] m, with ``texture`` u1[H, W, 3]."""

    corner: np.ndarray
    right: np.ndarray
    down: np.ndarray
    texture: np.ndarray

    def moved(self, turn: np.ndarray, shift: np.ndarray) -> "Rectangle":
        return Rectangle(turn @ self.corner + shift, turn @ self.right, turn @ self.down, self.texture)


@dataclass
class RenderedViews:
    """``trackers.Views`` in memory, and how often each frame was asked for."""

    cameras: Sequence[Camera]
    frames: np.ndarray  # u1[V, T, H, W, 3]
    depths: np.ndarray | None  # f4[V, T, H, W]
    fps: float = 30.0
    asked: list[tuple[int, int]] = field(default_factory=list)

    @property
    def frame_count(self) -> int:
        return self.frames.shape[1]

    def camera(self, view: int, t: int) -> Camera:
        return self.cameras[view]

    def rgb(self, view: int, t: int) -> np.ndarray:
        self.asked.append((view, t))
        return self.frames[view, t]

    def depth(self, view: int, t: int) -> np.ndarray | None:
        return None if self.depths is None else self.depths[view, t]


@dataclass(frozen=True)
class RenderedScene:
    """``points`` f8[T, N, 3] m, ``visible`` bool[V, T, N], ``body`` i8[N] (0: at rest)."""

    views: RenderedViews
    points: np.ndarray
    visible: np.ndarray
    body: np.ndarray

    def queries(self, t: int | np.ndarray = 0) -> np.ndarray:
        """The true points at frame ``t`` (one for all, or one each), f4[N, 4]."""
        times = np.broadcast_to(t, len(self.body))
        return np.column_stack([times, self.points[times, np.arange(len(times))]]).astype("f4")

    def seen(self) -> np.ndarray:
        """By any view, bool[T, N]."""
        return self.visible.any(axis=0)

    def without_depth(self) -> RenderedViews:
        return RenderedViews(self.views.cameras, self.views.frames, None)

    def only(self, views: Sequence[int]) -> "RenderedScene":
        some = list(views)
        depths = None if self.views.depths is None else self.views.depths[some]
        made = RenderedViews([self.views.cameras[v] for v in some], self.views.frames[some], depths)
        return RenderedScene(made, self.points, self.visible[some], self.body)


def texture(random: np.random.Generator, width_m: float, height_m: float, texels: float = TEXELS) -> np.ndarray:
    """Blotches of three sizes in colour, u1[H, W, 3]."""
    import cv2

    width, height = max(8, round(width_m * texels)), max(8, round(height_m * texels))
    image = np.full((height, width, 3), random.uniform(90, 160, 3), "f4")
    for cell, strength in ((4, 14), (9, 20), (24, 24)):
        grid = random.normal(0, strength, (height // cell + 2, width // cell + 2, 3)).astype("f4")
        image += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(image, 0, 255).astype("u1")


def box(random: np.random.Generator, size: Sequence[float]) -> list[Rectangle]:
    """The six sides of a box around the origin, ``size`` in m along x, y, z."""
    sides = []
    half = np.asarray(size) / 2
    for axis in range(3):
        for sign in (-1.0, 1.0):
            along, across = np.roll(np.eye(3), -axis, axis=0)[1:]
            right, down = along * 2 * half, across * 2 * half
            corner = np.eye(3)[axis] * sign * half - (right + down) / 2
            extent = np.linalg.norm(right), np.linalg.norm(down)
            if sign > 0:  # right × down points into the box, on each side
                corner, right = corner + right, -right
            sides.append(Rectangle(corner, right, down, texture(random, *extent)))
    return sides


def arc(count: int, width: int = 320, height: int = 240, span: float = 1.0, focal: float | None = None) -> list[Camera]:
    """Cameras 3 m from (0, 0, 3), over an arc of ``span`` radians, a little above it; y points down."""
    cameras = []
    for view, angle in enumerate(np.linspace(-span / 2, span / 2, count) if count > 1 else [0.0]):
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        tilt = np.array([[1, 0, 0], [0, np.cos(0.15), np.sin(0.15)], [0, -np.sin(0.15), np.cos(0.15)]])
        turned = tilt @ turn
        f = focal or width * 0.95
        cameras.append(
            Camera(
                camera_id=f"cam_{view:02}",
                width=width,
                height=height,
                K=np.array([[f, 0, (width - 1) / 2], [0, f, (height - 1) / 2], [0, 0, 1]]),
                distortion=np.zeros(0),
                fisheye=False,
                R=turned,
                t=np.array([0, 0, 3]) - turned @ [0, 0, 3],
            )
        )
    return cameras


def draw(camera: Camera, sides: Sequence[Rectangle]) -> tuple[np.ndarray, np.ndarray]:
    """What the camera sees: u1[H, W, 3], and depths f4[H, W] m, 0 where there is nothing."""
    import cv2

    image = np.zeros((camera.height, camera.width, 3), "u1")
    inverse = np.zeros((camera.height, camera.width), "f4")  # 1 / depth is linear in the picture
    for side in sides:
        place = np.column_stack([side.right, side.down, side.corner])
        if np.dot(np.cross(side.right, side.down), camera.center - side.corner) >= 0:
            continue  # its back
        homography = camera.K @ (camera.R @ place + np.outer(camera.t, [0, 0, 1]))
        corners = homography @ np.array([[0, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1.0]])
        if (corners[2] < 0.1).any():
            raise ValueError("a side reaches behind a camera")
        x, y = corners[:2] / corners[2]
        left, top = max(0, int(x.min()) - 1), max(0, int(y.min()) - 1)
        right, bottom = min(camera.width, int(x.max()) + 2), min(camera.height, int(y.max()) + 2)
        if right <= left or bottom <= top:
            continue
        height, width = side.texture.shape[:2]
        # Texel centres at whole numbers: the texture covers -0.5 to width - 0.5.
        texel = np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
        shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
        matrix, size = shift @ homography @ texel, (right - left, bottom - top)
        drawn = cv2.warpPerspective(side.texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        back, x, y = np.linalg.inv(homography), np.arange(left, right), np.arange(top, bottom)[:, None]
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in back)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = (u / w >= 0) & (u / w <= 1) & (v / w >= 0) & (v / w <= 1) & (w > 0)
        there = inverse[top:bottom, left:right]
        nearer = inside & (w > there)
        there[nearer] = w[nearer]
        image[top:bottom, left:right][nearer] = drawn[nearer]
    with np.errstate(divide="ignore"):
        return image, np.where(inverse > 0, 1 / inverse, 0).astype("f4")


def turned(angle: float, axis: Sequence[float] = (0, 1, 0)) -> np.ndarray:
    import cv2

    return cv2.Rodrigues(np.asarray(axis, "f8") / np.linalg.norm(axis) * angle)[0]


def boxes_scene(
    cameras: Sequence[Camera],
    frames: int = 30,
    *,
    per_body: int = 60,
    noise: float = 2.0,
    speed: float = 1.0,
    occluder: bool = True,
    seed: int = 0,
) -> RenderedScene:
    """A box that drifts and turns, one that swings up and down, and one that crosses before them; a wall at rest.

    ``per_body`` points on each of the first two boxes and on the wall, all seen by some camera in the first frame, at
    no less than 17 degrees to the surface.
    """
    random = np.random.default_rng(seed)
    wall = Rectangle(
        np.array([-3.0, -1.6, 4.4]), np.array([6.0, 0, 0]), np.array([0, 2.8, 0]), texture(random, 6, 2.8, 120)
    )
    floor = Rectangle(
        np.array([-2.2, 1.0, 4.4]), np.array([4.4, 0, 0]), np.array([0, 0.1, -2.2]), texture(random, 4.4, 2.2, 120)
    )
    bodies = [box(random, size) for size in ((0.7, 0.6, 0.5), (0.5, 0.7, 0.4), (0.18, 0.9, 0.1))]
    seconds = np.arange(frames) / 30.0 * speed
    poses = [
        [(turned(0.6 * s, (0.2, 1, 0.1)), np.array([-0.6 + 0.25 * s, 0.05, 3.0 + 0.1 * s])) for s in seconds],
        [(turned(0.3 + 0.5 * np.sin(s)), np.array([0.5, 0.1 - 0.25 * np.sin(1.5 * s), 3.1])) for s in seconds],
        [(turned(0.2), np.array([-1.3 + 1.1 * s, 0.1, 2.2])) for s in seconds],
    ][: 3 if occluder else 2]
    pictures = np.empty((len(cameras), frames, cameras[0].height, cameras[0].width, 3), "u1")
    depths = np.empty(pictures.shape[:4], "f4")
    grains = [random.normal(0, noise, pictures.shape[2:]).round().astype("i2") for _ in range(7)]
    for t in range(frames):
        sides = [wall, floor] + [s.moved(*pose[t]) for body, pose in zip(bodies, poses, strict=False) for s in body]
        for view, camera in enumerate(cameras):
            pictures[view, t], depths[view, t] = draw(camera, sides)
            grainy = pictures[view, t] + grains[(t + 3 * view) % len(grains)]
            pictures[view, t] = np.clip(grainy, 0, 255)
    points, owner = _points(random, cameras, depths[:, 0], [wall, *bodies[:2]], poses, per_body)
    visible = np.stack(
        [
            [_sees(c, p, d) for p, d in zip(points, of_view, strict=True)]
            for c, of_view in zip(cameras, depths, strict=True)
        ]
    )
    return RenderedScene(RenderedViews(cameras, pictures, depths), points, visible, owner)


def _sees(camera: Camera, points: np.ndarray, depth: np.ndarray) -> np.ndarray:
    return visible_from(camera, points, depth, relative=0.004, absolute_m=0.004)


def _points(random, cameras, first_depths, bodies, poses, per_body):
    """Points on the bodies that some camera sees in the first frame, through all frames."""
    made, owner = [], []
    for number, body in enumerate(bodies):
        sides = [body] if isinstance(body, Rectangle) else body
        path = [(np.eye(3), np.zeros(3))] * len(poses[0]) if number == 0 else poses[number - 1]
        kept: list[np.ndarray] = []
        while len(kept) < per_body:
            side = sides[random.integers(len(sides))]
            local = side.corner + random.uniform(0.08, 0.92) * side.right + random.uniform(0.08, 0.92) * side.down
            here = (path[0][0] @ local + path[0][1])[None]
            normal = path[0][0] @ np.cross(side.right, side.down)
            if any(
                _sees(c, here, d)[0] and _slant(normal, here[0] - c.center) > 0.3
                for c, d in zip(cameras, first_depths, strict=True)
            ):
                kept.append(local)
        made.append(np.stack([np.array(kept) @ turn.T + shift for turn, shift in path]))
        owner += [number] * per_body
    return np.concatenate(made, axis=1), np.array(owner)


def _slant(normal, sight):
    """The cosine between a normal and a line of sight."""
    return np.dot(normal, sight) / (np.linalg.norm(normal) * np.linalg.norm(sight))
