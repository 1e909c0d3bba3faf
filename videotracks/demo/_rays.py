"""What a ray meets, compiled: the two planes of the street, and the limbs of bodies.

A ray leaves the camera through (x, y, 1) in the camera's axes, so that its length is the depth. Import it inside the
function that draws: it is compiled once, in a few seconds, then read from a cache.
"""

from math import sqrt

import numpy as np
from numba import njit

from videotracks.demo._textures import INNER, OPTIONS, WALL, body_pattern, ground_color, wall_color

#: Columns of a limb, in the camera's axes: the ends, their radii, the three axes of the limb, its colour, the contrast
#: and the seed of its pattern, the row of its person among those there, and that person's identity.
A, B, RADIUS_A, RADIUS_B, AXES, COLOR, CONTRAST, SEED, PERSON, IDENTITY, COLUMNS = 0, 3, 6, 7, 8, 17, 20, 21, 22, 23, 24
#: Columns of a silhouette: its pixels, also outside of the picture, and its box in whole pixels inside of it.
PIXELS, LEFT, TOP, RIGHT, BOTTOM, TALLIES = 0, 1, 2, 3, 4, 5
FAR = np.inf
#: Where the rays of a pixel pass that make up its colour, px from its centre in x and y: a grid that is turned, so
#: that no two share a row or a column.
PASSES = ((-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125))
#: Rays to a side of a pixel of the street, which is drawn once.
STREET_PASSES = 4
#: The part of a colour that does not depend on the light, and how steeply the rest grows to its full.
AMBIENT, DIFFUSE = 0.66, 0.46
#: Patterns change a colour in proportion to it and, of 255, to this: black cloth has a pattern, too.
DARK = 50.0
#: A surface this little before a point, in metres, is that of the point.
SKIN_M = 1e-6


@njit("f8(f8[:, ::1], i8, f8, f8)", **INNER)
def meet_limb(limbs, i, dx, dy):  # type: ignore[no-untyped-def]
    """Depth at which the ray (dx, dy, 1) enters the convex hull of a limb's two spheres, infinite where it does not.

    The hull is the union of the spheres that lie between the two, of radius linear along the axis. The one nearest to
    a point p is that at y/m of the axis, y = (p - a)·(b - a) - r_a (r_a - r_b), m = |b - a|² - (r_a - r_b)².
    """
    ax, ay, az, ra = limbs[i, A], limbs[i, A + 1], limbs[i, A + 2], limbs[i, RADIUS_A]
    bx, by, bz, rb = limbs[i, B], limbs[i, B + 1], limbs[i, B + 2], limbs[i, RADIUS_B]
    ux, uy, uz, narrowing = bx - ax, by - ay, bz - az, ra - rb
    dd = dx * dx + dy * dy + 1
    m = ux * ux + uy * uy + uz * uz - narrowing * narrowing
    ad, aa = ax * dx + ay * dy + az, ax * ax + ay * ay + az * az
    if m > 0:
        slope = ux * dx + uy * dy + uz
        start = -(ax * ux + ay * uy + az * uz) - ra * narrowing
        p, q = m * dd - slope * slope, -m * ad - slope * start
        inside = q * q - p * (m * (aa - ra * ra) - start * start)
        if not inside >= 0:  # beside the cone around both spheres
            return FAR
        t = (-q - sqrt(inside)) / p
        if 0 <= start + t * slope <= m and t > 0:
            return t
    nearest = FAR
    at_a = ad * ad - dd * (aa - ra * ra)
    if at_a >= 0 and ad > 0:
        nearest = (ad - sqrt(at_a)) / dd
    bd, bb = bx * dx + by * dy + bz, bx * bx + by * by + bz * bz
    at_b = bd * bd - dd * (bb - rb * rb)
    if at_b >= 0 and bd > 0:
        t = (bd - sqrt(at_b)) / dd
        nearest = t if t < nearest else nearest
    return nearest


@njit("void(i8[:, ::1], i8, i8, i8, b1)", **INNER)
def count(tally, who, x, y, inside):  # type: ignore[no-untyped-def]
    """Add the pixel (x, y), ``inside`` of the picture or not, to the silhouette in row ``who``."""
    tally[who, PIXELS] += 1
    if inside:
        tally[who, LEFT] = x if x < tally[who, LEFT] else tally[who, LEFT]
        tally[who, TOP] = y if y < tally[who, TOP] else tally[who, TOP]
        tally[who, RIGHT] = x + 1 if x >= tally[who, RIGHT] else tally[who, RIGHT]
        tally[who, BOTTOM] = y + 1 if y >= tally[who, BOTTOM] else tally[who, BOTTOM]


