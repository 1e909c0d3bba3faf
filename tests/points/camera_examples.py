"""Cameras around a scene."""

import numpy as np

from videotracks.geometry.camera import Camera


def ring(count: int) -> list[Camera]:
    """Cameras 4 m from (0, 0, 4), in an arc, looking at it; focal length 600 px, a little distortion."""
    cameras = []
    for view, angle in enumerate(np.linspace(-0.8, 0.8, count)):
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        cameras.append(
            Camera(
                camera_id=f"cam_{view:02}",
                width=640,
                height=480,
                K=np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]),
                distortion=np.array([-0.05, 0.01, 0, 0, 0]),
                fisheye=False,
                R=turn,
                t=np.array([0, 0, 4]) - turn @ [0, 0, 4],
            )
        )
    return cameras


def seen_by(cameras: list[Camera], points: np.ndarray) -> np.ndarray:
    """Pixels f8[V, T, N, 2] of ``points`` [T, N, 3]."""
    return np.stack([c.project(points.reshape(-1, 3))[0].reshape(*points.shape[:2], 2) for c in cameras])
