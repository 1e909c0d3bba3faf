"""Lucas–Kanade on one surface alone: an inner loop of the flow tracker, compiled.

Import it inside the function that tracks: it is compiled once, in a few seconds, then read from a cache. It holds plain
loops over plain numbers, and lets go of the interpreter's lock while it runs.
"""

from typing import Any

import numpy as np
from numba import njit

OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "nogil": True}
#: Sums in any order, so that they are vectorised; NaN stays what it is.
OPTIONS["fastmath"] = {"reassoc", "contract", "nsz"}
#: Share of the depth within which a pixel of the window is on the surface of the point.
SAME_SURFACE = 0.03
#: Of the window, so much must be on the surface.
LEAST_SHARE = 0.2
#: Smallest eigenvalue of the window, per pixel and squared grey level: below it noise decides.
CORNER = 1.0
#: Pixels of a step below which it has settled.
SETTLED_PX = 0.03


@njit("f4(u1[:, ::1], f4, f4)", **OPTIONS)
def _at(image, x, y):  # type: ignore[no-untyped-def]
    """Grey level between pixels; the border's beyond it."""
    height, width = image.shape
    x = min(max(x, np.float32(0)), np.float32(width - 1))
    y = min(max(y, np.float32(0)), np.float32(height - 1))
    u, v = min(int(x), width - 2), min(int(y), height - 2)
    right, down = x - u, y - v
    upper = image[v, u] + right * (np.float32(image[v, u + 1]) - image[v, u])
    lower = image[v + 1, u] + right * (np.float32(image[v + 1, u + 1]) - image[v + 1, u])
    return np.float32(upper + down * (lower - upper))


@njit(
    "void(u1[:, ::1], u1[:, ::1], f4[:, ::1], f4[:, ::1], f4[::1], f4[:, ::1], i8, i8, f4[:, ::1], f4[::1])", **OPTIONS
)
def follow_surface(before, now, depth, at, depths, guess, half, steps, found, residuals):  # type: ignore[no-untyped-def]
    """Follow the pixels ``at`` f4[N, 2] of ``before`` to ``now``, from ``guess`` f4[N, 2] on, on their own surfaces.

    Of the window of 2 · ``half`` + 1 px those pixels count whose ``depth`` f4[h, w] m (of ``before``, at its own
    resolution) is that of the point, ``depths`` f4[N] m. Written are the pixels ``found`` f4[N, 2] and the
    ``residuals`` f4[N] in grey levels, infinite where the surface is too small, too flat in looks, or lost.
    Inverse compositional (Baker and Matthews 2004), less the mean difference in brightness.
    """
    height, width = before.shape
    rows, columns = depth.shape
    side = 2 * half + 1
    template = np.empty((side * side, 6), np.float32)  # x, y, grey level, its slopes, difference
    for n in range(at.shape[0]):
        found[n] = guess[n]
        residuals[n] = np.inf
        count = 0
        slope_x, slope_y, total = 0.0, 0.0, 0.0
        for j in range(-half, half + 1):
            for i in range(-half, half + 1):
                x, y = at[n, 0] + i, at[n, 1] + j
                if not (x >= 1 and y >= 1 and x < width - 2 and y < height - 2):
                    continue
                z = depth[int((y + 0.5) * rows / height), int((x + 0.5) * columns / width)]
                if not abs(z - depths[n]) <= SAME_SURFACE * depths[n]:
                    continue
                one = np.float32(1)
                template[count, 0], template[count, 1] = i, j
                template[count, 2] = _at(before, x, y)
                template[count, 3] = (_at(before, x + one, y) - _at(before, x - one, y)) / 2
                template[count, 4] = (_at(before, x, y + one) - _at(before, x, y - one)) / 2
                slope_x += template[count, 3]
                slope_y += template[count, 4]
                count += 1
        if count < LEAST_SHARE * side * side:
            continue
        slope_x, slope_y = slope_x / count, slope_y / count
        a, b, d = 0.0, 0.0, 0.0
        for k in range(count):  # the mean brightness is free, so that only what differs from it counts
            template[k, 3] -= slope_x
            template[k, 4] -= slope_y
            a += template[k, 3] * template[k, 3]
            b += template[k, 3] * template[k, 4]
            d += template[k, 4] * template[k, 4]
        least = (a + d - np.sqrt((a - d) * (a - d) + 4 * b * b)) / 2
        if least < CORNER * count:
            continue
        determinant = a * d - b * b
        px, py = guess[n, 0], guess[n, 1]
        for _ in range(steps):
            total = 0.0
            for k in range(count):
                template[k, 5] = _at(now, px + template[k, 0], py + template[k, 1]) - template[k, 2]
                total += template[k, 5]
            mean = total / count
            right, down = 0.0, 0.0
            for k in range(count):
                right += template[k, 3] * (template[k, 5] - mean)
                down += template[k, 4] * (template[k, 5] - mean)
            dx, dy = (d * right - b * down) / determinant, (a * down - b * right) / determinant
            px -= np.float32(dx)
            py -= np.float32(dy)
            if not (abs(dx) < side and abs(dy) < side and px >= 0 and py >= 0 and px < width and py < height):
                count = 0
                break
            if abs(dx) < SETTLED_PX and abs(dy) < SETTLED_PX:
                break
        if count == 0:
            continue
        squares, total = 0.0, 0.0
        for k in range(count):
            off = _at(now, px + template[k, 0], py + template[k, 1]) - template[k, 2]
            total += off
            squares += off * off
        found[n, 0], found[n, 1] = px, py
        residuals[n] = np.sqrt(max(squares / count - (total / count) ** 2, 0.0))
