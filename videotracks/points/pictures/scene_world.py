"""What frames a Rerun scene: its ground, its axes, and how the viewer lays it out."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.geometry.camera_path import ViewCamera
from videotracks.points.pictures.world_axes import Up, guess_up

if TYPE_CHECKING:
    import rerun as rr
    import rerun.blueprint as rrb

#: Camera views beside the 3D view; all cameras stand in the 3D view.
_MOST_CAMERA_VIEWS = 8
#: The scene reaches over all but this share of the points at each end: some are always wrong.
_OUTSIDE = 0.01
#: Grid lines of the ground: 1 m apart, or as far as leaves no more than so many.
_GRID_M, _MOST_LINES = 1.0, 40
_GRID_COLOR, _GRID_RADIUS = (128, 128, 128), 0.5
_AXIS_M, _AXIS_COLORS = 0.5, ((220, 60, 60), (70, 170, 70), (70, 110, 230))
#: A camera's picture hangs before it at this share of the size of the scene, 1 m at most.
_PLANE_SHARE, _MOST_PLANE_M = 0.08, 1.0


class World(NamedTuple):
    """Where the scene is: which way is up (a guess), the level of the ground, and how far all reaches, f8[3] m."""

    up: Up
    ground_m: float
    lowest: np.ndarray
    highest: np.ndarray

    @classmethod
    def around(cls, cameras: Sequence[Camera], points: Iterable[np.ndarray]) -> "World":
        """The world of some cameras and of visible points f4[P, 3] m."""
        up = guess_up(cameras)
        corners = [np.quantile(part, (_OUTSIDE, 1 - _OUTSIDE), axis=0) for part in points if len(part)]
        spread = np.array(corners).reshape(-1, 3)
        seen = spread[:, up.axis] * up.sign
        ground = float(seen.min()) * up.sign if len(seen) else 0.0
        places = np.array([*spread, *(camera.center for camera in cameras)]).reshape(-1, 3)
        if not len(places):
            places = np.zeros((1, 3))
        return cls(up, ground, places.min(axis=0), places.max(axis=0))

    @property
    def plane_m(self) -> float:
        """How far before a camera its picture hangs."""
        size = float(np.linalg.norm(self.highest - self.lowest))
        return min(_PLANE_SHARE * size, _MOST_PLANE_M) or _MOST_PLANE_M

    def grid(self) -> np.ndarray:
        """Lines of the ground, f8[L, 2, 3] m."""
        first, second = self.up.ground
        spans = (self.highest - self.lowest)[[first, second]]
        step = _GRID_M * 2.0 ** max(0, np.ceil(np.log2(max(*spans, _GRID_M) / (_GRID_M * _MOST_LINES / 2))))
        lines = []
        for across, along in ((first, second), (second, first)):
            low = np.floor(self.lowest / step) * step
            high = np.ceil(self.highest / step + 1e-9) * step
            for place in np.arange(low[across], high[across] + step / 2, step):
                line = np.full((2, 3), self.ground_m)
                line[:, across] = place
                line[:, along] = low[along], high[along]
                lines.append(line)
        return np.array(lines)


def send_world(recording: "rr.RecordingStream", world: World) -> None:
    """Log what never changes: the ground and the axes."""
    import rerun as rr

    direction = "UP" if world.up.sign > 0 else "DOWN"
    coordinates = getattr(rr.ViewCoordinates, f"RIGHT_HAND_{'XYZ'[world.up.axis]}_{direction}")
    recording.log("world", coordinates, static=True, strict=True)
    axes = rr.Arrows3D(vectors=np.eye(3) * _AXIS_M, colors=_AXIS_COLORS, labels=["x", "y", "z"])
    recording.log("world/axes", axes, static=True, strict=True)
    grid = rr.LineStrips3D(world.grid(), colors=_GRID_COLOR, radii=rr.Radius.ui_points(_GRID_RADIUS))
    recording.log("world/ground", grid, static=True, strict=True)


def blueprint(cameras: Sequence[ViewCamera], instance_paths: Collection[str], fps: float | None) -> "rrb.Blueprint":
    """The world in 3D, and beside it the pictures of the first cameras with the points on them, as fast as life."""
    import rerun.blueprint as rrb

    world = rrb.Spatial3DView(origin="/world", contents="/world/**", name="World", line_grid=False)
    shown = ["$origin/**", *(f"/{path}/**" for path in instance_paths)]
    pictures = [
        rrb.Spatial2DView(origin=camera_path(camera), contents=shown, name=camera.camera_id)
        for camera in cameras[:_MOST_CAMERA_VIEWS]
    ]
    layout = rrb.Horizontal(world, rrb.Grid(*pictures), column_shares=[3, 2]) if pictures else world
    return rrb.Blueprint(layout, rrb.TimePanel(timeline="frame", fps=fps), collapse_panels=True)


def camera_path(camera: ViewCamera) -> str:
    """The entity of a camera."""
    import rerun as rr

    return rr.new_entity_path(["world", "cameras", camera.camera_id]).lstrip("/")
