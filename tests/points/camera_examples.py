"""A plain pinhole camera for tests of what works with any camera."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pinhole:
    """Focal length 600 px, principal point (320, 240), no distortion."""

    camera_id: str
    R: np.ndarray
    t: np.ndarray

    def project(self, points):
        local = points @ self.R.T + self.t
        with np.errstate(divide="ignore", invalid="ignore"):
            return local[:, :2] / local[:, 2:] * 600 + [320, 240], local[:, 2]

    def undistort(self, pixels):
        return (pixels - [320, 240]) / 600


def ring(count: int) -> list[Pinhole]:
    """Cameras 4 m from (0, 0, 4), in an arc, looking at it."""
    cameras = []
    for view, angle in enumerate(np.linspace(-0.8, 0.8, count)):
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        cameras.append(Pinhole(f"cam_{view:02}", turn, np.array([0, 0, 4]) - turn @ [0, 0, 4]))
    return cameras


def seen_by(cameras, points):
    """Pixels f8[V, T, N, 2] of ``points`` [T, N, 3]."""
    return np.stack([c.project(points.reshape(-1, 3))[0].reshape(*points.shape[:2], 2) for c in cameras])
