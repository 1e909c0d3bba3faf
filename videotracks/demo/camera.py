"""The pinhole camera that looks down the generated street."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class StreetCamera:
    """A level camera at a height above the ground, pitched down; pixels, metres and radians."""

    width: int
    height: int
    focal_px: float
    above_ground_m: float = 2.3
    pitch_rad: float = 0.13

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels f64[N, 2] and depths f64[N] in metres of world points [N, 3] (x right, y up, z away)."""
        sin, cos = np.sin(self.pitch_rad), np.cos(self.pitch_rad)
        down = self.above_ground_m - points[:, 1]
        depth = points[:, 2] * cos + down * sin
        y = down * cos - points[:, 2] * sin
        centre = np.array([self.width / 2, self.height / 2])
        return centre + self.focal_px * np.stack([points[:, 0], y], axis=1) / depth[:, None], depth

    def ground_at(self, rows: np.ndarray) -> np.ndarray:
        """Distance in metres at which each picture row meets the ground; infinite above the horizon."""
        slope = np.tan(self.pitch_rad + np.arctan((rows - self.height / 2) / self.focal_px))
        with np.errstate(divide="ignore"):
            return np.where(slope > 0, self.above_ground_m / slope, np.inf)
