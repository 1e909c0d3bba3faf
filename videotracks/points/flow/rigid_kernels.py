"""Small rigid pieces of surface, followed in all views at once: inner loops of the flow tracker, compiled.

Import it inside the function that tracks: it is compiled once, in a few seconds, then read from a cache. It holds plain
loops over plain numbers, and lets go of the interpreter's lock while it runs.

A piece is what a view saw around a point: SIDE² samples, each with its place beside the point (metres, in axes that
turn with the piece) and its grey level. Placed anew, its samples fall on other pixels of every view; Gauss and Newton
move it (3 for where it is, 3 for how it is turned) until grey levels and depths agree in all views together: Lucas and
Kanade's method in space, as Baker and Matthews ("Lucas–Kanade 20 years on", 2004) in its forward additive form.
"""

import numpy as np
from numba import njit

from videotracks.points.flow.piece_kernels import NONE, OPTIONS, PLAIN, SAMPLES, SOLID, behind
from videotracks.points.flow.sample_kernels import (
    DEEP,
    DEPTH_EAST,
    DEPTH_SLOPES,
    DEPTH_SOUTH,
    EAST,
    NOW,
    OFF,
    ROWS,
    SLOPES,
    SOUTH,
    THEN,
    look,
    place,
    slopes,
)

#: Grey levels: noise of the picture, and beyond which a sample counts less.
GREY_NOISE, GREY_WILD = 4.0, 10.0
#: Metres: depth is never better than this. Its squares count a quarter: the errors of neighbouring pixels are alike.
LEAST_DEPTH_NOISE_M, DEPTH_SHARE = 0.002, 0.25
#: Of a piece, so much must be seen for a view to count, and so many samples.
LEAST_SHARE, LEAST_SAMPLES = 0.3, 8
#: Between these lies the contrast of a view beside the one that the piece was taken in.
LEAST_GAIN, MOST_GAIN = 0.6, 1.6
#: Metres and radians of a step below which it has settled, and the most of a step. Correlation and share are those from
#: before the last step: another look to say the same of a place so near would take half as long again.
SETTLED_M, SETTLED_RAD, MOST_M, MOST_RAD = 2e-3, 2e-2, 0.08, 0.2
#: Metres: how well a prediction fixes the distance of a point that one view sees, without depth.
RANGE_M = 5e-4
#: Columns of what is said of a point in a view: correlation with its piece; the share of the piece that is seen; how
#: far the point is behind the surface there, m, NaN without depth; the cosine of the angle at which it is seen.
CORRELATION, SHARE, BEHIND, FACING, VERDICTS = 0, 1, 2, 3, 4


@njit("b1(f8[:, ::1], f8[::1])", **OPTIONS)
def _solve(a, b):  # type: ignore[no-untyped-def]
    """Solve a symmetric system in place of ``b`` (Cholesky, of the lower half); whether it is positive definite."""
    n = b.shape[0]
    for j in range(n):
        s = a[j, j]
        for k in range(j):
            s -= a[j, k] * a[j, k]
        if not s > 0:
            return False
        s = np.sqrt(s)
        a[j, j] = s
        for i in range(j + 1, n):
            t = a[i, j]
            for k in range(j):
                t -= a[i, k] * a[j, k]
            a[i, j] = t / s
    for i in range(n):
        t = b[i]
        for k in range(i):
            t -= a[i, k] * b[k]
        b[i] = t / a[i, i]
    for i in range(n - 1, -1, -1):
        t = b[i]
        for k in range(i + 1, n):
            t -= a[k, i] * b[k]
        b[i] = t / a[i, i]
    return True


@njit("void(f8[:, ::1], f8, f8, f8)", **OPTIONS)
def _turn(R, x, y, z):  # type: ignore[no-untyped-def]
    """Turn the rotation ``R`` further, by a rotation vector of twice the tangent of half the angle (Cayley)."""
    a, b, c = x / 2, y / 2, z / 2
    w = 1 / np.sqrt(1 + a * a + b * b + c * c)
    a, b, c = a * w, b * w, c * w
    for j in range(3):
        p, q, r = R[0, j], R[1, j], R[2, j]
        R[0, j] = (1 - 2 * (b * b + c * c)) * p + 2 * (a * b - w * c) * q + 2 * (a * c + w * b) * r
        R[1, j] = 2 * (a * b + w * c) * p + (1 - 2 * (a * a + c * c)) * q + 2 * (b * c - w * a) * r
        R[2, j] = 2 * (a * c - w * b) * p + 2 * (b * c + w * a) * q + (1 - 2 * (a * a + b * b)) * r


