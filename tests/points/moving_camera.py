"""A single camera that moves through a rendered scene, with exact depth and poses."""

from dataclasses import dataclass

import numpy as np

from tests.points.rendered_scenes import RenderedScene, arc, boxes_scene
from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import CameraPath


def path_of(cameras: list[Camera]) -> CameraPath:
    """One camera that stands where each of these does, frame by frame."""
    return CameraPath(cameras[0], np.array([c.R for c in cameras]), np.array([c.t for c in cameras]))


@dataclass
class MovingView:
    """``trackers.Views`` of one camera along ``path``; ``pictures`` u1[T, H, W, 3], ``depths`` f4[T, H, W]."""

    path: CameraPath
    pictures: np.ndarray
    depths: np.ndarray
    fps: float = 30.0

    @property
    def cameras(self) -> list[Camera]:
        return [self.path.at(0)]

    @property
    def frame_count(self) -> int:
        return len(self.pictures)

    def camera(self, view: int, t: int) -> Camera:
        return self.path.at(t)

    def rgb(self, view: int, t: int) -> np.ndarray:
        return self.pictures[t]

    def depth(self, view: int, t: int) -> np.ndarray:
        return self.depths[t]


def filmed(frames: int, span: float, **scene) -> tuple[MovingView, RenderedScene, np.ndarray]:
    """What a camera sees on its way over an arc of ``span`` radians; the scene; which points it sees, bool[T, N]."""
    cameras = arc(frames, span=span)
    made = boxes_scene(cameras, frames, **scene)
    each = np.arange(frames)
    view = MovingView(path_of(cameras), made.views.frames[each, each], made.views.depths[each, each])
    return view, made, made.visible[each, each]
