"""Which points of the world a camera can see."""

import numpy as np

from videotracks.geometry.camera import Camera

#: A point may lie this share of the depth, or this far, behind the surface that the depth map has and still be on it:
#: about the error of stereo and of depth models at close range.
RELATIVE, ABSOLUTE_M = 0.02, 0.02


def in_frame(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Whether ``pixels`` f8[..., 2] lie on the picture, bool[...]; that of the first pixel begins at (-0.5, -0.5)."""
    x, y = pixels[..., 0], pixels[..., 1]
    return (x >= -0.5) & (x < camera.width - 0.5) & (y >= -0.5) & (y < camera.height - 0.5)


def visible_from(
    camera: Camera,
    points: np.ndarray,
    depth_map: np.ndarray | None = None,
    *,
    relative: float = RELATIVE,
    absolute_m: float = ABSOLUTE_M,
) -> np.ndarray:
    """Whether points f8[..., 3] m are in front of the camera, on its picture and not behind a surface, bool[...].

    ``depth_map`` [H, W] m covers the whole picture, at its own resolution; 0 and NaN in it hide nothing. A point is
    behind a surface when its depth exceeds that of the nearest cell by ``relative`` of it and ``absolute_m`` together.
    """
    pixels, depths = camera.project(points)
    seen = (depths > 0) & in_frame(camera, pixels)
    if depth_map is None:
        return seen
    columns, rows = _cells(camera, pixels[seen], depth_map.shape)
    surface = depth_map[rows, columns].astype("f8")
    measured = np.isfinite(surface) & (surface > 0)
    seen[seen] = ~measured | (depths[seen] <= surface * (1 + relative) + absolute_m)
    return seen


def _cells(camera: Camera, pixels: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of the cell of a map [H, W] under each pixel of the picture."""
    rows, columns = shape
    x = np.floor((pixels[:, 0] + 0.5) * (columns / camera.width)).astype("i8")
    y = np.floor((pixels[:, 1] + 0.5) * (rows / camera.height)).astype("i8")
    return np.minimum(x, columns - 1), np.minimum(y, rows - 1)
