"""Two calibrated views turned so that what both see lies in the same row, matched, and turned back.

Source: A. Fusiello, E. Trucco, A. Verri, A compact algorithm for rectification of stereo pairs (2000): both cameras
keep their place and look along one direction across their baseline. The pictures are sampled through the cameras as
they are, so that any lens, skew or roll is treated alike; H. Hirschmüller's semi-global matching is OpenCV's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from videotracks.geometry.camera import Camera

#: SGBM counts disparities in sixteenths, and searches a multiple of sixteen.
_SIXTEEN = 16
#: Rays further aside (73 degrees from the common direction) would be stretched beyond use.
_MOST_ASIDE = 3.3
#: A bilinear mean that differs more from its nearest pixel mixes two surfaces.
_MIXED_PX = 0.5
#: Grey levels per px along a row, in the mean over a square of so many px, below which a picture says nothing.
_LEAST_TEXTURE, _TEXTURE_PX = 0.5, 11
#: Slopes are counted in hundredths of a grey level per px.
_SLOPE_UNITS = 100
#: A place outside of any picture.
_OUTSIDE_PX = -10_000.0
#: Rows that are worked on together where every pixel takes some hundred bytes.
_ROWS = 128
#: Penalties of SGBM for a step of one and of more, per pixel of the block: OpenCV's own advice.
_STEP_PENALTY, _JUMP_PENALTY = 8, 32


@dataclass(frozen=True, slots=True)
class Search:
    """How pictures are matched: see ``StereoSettings``."""

    near_m: float
    far_m: float
    most_disparities: int
    block_px: int
    uniqueness_percent: int
    speckle_px: int
    left_right_px: float


@dataclass(frozen=True, slots=True, eq=False)
class _Turned:
    """One of two views: how its picture becomes rectified, and how its pixels find their disparity."""

    sampled_x: np.ndarray  # f32[h, w] px of the rectified picture in the small one
    sampled_y: np.ndarray
    outside: np.ndarray  # bool[h, w] where there is no picture
    found_x: np.ndarray  # f32[H, W] px of the view in the rectified picture
    found_y: np.ndarray
    stretch: np.ndarray  # f32[H, W] depth along the common direction for a depth of 1 along the camera's axis


class RectifiedPair:
    """Matches pictures of two views: ``depths`` gives the depth of both.

    ``views`` are the cameras whose pixels get a depth, ``small`` the same at the size of the pictures that are matched
    (``shrunk``). ``ValueError`` where the views share no row or no depth.
    """

    def __init__(self, views: tuple[Camera, Camera], small: tuple[Camera, Camera], search: Search) -> None:
        import cv2

        self._search = search
        self.baseline_m, turn = common_turn(*small)
        boxes = [_box(camera, turn) for camera in small]
        focal = float(np.mean([camera.K[i, i] for camera in small for i in (0, 1)]))
        self._focal_baseline = focal * self.baseline_m
        self._at_far = self._focal_baseline / search.far_m
        wanted = int(np.ceil(self._focal_baseline / search.near_m - self._at_far))
        most = min(-(-max(wanted, 1) // _SIXTEEN) * _SIXTEEN, search.most_disparities)
        #: Depth in m from which on surfaces are found: what the number of disparities allows.
        self.nearest_m = max(search.near_m, self._focal_baseline / (self._at_far + most))
        (left0, right0), (left1, right1) = boxes[0][0], boxes[1][0]
        begin = max(left0, left1 + self.baseline_m / search.far_m)
        end = min(right0, right1 + self.baseline_m / self.nearest_m)
        top, bottom = max(box[1][0] for box in boxes), min(box[1][1] for box in boxes)
        width, height = int(focal * (end - begin)) + 1 + 2 * most, int(focal * (bottom - top)) + 1
        if end <= begin or bottom <= top:
            raise ValueError("nothing lies in the pictures of both")
        # Something at far_m has disparity 0; SGBM finds nothing in a margin as wide as its disparities.
        corner = np.array([most - focal * begin, -focal * top])
        far = np.array([self._at_far, 0])
        self._sides = [
            _turned(view, camera, turn, focal, corner + shift, (height, width))
            for view, camera, shift in zip(views, small, (0 * far, far), strict=True)
        ]
        area = search.block_px**2
        self._matcher = cv2.StereoSGBM.create(
            minDisparity=0,
            numDisparities=most,
            blockSize=search.block_px,
            P1=_STEP_PENALTY * area,
            P2=_JUMP_PENALTY * area,
            disp12MaxDiff=-1,  # checked here, in both directions and before speckles go
            preFilterCap=31,
            uniquenessRatio=search.uniqueness_percent,
            mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
        )

    def rectified(self, pictures: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
        """Both pictures u8[h, w] or u8[h, w, 3] turned: what is the same lies in the same row."""
        import cv2

        return [
            cv2.remap(picture, side.sampled_x, side.sampled_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for picture, side in zip(pictures, self._sides, strict=True)
        ]

    def depths(self, pictures: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
        """Depth maps f32[H, W] m of both views from their small pictures u8[h, w] in grey; 0 where none was found."""
        left, right = self.rectified(pictures)
        margin = self._matcher.getNumDisparities()
        ours = np.full(left.shape, np.nan, "f4")
        # Whatever the right one sees, too, begins behind the left margin of the left one and ends before the right.
        ours[:, :-margin] = self._matched(left[:, :-margin], right[:, :-margin])
        theirs = self._matched(right[:, ::-1], left[:, ::-1])[:, ::-1]
        for disparity, picture, side in zip((ours, theirs), (left, right), self._sides, strict=True):
            disparity[side.outside | _blank(picture)] = np.nan
        agreed = [_agreeing(ours, theirs, -1, self._search), _agreeing(theirs, ours, 1, self._search)]
        return [self._seen_by(side, disparity) for side, disparity in zip(self._sides, agreed, strict=True)]

    def _matched(self, picture: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Disparity f32[h, w] px, NaN where there is none, which includes a margin at the left."""
        found = self._matcher.compute(np.ascontiguousarray(picture), np.ascontiguousarray(other))
        return np.where(found >= 0, found.astype("f4") / _SIXTEEN, np.float32(np.nan))

    def _seen_by(self, side: _Turned, disparity: np.ndarray) -> np.ndarray:
        import cv2

        nearest, smooth = (
            cv2.remap(disparity, side.found_x, side.found_y, way, borderMode=cv2.BORDER_CONSTANT, borderValue=np.nan)
            for way in (cv2.INTER_NEAREST, cv2.INTER_LINEAR)
        )
        found = np.where(np.abs(smooth - nearest) <= _MIXED_PX, smooth, nearest)
        depth_m = self._focal_baseline / ((found + self._at_far) * side.stretch)
        return np.where(depth_m <= self._search.far_m, depth_m, 0).astype("f4")  # NaN is not <=


