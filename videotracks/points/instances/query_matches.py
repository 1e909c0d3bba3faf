"""Points of an object without depth: what two views see of it, matched along epipolar lines and triangulated."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera
from videotracks.geometry.epipolar import fundamental_matrix
from videotracks.geometry.triangulation import refine, reprojection_errors, triangulate
from videotracks.geometry.visibility import in_frame
from videotracks.masks.packed import bounding_box
from videotracks.points.instances.sightings import of_one_surface

#: Blobs and corners taken from a mask at most; the costs of matching grow with the square.
_MOST_FEATURES = 3000
#: The second best match must be this much worse (Lowe, Distinctive Image Features, 2004).
_RATIO = 0.8
#: Root-SIFT descriptors further apart than this are not of one thing: those of chance lie about 1 apart.
_MOST_DISTANCE = 0.7
#: What around a mask belongs to the description of features at its rim.
_RIM_PX = 32
#: Rays that meet at so small an angle that a pixel moves the point further, in metres, do not say how far it is.
_MOST_UNSURE_M = 0.1


class MatchBounds(NamedTuple):
    """What is believed of a match."""

    epipolar_px: float  # from the line, and from the pixels when projected again
    nearest_m: float
    farthest_m: float


class Matched(NamedTuple):
    """Points that two views see."""

    points: np.ndarray  # f8[N, 3] world metres
    views: np.ndarray  # i8[N], the first of the two
    strengths: np.ndarray  # f8[N], the closer the descriptors the higher, 0 to 1


class _Features(NamedTuple):
    pixels: np.ndarray  # f8[N, 2]
    straight: np.ndarray  # f8[N, 3] without distortion, a 1 behind
    descriptors: np.ndarray  # f4[N, 128], length 1


def match_views(
    cameras: Sequence[Camera], pictures: Mapping[int, np.ndarray], masks: Mapping[int, np.ndarray], bounds: MatchBounds
) -> Matched:
    """Points on an object from the pictures u8[H, W, 3] and the masks bool[H, W] of it in two views and more.

    In each pair of views, features (root-SIFT; Arandjelović and Zisserman, 2012) that are each other's best along the
    epipolar line are triangulated; a point that another view's mask does not cover, though in its picture, is
    dropped. Deterministic.
    """
    found = {view: _features(cameras[view], pictures[view], masks[view]) for view in sorted(masks)}
    points, seen_by, strengths = [np.zeros((0, 3))], [np.zeros(0, "i8")], [np.zeros(0)]
    for first, second in combinations(found, 2):
        pair = cameras[first], cameras[second]
        ones, twos, distances = _matches(*pair, found[first], found[second], bounds.epipolar_px)
        made = _triangulated(pair, np.stack([found[first].pixels[ones], found[second].pixels[twos]]), bounds)
        kept = np.isfinite(made).all(axis=1)
        for view, mask in masks.items():
            kept[kept] = _covered(cameras[view], mask, made[kept])
        points.append(made[kept])
        seen_by.append(np.full(int(kept.sum()), first))
        strengths.append(1 - distances[kept])
    return Matched(np.concatenate(points), np.concatenate(seen_by), np.concatenate(strengths))


def _features(camera: Camera, rgb: np.ndarray, mask: np.ndarray) -> _Features:
    import cv2

    box = bounding_box(mask)
    if box is None:
        return _Features(np.zeros((0, 2)), np.zeros((0, 3)), np.zeros((0, 128), "f4"))
    left, top = max(box[0] - _RIM_PX, 0), max(box[1] - _RIM_PX, 0)
    cut = slice(top, box[1] + box[3] + _RIM_PX), slice(left, box[0] + box[2] + _RIM_PX)
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[cut]), cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT.create(nfeatures=_MOST_FEATURES, contrastThreshold=0.01)  # faint ones: the line rules most out
    keypoints, raw = sift.detectAndCompute(grey, np.ascontiguousarray(mask[cut]).view("u1"))
    pixels = np.array([point.pt for point in keypoints]).reshape(-1, 2) + np.array([left, top])
    descriptors = np.zeros((0, 128), "f4") if raw is None else raw
    descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1))
    rays = camera.undistort(pixels)
    known = np.isfinite(rays).all(axis=1)
    straight = np.column_stack([camera.pixels_of(rays[known]), np.ones(int(known.sum()))])
    return _Features(pixels[known], straight, descriptors[known])


def _matches(
    first: Camera, second: Camera, ones: _Features, twos: _Features, epipolar_px: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features that are each other's best along the line: rows of both i8[M], distances of descriptors f8[M]."""
    nothing = np.zeros(0, "i8"), np.zeros(0, "i8"), np.zeros(0)
    if min(len(ones.pixels), len(twos.pixels)) < 1 or not np.linalg.norm(first.center - second.center):
        return nothing
    matrix = fundamental_matrix(first, second)
    lines, back = ones.straight @ matrix.T, twos.straight @ matrix
    off = np.abs(lines @ twos.straight.T)
    lengths = np.hypot(lines[:, :1], lines[:, 1:2]), np.hypot(back[:, 0], back[:, 1])
    apart = np.sqrt(np.maximum(2 - 2 * ones.descriptors @ twos.descriptors.T, 0)).astype("f8")
    apart[(off > epipolar_px * lengths[0]) | (off > epipolar_px * lengths[1])] = np.inf
    best, back_again = apart.argmin(axis=1), apart.argmin(axis=0)
    rows = np.arange(len(apart))
    distances = apart[rows, best]
    others = apart.copy()
    others[rows, best] = np.inf
    kept = (back_again[best] == rows) & (distances <= _MOST_DISTANCE) & (distances <= _RATIO * others.min(axis=1))
    return rows[kept], best[kept], distances[kept]


def _triangulated(pair: tuple[Camera, Camera], pixels: np.ndarray, bounds: MatchBounds) -> np.ndarray:
    """The points f8[N, 3] at ``pixels`` f8[2, N, 2]; NaN for those that are not believed."""
    seen = np.ones(pixels.shape[:2], bool)
    points = refine(pair, triangulate(pair, pixels, seen), pixels, seen)
    believed: np.ndarray = np.all(reprojection_errors(pair, points, pixels, seen) <= bounds.epipolar_px, axis=0)
    for camera in pair:
        _, depths = camera.project(points)
        believed &= (depths >= bounds.nearest_m) & (depths <= bounds.farthest_m)
        believed &= _unsure_m(camera, points, pair) <= _MOST_UNSURE_M
    for camera in pair:
        rows = np.flatnonzero(believed)
        believed[rows] = of_one_surface(camera.project(points[rows])[1])
    points[~believed] = np.nan
    return points


def _unsure_m(camera: Camera, points: np.ndarray, pair: tuple[Camera, Camera]) -> np.ndarray:
    """How far a pixel of ``camera`` moves points f8[N, 3] along the ray of the other, f8[N] m."""
    ways = [points - one.center for one in pair]
    ways = [way / np.linalg.norm(way, axis=1, keepdims=True) for way in ways]
    with np.errstate(divide="ignore"):
        return camera.project(points)[1] / camera.K[0, 0] / np.linalg.norm(np.cross(*ways), axis=1)


def _covered(camera: Camera, mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether points f8[N, 3] lie under the mask, or out of the picture, bool[N]."""
    pixels, _ = camera.project(points)
    inside = in_frame(camera, pixels)
    covered = ~inside
    columns, rows = np.rint(pixels[inside]).astype("i8").T
    covered[inside] = mask[rows.clip(0, camera.height - 1), columns.clip(0, camera.width - 1)]
    return covered
