"""The frame before as a camera that has moved would see it: what Lucas–Kanade then finds is the motion of things."""

import numpy as np

from videotracks.geometry.camera import Camera

#: Radians, and share of the depth, from which a camera's step changes what patches look like: a few pixels at the rim
#: of a window of 13 lie beyond half a pixel.
TURNED_RAD, MOVED_SHARE = 0.03, 0.02
#: Pixels between those that are looked up by geometry.
_GRID_PX = 4


def has_moved(before: Camera, camera: Camera, depth: np.ndarray) -> bool:
    """Whether a camera's step, before a surface of ``depth`` f4[H, W] m, changes what patches look like."""
    if before is camera:
        return False
    known = depth[depth > 0]
    if not known.size:
        return False
    cosine = (np.trace(camera.R @ before.R.T) - 1) / 2
    moved = np.linalg.norm(camera.center - before.center)
    return bool(np.arccos(np.clip(cosine, -1, 1)) > TURNED_RAD or moved > MOVED_SHARE * np.median(known))


def as_seen_from(grey: np.ndarray, before: Camera, camera: Camera, depth: np.ndarray) -> np.ndarray:
    """``grey`` u1[H, W], taken by ``before``, as ``camera`` sees it with ``depth`` f4[h, w] m; u1[H, W].

    Where a pixel was, is looked up in every fourth one each way, through the depth that the camera now has there (the
    nearest known one where there is none), and is between them in between. 0 where the frame before did not reach.
    """
    import cv2
    from scipy.ndimage import distance_transform_edt

    size = camera.width, camera.height
    y, x = np.mgrid[: size[1] : _GRID_PX, : size[0] : _GRID_PX]
    rows, columns = (at * count // whole for at, count, whole in zip((y, x), depth.shape, size[::-1], strict=True))
    coarse = depth[rows, columns]
    known = np.isfinite(coarse) & (coarse > 0)
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    world = camera.lift(np.stack([x, y], axis=-1), coarse[tuple(nearest)])
    pixels = np.nan_to_num(before.project(world)[0], nan=-1e4).astype("f4")
    # From the grid to all pixels: pixel u lies at u / 4 of the grid.
    scale = np.array([[1 / _GRID_PX, 0, 0], [0, 1 / _GRID_PX, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    dense = cv2.warpAffine(pixels, scale, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cv2.remap(grey, dense[..., 0], dense[..., 1], cv2.INTER_LINEAR)
