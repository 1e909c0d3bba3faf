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

from videotracks.points.flow.piece_kernels import FLAT, NONE, OPTIONS, PLAIN, SAMPLES, SOLID, behind

#: Grey levels: noise of the picture, and beyond which a sample counts less.
GREY_NOISE, GREY_WILD = 4.0, 10.0
#: Metres: depth is never better than this. Its squares count a quarter: the errors of neighbouring pixels are alike.
LEAST_DEPTH_NOISE_M, DEPTH_SHARE = 0.002, 0.25
#: Of a piece, so much must be seen for a view to count, and so many samples.
LEAST_SHARE, LEAST_SAMPLES = 0.3, 8
#: Between these lies the contrast of a view beside the one that the piece was taken in.
LEAST_GAIN, MOST_GAIN = 0.6, 1.6
#: Metres and radians of a step below which it has settled, and the most of a step.
SETTLED_M, SETTLED_RAD, MOST_M, MOST_RAD = 2e-3, 2e-2, 0.08, 0.2
#: Metres: how well a prediction fixes the distance of a point that one view sees, without depth.
RANGE_M = 5e-4
#: Columns of what is said of a point in a view: correlation with its piece; the share of the piece that is seen; how
#: far the point is behind the surface there, m, NaN without depth; the cosine of the angle at which it is seen.
CORRELATION, SHARE, BEHIND, FACING, VERDICTS = 0, 1, 2, 3, 4
#: Rows of the samples' store: grey level now and in the piece, six slopes of the first; whether depth is known,
#: how far it is off, and its six slopes.
_NOW, _THEN, _SLOPES, _DEEP, _OFF, _DEPTH_SLOPES, _ROWS = 0, 1, 2, 8, 9, 10, 16


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


@njit("void(f8[:, ::1], f8[:, ::1], f8, f8, f8, f8, f8, f8, f8, f8, f8, f4[:, ::1], i8, i8)", **OPTIONS)
def _slopes(C, lens, rx, ry, z, east, south, own, dx, dy, dz, store, first, k):  # type: ignore[no-untyped-def]
    """How a value with slopes ``east`` and ``south`` per px, less ``own`` times depth, changes as the piece moves."""
    a, b = (east * lens[0, 0] + south * lens[1, 0]) / z, (east * lens[0, 1] + south * lens[1, 1]) / z
    c = -(a * rx + b * ry) - own
    x = C[0, 0] * a + C[1, 0] * b + C[2, 0] * c
    y = C[0, 1] * a + C[1, 1] * b + C[2, 1] * c
    w = C[0, 2] * a + C[1, 2] * b + C[2, 2] * c
    store[first, k], store[first + 1, k], store[first + 2, k] = x, y, w
    store[first + 3, k], store[first + 4, k], store[first + 5, k] = dy * w - dz * y, dz * x - dx * w, dx * y - dy * x


