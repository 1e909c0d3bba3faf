"""Cameras that stand in the generated street."""

import numpy as np

from videotracks.geometry.camera import Camera

UP = np.array([0.0, 0.0, 1.0])


def camera_at(
    camera_id: str,
    size: tuple[int, int],
    focal_px: float,
    position: tuple[float, float, float],
    target: tuple[float, float, float],
    distortion: tuple[float, ...] = (),
) -> Camera:
    """An upright camera at ``position`` that has ``target`` (world, m) in the middle of its picture.

    ``size`` is width and height in px. The camera must not look straight up or down.
    """
    ahead = np.subtract(target, position) / np.linalg.norm(np.subtract(target, position))
    right = np.cross(ahead, UP)
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(ahead, right), ahead])
    width, height = size
    return Camera(
        camera_id=camera_id,
        width=width,
        height=height,
        K=np.array([[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1]]),
        distortion=np.array(distortion),
        fisheye=False,
        R=turn,
        t=-turn @ np.array(position),
    )
