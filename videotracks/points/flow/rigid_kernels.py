"""Small rigid pieces of surface in all views at once: inner loops of the flow tracker, compiled.

Import it inside the function that tracks: it is compiled once, in a few seconds, then read from a cache. It holds plain
loops over plain numbers, and lets go of the interpreter's lock while it runs.
"""

from typing import Any

import numpy as np
from numba import njit

OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "nogil": True}
#: Sums in any order, so that they are vectorised; NaN stays what it is.
OPTIONS["fastmath"] = {"reassoc", "contract", "nsz"}
#: A piece is SIDE × SIDE samples in the picture that it was taken from.
SIDE = 9
HALF = SIDE // 2
SAMPLES = SIDE * SIDE
#: Grey levels: noise of the picture, and beyond which a sample counts less.
GREY_NOISE, GREY_WILD = 4.0, 10.0
#: Of a piece, so much must be seen for a view to count.
LEAST_SHARE = 0.3
#: Grey levels: the standard deviation of a piece below which it shows nothing but noise.
FLAT = 1.5
#: Metres and radians of a step below which it has settled.
SETTLED_M, SETTLED_RAD = 2e-4, 1e-3
#: Columns of what is said of a point in a view.
CORRELATION, SHARE, ASIDE, FACING, VERDICTS = 0, 1, 2, 3, 4


@njit("b1(f8[:, ::1], f8[::1])", **OPTIONS)
def _solve(a, b):  # type: ignore[no-untyped-def]
    """Solve the symmetric 6 × 6 system in place of ``b`` (Cholesky); whether it is positive definite."""
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
def turn(R, x, y, z):  # type: ignore[no-untyped-def]
    """Turn the rotation ``R`` by a small rotation vector (quaternion of half of it, then exact)."""
    a, b, c = x / 2, y / 2, z / 2
    n = 1 / np.sqrt(1 + a * a + b * b + c * c)
    w, a, b, c = n, a * n, b * n, c * n
    for j in range(3):
        p, q, r = R[0, j], R[1, j], R[2, j]
        R[0, j] = (1 - 2 * (b * b + c * c)) * p + 2 * (a * b - w * c) * q + 2 * (a * c + w * b) * r
        R[1, j] = 2 * (a * b + w * c) * p + (1 - 2 * (a * a + c * c)) * q + 2 * (b * c - w * a) * r
        R[2, j] = 2 * (a * c - w * b) * p + 2 * (b * c + w * a) * q + (1 - 2 * (a * a + b * b)) * r