@njit("void(f4[:, ::1], i8, i8, f4[::1], f4[::1], f8[:, ::1], f8[::1])", **OPTIONS)
def _add_rows(store, first, count, weights, off, left, right):  # type: ignore[no-untyped-def]
    """Add equations, their slopes in six rows of ``store`` from ``first`` on, to the lower half of the normal ones."""
    for e in range(6):
        total = np.float32(0)
        for k in range(count):
            total += weights[k] * store[first + e, k] * off[k]
        right[e] += total
        for f in range(e + 1):
            total = np.float32(0)
            for k in range(count):
                total += weights[k] * store[first + e, k] * store[first + f, k]
            left[e, f] += total


@njit("f8(f4[:, ::1], i8, f8, f8[:, ::1], f8[::1])", **OPTIONS)
def _add(store, count, depth_noise, left, right):  # type: ignore[no-untyped-def]
    """Add what the samples of a view say to the normal equations; the correlation there."""
    for e in range(DEEP):
        mean = np.float32(0)
        for k in range(count):
            mean += store[e, k]
        mean /= count
        for k in range(count):
            store[e, k] -= mean
    product, now, then = np.float32(0), np.float32(0), np.float32(0)
    for k in range(count):
        product += store[NOW, k] * store[THEN, k]
        now += store[NOW, k] * store[NOW, k]
        then += store[THEN, k] * store[THEN, k]
    plain = now < PLAIN * PLAIN * count or not then > 0
    correlation = 0.0 if plain else product / np.sqrt(now * then)
    if plain:
        return correlation
    gain = np.float32(MOST_GAIN if now > then * MOST_GAIN**2 else max(np.sqrt(now / then), LEAST_GAIN))
    off, weights = np.empty(SAMPLES, np.float32), np.empty(SAMPLES, np.float32)
    wild, scale = np.float32(1 / GREY_WILD**2), np.float32(1 / GREY_NOISE**2)
    for k in range(count):
        off[k] = gain * store[THEN, k] - store[NOW, k]
        weights[k] = scale / (1 + off[k] * off[k] * wild)
    _add_rows(store, SLOPES, count, weights, off, left, right)
    wild, scale = np.float32(1 / (3 * depth_noise) ** 2), np.float32(DEPTH_SHARE / depth_noise**2)
    for k in range(count):
        off[k] = store[OFF, k]
        weights[k] = store[DEEP, k] * scale / (1 + off[k] * off[k] * wild)
    _add_rows(store, DEPTH_SLOPES, count, weights, off, left, right)
    return correlation


@njit("void(f4[:, ::1], i8[::1], f8[:, ::1], f8[::1], f8[:, ::1], f8[::1], f8[::1], f8[:, ::1], f4[::1], f8[::1])", **OPTIONS)  # fmt: skip  # noqa: E501
def _judge(depth, size, C, at, R, pixel, ray, lens, normal, verdict):  # type: ignore[no-untyped-def]
    """Write how far the point is behind the surface, and the cosine of the angle at which it is seen."""
    cosine = 0.0
    for k in range(3):
        world = R[k, 0] * normal[0] + R[k, 1] * normal[1] + R[k, 2] * normal[2]
        cosine -= world * (C[0, k] * at[0] + C[1, k] * at[1] + C[2, k] * at[2])
    verdict[FACING] = cosine / np.sqrt(at[0] * at[0] + at[1] * at[1] + at[2] * at[2])
    ox, oy = at[0] / at[2] - ray[0], at[1] / at[2] - ray[1]
    x = pixel[0] + lens[0, 0] * ox + lens[0, 1] * oy
    y = pixel[1] + lens[1, 0] * ox + lens[1, 1] * oy
    inside = x >= 0 and y >= 0 and x <= size[1] - 1 and y <= size[0] - 1
    verdict[BEHIND] = behind(depth, size, x, y, at[2]) if inside else np.inf


@njit("void(f8[:, ::1], f8[::1], f8[::1], f8[::1])", **OPTIONS)
def _move(C, p, shift, at):  # type: ignore[no-untyped-def]
    """Write where the point ``p`` is in a camera's axes."""
    for e in range(3):
        at[e] = C[e, 0] * p[0] + C[e, 1] * p[1] + C[e, 2] * p[2] + shift[e]


