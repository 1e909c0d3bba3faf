"""The inner loops of the boundary refinement, compiled: what speaks for each pixel, and a random walker over a band.

Import it inside the function that refines: it is compiled once, in a few seconds, then read from a cache. It holds
plain loops over plain numbers, and lets go of the interpreter's lock while it runs.
"""

from math import exp
from typing import Any

from numba import njit

OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "nogil": True}
#: Log odds of the place alone: at most this, deep inside or far outside the warped mask.
PLACE = 2.5
#: Log odds of colour and motion together: at most this, so that no pixel is decided without its place.
LOOKS = 3.0
#: Where the flow is unmatched, the place speaks with this share of its voice.
DOUBTED = 0.3
#: From such log odds of colour and motion, a pixel inside the warped mask is asked again.
ALIEN = -2.0
#: How much a pixel's own evidence counts beside a neighbour of exactly its colour.
TRUST = 0.3
#: Over-relaxation, between 1 (Gauss-Seidel) and 2 (unstable): a band is thin, so that its sweeps soon agree.
OVER = 1.5


@njit(
    "i8(f4[:, ::1], b1[:, ::1], f4[:, ::1], u2[:, ::1], f4[::1], f4, f4[:, ::1], f4[:, ::1], i4[:, ::1])",
    **OPTIONS,
)
def weigh(depth, unmatched, motion, code, colour, band, looks, chance, pixels):  # type: ignore[no-untyped-def]
    """The chance of each pixel to be the object's, and which pixels are open to question; returns how many.

    ``depth`` in px inside the warped mask (negative outside), ``unmatched`` and ``motion`` (log odds) at half its
    size, ``code`` of colours and the log odds of each in ``colour``; ``band`` in px. Written are ``looks``, the log
    odds of colour and motion; ``chance``; and the open ``pixels``, rows y, x.
    """
    height, width = depth.shape
    count = 0
    for y in range(height):
        for x in range(width):
            doubted = unmatched[y // 2, x // 2]
            said = colour[code[y, x]]
            if not doubted:
                said += motion[y // 2, x // 2]
            said = -LOOKS if said < -LOOKS else LOOKS if said > LOOKS else said
            looks[y, x] = said
            inside = depth[y, x]
            if -band < inside < band or (doubted and inside > -2 * band) or (inside > 0 and said < ALIEN):
                place = inside / band
                place = PLACE * (-1.0 if place < -1.0 else 1.0 if place > 1.0 else place)
                if doubted:
                    place *= DOUBTED
                chance[y, x] = 1 / (1 + exp(-place - said))
                pixels[count, 0] = y
                pixels[count, 1] = x
                count += 1
            else:
                chance[y, x] = 1.0 if inside > 0 else 0.0
    return count


@njit("void(f4[:, ::1], u1[:, :, ::1], f4[::1], i4[:, ::1], f4[:, ::1], i8)", **OPTIONS)
def relax(chance, lab, likeness, pixels, weights, sweeps):  # type: ignore[no-untyped-def]
    """Relax ``chance`` at ``pixels``: each becomes the mean of its own, weighted by TRUST, and its four neighbours.

    A neighbour weighs ``likeness[d // 4]`` for their squared distance d in Lab; beyond the edge of the crop there is
    none. ``pixels`` i4[P, 2] are rows y, x; ``weights`` f4[P, 5] is room to work in. Sweeps run forth and back in turn.
    """
    height, width = chance.shape
    count, last = pixels.shape[0], likeness.shape[0] - 1
    for i in range(count):
        y, x = pixels[i, 0], pixels[i, 1]
        total = TRUST
        for k in range(4):
            v = y + (k == 2) - (k == 3)
            u = x + (k == 0) - (k == 1)
            weight = 0.0
            if 0 <= v < height and 0 <= u < width:
                distance = 0
                for c in range(3):
                    step = int(lab[y, x, c]) - int(lab[v, u, c])
                    distance += step * step
                distance //= 4
                weight = likeness[last if distance > last else distance]
            weights[i, k] = weight
            total += weight
        for k in range(4):
            weights[i, k] /= total
        weights[i, 4] = TRUST / total * chance[y, x]
    for sweep in range(sweeps):
        for step in range(count):
            i = step if sweep % 2 == 0 else count - 1 - step
            y, x = pixels[i, 0], pixels[i, 1]
            mean = (
                weights[i, 0] * chance[y, x + 1 if x + 1 < width else x]
                + weights[i, 1] * chance[y, x - 1 if x > 0 else x]
                + weights[i, 2] * chance[y + 1 if y + 1 < height else y, x]
                + weights[i, 3] * chance[y - 1 if y > 0 else y, x]
                + weights[i, 4]
            )
            chance[y, x] += OVER * (mean - chance[y, x])