@njit(
    "UniTuple(i8, 2)(f4[:, ::1], f4[:, ::1], i8[::1], f8[:, ::1], f8[::1], f8[:, ::1], f8[::1], f8[::1], f8[:, ::1],"
    "f4[:, ::1], f4[::1], i1, f8, f4[:, ::1], b1)",
    **OPTIONS,
)
def _look(grey, depth, size, C, at, R, pixel, ray, lens, places, values, kind, within, store, only_judge):  # type: ignore[no-untyped-def]
    """Where the samples of a piece fall in a view, and what is there: fills ``store``; samples seen, and of how many.

    ``at`` f8[3] is the point in the camera's axes. Near the ``pixel`` f8[2] of the ``ray`` f8[2], ``lens`` f8[2, 2]
    leads from rays to pixels.
    """
    height, width, rows, columns = size
    count, of = 0, 0
    for k in range(SAMPLES):
        sx, sy, sz = places[k, 0], places[k, 1], places[k, 2]
        if np.isnan(sx):
            continue
        of += 1
        dx = R[0, 0] * sx + R[0, 1] * sy + R[0, 2] * sz
        dy = R[1, 0] * sx + R[1, 1] * sy + R[1, 2] * sz
        dz = R[2, 0] * sx + R[2, 1] * sy + R[2, 2] * sz
        z = at[2] + C[2, 0] * dx + C[2, 1] * dy + C[2, 2] * dz
        rx = (at[0] + C[0, 0] * dx + C[0, 1] * dy + C[0, 2] * dz) / z
        ry = (at[1] + C[1, 0] * dx + C[1, 1] * dy + C[1, 2] * dz) / z
        ox, oy = rx - ray[0], ry - ray[1]
        x = pixel[0] + lens[0, 0] * ox + lens[0, 1] * oy
        y = pixel[1] + lens[1, 0] * ox + lens[1, 1] * oy
        if not (x >= 0 and y >= 0 and x < width - 1 and y < height - 1):
            continue
        column, row = int((x + 0.5) * columns / width), int((y + 0.5) * rows / height)
        deep = depth[row, column]
        if (abs(deep - z) > within) if deep > 0 else kind == SOLID:
            continue  # something else is there
        i, j = int(x), int(y)
        right, down = x - i, y - j
        a, b, c, d = grey[j, i], grey[j, i + 1], grey[j + 1, i], grey[j + 1, i + 1]
        store[_NOW, count] = (a * (1 - right) + b * right) * (1 - down) + (c * (1 - right) + d * right) * down
        store[_THEN, count] = values[k]
        count += 1
        if only_judge:
            continue
        if kind == FLAT:  # how it leans is not known: it does not turn
            dx, dy, dz = 0.0, 0.0, 0.0
        east, south = (b - a) * (1 - down) + (d - c) * down, (c - a) * (1 - right) + (d - b) * right
        _slopes(C, lens, rx, ry, z, east, south, 0.0, dx, dy, dz, store, _SLOPES, count - 1)
        store[_DEEP : _DEPTH_SLOPES + 6, count - 1] = 0
        if deep > 0 and 0 < column < columns - 1 and 0 < row < rows - 1:
            e, w, n, f = depth[row, column + 1], depth[row, column - 1], depth[row - 1, column], depth[row + 1, column]
            east = (e - w) / 2 * columns / width if abs(e - deep) < within and abs(w - deep) < within else 0.0
            south = (f - n) / 2 * rows / height if abs(n - deep) < within and abs(f - deep) < within else 0.0
            # The depth under the sample itself, not in the middle of its cell.
            deep += east * (x - ((column + 0.5) * width / columns - 0.5))
            deep += south * (y - ((row + 0.5) * height / rows - 0.5))
            store[_DEEP, count - 1], store[_OFF, count - 1] = 1, z - deep
            _slopes(C, lens, rx, ry, z, east, south, 1.0, dx, dy, dz, store, _DEPTH_SLOPES, count - 1)
    return count, of


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


@njit("f8(f4[:, ::1], i8, f8, f8[:, ::1], f8[::1], b1)", **OPTIONS)
def _add(store, count, depth_noise, left, right, only_judge):  # type: ignore[no-untyped-def]
    """Add what the samples of a view say to the normal equations, unless ``only_judge``; the correlation there."""
    for e in range(_THEN + 1 if only_judge else _DEEP):
        mean = np.float32(0)
        for k in range(count):
            mean += store[e, k]
        mean /= count
        for k in range(count):
            store[e, k] -= mean
    product, now, then = np.float32(0), np.float32(0), np.float32(0)
    for k in range(count):
        product += store[_NOW, k] * store[_THEN, k]
        now += store[_NOW, k] * store[_NOW, k]
        then += store[_THEN, k] * store[_THEN, k]
    plain = now < PLAIN * PLAIN * count or not then > 0
    correlation = 0.0 if plain else product / np.sqrt(now * then)
    if only_judge or plain:
        return correlation
    gain = np.float32(MOST_GAIN if now > then * MOST_GAIN**2 else max(np.sqrt(now / then), LEAST_GAIN))
    off, weights = np.empty(SAMPLES, np.float32), np.empty(SAMPLES, np.float32)
    wild, scale = np.float32(1 / GREY_WILD**2), np.float32(1 / GREY_NOISE**2)
    for k in range(count):
        off[k] = gain * store[_THEN, k] - store[_NOW, k]
        weights[k] = scale / (1 + off[k] * off[k] * wild)
    _add_rows(store, _SLOPES, count, weights, off, left, right)
    wild, scale = np.float32(1 / (3 * depth_noise) ** 2), np.float32(DEPTH_SHARE / depth_noise**2)
    for k in range(count):
        off[k] = store[_OFF, k]
        weights[k] = store[_DEEP, k] * scale / (1 + off[k] * off[k] * wild)
    _add_rows(store, _DEPTH_SLOPES, count, weights, off, left, right)
    return correlation


