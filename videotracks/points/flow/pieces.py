"""The small pieces of surface around points, as each view saw them, and where all views show them now."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.geometry.distortion import distort, distortion_jacobian
from videotracks.points.flow.settings import FlowTrackerSettings
from videotracks.points.trackers import Views

#: Of each size of pieces: pixels between samples, pixels of blur (standard deviation, side of its window), most steps
#: to align them.
FINE, COARSE = 0, 1
STEP_PX, BLUR_PX, WINDOW_PX, STEPS = (1.5, 3.0), (0.8, 1.6), (5, 9), (8, 6)
#: How well a prediction fixes a piece: metres and radians, and the noise of depth as a share of it.
PRIOR_M, PRIOR_RAD, DEPTH_NOISE = 0.03, 0.05, 0.001
#: Pixels from the frame's border at which a point counts as gone.
BORDER_PX = 4.0
#: Metres that a piece may be off, beside what depths may disagree, when it is taken.
TAKEN_M = 0.03


class Verdicts(NamedTuple):
    """What V views say of M points."""

    correlation: np.ndarray  # f8[V, M] with their pieces, 0 where there is none
    share: np.ndarray  # f8[V, M] of the piece that is seen
    behind: np.ndarray  # f8[V, M] m behind the surface there, NaN without depth, infinite outside of the frame
    facing: np.ndarray  # f8[V, M] cosine of the angle at which it is seen


class Pieces:
    """The pieces of N points in every view, and the frame that is loaded."""

    def __init__(self, views: Views, count: int, settings: FlowTrackerSettings, pool: ThreadPoolExecutor) -> None:
        from videotracks.points.flow.piece_kernels import SAMPLES

        self._views, self._settings, self._pool = views, settings, pool
        number = len(views.cameras)
        self.cameras: list[Camera] = []
        shape = (len(STEP_PX), number, count)
        self._places = np.full((*shape, 3, SAMPLES), np.nan, "f4")
        self._values = np.zeros((*shape, SAMPLES), "f4")
        self.normals = np.zeros((*shape, 3), "f4")
        self.kinds = np.zeros(shape, "i1")
        self._rays: list[np.ndarray] = []  # of whole pixels, f4[H, W, 2]; a lens does not change
        self._greys: list[np.ndarray] = []
        self._depths = self._sizes = self._turns = self._shifts = np.empty(0)

    def load(self, t: int) -> None:
        """Read frame ``t`` of all views."""
        views = range(len(self._views.cameras))
        self.cameras = [self._views.camera(view, t) for view in views]
        if not self._rays:
            self._rays = list(self._pool.map(_pixel_rays, self.cameras))
        loaded = list(self._pool.map(lambda view: self._load(view, t), views))
        self._greys = [_stacked([blurred[size] for blurred, _ in loaded]) for size in range(len(STEP_PX))]
        self._depths = _stacked([depth for _, depth in loaded])
        self._sizes = np.array(
            [(c.height, c.width, *depth.shape) for c, (_, depth) in zip(self.cameras, loaded, strict=True)], "i8"
        )
        self._turns = np.ascontiguousarray([camera.R for camera in self.cameras])
        self._shifts = np.ascontiguousarray([camera.t for camera in self.cameras])

    def _load(self, view: int, t: int) -> tuple[list[np.ndarray], np.ndarray]:
        import cv2

        grey = cv2.cvtColor(self._views.rgb(view, t), cv2.COLOR_RGB2GRAY).astype("f4")
        depth = self._views.depth(view, t)
        known = np.zeros((2, 2), "f4") if depth is None else np.where(np.isfinite(depth), depth, 0)
        return [
            cv2.GaussianBlur(grey, (side, side), blur) for side, blur in zip(WINDOW_PX, BLUR_PX, strict=True)
        ], known

    def behind(self, points: np.ndarray) -> np.ndarray:
        """How far ``points`` f8[M, 3] m are behind what each view sees there, f8[V, M] m, as ``Verdicts`` has it."""
        made = np.full((len(self.cameras), len(points)), np.inf)
        for view, camera in enumerate(self.cameras):
            pixels, depths = camera.project(points)
            right, bottom = camera.width - 1 - BORDER_PX, camera.height - 1 - BORDER_PX
            x, y = np.nan_to_num(pixels, nan=-1).T
            inside = (x >= BORDER_PX) & (y >= BORDER_PX) & (x <= right) & (y <= bottom)
            rows, columns = self._sizes[view, 2:]
            row = ((y[inside] + 0.5) * rows / camera.height).astype("i8")
            column = ((x[inside] + 0.5) * columns / camera.width).astype("i8")
            surface = self._depths[view, row, column]
            made[view, inside] = np.where(surface > 0, depths[inside] - surface, np.nan)
        return made

    def limits_m(self, points: np.ndarray) -> np.ndarray:
        """How far the points f8[M, 3] m may be from the surface that each view sees there, f8[V, M] m."""
        depths = np.stack([points @ camera.R[2] + camera.t[2] for camera in self.cameras])
        return self._settings.depth_m + self._settings.depth_relative * np.maximum(depths, 0)

    def facing(self, rows: np.ndarray, points: np.ndarray, turns: np.ndarray, by: np.ndarray) -> np.ndarray:
        """The cosine at which each view sees ``rows`` i8[M], by the normals of the views ``by`` i8[M]; f8[V, M]."""
        normals = (turns @ self.normals[FINE, by, rows][..., None].astype("f8"))[..., 0]
        made = np.empty((len(self.cameras), len(rows)))
        for view, camera in enumerate(self.cameras):
            sight = camera.center - points
            made[view] = (normals * sight).sum(axis=1) / np.linalg.norm(sight, axis=1)
        return made

    def take(self, view: int, rows: np.ndarray, points: np.ndarray, turns: np.ndarray) -> None:
        """Keep how ``view`` sees the points ``rows`` i8[M] of ``points`` f8[N, 3] m and ``turns`` f8[N, 3, 3] now."""
        from videotracks.points.flow.piece_kernels import take_pieces

        if not len(rows):
            return
        camera = self.cameras[view]
        pixels = np.nan_to_num(camera.project(points[rows])[0], nan=-1)
        for size, step in enumerate(STEP_PX):
            take_pieces(
                self._greys[size][view],
                self._depths[view],
                self._sizes[view],
                self._turns[view],
                self._shifts[view],
                self._rays[view],
                points,
                turns,
                pixels,
                rows,
                step,
                self._settings.depth_m + TAKEN_M,
                self._settings.depth_relative,
                self._places[size, view],
                self._values[size, view],
                self.normals[size, view],
                self.kinds[size, view],
            )

    def align(
        self, size: int, rows: np.ndarray, points: np.ndarray, turns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Verdicts]:
        """Where the pieces ``rows`` i8[M] are, expected at ``points`` f8[M, 3] m, turned by ``turns`` f8[M, 3, 3]."""
        parts = [part for part in np.array_split(np.arange(len(rows)), 2) if len(part)]
        found = list(self._pool.map(lambda part: self._align(size, rows[part], points[part], turns[part]), parts))
        if not found:
            nothing = np.zeros((len(self.cameras), 0))
            return points.copy(), turns.copy(), Verdicts(nothing, nothing, nothing, nothing)
        places, turned, said = zip(*found, strict=True)
        return np.concatenate(places), np.concatenate(turned), Verdicts(*np.moveaxis(np.concatenate(said, 1), 2, 0))

    def _align(
        self, size: int, rows: np.ndarray, points: np.ndarray, turns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from videotracks.points.flow.rigid_kernels import VERDICTS, align

        points, turns = np.ascontiguousarray(points), np.ascontiguousarray(turns)
        shape = len(self.cameras), len(rows)
        pixels, rays, lenses = np.empty((*shape, 2)), np.empty((*shape, 2)), np.empty((*shape, 2, 2))
        for view, camera in enumerate(self.cameras):
            local = points @ camera.R.T + camera.t
            rays[view] = local[:, :2] / np.where(local[:, 2] > 0, local[:, 2], np.nan)[:, None]
            pixels[view] = camera.pixels_of(distort(rays[view], camera.distortion, fisheye=camera.fisheye))
            slopes = distortion_jacobian(rays[view], camera.distortion, fisheye=camera.fisheye)
            np.matmul(camera.K[:2, :2], slopes, out=lenses[view])
        verdicts = np.zeros((*shape, VERDICTS))
        align(
            self._greys[size],
            self._depths,
            self._sizes,
            self._turns,
            self._shifts,
            pixels,
            rays,
            lenses,
            self._places[size],
            self._values[size],
            self.normals[size],
            self.kinds[size],
            rows,
            self._settings.depth_m,
            self._settings.depth_relative,
            DEPTH_NOISE,
            PRIOR_M,
            PRIOR_RAD,
            STEPS[size],
            points,
            turns,
            verdicts,
        )
        return points, turns, verdicts


def _pixel_rays(camera: Camera) -> np.ndarray:
    grid = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return np.ascontiguousarray(camera.undistort(np.stack(grid, axis=-1).astype("f8")), "f4")


def _stacked(maps: list[np.ndarray]) -> np.ndarray:
    """Maps f4[h, w] of any sizes as one f4[V, H, W], filled up with 0."""
    height, width = np.max([image.shape for image in maps], axis=0)
    made = np.zeros((len(maps), height, width), "f4")
    for view, image in enumerate(maps):
        made[view, : image.shape[0], : image.shape[1]] = image
    return made
