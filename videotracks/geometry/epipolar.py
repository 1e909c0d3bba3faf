"""What one camera's pixel says about where another camera sees the same point: a line."""

import numpy as np

from videotracks.geometry.camera import Camera


def essential_matrix(first: Camera, second: Camera) -> np.ndarray:
    """E f8[3, 3] in m: (ray of the second, 1) · E · (ray of the first, 1) = 0 for sights of the same point.

    Source: Hartley and Zisserman, Multiple View Geometry, 9.6.
    """
    turn = second.R @ first.R.T
    x, y, z = second.t - turn @ first.t
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ turn


def fundamental_matrix(first: Camera, second: Camera) -> np.ndarray:
    """F f8[3, 3]: (pixel of the second, 1) · F · (pixel of the first, 1) = 0 for pixels without distortion."""
    return np.linalg.inv(second.K).T @ essential_matrix(first, second) @ np.linalg.inv(first.K)


def epipolar_distances(first: Camera, second: Camera, pixels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How far ``pixels`` f8[N, 2] of the first and ``others`` of the second are from seeing the same points, f8[N] px.

    The mean of both distances from a pixel to the line of the other, after the distortion is taken out. NaN for
    pixels that the distortion does not reach, and where both cameras stand at the same place.
    """
    one, two = (_straight(camera, seen) for camera, seen in ((first, pixels), (second, others)))
    matrix = fundamental_matrix(first, second)
    lines_in_second, lines_in_first = one @ matrix.T, two @ matrix
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs((two * lines_in_second).sum(axis=-1))
        return (off / _length(lines_in_second) + off / _length(lines_in_first)) / 2


def _straight(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Pixels as a camera without distortion would have them, with a 1 behind, f8[N, 3]."""
    straight = camera.pixels_of(camera.undistort(pixels))
    return np.column_stack([straight, np.ones(len(straight))])


def _length(lines: np.ndarray) -> np.ndarray:
    return np.hypot(lines[:, 0], lines[:, 1])