@njit("void(f8[:, :, ::1], i8, f8[:, ::1], i8[:, ::1], f8[:, ::1], u1[:, ::1], f4[:, :, ::1], i2[:, :, ::1], i4[:, ::1], i8[:, ::1])", **OPTIONS)  # fmt: skip  # noqa: E501
def trace_bodies(rays, border, limbs, bounds, depth, owner, pass_depth, pass_limb, stamp, tally):  # type: ignore[no-untyped-def]
    """Find what each pixel shows: ``rays`` [H + 2 border, W + 2 border, 2] of pixel centres, past the picture's edge.

    ``depth`` [H, W] of the street becomes that of the nearest surface, ``owner`` its identity; ``pass_depth`` and
    ``pass_limb`` [H, W, 4] the same for the rays of ``PASSES``, limbs by their row. ``tally`` [persons, TALLIES] tells
    of whole silhouettes; ``stamp`` [like rays], -1 before, keeps a pixel from being counted twice. ``bounds`` [L, 4]:
    left, top, right, bottom of the pixels that a limb may cover.
    """
    height, width = depth.shape
    for i in range(len(limbs)):
        who = int(limbs[i, PERSON])
        for row in range(bounds[i, 1] + border, bounds[i, 3] + border):
            y = row - border
            for column in range(bounds[i, 0] + border, bounds[i, 2] + border):
                x = column - border
                dx, dy = rays[row, column, 0], rays[row, column, 1]
                t = meet_limb(limbs, i, dx, dy)
                inside = 0 <= x < width and 0 <= y < height
                if t < FAR and stamp[row, column] != who:
                    stamp[row, column] = who
                    count(tally, who, x, y, inside)
                if not inside:
                    continue
                if t < depth[y, x]:
                    depth[y, x] = t
                    owner[y, x] = int(limbs[i, IDENTITY])
                right, down = rays[row, column + 1], rays[row + 1, column]
                for k in range(len(PASSES)):
                    to_x, to_y = PASSES[k]
                    t = meet_limb(
                        limbs,
                        i,
                        dx + to_x * (right[0] - dx) + to_y * (down[0] - dx),
                        dy + to_x * (right[1] - dy) + to_y * (down[1] - dy),
                    )
                    if t < pass_depth[y, x, k]:
                        pass_depth[y, x, k] = t
                        pass_limb[y, x, k] = i


@njit("UniTuple(f8, 3)(f8[:, ::1], i8, f8, f8, f8, f8[::1])", **INNER)
def limb_color(limbs, i, x, y, z, light):  # type: ignore[no-untyped-def]
    """The colour of a limb at a point of its surface, in the camera's axes, as is ``light``, of unit length."""
    px, py, pz = x - limbs[i, A], y - limbs[i, A + 1], z - limbs[i, A + 2]
    ux, uy, uz = limbs[i, B] - limbs[i, A], limbs[i, B + 1] - limbs[i, A + 1], limbs[i, B + 2] - limbs[i, A + 2]
    narrowing = limbs[i, RADIUS_A] - limbs[i, RADIUS_B]
    m = ux * ux + uy * uy + uz * uz - narrowing * narrowing
    share = (px * ux + py * uy + pz * uz - limbs[i, RADIUS_A] * narrowing) / m if m > 0 else 0.0
    share = 0.0 if share < 0 else (1.0 if share > 1 else share)
    radius = limbs[i, RADIUS_A] - share * narrowing
    facing = (px - share * ux) * light[0] + (py - share * uy) * light[1] + (pz - share * uz) * light[2]
    lit = AMBIENT + DIFFUSE * facing / radius
    lit = AMBIENT if lit < AMBIENT else (1.0 if lit > 1 else lit)
    along = px * limbs[i, AXES] + py * limbs[i, AXES + 1] + pz * limbs[i, AXES + 2]
    aside = px * limbs[i, AXES + 3] + py * limbs[i, AXES + 4] + pz * limbs[i, AXES + 5]
    front = px * limbs[i, AXES + 6] + py * limbs[i, AXES + 7] + pz * limbs[i, AXES + 8]
    lighter = limbs[i, CONTRAST] * body_pattern(along, aside, front, int(limbs[i, SEED]))
    return (
        lit * (limbs[i, COLOR] + lighter * (limbs[i, COLOR] + DARK)),
        lit * (limbs[i, COLOR + 1] + lighter * (limbs[i, COLOR + 1] + DARK)),
        lit * (limbs[i, COLOR + 2] + lighter * (limbs[i, COLOR + 2] + DARK)),
    )