@njit(
    "void(f4[:, ::1], f4[:, ::1], f8[:, ::1], f8[::1], f4[:, :, ::1], f8[:, ::1], f8[:, :, ::1], f8[:, ::1], i8[::1],"
    "f8, f8, f8, f4[:, :, ::1], f4[:, ::1], f4[:, ::1], b1[::1])",
    **OPTIONS,
)
def capture(grey, depth, turn_c, shift, rays, points, turns, pixels, rows, step, gate_m, gate, offsets, values, normals, taken):  # type: ignore[no-untyped-def]  # noqa: E501
    """Take the pieces of surface around ``points`` f8[N, 3], at ``pixels`` f8[N, 2], of the ``rows`` i8[M] of them."""
    height, width = grey.shape
    dh, dw = depth.shape
    for n in rows:
        taken[n] = False
        px, py = pixels[n, 0], pixels[n, 1]
        if not (px >= 1 and py >= 1 and px < width - 2 and py < height - 2):
            continue
        p, R = points[n], turns[n]
        zc = turn_c[2, 0] * p[0] + turn_c[2, 1] * p[1] + turn_c[2, 2] * p[2] + shift[2]
        limit = gate_m + gate * zc
        count, total, squares = 0, 0.0, 0.0
        mx, my, mz = 0.0, 0.0, 0.0
        cov = np.zeros((3, 3))
        for j in range(SIDE):
            for i in range(SIDE):
                k = j * SIDE + i
                offsets[n, k, 0] = np.nan
                # whole pixels, so that grey level, depth and ray belong together
                u, v = int(round(px + step * (i - HALF))), int(round(py + step * (j - HALF)))
                if u < 0 or v < 0 or u >= width or v >= height:
                    continue
                z = depth[v * dh // height, u * dw // width]
                if not (z > 0 and abs(z - zc) <= limit + 0.01 * np.hypot(i - HALF, j - HALF)):
                    continue
                qx, qy, qz = rays[v, u, 0] * z - shift[0], rays[v, u, 1] * z - shift[1], z - shift[2]
                x = turn_c[0, 0] * qx + turn_c[1, 0] * qy + turn_c[2, 0] * qz - p[0]
                y = turn_c[0, 1] * qx + turn_c[1, 1] * qy + turn_c[2, 1] * qz - p[1]
                w = turn_c[0, 2] * qx + turn_c[1, 2] * qy + turn_c[2, 2] * qz - p[2]
                offsets[n, k, 0] = R[0, 0] * x + R[1, 0] * y + R[2, 0] * w
                offsets[n, k, 1] = R[0, 1] * x + R[1, 1] * y + R[2, 1] * w
                offsets[n, k, 2] = R[0, 2] * x + R[1, 2] * y + R[2, 2] * w
                values[n, k] = grey[v, u]
                total += grey[v, u]
                squares += grey[v, u] * grey[v, u]
                count += 1
        if count < 0.2 * SAMPLES or squares - total * total / count < FLAT * FLAT * count:
            continue
        # the normal: that of the plane through the nearer half of the samples, by least squares in the picture
        best = 0.0
        nx, ny, nz = 0.0, 0.0, 0.0
        for j in range(1, SIDE):
            for i in range(1, SIDE):
                if abs(i - HALF) > 3 or abs(j - HALF) > 3:
                    continue
                k, l, m = j * SIDE + i, j * SIDE + i - 1, (j - 1) * SIDE + i
                if np.isnan(offsets[n, k, 0]) or np.isnan(offsets[n, l, 0]) or np.isnan(offsets[n, m, 0]):
                    continue
                ax, ay, az = (offsets[n, k, 0] - offsets[n, l, 0], offsets[n, k, 1] - offsets[n, l, 1], offsets[n, k, 2] - offsets[n, l, 2])  # noqa: E501
                bx, by, bz = (offsets[n, k, 0] - offsets[n, m, 0], offsets[n, k, 1] - offsets[n, m, 1], offsets[n, k, 2] - offsets[n, m, 2])  # noqa: E501
                nx -= ay * bz - az * by
                ny -= az * bx - ax * bz
                nz -= ax * by - ay * bx
                best += 1
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        if best == 0 or not length > 0:
            continue
        normals[n, 0], normals[n, 1], normals[n, 2] = nx / length, ny / length, nz / length
        taken[n] = True


@njit(
    "void(f4[:, :, ::1], f4[:, :, ::1], i8[:, ::1], f8[:, :, ::1], f8[:, ::1], f8[:, :, ::1], f8[:, :, ::1],"
    "f8[:, :, :, ::1], f4[:, :, :, ::1], f4[:, :, ::1], f4[:, :, ::1], b1[:, ::1], i8[::1], f8, f8, f8[::1], f8[::1],"
    "i8, f8[:, ::1], f8[:, :, ::1], f8[:, :, ::1])",
    **OPTIONS,
)
def align(  # type: ignore[no-untyped-def]
    greys, depths, sizes, cam_turns, cam_shifts, pixels, rays, lenses, offsets, values, normals, has, rows, gate_m, gate,
    depth_noise, priors, steps, points, turns, verdicts,
):  # fmt: skip
    """Move the ``points`` f8[N, 3] and ``turns`` f8[N, 3, 3] of the ``rows`` i8[M] so that all views show the pieces.

    Gauss–Newton over grey levels (less the mean, times a gain, per view) and depths, with the start as a prior.
    """
    views = greys.shape[0]
    left, right = np.empty((6, 6)), np.empty(6)
    store = np.empty((SAMPLES, 16), np.float64)
    p, R, start = np.empty(3), np.empty((3, 3)), np.empty(3)
    for n in rows:
        p[:] = points[n]
        R[:] = turns[n]
        start[:] = p
        wx, wy, wz = 0.0, 0.0, 0.0
        for it in range(steps + 1):
            last = it == steps
            left[:] = 0
            right[:] = 0
            for k in range(3):
                left[k, k] = priors[0]
                right[k] = priors[0] * (start[k] - p[k])
                left[k + 3, k + 3] = priors[1]
            right[3], right[4], right[5] = -priors[1] * wx, -priors[1] * wy, -priors[1] * wz
            some = False
            for v in range(views):
                if not has[v, n]:
                    continue
                height, width, dh, dw = sizes[v, 0], sizes[v, 1], sizes[v, 2], sizes[v, 3]
                grey, depth, C = greys[v], depths[v], cam_turns[v]
                A = lenses[v, n]
                cx = C[0, 0] * p[0] + C[0, 1] * p[1] + C[0, 2] * p[2] + cam_shifts[v, 0]
                cy = C[1, 0] * p[0] + C[1, 1] * p[1] + C[1, 2] * p[2] + cam_shifts[v, 1]
                cz = C[2, 0] * p[0] + C[2, 1] * p[1] + C[2, 2] * p[2] + cam_shifts[v, 2]
                limit = gate_m + gate * cz
                count, of = 0, 0
                si, st, sg0, sg1, sg2, sg3, sg4, sg5 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                sigma = depth_noise[v] * cz * cz
                for k in range(SAMPLES):
                    sx = offsets[v, n, k, 0]
                    if np.isnan(sx):
                        continue
                    of += 1
                    sy, sz = offsets[v, n, k, 1], offsets[v, n, k, 2]
                    dx = R[0, 0] * sx + R[0, 1] * sy + R[0, 2] * sz
                    dy = R[1, 0] * sx + R[1, 1] * sy + R[1, 2] * sz
                    dz = R[2, 0] * sx + R[2, 1] * sy + R[2, 2] * sz
                    qx = cx + C[0, 0] * dx + C[0, 1] * dy + C[0, 2] * dz
                    qy = cy + C[1, 0] * dx + C[1, 1] * dy + C[1, 2] * dz
                    qz = cz + C[2, 0] * dx + C[2, 1] * dy + C[2, 2] * dz
                    rx, ry = qx / qz, qy / qz
                    ox, oy = rx - rays[v, n, 0], ry - rays[v, n, 1]
                    x = pixels[v, n, 0] + A[0, 0] * ox + A[0, 1] * oy
                    y = pixels[v, n, 1] + A[1, 0] * ox + A[1, 1] * oy
                    if not (x >= 1 and y >= 1 and x < width - 2 and y < height - 2):
                        continue
                    di, dj = int((x + 0.5) * dw / width), int((y + 0.5) * dh / height)
                    D = depth[dj, di]
                    known = D > 0
                    if known and abs(D - qz) > limit:
                        continue
                    i, j = int(x), int(y)
                    fx, fy = x - i, y - j
                    a, b, c, d = grey[j, i], grey[j, i + 1], grey[j + 1, i], grey[j + 1, i + 1]
                    value = (a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy
                    s = store[count]
                    s[0], s[1] = value, values[v, n, k]
                    si += value
                    st += s[1]
                    count += 1
                    if last:
                        continue
                    gx = (b - a) * (1 - fy) + (d - c) * fy
                    gy = (c - a) * (1 - fx) + (d - b) * fx
                    ga, gb = (gx * A[0, 0] + gy * A[1, 0]) / qz, (gx * A[0, 1] + gy * A[1, 1]) / qz
                    gc = -(ga * rx + gb * ry)
                    X = C[0, 0] * ga + C[1, 0] * gb + C[2, 0] * gc
                    Y = C[0, 1] * ga + C[1, 1] * gb + C[2, 1] * gc
                    Z = C[0, 2] * ga + C[1, 2] * gb + C[2, 2] * gc
                    s[2], s[3], s[4] = X, Y, Z
                    s[5], s[6], s[7] = dy * Z - dz * Y, dz * X - dx * Z, dx * Y - dy * X
                    sg0 += X
                    sg1 += Y
                    sg2 += Z
                    sg3 += s[5]
                    sg4 += s[6]
                    sg5 += s[7]
                    s[8] = 0
                    if known and di > 0 and dj > 0 and di < dw - 1 and dj < dh - 1:
                        east, west, north, south = depth[dj, di + 1], depth[dj, di - 1], depth[dj - 1, di], depth[dj + 1, di]
                        ex = (east - west) / 2 if abs(east - D) < limit and abs(west - D) < limit else 0.0
                        ey = (south - north) / 2 if abs(south - D) < limit and abs(north - D) < limit else 0.0
                        ex, ey = ex * dw / width, ey * dh / height
                        # the depth under the sample itself, not at the middle of its cell
                        D += ex * (x - ((di + 0.5) * width / dw - 0.5)) + ey * (y - ((dj + 0.5) * height / dh - 0.5))
                        ga, gb = (ex * A[0, 0] + ey * A[1, 0]) / qz, (ex * A[0, 1] + ey * A[1, 1]) / qz
                        gc = -(ga * rx + gb * ry) - 1
                        X = C[0, 0] * ga + C[1, 0] * gb + C[2, 0] * gc
                        Y = C[0, 1] * ga + C[1, 1] * gb + C[2, 1] * gc
                        Z = C[0, 2] * ga + C[1, 2] * gb + C[2, 2] * gc
                        s[8] = 1
                        s[9] = D - qz
                        s[10], s[11], s[12] = X, Y, Z
                        s[13], s[14], s[15] = dy * Z - dz * Y, dz * X - dx * Z, dx * Y - dy * X
                if last:
                    N = normals[v, n]
                    fxn = R[0, 0] * N[0] + R[0, 1] * N[1] + R[0, 2] * N[2]
                    fyn = R[1, 0] * N[0] + R[1, 1] * N[1] + R[1, 2] * N[2]
                    fzn = R[2, 0] * N[0] + R[2, 1] * N[1] + R[2, 2] * N[2]
                    nz_x = C[0, 0] * fxn + C[0, 1] * fyn + C[0, 2] * fzn
                    nz_y = C[1, 0] * fxn + C[1, 1] * fyn + C[1, 2] * fzn
                    nz_z = C[2, 0] * fxn + C[2, 1] * fyn + C[2, 2] * fzn
                    verdicts[v, n, FACING] = -(cx * nz_x + cy * nz_y + cz * nz_z) / np.sqrt(cx * cx + cy * cy + cz * cz)
                    ox, oy = cx / cz - rays[v, n, 0], cy / cz - rays[v, n, 1]
                    x = pixels[v, n, 0] + A[0, 0] * ox + A[0, 1] * oy
                    y = pixels[v, n, 1] + A[1, 0] * ox + A[1, 1] * oy
                    verdicts[v, n, ASIDE] = np.inf
                    if x >= 0 and y >= 0 and x < width - 1 and y < height - 1:
                        D = depth[int((y + 0.5) * dh / height), int((x + 0.5) * dw / width)]
                        verdicts[v, n, ASIDE] = cz - D if D > 0 else np.nan
                    verdicts[v, n, SHARE] = count / max(of, 1)
                    verdicts[v, n, CORRELATION] = 0
                if count < LEAST_SHARE * of or count < 8:
                    continue
                mi, mt = si / count, st / count
                product, squares_t, squares_i = 0.0, 0.0, 0.0
                for k in range(count):
                    ci, ct = store[k, 0] - mi, store[k, 1] - mt
                    product += ci * ct
                    squares_t += ct * ct
                    squares_i += ci * ci
                if last:
                    if squares_i > FLAT * FLAT * count and squares_t > 0:
                        verdicts[v, n, CORRELATION] = product / np.sqrt(squares_t * squares_i)
                    continue
                some = True
                gain = min(max(np.sqrt(squares_i / max(squares_t, 1e-9)), 0.6), 1.6)
                sg0, sg1, sg2, sg3, sg4, sg5 = sg0 / count, sg1 / count, sg2 / count, sg3 / count, sg4 / count, sg5 / count
                for k in range(count):
                    s = store[k]
                    s[2] -= sg0
                    s[3] -= sg1
                    s[4] -= sg2
                    s[5] -= sg3
                    s[6] -= sg4
                    s[7] -= sg5
                    off = gain * (s[1] - mt) - (s[0] - mi)
                    weight = 1 / (GREY_NOISE * GREY_NOISE * (1 + (off / GREY_WILD) ** 2))
                    for e in range(6):
                        we = weight * s[2 + e]
                        right[e] += we * off
                        for f in range(e + 1):
                            left[e, f] += we * s[2 + f]
                    if s[8] > 0:
                        off = s[9]
                        weight = 0.25 / (sigma * sigma * (1 + (off / (3 * sigma)) ** 2))
                        for e in range(6):
                            we = weight * s[10 + e]
                            right[e] -= we * off
                            for f in range(e + 1):
                                left[e, f] += we * s[10 + f]
            if last or not some:
                if not some and not last:
                    for v in range(views):
                        verdicts[v, n] = 0
                break
            if not _solve(left, right):
                break
            size = np.sqrt(right[0] ** 2 + right[1] ** 2 + right[2] ** 2)
            angle = np.sqrt(right[3] ** 2 + right[4] ** 2 + right[5] ** 2)
            scale = min(1.0, 0.08 / max(size, 1e-12), 0.2 / max(angle, 1e-12))
            for k in range(6):
                right[k] *= scale
            p += right[:3]
            turn(R, right[3], right[4], right[5])
            wx, wy, wz = wx + right[3], wy + right[4], wz + right[5]
            if size < SETTLED_M and angle < SETTLED_RAD and it < steps - 1:
                # one more turn, for the verdict
                pass
        points[n] = p
        turns[n] = R
