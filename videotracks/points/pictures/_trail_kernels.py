"""The brush of the trail videos, compiled: lines, discs and rings with smooth edges on a layer of their own.

The layer u8[H, W, 4] holds colours that are multiplied by their opacity already. A newer stroke replaces what lies
under it, it does not add up with it: where two segments of a trail meet, no darker bead appears. Only ``blend`` mixes
the layer with the picture, once. Import it inside the function that draws: it is compiled once, then read from a cache.
"""

from typing import Any

import numpy as np
from numba import njit

OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "nogil": True}
INNER = OPTIONS | {"no_cpython_wrapper": True}
#: An edge fades over one pixel: this far to both sides of it.
HALF_EDGE_PX = 0.5
#: Less height than this is none: the row alone bounds where a stroke is.
FLAT_PX = 1e-3


@njit("void(u1[:, :, ::1], i4[:, ::1], i8, i8, u1[::1], f4, f4)", **INNER)
def cover(layer, spans, x, y, color, opacity, coverage):  # type: ignore[no-untyped-def]
    """Replace a share ``coverage`` of one pixel of the layer, and note in ``spans`` i4[H, 2] where its row is used."""
    if coverage > 1:
        coverage = np.float32(1)
    for channel in range(3):
        under = np.float32(layer[y, x, channel])
        layer[y, x, channel] = np.uint8(under + (color[channel] * opacity - under) * coverage + np.float32(0.5))
    under = np.float32(layer[y, x, 3])
    layer[y, x, 3] = np.uint8(under + (255 * opacity - under) * coverage + np.float32(0.5))
    if x < spans[y, 0]:
        spans[y, 0] = x
    if x >= spans[y, 1]:
        spans[y, 1] = x + 1


@njit("void(u1[:, :, ::1], i4[:, ::1], f4, f4, f4, f4, f4, u1[::1], f4)", **INNER)
def stroke(layer, spans, x0, y0, x1, y1, radius, color, opacity):  # type: ignore[no-untyped-def]
    """A straight line with round ends; a disc where both ends are one. Time goes with the pixels that it covers."""
    height, width = layer.shape[0], layer.shape[1]
    reach = radius + np.float32(HALF_EDGE_PX)
    dx, dy = x1 - x0, y1 - y0
    squared = dx * dx + dy * dy
    low_x, high_x = (x0, x1) if x0 < x1 else (x1, x0)
    low_y, high_y = (y0, y1) if y0 < y1 else (y1, y0)
    steep = abs(dy) > FLAT_PX
    aside = reach * np.sqrt(squared) / abs(dy) if steep else np.float32(0)
    for y in range(max(0, int(np.ceil(low_y - reach))), min(height - 1, int(np.floor(high_y + reach))) + 1):
        left, right = low_x - reach, high_x + reach
        if steep:
            middle = x0 + (y - y0) * dx / dy
            left, right = max(left, middle - aside), min(right, middle + aside)
        for x in range(max(0, int(np.ceil(left))), min(width - 1, int(np.floor(right))) + 1):
            along = ((x - x0) * dx + (y - y0) * dy) / squared if squared > 0 else np.float32(0)
            along = min(max(along, np.float32(0)), np.float32(1))
            ax, ay = x - x0 - along * dx, y - y0 - along * dy
            coverage = reach - np.sqrt(ax * ax + ay * ay)
            if coverage > 0:
                cover(layer, spans, x, y, color, opacity, coverage)


@njit("void(u1[:, :, ::1], i4[:, ::1], f4[:, :, ::1], i4[:, ::1], i8[::1], f4[::1], u1[:, ::1], f4)", **OPTIONS)
def paint_trails(layer, spans, pixels, runs, at, opacities, colors, radius):  # type: ignore[no-untyped-def]
    """Segments between the frames ``at`` i8[K], the oldest first, each with its opacity f4[K - 1].

    ``pixels`` f4[T, N, 2]; ``runs`` i4[T, N]: for how many frames, this one included, a point has been visible. A
    segment is drawn where the point is visible now, and all the time between the segment's ends.
    """
    now = at[len(at) - 1]
    for k in range(len(at) - 1):
        a, b = at[k], at[k + 1]
        for n in range(pixels.shape[1]):
            if runs[now, n] > 0 and runs[b, n] > b - a:
                x0, y0, x1, y1 = pixels[a, n, 0], pixels[a, n, 1], pixels[b, n, 0], pixels[b, n, 1]
                stroke(layer, spans, x0, y0, x1, y1, radius, colors[n], opacities[k])


@njit("void(u1[:, :, ::1], i4[:, ::1], f4[:, ::1], i4[::1], u1[:, ::1], f4)", **OPTIONS)
def paint_points(layer, spans, pixels, runs, colors, radius):  # type: ignore[no-untyped-def]
    """A disc on every point f4[N, 2] that is visible."""
    for n in range(len(pixels)):
        if runs[n] > 0:
            x, y = pixels[n, 0], pixels[n, 1]
            stroke(layer, spans, x, y, x, y, radius, colors[n], np.float32(1))


@njit("void(u1[:, :, ::1], i4[:, ::1], f4[:, ::1], i4[::1], u1[::1], f4, f4)", **OPTIONS)
def paint_rings(layer, spans, pixels, runs, color, radius, half_width):  # type: ignore[no-untyped-def]
    """A ring around every point f4[N, 2] that is visible."""
    reach = radius + half_width + np.float32(HALF_EDGE_PX)
    for n in range(len(pixels)):
        if runs[n] == 0:
            continue
        px, py = pixels[n, 0], pixels[n, 1]
        for y in range(max(0, int(np.ceil(py - reach))), min(layer.shape[0] - 1, int(np.floor(py + reach))) + 1):
            for x in range(max(0, int(np.ceil(px - reach))), min(layer.shape[1] - 1, int(np.floor(px + reach))) + 1):
                away = abs(np.sqrt((x - px) * (x - px) + (y - py) * (y - py)) - radius)
                coverage = half_width + np.float32(HALF_EDGE_PX) - away
                if coverage > 0:
                    cover(layer, spans, x, y, color, np.float32(1), coverage)


@njit("void(u1[:, :, ::1], u1[:, :, ::1], i4[:, ::1])", **OPTIONS)
def blend(rgb, layer, spans):  # type: ignore[no-untyped-def]
    """Lay the layer over a picture u8[H, W, 3], in place, and empty it."""
    for y in range(rgb.shape[0]):
        for x in range(spans[y, 0], spans[y, 1]):
            through = 255 - np.int32(layer[y, x, 3])
            if through < 255:
                for channel in range(3):
                    mixed = np.int32(layer[y, x, channel]) + (rgb[y, x, channel] * through + 127) // 255
                    rgb[y, x, channel] = min(mixed, 255)
            layer[y, x, 0] = layer[y, x, 1] = layer[y, x, 2] = layer[y, x, 3] = 0
        spans[y, 0], spans[y, 1] = rgb.shape[1], 0