@njit("void(f4[:, :, ::1], f8[:, :, ::1], i8, f8[:, ::1], f4[:, :, ::1], i2[:, :, ::1], f8[::1])", **OPTIONS)
def paint_bodies(picture, rays, border, limbs, pass_depth, pass_limb, light):  # type: ignore[no-untyped-def]
    """Draw into ``picture`` [H, W, 3] what ``trace_bodies`` found, each pixel the mean of its rays."""
    height, width = picture.shape[:2]
    share = 1 / len(PASSES)
    for y in range(height):
        for x in range(width):
            r, g, b, n = 0.0, 0.0, 0.0, 0
            for k in range(len(PASSES)):
                i = pass_limb[y, x, k]
                if i >= 0:
                    here, t = rays[y + border, x + border], pass_depth[y, x, k]
                    right, down = rays[y + border, x + border + 1], rays[y + border + 1, x + border]
                    to_x, to_y = PASSES[k]
                    dx = here[0] + to_x * (right[0] - here[0]) + to_y * (down[0] - here[0])
                    dy = here[1] + to_x * (right[1] - here[1]) + to_y * (down[1] - here[1])
                    red, green, blue = limb_color(limbs, i, t * dx, t * dy, t, light)
                    r, g, b, n = r + red, g + green, b + blue, n + 1
            if n > 0:
                left = 1 - n * share
                picture[y, x, 0] = left * picture[y, x, 0] + share * r
                picture[y, x, 1] = left * picture[y, x, 1] + share * g
                picture[y, x, 2] = left * picture[y, x, 2] + share * b


@njit("f8(f8[:, ::1], f8[::1], f8, f8)", **INNER)
def meet_street(turn, center, dx, dy):  # type: ignore[no-untyped-def]
    """Depth at which the ray (dx, dy, 1) meets the ground (z = 0) or the wall of the houses, infinite for neither."""
    up = turn[2, 0] * dx + turn[2, 1] * dy + turn[2, 2]
    away = turn[1, 0] * dx + turn[1, 1] * dy + turn[1, 2]
    ground = -center[2] / up if up < 0 else FAR
    wall = (WALL - center[1]) / away if away > 0 else FAR
    return ground if ground < wall else wall


@njit("void(f8[:, :, ::1], i8, f8[:, ::1], f8[::1], i8, f4[:, :, ::1], f8[:, ::1])", **OPTIONS)
def draw_street(rays, border, turn, center, seed, picture, depth):  # type: ignore[no-untyped-def]
    """Fill ``picture`` [H, W, 3] and ``depth`` [H, W] m, infinite where a ray meets nothing, with the empty street.

    ``turn`` f8[3, 3] leads from the camera's axes to the world's, ``center`` is where the camera stands.
    """
    height, width = depth.shape
    for y in range(height):
        for x in range(width):
            here = rays[y + border, x + border]
            right, down = rays[y + border, x + border + 1], rays[y + border + 1, x + border]
            depth[y, x] = meet_street(turn, center, here[0], here[1])
            for k in range(STREET_PASSES * STREET_PASSES):
                to_x = (k % STREET_PASSES + 0.5) / STREET_PASSES - 0.5
                to_y = (k // STREET_PASSES + 0.5) / STREET_PASSES - 0.5
                dx = here[0] + to_x * (right[0] - here[0]) + to_y * (down[0] - here[0])
                dy = here[1] + to_x * (right[1] - here[1]) + to_y * (down[1] - here[1])
                t = meet_street(turn, center, dx, dy)
                if t < FAR:
                    at_x = center[0] + t * (turn[0, 0] * dx + turn[0, 1] * dy + turn[0, 2])
                    at_y = center[1] + t * (turn[1, 0] * dx + turn[1, 1] * dy + turn[1, 2])
                    at_z = center[2] + t * (turn[2, 0] * dx + turn[2, 1] * dy + turn[2, 2])
                    if at_y < WALL - SKIN_M:
                        red, green, blue = ground_color(at_x, at_y, seed)
                    else:
                        red, green, blue = wall_color(at_x, at_z, seed)
                    picture[y, x, 0] += red / STREET_PASSES**2
                    picture[y, x, 1] += green / STREET_PASSES**2
                    picture[y, x, 2] += blue / STREET_PASSES**2


@njit("void(f8[:, ::1], f8[::1], f8[:, ::1], b1[::1])", **OPTIONS)
def find_hidden(rays, depths, limbs, hidden):  # type: ignore[no-untyped-def]
    """Which points, on ``rays`` [N, 2] at ``depths`` [N], have a limb before them."""
    for n in range(len(rays)):
        for i in range(len(limbs)):
            if meet_limb(limbs, i, rays[n, 0], rays[n, 1]) < depths[n] - SKIN_M:
                hidden[n] = True
                break