@njit("void(f4[:, ::1], i8[::1], f8[:, ::1], f8[::1], f8[:, ::1], f8[::1], f8[::1], f8[:, ::1], f4[::1], f8[::1])", **OPTIONS)  # fmt: skip  # noqa: E501
def _judge(depth, size, C, at, R, pixel, ray, lens, normal, verdict):  # type: ignore[no-untyped-def]
    """Write how far the point is behind the surface, and the cosine of the angle at which it is seen."""
    cosine = 0.0
    for k in range(3):
        world = R[k, 0] * normal[0] + R[k, 1] * normal[1] + R[k, 2] * normal[2]
        cosine -= world * (C[0, k] * at[0] + C[1, k] * at[1] + C[2, k] * at[2])
    verdict[FACING] = cosine / np.sqrt((at**2).sum())
    ox, oy = at[0] / at[2] - ray[0], at[1] / at[2] - ray[1]
    x = pixel[0] + lens[0, 0] * ox + lens[0, 1] * oy
    y = pixel[1] + lens[1, 0] * ox + lens[1, 1] * oy
    inside = x >= 0 and y >= 0 and x <= size[1] - 1 and y <= size[0] - 1
    verdict[BEHIND] = behind(depth, size, x, y, at[2]) if inside else np.inf


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
    moved, store = np.empty(6), np.empty((_ROWS, SAMPLES), np.float32)
    priors = np.array([prior_m, prior_m, prior_m, prior_rad, prior_rad, prior_rad]) ** -2
    for m in range(len(rows)):
        n = rows[m]
        p[:] = points[m]
        R[:] = turns[m]
        moved[:] = 0
        verdicts[:, m] = 0
        settled = False
        for step in range(steps + 1):
            last = settled or step == steps
            left[:] = 0
            for e in range(6):
                left[e, e], right[e] = priors[e], -priors[e] * moved[e]
            seen_by, eye = 0, 0
            for v in range(len(sizes)):
                if kinds[v, n] == NONE or np.isnan(pixels[v, m, 0]):
                    continue
                C, depth, size = cameras[v], depths[v], sizes[v]
                for e in range(3):
                    at[e] = C[e, 0] * p[0] + C[e, 1] * p[1] + C[e, 2] * p[2] + shifts[v, e]
                if not at[2] > 0:
                    continue
                pixel, ray, lens = pixels[v, m], rays[v, m], lenses[v, m]
                count, of = _look(
                    greys[v], depth, size, C, at, R, pixel, ray, lens, places[v, n], values[v, n], kinds[v, n],
                    limit_m + limit * at[2], store, last,
                )  # fmt: skip
                enough = count >= max(LEAST_SHARE * of, LEAST_SAMPLES)
                if last:
                    _judge(depth, size, C, at, R, pixel, ray, lens, normals[v, n], verdicts[v, m])
                    verdicts[v, m, SHARE] = count / max(of, 1)
                if enough:
                    noise = LEAST_DEPTH_NOISE_M + depth_noise * at[2]
                    correlation = _add(store, count, noise, left, right, last)
                    verdicts[v, m, CORRELATION] = correlation
                    seen_by, eye = seen_by + (2 if kinds[v, n] == SOLID else 1), v
            if last or seen_by == 0:
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
            settled = size_m < SETTLED_M and angle < SETTLED_RAD
        points[m] = p
        turns[m] = R
