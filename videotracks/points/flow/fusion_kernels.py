"""Fusion of views and the motion of neighbours: inner loops of the flow tracker, compiled.

Import it inside the function that tracks: it is compiled once, in a few seconds, then read from a cache. It holds plain
loops over plain numbers, and lets go of the interpreter's lock while it runs.
"""

from typing import Any

import numpy as np
from numba import njit

OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "nogil": True}
#: Steps of Gauss and Newton; from a prediction a few cm off, the third is below a micrometre.
STEPS = 3
#: Metres: how well a prediction fixes what the views leave open, beside ``sigma`` of a pixel.
PRIOR_M = 0.1
#: The determinant of the normal matrix beside the cube of its trace, below which the views leave a direction open.
SETTLED = 1e-9


@njit("b1(f8[:, ::1], f8[::1])", **OPTIONS)
def _solve(left, right):  # type: ignore[no-untyped-def]
    """Solve left · x = right in place of ``right``, symmetric 3 × 3; whether the matrix settles it."""
    a, b, c = left[0, 0], left[0, 1], left[0, 2]
    d, e, f = left[1, 1], left[1, 2], left[2, 2]
    c00, c01, c02 = d * f - e * e, c * e - b * f, b * e - c * d
    determinant = a * c00 + b * c01 + c * c02
    trace = a + d + f
    if not determinant > SETTLED * trace * trace * trace / 27:
        return False
    c11, c12, c22 = a * f - c * c, b * c - a * e, a * d - b * b
    x = (c00 * right[0] + c01 * right[1] + c02 * right[2]) / determinant
    y = (c01 * right[0] + c11 * right[1] + c12 * right[2]) / determinant
    z = (c02 * right[0] + c12 * right[1] + c22 * right[2]) / determinant
    right[0], right[1], right[2] = x, y, z
    return True


@njit(
    "b1(f8[:, :, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, :, ::1], f8[:, ::1], i8, f8, f8[::1], f8[::1], b1)",
    **OPTIONS,
)
def _descend(rays, depths, weights, depth_weights, turns, shifts, n, prior, start, point, anchored):  # type: ignore[no-untyped-def]
    """Move ``point`` to where the weighted squares are least; whether the views settle it."""
    left, right, row = np.empty((3, 3)), np.empty(3), np.empty(3)
    for _ in range(STEPS):
        left[:] = 0
        right[:] = 0
        if anchored:
            for k in range(3):
                left[k, k] = prior
                right[k] = prior * (start[k] - point[k])
        for view in range(rays.shape[0]):
            if weights[view, n] <= 0:
                continue
            turn, shift = turns[view], shifts[view]
            x = turn[0, 0] * point[0] + turn[0, 1] * point[1] + turn[0, 2] * point[2] + shift[0]
            y = turn[1, 0] * point[0] + turn[1, 1] * point[1] + turn[1, 2] * point[2] + shift[1]
            z = turn[2, 0] * point[0] + turn[2, 1] * point[1] + turn[2, 2] * point[2] + shift[2]
            if not z > 0:
                return False
            for k in range(3):
                if k < 2:
                    here = (x if k == 0 else y) / z
                    off, weight = rays[view, n, k] - here, weights[view, n]
                    for m in range(3):
                        row[m] = (turn[k, m] - here * turn[2, m]) / z
                else:
                    off, weight = depths[view, n] - z, depth_weights[view, n]
                    if not weight > 0:
                        continue
                    row[:] = turn[2]
                for m in range(3):
                    right[m] += weight * row[m] * off
                    for o in range(3):
                        left[m, o] += weight * row[m] * row[o]
        if not _solve(left, right):
            return False
        for k in range(3):
            point[k] += right[k]
    return True


@njit(
    "f8(f8[:, :, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, :, ::1], f8[:, ::1], f8[::1], f8[::1], i8, i8)",
    **OPTIONS,
)
def _error(rays, depths, depth_weights, depth_limits, turns, shifts, limits, point, view, n):  # type: ignore[no-untyped-def]
    """How far a view is off, beside what is allowed."""
    turn, shift = turns[view], shifts[view]
    x = turn[0, 0] * point[0] + turn[0, 1] * point[1] + turn[0, 2] * point[2] + shift[0]
    y = turn[1, 0] * point[0] + turn[1, 1] * point[1] + turn[1, 2] * point[2] + shift[1]
    z = turn[2, 0] * point[0] + turn[2, 1] * point[1] + turn[2, 2] * point[2] + shift[2]
    if not z > 0:
        return np.inf
    off = np.hypot(rays[view, n, 0] - x / z, rays[view, n, 1] - y / z) / limits[view]
    if depth_weights[view, n] > 0:
        off = max(off, abs(depths[view, n] - z) / depth_limits[view, n])
    return off