def common_turn(left: Camera, right: Camera) -> tuple[float, np.ndarray]:
    """Length of the baseline in m, and the rotation f8[3, 3] from the world to the common direction of two cameras.

    Its x axis leads from the left to the right camera; its z axis is the mean of theirs, made upright to x.
    ``ValueError`` where the cameras stand at the same place, or one before the other.
    """
    across = right.center - left.center
    baseline = float(np.linalg.norm(across))
    if not baseline:
        raise ValueError("both cameras stand at the same place")
    x = across / baseline
    ahead = left.R[2] + right.R[2]
    z = ahead - (ahead @ x) * x
    if np.linalg.norm(z) < 1e-3:
        raise ValueError("one camera stands before the other, or they look at each other")
    z /= np.linalg.norm(z)
    return baseline, np.stack([x, np.cross(z, x), z])


def _blocks(height: int, width: int) -> Iterator[tuple[slice, np.ndarray]]:
    """The pixels f8[rows, W, 2] of a picture, some rows at a time."""
    for begin in range(0, height, _ROWS):
        rows = slice(begin, min(begin + _ROWS, height))
        y, x = np.mgrid[rows, :width]
        yield rows, np.stack([x, y], axis=-1).astype("f8")


def _rays(camera: Camera, pixels: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Rays f8[..., 3] of pixels in the common direction, of depth 1 along the camera's axis; NaN without one."""
    local = camera.undistort(pixels)
    return np.concatenate([local, np.ones((*local.shape[:-1], 1))], axis=-1) @ (turn @ camera.R.T).T


def _box(camera: Camera, turn: np.ndarray) -> np.ndarray:
    """Where the picture of a camera lies at depth 1 along the common direction: ((left, right), (top, bottom))."""
    x, y = np.meshgrid(np.linspace(0, camera.width - 1, 33), np.linspace(0, camera.height - 1, 33))
    rays = _rays(camera, np.stack([x, y], axis=-1), turn).reshape(-1, 3)
    ahead = rays[rays[:, 2] > 0]
    at = ahead[:, :2] / ahead[:, 2:]
    near = at[(np.abs(at) <= _MOST_ASIDE).all(axis=1)]
    if not len(near):
        raise ValueError("a camera looks aside of the common direction")
    return np.stack([near.min(axis=0), near.max(axis=0)], axis=-1)


def _turned(
    view: Camera, small: Camera, turn: np.ndarray, focal: float, corner: np.ndarray, size: tuple[int, int]
) -> _Turned:
    """The maps between a view and its rectified picture, where (x, y, 1) lies at ``focal`` · (x, y) + ``corner``."""
    sampled = np.empty((2, *size), "f4")
    for rows, pixels in _blocks(*size):
        directions = np.concatenate([(pixels - corner) / focal, np.ones((*pixels.shape[:-1], 1))], axis=-1)
        seen_at, _ = small.project(small.center + directions @ turn)
        sampled[:, rows] = np.moveaxis(seen_at, -1, 0)
    found = np.empty((3, view.height, view.width), "f4")
    for rows, pixels in _blocks(view.height, view.width):
        rays = _rays(view, pixels, turn)
        rays[rays[..., 2] <= 0] = np.nan
        found[:2, rows] = np.moveaxis(rays[..., :2] / rays[..., 2:] * focal + corner, -1, 0)
        found[2, rows] = rays[..., 2]
    # What no ray leads to lies outside.
    np.nan_to_num(sampled, copy=False, nan=_OUTSIDE_PX)
    np.nan_to_num(found[:2], copy=False, nan=_OUTSIDE_PX)
    x, y = sampled
    outside = (x < 0) | (y < 0) | (x > small.width - 1) | (y > small.height - 1)
    return _Turned(x, y, outside, *found)


def _blank(picture: np.ndarray) -> np.ndarray:
    """Where a picture u8[h, w] has no texture along its rows, bool[h, w]: every match is as good there."""
    import cv2

    slope = np.abs(cv2.Sobel(picture, cv2.CV_16S, 1, 0, scale=1 / 8 * _SLOPE_UNITS))
    return cv2.blur(slope.astype("u2"), (_TEXTURE_PX, _TEXTURE_PX)) < _LEAST_TEXTURE * _SLOPE_UNITS


def _agreeing(ours: np.ndarray, theirs: np.ndarray, sign: int, search: Search) -> np.ndarray:
    """Disparities that the other picture confirms (``sign`` leads there), without speckles; NaN otherwise."""
    import cv2

    columns = np.arange(ours.shape[1], dtype="f4") + sign * ours
    known = np.isfinite(ours)
    at = np.clip(np.rint(np.where(known, columns, 0)), 0, ours.shape[1] - 1).astype("i4")
    kept = known & (np.abs(np.take_along_axis(theirs, at, axis=1) - ours) <= search.left_right_px)
    sixteenths = np.where(kept, ours * _SIXTEEN, -_SIXTEEN).astype("i2")
    cv2.filterSpeckles(sixteenths, -_SIXTEEN, search.speckle_px, _SIXTEEN)
    return np.where(sixteenths >= 0, ours, np.float32(np.nan))
