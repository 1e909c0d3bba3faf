"""Small tracks for tests."""

import numpy as np

from videotracks.points.tracks import PointTracks


def tracks_of(points, visibilities=None, *, fps: float = 30.0, views: int = 2, **others) -> PointTracks:
    """``points`` [T, N, 3] as tracks of views that look along z; visible everywhere unless told."""
    points = np.asarray(points, "f4")
    frames, count = points.shape[:2]
    visibilities = np.ones((frames, count)) if visibilities is None else visibilities
    content = {
        "tracks_3d": points,
        "visibilities": np.asarray(visibilities, "f4"),
        "query_points": np.zeros((count, 4), "f4"),
        "intrs": np.tile(np.diag([500.0, 500.0, 1.0]), (views, 1, 1)),
        "extrs": np.tile(np.eye(3, 4), (views, 1, 1)),
        "camera_ids": tuple(f"cam_{v:02}" for v in range(views)),
        "tracker": "flow",
        "temporal_stride": 1,
        "spatial_downsample": 1,
        "timestamps": np.arange(frames) / fps,
    }
    return PointTracks(**{**content, **others})


def straight(frames: int, velocity=(0.01, 0.0, 0.0), count: int = 1) -> np.ndarray:
    """Points that move by ``velocity`` a frame, f8[T, N, 3]."""
    return np.arange(frames)[:, None, None] * np.asarray(velocity) + np.arange(count)[None, :, None] * 0.1