@njit(
    "void(f8[:, :, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, :, ::1], f8[:, ::1], f8[::1], f8,"
    "f8[:, ::1], f8[:, ::1], b1[::1], f8[:, ::1])",
    **OPTIONS,
)
def fuse(  # type: ignore[no-untyped-def]
    rays, depths, weights, depth_weights, depth_limits, turns, shifts, limits, prior, starts, points, settled, errors
):
    """Find the points f8[N, 3] m that V views see along ``rays`` f8[V, N, 2] and in ``depths`` f8[V, N] m.

    ``weights`` and ``depth_weights`` f8[V, N] are inverse variances, 0 for what was not seen. While
    one is further off than ``limits`` f8[V], in the plane at depth 1, or ``depth_limits`` f8[V, N] m, that one is left
    out, its weight written as 0, without which the others agree best, among them and with the prediction ``starts``.
    What the rest leaves open is as in the prediction, and not ``settled`` b1[N]. ``errors`` f8[V, N] beside the limits.
    """
    views, count = weights.shape
    point, start = np.empty(3), np.empty(3)
    for n in range(count):
        left = 0
        for view in range(views):
            left += weights[view, n] > 0
        for k in range(3):
            start[k] = starts[n, k]
        settled[n] = False
        points[n] = np.nan
        while left > 0:
            point[:] = start
            settled[n] = _descend(rays, depths, weights, depth_weights, turns, shifts, n, prior, start, point, False)
            if not settled[n]:
                point[:] = start
                if not _descend(rays, depths, weights, depth_weights, turns, shifts, n, prior, start, point, True):
                    for view in range(views):
                        weights[view, n] = 0
                    break
            worst, worst_view = 1.0, -1
            for view in range(views):
                if weights[view, n] > 0:
                    errors[view, n] = _error(
                        rays, depths, depth_weights, depth_limits, turns, shifts, limits, point, view, n
                    )
                    if not errors[view, n] <= worst:
                        worst, worst_view = errors[view, n], view
            if worst_view < 0:
                points[n] = point
                break
            least = np.inf
            for candidate in range(views):  # left out, which one lets the others agree best?
                kept = weights[candidate, n]
                if kept <= 0:
                    continue
                weights[candidate, n] = 0
                point[:] = start
                anchored = not _descend(
                    rays, depths, weights, depth_weights, turns, shifts, n, prior, start, point, False
                )
                if anchored:
                    point[:] = start
                    _descend(rays, depths, weights, depth_weights, turns, shifts, n, prior, start, point, True)
                cost = np.sqrt(prior * ((point - start) ** 2).sum())
                for view in range(views):
                    if weights[view, n] > 0:
                        off = _error(rays, depths, depth_weights, depth_limits, turns, shifts, limits, point, view, n)
                        cost = max(cost, off)
                weights[candidate, n] = kept
                if cost < least:
                    least, worst_view = cost, candidate
            weights[worst_view, n] = 0
            left -= 1
        if left == 0:
            settled[n] = False


@njit("void(f8[:, ::1], f8[:, ::1], i8[:, ::1], b1[::1], i8, f8[:, ::1], b1[::1])", **OPTIONS)
def carry(before, now, neighbours, known, least, points, carried):  # type: ignore[no-untyped-def]
    """Move ``points`` f8[M, 3] as their ``neighbours`` i8[M, K] (-1: none) moved from ``before`` to ``now`` f8[N, 3].

    A shift and a small turn, by least squares over the neighbours that are ``known`` b1[N] in both; ``carried`` b1[M]
    where there were ``least`` of them.
    """
    left, right = np.empty((3, 3)), np.empty(3)
    for m in range(points.shape[0]):
        centre, shift, count = np.zeros(3), np.zeros(3), 0
        for i in neighbours[m]:
            if i >= 0 and known[i]:
                centre += before[i]
                shift += now[i] - before[i]
                count += 1
        carried[m] = count >= least
        if not carried[m]:
            continue
        centre /= count
        shift /= count
        left[:] = 0
        right[:] = 0
        size = 0.0
        for i in neighbours[m]:
            if i >= 0 and known[i]:
                r = before[i] - centre
                d = now[i] - before[i] - shift
                length = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
                size += length
                right[0] += r[1] * d[2] - r[2] * d[1]
                right[1] += r[2] * d[0] - r[0] * d[2]
                right[2] += r[0] * d[1] - r[1] * d[0]
                for k in range(3):
                    left[k, k] += length
                    for o in range(3):
                        left[k, o] -= r[k] * r[o]
        for k in range(3):
            left[k, k] += 0.05 * size / 3 + 1e-12  # neighbours in one line leave the turn about it open: none then
        if not _solve(left, right):
            right[:] = 0
        arm = points[m] - centre
        points[m, 0] += shift[0] + right[1] * arm[2] - right[2] * arm[1]
        points[m, 1] += shift[1] + right[2] * arm[0] - right[0] * arm[2]
        points[m, 2] += shift[2] + right[0] * arm[1] - right[1] * arm[0]
