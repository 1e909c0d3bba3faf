"""Features of a frame with their depth, and which of two frames are the same."""

from typing import NamedTuple

import numpy as np

from videotracks.geometry.camera import Camera

#: Blobs and corners of a frame at most: more of them make a pose no better.
_MOST_FEATURES = 1500
#: Fainter ones than OpenCV's 0.04, and contrast evened out: indoors much is flat.
_CONTRAST, _EVENED = 0.02, 2.0
#: The second best match must be this much worse (Lowe, Distinctive Image Features, 2004).
_RATIO = 0.85
#: Matches lie so close to their epipolar lines, px; and the chance that this is found, of so many trials at most.
_EPIPOLAR_PX, _SURELY, _TRIALS = 1.0, 0.9999, 5000
#: Matches that an epipolar geometry takes at least, with some over to confirm it.
_LEAST_MATCHES = 12


class Features(NamedTuple):
    """What a frame shows, M features."""

    pixels: np.ndarray  # f8[M, 2], the lens's distortion taken out
    descriptors: np.ndarray  # u1[M, 128]
    local: np.ndarray  # f8[M, 3] m in the camera's own axes; NaN without depth


def features_of(rgb: np.ndarray, depth: np.ndarray | None, camera: Camera) -> Features:
    """The features of a frame u8[H, W, 3] through its depth f32[H, W] m: root-SIFT on evened contrast."""
    import cv2

    grey = cv2.createCLAHE(_EVENED).apply(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    found, described = cv2.SIFT.create(nfeatures=_MOST_FEATURES, contrastThreshold=_CONTRAST).detectAndCompute(
        grey, None
    )
    if not found:
        return Features(np.zeros((0, 2)), np.zeros((0, 128), "u1"), np.zeros((0, 3)))
    at = np.array([point.pt for point in found])
    rays = camera.undistort(at)
    depths = np.full(len(at), np.nan) if depth is None else _depths(depth, at, camera)
    local = np.column_stack([rays * depths[:, None], depths])
    kept = np.isfinite(rays).all(axis=1)
    return Features(camera.pixels_of(rays[kept]), described[kept].astype("u1"), local[kept])


def _depths(depth: np.ndarray, at: np.ndarray, camera: Camera) -> np.ndarray:
    """The depth under pixels f8[M, 2], NaN where unknown."""
    rows, columns = depth.shape
    x = np.clip((at[:, 0] + 0.5) * (columns / camera.width), 0, columns - 1).astype("i8")
    y = np.clip((at[:, 1] + 0.5) * (rows / camera.height), 0, rows - 1).astype("i8")
    found = depth[y, x].astype("f8")
    return np.where(np.isfinite(found) & (found > 0), found, np.nan)


def matched(one: Features, other: Features) -> tuple[np.ndarray, np.ndarray]:
    """Rows i8[K] of both that are the same, by their looks and one epipolar geometry; none where there is no such."""
    import cv2

    nothing = np.zeros(0, "i8"), np.zeros(0, "i8")
    if min(len(one.pixels), len(other.pixels)) < _LEAST_MATCHES:
        return nothing
    pairs = cv2.BFMatcher().knnMatch(_root(one.descriptors), _root(other.descriptors), k=2)
    sure = [best for best, second in pairs if best.distance < _RATIO * second.distance]
    first, second = np.array([(m.queryIdx, m.trainIdx) for m in sure], "i8").reshape(-1, 2).T
    # Of several features on one spot, and of several matches to one feature, one is left.
    _, once = np.unique(np.round(one.pixels[first]), axis=0, return_index=True)
    once = once[np.unique(second[once], return_index=True)[1]]
    first, second = first[once], second[once]
    if len(first) < _LEAST_MATCHES:
        return nothing
    _, fits = cv2.findFundamentalMat(
        one.pixels[first], other.pixels[second], cv2.USAC_MAGSAC, _EPIPOLAR_PX, _SURELY, _TRIALS
    )
    if fits is None or np.count_nonzero(fits) < _LEAST_MATCHES:
        return nothing
    return first[fits.ravel() > 0], second[fits.ravel() > 0]


def _root(descriptors: np.ndarray) -> np.ndarray:
    """Root-SIFT (Arandjelović and Zisserman 2012)."""
    values = descriptors.astype("f4")
    return np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1))
