"""Where a view shows the samples of a piece of surface, and what is there: inner loops of the flow tracker, compiled.

Import it inside the function that tracks: it is compiled once, in a few seconds, then read from a cache. What can be
done to all samples at once is, in single precision, so that it is vectorised; only reading the picture goes one by one.
"""

import numpy as np
from numba import njit

from videotracks.points.flow.piece_kernels import FLAT, OPTIONS, SAMPLES, SOLID

#: Rows of the samples' store: grey level now and in the piece, six slopes of the first; whether depth is known, how far
#: it is off, and its six slopes.
NOW, THEN, SLOPES, DEEP, OFF, DEPTH_SLOPES = 0, 1, 2, 8, 9, 10
#: What these are made of: the sample beside its point (m), its ray and one over its depth; its pixel; slopes per px.
DX, DY, DZ, RX, RY, OVER, X, Y = 16, 17, 18, 19, 20, 21, 22, 23
EAST, SOUTH, DEPTH_EAST, DEPTH_SOUTH, ROWS = 24, 25, 26, 27, 28


@njit("void(f8[:, ::1], f8[::1], f8[:, ::1], f8[::1], f8[::1], f8[:, ::1], f4[:, ::1], f4[:, ::1])", **OPTIONS)
def place(C, at, R, pixel, ray, lens, places, store):  # type: ignore[no-untyped-def]
    """Write where the samples of a piece are, and where a view has them (``look``): all at once, NaN where none is."""
    C00, C01, C02 = np.float32(C[0, 0]), np.float32(C[0, 1]), np.float32(C[0, 2])
    C10, C11, C12 = np.float32(C[1, 0]), np.float32(C[1, 1]), np.float32(C[1, 2])
    C20, C21, C22 = np.float32(C[2, 0]), np.float32(C[2, 1]), np.float32(C[2, 2])
    R00, R01, R02 = np.float32(R[0, 0]), np.float32(R[0, 1]), np.float32(R[0, 2])
    R10, R11, R12 = np.float32(R[1, 0]), np.float32(R[1, 1]), np.float32(R[1, 2])
    R20, R21, R22 = np.float32(R[2, 0]), np.float32(R[2, 1]), np.float32(R[2, 2])
    ax, ay, az = np.float32(at[0]), np.float32(at[1]), np.float32(at[2])
    ru, rv, pu, pv = np.float32(ray[0]), np.float32(ray[1]), np.float32(pixel[0]), np.float32(pixel[1])
    a, b, c, d = np.float32(lens[0, 0]), np.float32(lens[0, 1]), np.float32(lens[1, 0]), np.float32(lens[1, 1])
    for k in range(SAMPLES):
        sx, sy, sz = places[0, k], places[1, k], places[2, k]
        dx = R00 * sx + R01 * sy + R02 * sz
        dy = R10 * sx + R11 * sy + R12 * sz
        dz = R20 * sx + R21 * sy + R22 * sz
        over = np.float32(1) / (az + C20 * dx + C21 * dy + C22 * dz)
        rx = (ax + C00 * dx + C01 * dy + C02 * dz) * over
        ry = (ay + C10 * dx + C11 * dy + C12 * dz) * over
        store[DX, k], store[DY, k], store[DZ, k] = dx, dy, dz
        store[RX, k], store[RY, k], store[OVER, k] = rx, ry, over
        store[X, k] = pu + a * (rx - ru) + b * (ry - rv)
        store[Y, k] = pv + c * (rx - ru) + d * (ry - rv)


