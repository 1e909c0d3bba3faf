"""A camera: where it stands, and which pixel sees which point of the world."""

from dataclasses import dataclass

import numpy as np

from videotracks.errors import CalibrationError
from videotracks.geometry.distortion import FISHEYE_LENGTHS, PINHOLE_LENGTHS, distort, distortion_jacobian, undistort
from videotracks.geometry.rotation import is_rotation

#: No picture is larger in either direction: what files state beyond it is a mistake.
MOST_PX = 1 << 16
#: No lens bends that much; beyond it the polynomials of the models overflow.
_MOST_BENT = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A calibrated camera: pixels ~ K · distortion(R · X + t), with the distortion models of OpenCV.

    ``K`` f8[3, 3] px, ``distortion`` f8[D] of 0, 4, 5, 8, 12 or 14 coefficients (``fisheye``: 4), ``R`` f8[3, 3] and
    ``t`` f8[3] m from the world to the camera, whose axes point right, down and ahead. The centre of the first pixel
    is (0, 0). Arrays are copied and read-only. Anything else is a ``CalibrationError`` that begins with the field.
    """

    camera_id: str
    width: int
    height: int
    K: np.ndarray
    distortion: np.ndarray
    fisheye: bool
    R: np.ndarray
    t: np.ndarray

    def __post_init__(self) -> None:
        if not self.camera_id or not self.camera_id.isprintable():
            raise CalibrationError(f"camera_id: {self.camera_id!r} is no printable name")
        if not (0 < self.width <= MOST_PX and 0 < self.height <= MOST_PX):
            raise CalibrationError(f"size: {self.width}×{self.height} px; 1 to {MOST_PX} are possible")
        for name, shape in (("K", (3, 3)), ("distortion", (-1,)), ("R", (3, 3)), ("t", (3,))):
            object.__setattr__(self, name, _finite(name, getattr(self, name), shape))
        self._check()

    def _check(self) -> None:
        given = self.K.tolist()
        if (self.K[[1, 2, 2], [0, 0, 1]] != 0).any() or self.K[2, 2] != 1:
            raise CalibrationError(f"K: expected [[fx, s, cx], [0, fy, cy], [0, 0, 1]], got {given}")
        if min(self.K[0, 0], self.K[1, 1]) <= 0:
            raise CalibrationError(f"K: focal lengths must be above 0, got {given}")
        known = FISHEYE_LENGTHS if self.fisheye else PINHOLE_LENGTHS
        if len(self.distortion) not in known:
            kind = "fisheye" if self.fisheye else "pinhole"
            raise CalibrationError(f"distortion: {len(self.distortion)} coefficients; OpenCV's {kind} takes {known}")
        if np.abs(self.distortion).max(initial=0) > _MOST_BENT:
            raise CalibrationError(f"distortion: at most {_MOST_BENT:g} is possible, got {self.distortion.tolist()}")
        if not is_rotation(self.R):
            raise CalibrationError(f"R: no rotation (R Rᵀ = 1 and det R = +1), got {self.R.tolist()}")

    def at(self, frame: int) -> "Camera":
        """The camera of a frame: itself, as it is at rest (``camera_path.CameraPath`` moves)."""
        return self

    @property
    def center(self) -> np.ndarray:
        """Where the camera stands in the world, f8[3] m."""
        return -self.R.T @ self.t

    @property
    def extrinsics(self) -> np.ndarray:
        """[R | t] from the world to the camera, f8[3, 4]."""
        return np.column_stack([self.R, self.t])

    @property
    def projection_matrix(self) -> np.ndarray:
        """K [R | t], f8[3, 4]: the whole camera where there is no distortion."""
        return self.K @ self.extrinsics

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points f8[..., 3] m to pixels f8[..., 2] and depths f8[...] m along the axis of the camera.

        Pixels are NaN for points that are not in front of the camera, and for those so far aside that the distortion
        would fold them back into the picture.
        """
        rays, depths = self._rays_to(points)
        return self.pixels_of(distort(rays, self.distortion, fisheye=self.fisheye)), depths

    def projection_jacobian(self, points: np.ndarray) -> np.ndarray:
        """How the pixels of world points f8[..., 3] m move with the points, f8[..., 2, 3] px/m."""
        rays, depths = self._rays_to(points)
        of_lens = distortion_jacobian(rays, self.distortion, fisheye=self.fisheye)
        of_rays = (self.R[:2] - rays[..., :, None] * self.R[2]) / depths[..., None, None]
        return self.K[:2, :2] @ of_lens @ of_rays

    def _rays_to(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        local = points @ self.R.T + self.t
        depths = local[..., 2]
        return local[..., :2] / np.where(depths > 0, depths, np.nan)[..., None], depths

    def pixels_of(self, rays: np.ndarray) -> np.ndarray:
        """Rays behind the lens f8[..., 2] to pixels f8[..., 2]: K alone."""
        return rays @ self.K[:2, :2].T + self.K[:2, 2]

    def undistort(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels f8[..., 2] to rays f8[..., 2], points of the plane at depth 1; NaN where the lens sends no ray."""
        (fx, skew, cx), (_, fy, cy), _ = self.K
        y = (pixels[..., 1] - cy) / fy
        x = (pixels[..., 0] - cx - skew * y) / fx
        return undistort(np.stack([x, y], axis=-1), self.distortion, fisheye=self.fisheye)

    def lift(self, pixels: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """World points f8[..., 3] m seen at ``pixels`` f8[..., 2] in ``depths`` f8[...] m: ``project`` inverted."""
        rays = self.undistort(np.asarray(pixels, dtype="f8"))
        depths = np.asarray(depths, dtype="f8")[..., None]
        local = np.concatenate([rays * depths, np.broadcast_to(depths, (*rays.shape[:-1], 1))], axis=-1)
        return (local - self.t) @ self.R


def _finite(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    array = np.array(values, dtype="f8")
    if array.ndim != len(shape) or any(wanted not in (-1, got) for wanted, got in zip(shape, array.shape, strict=True)):
        raise CalibrationError(f"{name}: shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        raise CalibrationError(f"{name}: holds values that are not finite: {array.tolist()}")
    array.setflags(write=False)
    return array
