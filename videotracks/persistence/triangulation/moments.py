"""Frames in which cameras stand still: all of them, or one at a time where a camera moves."""

from collections.abc import Iterator, Sequence

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import ViewCamera


def same_poses(
    cameras: Sequence[ViewCamera], frames: np.ndarray
) -> Iterator[tuple[slice | np.ndarray, Sequence[Camera]]]:
    """Places of ``frames`` i8[N] that share the poses of all cameras, and the cameras as they stand there.

    ``IndexError`` for a frame beyond the poses of a camera that moves.
    """
    still = [camera for camera in cameras if isinstance(camera, Camera)]
    if len(still) == len(cameras):
        yield slice(None), still
        return
    order = np.argsort(frames, kind="stable")
    moments, begins = np.unique(frames[order], return_index=True)
    for frame, places in zip(moments.tolist(), np.split(order, begins[1:]), strict=True):
        yield places, [camera.at(frame) for camera in cameras]