@njit("void(f8[:, ::1], f8[:, ::1], f4[:, ::1], i8, f4, i8, i8, i8)", **OPTIONS)
def slopes(C, lens, store, count, own, first, east, south):  # type: ignore[no-untyped-def]
    """How values with slopes in the rows ``east`` and ``south`` per px, less ``own`` times depth, change as the piece
    moves: six rows of ``store`` from ``first`` on."""
    C00, C01, C02 = np.float32(C[0, 0]), np.float32(C[0, 1]), np.float32(C[0, 2])
    C10, C11, C12 = np.float32(C[1, 0]), np.float32(C[1, 1]), np.float32(C[1, 2])
    C20, C21, C22 = np.float32(C[2, 0]), np.float32(C[2, 1]), np.float32(C[2, 2])
    p, q, r, s = np.float32(lens[0, 0]), np.float32(lens[0, 1]), np.float32(lens[1, 0]), np.float32(lens[1, 1])
    for k in range(count):
        over, dx, dy, dz = store[OVER, k], store[DX, k], store[DY, k], store[DZ, k]
        a, b = (store[east, k] * p + store[south, k] * r) * over, (store[east, k] * q + store[south, k] * s) * over
        c = -(a * store[RX, k] + b * store[RY, k]) - own
        x = C00 * a + C10 * b + C20 * c
        y = C01 * a + C11 * b + C21 * c
        w = C02 * a + C12 * b + C22 * c
        store[first, k], store[first + 1, k], store[first + 2, k] = x, y, w
        store[first + 3, k] = dy * w - dz * y
        store[first + 4, k] = dz * x - dx * w
        store[first + 5, k] = dx * y - dy * x


@njit("UniTuple(i8, 2)(f4[:, ::1], f4[:, ::1], i8[::1], f4[::1], i1, f4, f4[:, ::1])", **OPTIONS)
def look(grey, depth, size, values, kind, within, store):  # type: ignore[no-untyped-def]
    """What is where ``place`` has put the samples of a piece: ``store`` keeps those that are seen, one after another;
    how many, and of how many."""
    height, width, rows, columns = size
    count, of = 0, 0
    wide, high = np.float32(columns / width), np.float32(rows / height)
    half, one, most_x, most_y = np.float32(0.5), np.float32(1), np.float32(width - 1), np.float32(height - 1)
    cell_x, cell_y = one / wide, one / high
    for k in range(SAMPLES):
        x, y = store[X, k], store[Y, k]
        if not (x >= 0 and y >= 0 and x < most_x and y < most_y):
            of += not np.isnan(x)
            continue
        of += 1
        column, row = int((x + half) * wide), int((y + half) * high)
        deep, z = depth[row, column], one / store[OVER, k]
        if (abs(deep - z) > within) if deep > 0 else kind == SOLID:
            continue  # something else is there
        i, j = int(x), int(y)
        right, down = x - np.float32(i), y - np.float32(j)
        a, b, c, d = grey[j, i], grey[j, i + 1], grey[j + 1, i], grey[j + 1, i + 1]
        top, bottom, east = a + (b - a) * right, c + (d - c) * right, b - a
        store[NOW, count], store[THEN, count] = top + (bottom - top) * down, values[k]
        store[EAST, count], store[SOUTH, count] = east + (d - c - east) * down, bottom - top
        if count < k:
            for e in range(DX, OVER + 1):
                store[e, count] = store[e, k]
        known = deep > 0 and 0 < column < columns - 1 and 0 < row < rows - 1
        store[DEEP, count] = known
        if known:
            e, w, n, f = depth[row, column + 1], depth[row, column - 1], depth[row - 1, column], depth[row + 1, column]
            east = (e - w) * half * wide if abs(e - deep) < within and abs(w - deep) < within else np.float32(0)
            south = (f - n) * half * high if abs(n - deep) < within and abs(f - deep) < within else np.float32(0)
            # The depth under the sample itself, not in the middle of its cell.
            deep += east * (x + half - (np.float32(column) + half) * cell_x)
            deep += south * (y + half - (np.float32(row) + half) * cell_y)
            store[DEPTH_EAST, count], store[DEPTH_SOUTH, count], store[OFF, count] = east, south, z - deep
        else:
            store[DEPTH_EAST, count], store[DEPTH_SOUTH, count], store[OFF, count] = 0, 0, 0
        count += 1
    if kind == FLAT:  # how it leans is not known: it does not turn
        store[DX : DZ + 1, :count] = 0
    return count, of
