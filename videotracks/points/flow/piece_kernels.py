"""Small pieces of surface as a view sees them: inner loops of the flow tracker, compiled.

Import it inside the function that tracks: it is compiled once, in a few seconds, then read from a cache. It holds plain
loops over plain numbers, and lets go of the interpreter's lock while it runs.
"""

from typing import Any

import numpy as np
from numba import njit

OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "nogil": True}
#: Sums in any order, so that they are vectorised; NaN stays what it is.
OPTIONS["fastmath"] = {"reassoc", "contract", "nsz"}
SIDE = 9
HALF = SIDE // 2
SAMPLES = SIDE * SIDE
#: Kinds of pieces: none; with the depth of each sample; without depth, as if it were flat and faced the camera.
NONE, SOLID, FLAT = 0, 1, 2
#: Of a piece, so much must lie on the surface of its point.
LEAST_SOLID = 0.2
#: Grey levels: the standard deviation of a piece below which it shows nothing but noise.
PLAIN = 1.5
#: Metres per sample by which a piece may bend away from its point, beside what depths may disagree.
BEND_M = 0.01


@njit("f8(f4[:, ::1], i8[::1], f8, f8, f8)", **OPTIONS)
def behind(depth, size, x, y, z):  # type: ignore[no-untyped-def]
    """How far ``z`` m is behind the surface at a pixel, NaN without depth: by that of the four cells around which
    agrees best, as at an edge it may be any of them."""
    height, width, rows, columns = size
    least = np.nan
    row, column = int((y + 0.5) * rows / height + 0.5), int((x + 0.5) * columns / width + 0.5)
    for j in range(max(row - 1, 0), min(row + 1, rows)):
        for i in range(max(column - 1, 0), min(column + 1, columns)):
            if depth[j, i] > 0 and not abs(z - depth[j, i]) >= abs(least):
                least = z - depth[j, i]
    return least


@njit("b1(f4[:, ::1], f4[::1])", **OPTIONS)
def _find_normal(places, normal):  # type: ignore[no-untyped-def]
    """Write the mean normal of the samples' ``places`` f4[3, SAMPLES], towards the camera; whether there is one."""
    total = np.zeros(3)
    for j in range(1, SIDE):
        for i in range(1, SIDE):
            here, left, above = j * SIDE + i, j * SIDE + i - 1, (j - 1) * SIDE + i
            if np.isnan(places[0, here]) or np.isnan(places[0, left]) or np.isnan(places[0, above]):
                continue
            ax, bx = places[0, here] - places[0, left], places[0, here] - places[0, above]
            ay, by = places[1, here] - places[1, left], places[1, here] - places[1, above]
            az, bz = places[2, here] - places[2, left], places[2, here] - places[2, above]
            total[0] -= ay * bz - az * by
            total[1] -= az * bx - ax * bz
            total[2] -= ax * by - ay * bx
    length = np.sqrt((total**2).sum())
    if not length > 0:
        return False
    for k in range(3):
        normal[k] = total[k] / length
    return True


@njit(
    "void(f4[:, ::1], f4[:, ::1], i8[::1], f8[:, ::1], f8[::1], f4[:, :, ::1], f8[:, ::1], f8[:, :, ::1], f8[:, ::1],"
    "i8[::1], f8, f8, f8, f4[:, :, ::1], f4[:, ::1], f4[:, ::1], i1[::1])",
    **OPTIONS,
)
def take_pieces(  # type: ignore[no-untyped-def]
    grey, depth, size, C, shift, rays, points, turns, pixels, rows, step, limit_m, limit, places, values, normals, kinds
):
    """Take the pieces around ``points`` f8[N, 3] m, at ``pixels`` f8[M, 2] of one view, of the ``rows`` i8[M] of them.

    Every ``step`` px a sample, where the ``depth`` f4[h, w] m is within ``limit_m`` and ``limit`` of it of the point's.
    ``rays`` f4[H, W, 2] are those of whole pixels; ``C`` f8[3, 3] and ``shift`` f8[3] lead to the camera, ``turns``
    f8[N, 3, 3] from the axes of the pieces to the world. Written: ``places`` f4[N, 3, SAMPLES], NaN beside the surface,
    ``values`` f4[N, SAMPLES], ``normals`` f4[N, 3], ``kinds`` i1[N].
    """
    height, width, cell_rows, cell_columns = size
    for m in range(len(rows)):
        n = rows[m]
        kinds[n] = NONE
        px, py, p, R = pixels[m, 0], pixels[m, 1], points[n], turns[n]
        if not (px >= 0 and py >= 0 and px <= width - 1 and py <= height - 1):
            continue
        center = C[2, 0] * p[0] + C[2, 1] * p[1] + C[2, 2] * p[2] + shift[2]
        within = limit_m + limit * center
        known = abs(behind(depth, size, px, py, center)) <= within
        count, total, squares = 0, 0.0, 0.0
        for k in range(SAMPLES):
            i, j = k % SIDE - HALF, k // SIDE - HALF
            places[n, :, k] = np.nan
            # Whole pixels, so that grey level, depth and ray belong together.
            u, v = round(px + step * i), round(py + step * j)
            if u < 0 or v < 0 or u >= width or v >= height:
                continue
            z = depth[v * cell_rows // height, u * cell_columns // width] if known else center
            if not (z > 0 and abs(z - center) <= within + BEND_M * np.hypot(i, j)):
                continue
            x, y, w = rays[v, u, 0] * z - shift[0], rays[v, u, 1] * z - shift[1], z - shift[2]
            ax = C[0, 0] * x + C[1, 0] * y + C[2, 0] * w - p[0]
            ay = C[0, 1] * x + C[1, 1] * y + C[2, 1] * w - p[1]
            az = C[0, 2] * x + C[1, 2] * y + C[2, 2] * w - p[2]
            for e in range(3):
                places[n, e, k] = R[0, e] * ax + R[1, e] * ay + R[2, e] * az
            value = grey[v, u]
            values[n, k] = value
            total += value
            squares += value * value
            count += 1
        if count < LEAST_SOLID * SAMPLES or squares - total * total / count < PLAIN * PLAIN * count:
            continue
        if _find_normal(places[n], normals[n]):
            kinds[n] = SOLID if known else FLAT
