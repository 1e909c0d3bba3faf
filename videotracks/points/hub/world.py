"""What MVTracker takes: windows of all views and their depth, without distortion, in a scene of the size it learned."""

from collections.abc import Sequence

import numpy as np

from videotracks.errors import ModelError
from videotracks.geometry.camera import Camera
from videotracks.points.trackers import Views, cameras_of

#: Metres: the scenes that the model was trained on, median distance of the cameras from their middle (its
#: repository's own normalisation of scenes). Scenes are scaled there and back.
SCENE_RADIUS_M = 6.3
#: Frames of the model's own sliding window: of a clip with fewer it follows nothing, so that the last is repeated.
LEAST_FRAMES = 12
#: Every so-manieth pixel each way says where the middle of the scene is.
_COARSE = 8


class WorldInput:
    """The tensors of a recording, window by window."""

    def __init__(self, views: Views, t: int) -> None:
        """``t``: the frame by whose depth the scene is scaled. ``ModelError``: no depth, or sizes that differ."""
        sizes = {(camera.width, camera.height) for camera in views.cameras}
        if len(sizes) > 1:
            raise ModelError(f"mvtracker: all views must have one size, these have {sorted(sizes)}")
        self._views = views
        self._maps = [_undistortion(camera) for camera in views.cameras]
        self._center, self._scale = self._scene(t)

    def window(self, frames: Sequence[int], points: np.ndarray) -> dict[str, np.ndarray]:
        """The model's arguments without their batch, f4, for ``points`` f8[M, 4] = (place in ``frames``, x, y, z).

        rgbs [V, T, 3, H, W] 0 to 255, depths [V, T, 1, H, W] 0 where unknown, intrs [V, T, 3, 3],
        extrs [V, T, 3, 4], query_points_3d [M, 4]; T is at least LEAST_FRAMES.
        """
        shown = [*frames, *[frames[-1]] * (LEAST_FRAMES - len(frames))]
        cameras = self._views.cameras
        placed = [[self._views.camera(view, t) for t in shown] for view in range(len(cameras))]
        rgbs = np.stack([[self._rgb(view, t) for t in shown] for view in range(len(cameras))])
        depths = np.stack([[self._depth(view, t) for t in shown] for view in range(len(cameras))])
        intrinsics = np.repeat(np.stack([c.K for c in cameras])[:, None], len(shown), axis=1)
        extrinsics = np.stack([[self._scaled_pose(camera) for camera in path] for path in placed])
        asked = np.column_stack([points[:, 0], self._scale * (points[:, 1:] - self._center)])
        return {
            "rgbs": rgbs.astype("f4"),
            "depths": (depths * self._scale)[:, :, None].astype("f4"),
            "intrs": intrinsics.astype("f4"),
            "extrs": extrinsics.astype("f4"),
            "query_points_3d": asked.astype("f4"),
        }

    def _scaled_pose(self, camera: Camera) -> np.ndarray:
        """X' = scale (X - center): the camera's own coordinates are scaled, too, as its depth is; f8[3, 4]."""
        return np.column_stack([camera.R, self._scale * (camera.R @ self._center + camera.t)])

    def to_world(self, tracks: np.ndarray) -> np.ndarray:
        """Positions [..., 3] of the model in metres of the world, f4."""
        return (tracks / self._scale + self._center).astype("f4")

    def _scene(self, t: int) -> tuple[np.ndarray, float]:
        """The middle of what the views see in frame ``t``, f8[3] m, and the factor to the size that the model knows."""
        seen = []
        cameras = cameras_of(self._views, t)
        for view, camera in enumerate(cameras):
            y, x = np.mgrid[: camera.height : _COARSE, : camera.width : _COARSE].reshape(2, -1)
            depths = self._given_depth(view, t)[y, x]
            seen.append(camera.lift(np.column_stack([x, y]), np.where(depths > 0, depths, np.nan)))
        points = np.concatenate(seen)
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            raise ModelError(f"mvtracker: frame {t} has no depth in any view; depth maps with content are expected")
        center = points.mean(axis=0)
        away = float(np.median([np.linalg.norm(camera.center - center) for camera in cameras]))
        return center, SCENE_RADIUS_M / max(away, 1e-6)

    def _given_depth(self, view: int, t: int) -> np.ndarray:
        depth, camera = self._views.depth(view, t), self._views.cameras[view]
        if depth is None:
            raise ModelError(
                f"mvtracker: view {camera.camera_id} has no depth; give all views depth, or choose flow or cotracker3"
            )
        if depth.shape == (camera.height, camera.width):
            return depth
        import cv2

        return cv2.resize(depth, (camera.width, camera.height), interpolation=cv2.INTER_NEAREST)

    def _rgb(self, view: int, t: int) -> np.ndarray:
        import cv2

        picture, maps = self._views.rgb(view, t), self._maps[view]
        if maps is not None:
            picture = cv2.remap(picture, *maps, cv2.INTER_LINEAR)
        return picture.transpose(2, 0, 1)

    def _depth(self, view: int, t: int) -> np.ndarray:
        import cv2

        depth, maps = self._given_depth(view, t), self._maps[view]
        if maps is not None:
            depth = cv2.remap(depth, *maps, cv2.INTER_NEAREST)
        return np.where(depth > 0, depth, 0)  # NaN is not above 0 either


def _undistortion(camera: Camera) -> tuple[np.ndarray, np.ndarray] | None:
    """Columns and rows f4[H, W] of the picture that a camera of the same K without distortion would see."""
    if not camera.distortion.any():
        return None
    y, x = np.mgrid[: camera.height, : camera.width].astype("f8")
    straight = Camera(
        camera.camera_id, camera.width, camera.height, camera.K, np.zeros(0), False, np.eye(3), np.zeros(3)
    )
    rays = straight.undistort(np.stack([x, y], axis=-1))
    bent = Camera(
        camera.camera_id,
        camera.width,
        camera.height,
        camera.K,
        camera.distortion,
        camera.fisheye,
        np.eye(3),
        np.zeros(3),
    )
    pixels = bent.project(np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1))[0].astype("f4")
    outside = np.nan_to_num(pixels, nan=-1e4)
    return outside[..., 0].copy(), outside[..., 1].copy()
