"""What moves in a scene: optical flow less the motion of the camera."""

from typing import NamedTuple

import numpy as np

#: A point that the camera motion misses by no more is of the background, px.
INLIER_PX = 1.0
#: Share of the points that must agree on one camera motion, and the fewest points; with less the frames do not show
#: the same place, as at a cut.
MIN_INLIERS, MIN_POINTS = 0.3, 24
#: Distance of the points that the camera motion is fitted to, px.
GRID_PX = 8
#: There and back again a pixel may miss its start by this many px plus this share of its way.
MISS_PX, MISS_SHARE = 1.0, 0.1
#: The flow of a pixel is its own only where DIS sees structure: an edge of so many grey levels per px in its patch.
STRUCTURE_GREY, PATCH_PX = 3.0, 9
#: Sides of a picture that DIS finds its way in, px.
MIN_SIDE_PX = 32
#: RANSAC draws at most this often: enough for a third of inliers at the confidence.
DRAWS, CONFIDENCE = 1000, 0.999


class Motion(NamedTuple):
    """Motion of each pixel to the neighbouring frame, less that of the camera."""

    residual: np.ndarray  # f32[h, w, 2] px, x and y
    seen: np.ndarray  # bool[h, w], False where flow there and back do not meet, or where nothing is that could be seen
    noise_px: float  # robust standard deviation of the residual of the background


def motion_between(rgb: np.ndarray, neighbour_rgb: np.ndarray) -> Motion | None:
    """The motion from one frame u8[h, w, 3] to another that is not the camera's.

    Dense optical flow by DIS (Kroeger et al. 2016), there and back; the camera's part is a homography fitted to a
    grid of it by RANSAC (Fischler and Bolles 1981). None where the frames are too small or do not show the same place.
    """
    import cv2

    height, width = rgb.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        return None
    one, two = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (rgb, neighbour_rgb))
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # A flow to begin with is tried anew at every scale, so that what stands still is not carried along.
    there, back = (dis.calc(a, b, np.zeros((height, width, 2), "f4")) for a, b in ((one, two), (two, one)))
    pixels: np.ndarray = np.stack(np.meshgrid(np.arange(width, dtype="f4"), np.arange(height, dtype="f4")), 2)
    reached = pixels + there
    far = float(width + height)  # whoever leaves the picture does not come back
    x, y = np.ascontiguousarray(reached[..., 0]), np.ascontiguousarray(reached[..., 1])
    returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, (far, far))
    missed = np.linalg.norm(there + returned, axis=2)
    seen = missed <= MISS_PX + MISS_SHARE * np.linalg.norm(there, axis=2)
    seen &= _structured(one)
    points = np.zeros_like(seen)
    points[GRID_PX // 2 :: GRID_PX, GRID_PX // 2 :: GRID_PX] = True
    points &= seen
    if points.sum() < MIN_POINTS:
        return None
    camera, inlier = cv2.findHomography(
        pixels[points], reached[points], cv2.RANSAC, INLIER_PX, maxIters=DRAWS, confidence=CONFIDENCE
    )
    if camera is None or inlier.mean() < MIN_INLIERS:
        return None
    residual = reached - cv2.perspectiveTransform(pixels, camera)
    noise = 1.4826 * float(np.median(np.abs(residual[points][inlier.ravel() > 0])))
    return Motion(residual, seen, noise)


def _structured(grey: np.ndarray) -> np.ndarray:
    """Where there is an edge within the patch around a pixel, bool[h, w]."""
    import cv2

    dx, dy = (cv2.Sobel(grey, cv2.CV_32F, 1 - i, i, scale=1 / 8, borderType=cv2.BORDER_REPLICATE) for i in (0, 1))
    edge = (cv2.magnitude(dx, dy) >= STRUCTURE_GREY).astype("u1")
    return cv2.dilate(edge, np.ones((PATCH_PX, PATCH_PX), "u1")) > 0
