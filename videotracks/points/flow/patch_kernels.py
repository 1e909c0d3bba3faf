"""Patches of an image and the search for them: inner loops of the flow tracker, compiled.

Import it inside the function that tracks: it is compiled once, in a few seconds, then read from a cache. It holds plain
loops over plain numbers, and lets go of the interpreter's lock while it runs.
"""

from typing import Any

import numpy as np
from numba import njit

OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "nogil": True}
#: A patch is SIDE × SIDE samples: enough to tell places apart, small enough to lie on one surface.
SIDE = 9
HALF = SIDE // 2
#: Grey levels: the standard deviation of a patch below which it shows nothing but noise.
FLAT = 1.5


@njit("void(u1[:, ::1], f4[:, ::1], f4[:, :, ::1], f4[:, ::1])", **OPTIONS)
def describe(image, at, axes, patches):  # type: ignore[no-untyped-def]
    """Write the patches f4[N, SIDE²] around pixels ``at`` f4[N, 2], less their mean and of length 1.

    ``axes`` f4[N or 1, 2, 2]: the steps in the image (columns) for one step right and one down in the patch. All 0
    where a patch is flat, leaves the image or has no place: it then correlates with nothing.
    """
    height, width = image.shape
    for n in range(at.shape[0]):
        patches[n] = 0
        a = n if axes.shape[0] > 1 else 0
        inside, total, squares = True, 0.0, 0.0
        for j in range(SIDE):
            for i in range(SIDE):
                x = at[n, 0] + axes[a, 0, 0] * (i - HALF) + axes[a, 0, 1] * (j - HALF)
                y = at[n, 1] + axes[a, 1, 0] * (i - HALF) + axes[a, 1, 1] * (j - HALF)
                if not (x >= 0 and y >= 0 and x <= width - 1 and y <= height - 1):  # also where it is NaN
                    inside = False
                    break
                u, v = min(int(x), width - 2), min(int(y), height - 2)
                right, down = x - u, y - v
                upper = image[v, u] + right * (np.float32(image[v, u + 1]) - image[v, u])
                lower = image[v + 1, u] + right * (np.float32(image[v + 1, u + 1]) - image[v + 1, u])
                value = upper + down * (lower - upper)
                patches[n, j * SIDE + i] = value
                total += value
                squares += value * value
            if not inside:
                break
        mean = total / (SIDE * SIDE)
        spread = squares - total * mean
        if not inside or spread < FLAT * FLAT * SIDE * SIDE:
            patches[n] = 0
        else:
            scale = 1 / np.sqrt(spread)
            for k in range(SIDE * SIDE):
                patches[n, k] = (patches[n, k] - mean) * scale


@njit("f4(f4, f4, f4)", **OPTIONS)
def _top(before, here, after):  # type: ignore[no-untyped-def]
    """Where the parabola through three neighbours has its top, from the middle one."""
    bend = before - 2 * here + after
    return np.float32(0) if bend >= 0 else np.float32(0.5) * (before - after) / bend


@njit("void(u1[:, ::1], f4[:, ::1], f4[:, ::1], i8[::1], f4[:, ::1], f4[:, ::1])", **OPTIONS)
def search(image, templates, at, reach, found, scores):  # type: ignore[no-untyped-def]
    """Write where, at most ``reach`` i8[N] px from ``at`` f4[N, 2], the ``templates`` f4[N, SIDE²] fit best.

    ``found`` f4[N, 2], to a part of a pixel; ``scores`` f4[N, 2]: the correlation there, and the best one further than
    two pixels away. Scores are -1 where the search would leave the image.
    """
    height, width = image.shape
    for n in range(at.shape[0]):
        r = reach[n]
        found[n] = at[n]
        scores[n] = -1
        left, top = at[n, 0] - r - HALF, at[n, 1] - r - HALF
        span = 2 * r + SIDE
        if not (left >= 0 and top >= 0 and left + span < width - 1 and top + span < height - 1):
            continue
        u, v = int(left), int(top)
        right, down = left - u, top - v
        window = np.empty((span, span), np.float32)
        for j in range(span):
            for i in range(span):
                upper = image[v + j, u + i] + right * (np.float32(image[v + j, u + i + 1]) - image[v + j, u + i])
                lower = image[v + j + 1, u + i] + right * (
                    np.float32(image[v + j + 1, u + i + 1]) - image[v + j + 1, u + i]
                )
                window[j, i] = upper + down * (lower - upper)
        side = 2 * r + 1
        fits = np.full((side, side), np.float32(-1))
        best, bx, by = np.float32(-1), 0, 0
        for dy in range(side):
            for dx in range(side):
                total, squares, product = np.float32(0), np.float32(0), np.float32(0)
                for j in range(SIDE):
                    for i in range(SIDE):
                        value = window[dy + j, dx + i]
                        total += value
                        squares += value * value
                        product += value * templates[n, j * SIDE + i]
                spread = squares - total * total / (SIDE * SIDE)
                if spread >= FLAT * FLAT * SIDE * SIDE:
                    fits[dy, dx] = product / np.sqrt(spread)
                if fits[dy, dx] > best:
                    best, bx, by = fits[dy, dx], dx, dy
        scores[n, 0] = best
        for dy in range(side):
            for dx in range(side):
                if max(abs(dx - bx), abs(dy - by)) > 2 and fits[dy, dx] > scores[n, 1]:
                    scores[n, 1] = fits[dy, dx]
        if 0 < bx < side - 1:
            found[n, 0] += _top(fits[by, bx - 1], best, fits[by, bx + 1])
        if 0 < by < side - 1:
            found[n, 1] += _top(fits[by - 1, bx], best, fits[by + 1, bx])
        found[n, 0] += bx - r
        found[n, 1] += by - r