@njit(
    "void(f4[:, :, ::1], f4[:, :, ::1], i8[:, ::1], f8[:, :, ::1], f8[:, ::1], f8[:, :, ::1], f8[:, :, ::1],"
    "f8[:, :, :, ::1], f4[:, :, :, ::1], f4[:, :, ::1], f4[:, :, ::1], i1[:, ::1], i8[::1], f8, f8, f8, f8, f8, i8,"
    "f8[:, ::1], f8[:, :, ::1], f8[:, :, ::1])",
    **OPTIONS,
)
def align(  # type: ignore[no-untyped-def]
    greys, depths, sizes, cameras, shifts, pixels, rays, lenses, places, values, normals, kinds, rows, limit_m, limit,
    depth_noise, prior_m, prior_rad, steps, points, turns, verdicts,
):  # fmt: skip
    """Move the pieces of the ``rows`` i8[M], now at ``points`` f8[M, 3] m and ``turns`` f8[M, 3, 3], to where V views
    show them; write both, and ``verdicts`` f8[V, M, VERDICTS].

    Where they were is expected to ``prior_m`` and ``prior_rad``. ``pixels``, ``rays`` f8[V, M, 2] and ``lenses``
    f8[V, M, 2, 2]: of the points as they were, in each view. ``kinds`` i1[V, N] says which views have a piece;
    ``depth_noise`` is a share of the depth.
    """
    left, right, at, p, R = np.empty((6, 6)), np.empty(6), np.empty(3), np.empty(3), np.empty((3, 3))
    moved, store = np.empty(6), np.empty((ROWS, SAMPLES), np.float32)
    priors = np.array([prior_m, prior_m, prior_m, prior_rad, prior_rad, prior_rad]) ** -2
    for m in range(len(rows)):
        n = rows[m]
        p[:] = points[m]
        R[:] = turns[m]
        moved[:] = 0
        verdicts[:, m] = 0
        for _ in range(steps):
            left[:] = 0
            for e in range(6):
                left[e, e], right[e] = priors[e], -priors[e] * moved[e]
            seen_by, eye = 0, 0
            for v in range(len(sizes)):
                if kinds[v, n] == NONE or np.isnan(pixels[v, m, 0]):
                    continue
                C, lens = cameras[v], lenses[v, m]
                _move(C, p, shifts[v], at)
                verdicts[v, m, CORRELATION] = verdicts[v, m, SHARE] = 0
                if not at[2] > 0:
                    continue
                place(C, at, R, pixels[v, m], rays[v, m], lens, places[v, n], store)
                within = limit_m + limit * at[2]
                count, of = look(greys[v], depths[v], sizes[v], values[v, n], kinds[v, n], within, store)
                verdicts[v, m, SHARE] = count / max(of, 1)
                if count >= max(LEAST_SHARE * of, LEAST_SAMPLES):
                    slopes(C, lens, store, count, 0, SLOPES, EAST, SOUTH)
                    slopes(C, lens, store, count, 1, DEPTH_SLOPES, DEPTH_EAST, DEPTH_SOUTH)
                    noise = LEAST_DEPTH_NOISE_M + depth_noise * at[2]
                    verdicts[v, m, CORRELATION] = _add(store, count, noise, left, right)
                    seen_by, eye = seen_by + (2 if kinds[v, n] == SOLID else 1), v
            if seen_by == 0:
                break
            if seen_by == 1:
                C = cameras[eye]
                along = (C[2, 0] * moved[0] + C[2, 1] * moved[1] + C[2, 2] * moved[2]) / RANGE_M**2
                for e in range(3):
                    right[e] -= C[2, e] * along
                    for f in range(e + 1):
                        left[e, f] += C[2, e] * C[2, f] / RANGE_M**2
            if not _solve(left, right):
                break
            size_m = np.sqrt(right[0] ** 2 + right[1] ** 2 + right[2] ** 2)
            angle = np.sqrt(right[3] ** 2 + right[4] ** 2 + right[5] ** 2)
            scale = min(1.0, MOST_M / max(size_m, 1e-12), MOST_RAD / max(angle, 1e-12))
            for e in range(6):
                right[e] *= scale
                moved[e] += right[e]
            for e in range(3):
                p[e] += right[e]
            _turn(R, right[3], right[4], right[5])
            if size_m < SETTLED_M and angle < SETTLED_RAD:
                break
        for v in range(len(sizes)):
            if kinds[v, n] != NONE and not np.isnan(pixels[v, m, 0]):
                _move(cameras[v], p, shifts[v], at)
                if at[2] > 0:
                    _judge(
                        depths[v], sizes[v], cameras[v], at, R, pixels[v, m], rays[v, m], lenses[v, m], normals[v, n],
                        verdicts[v, m],
                    )  # fmt: skip
        points[m] = p
        turns[m] = R
