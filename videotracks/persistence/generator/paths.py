"""Where things go: paths through the volume that both cameras see, and the boxes a detector puts around them."""

from dataclasses import dataclass

import numpy as np

from videotracks.geometry.camera import Camera

WIDTH, HEIGHT = 1280, 720
FOCAL_PX = 1000.0
#: Boxes stay that far inside the picture, so that none is cut.
_BORDER_PX = 8
#: Metres a second at 25 frames a second come to this much a frame; things of this size crawl or dash.
_STEP_M = (0.002, 0.03)
#: How far from the cameras the things are, metres.
DEPTHS_M = (2.6, 5.0)
_ATTEMPTS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """The way of one upright body: ``centers`` f8[frames, 3] m, ``height`` and ``width`` of its extent in m."""

    centers: np.ndarray
    height: float
    width: float

    def boxes(self, camera: Camera) -> np.ndarray:
        """The extent as the camera sees it, f8[frames, 4] xyxy px: upright, facing the cameras."""
        pixels, depths = camera.project(self.centers)
        half = FOCAL_PX / depths[:, None] * np.array([self.width, self.height]) / 2
        # Boxes are counted from the corner of the first pixel, cameras from its centre.
        return np.concatenate([pixels - half, pixels + half], axis=1) + 0.5


def rig(baseline_m: float) -> tuple[Camera, Camera]:
    """Two cameras side by side that look ahead; the world's origin and axes (right, down, ahead) are the first's."""
    K = np.array([[FOCAL_PX, 0, WIDTH / 2], [0, FOCAL_PX, HEIGHT / 2], [0, 0, 1]])
    one, other = (
        Camera(name, WIDTH, HEIGHT, K, np.zeros(0), False, np.eye(3), np.array([-shift, 0.0, 0.0]))
        for name, shift in (("left", 0.0), ("right", baseline_m))
    )
    return one, other


def draw_path(
    rng: np.random.Generator,
    cameras: tuple[Camera, Camera],
    frames: int,
    sizes_px: tuple[float, float],
    aspect: float,
) -> Path:
    """A smooth path of a body that both cameras see whole in all frames.

    ``sizes_px``: its longer side in the first camera, least and most, at any time.
    """
    for _ in range(_ATTEMPTS):
        path = _try_path(rng, frames, sizes_px, aspect)
        boxes = [path.boxes(camera) for camera in cameras]
        sizes = (boxes[0][:, 2:] - boxes[0][:, :2]).max(axis=1)
        if all(_inside(b) for b in boxes) and sizes_px[0] <= sizes.min() and sizes.max() <= sizes_px[1]:
            return path
    raise ValueError(f"no path of a body of {sizes_px} px is seen whole by both cameras; bring them nearer together")


def _try_path(rng: np.random.Generator, frames: int, sizes_px: tuple[float, float], aspect: float) -> Path:
    depth = rng.uniform(*DEPTHS_M)
    # Sizes at the ends of the range would leave it at the first step.
    size_m = np.exp(rng.uniform(np.log(sizes_px[0] * 1.05), np.log(sizes_px[1] * 0.95))) * depth / FOCAL_PX
    reach = np.array([WIDTH, HEIGHT]) / 2 * depth / FOCAL_PX
    start = np.array([*(rng.uniform(-1, 1, 2) * reach), depth])
    step = np.exp(rng.uniform(*np.log(_STEP_M)))
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.06, frames))
    sway = 0.25 * np.cumsum(rng.normal(0, 0.3, frames)) / np.sqrt(frames)
    moves = step * np.stack([np.cos(heading), 0.4 * np.sin(heading) + sway, 0.5 * np.sin(heading + 1)], -1)
    centers = start + np.cumsum(moves, axis=0) - moves[0]
    longer = size_m / max(aspect, 1)
    return Path(centers, height=longer, width=longer * aspect)


def _inside(boxes: np.ndarray) -> bool:
    return bool((boxes[:, :2] > _BORDER_PX).all() and (boxes[:, 2:] < [WIDTH - _BORDER_PX, HEIGHT - _BORDER_PX]).all())
