"""The colours of the generated street, compiled: functions of world coordinates alone, so that all cameras agree.

Import it inside the function that draws: it is compiled once, in a few seconds, then read from a cache.
"""

from typing import Any

from numba import njit

OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True}
INNER = OPTIONS | {"no_cpython_wrapper": True}
#: Along y, metres: where the road lies, its marks, and the wall of the houses.
ROAD, MARKS, WALL = (6.4, 11.4), (8.85, 9.0), 14.0
#: Lengths in metres: kerbs to each side of the edge, marks and their distance, slabs of the pavement and their joints.
KERB, MARK, MARK_STEP, SLAB, JOINT = 0.06, 1.2, 2.4, 0.6, 0.012
#: Of the houses: the dark foot, the width of a bay, of its window and of the bar in it; a storey, its sill and window.
FOOT, BAY, WINDOW, BAR, STOREY, SILL, WINDOW_HEIGHT = 0.1, 1.33, 0.44, 0.035, 1.71, 1.31, 1.03
#: Width and height of a brick with its mortar.
BRICK, COURSE = 0.26, 0.085
_WORD = 0xFFFFFFFF


@njit("f8(i8, i8, i8, i8)", **INNER)
def lattice(x, y, z, seed):  # type: ignore[no-untyped-def]
    """A number of [-1, 1) that belongs to a place on the grid: the same for the same seed, unlike its neighbours'."""
    h = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791) ^ (seed * 2654435761)
    h &= _WORD
    h = ((h ^ (h >> 16)) * 0x45D9F3B) & _WORD
    h = ((h ^ (h >> 16)) * 0x45D9F3B) & _WORD
    return (h ^ (h >> 16)) / 2147483648.0 - 1.0


@njit("f8(f8, f8, f8, i8)", **INNER)
def noise(x, y, z, seed):  # type: ignore[no-untyped-def]
    """Smooth noise of [-1, 1) with a grain of 1: the numbers of the grid, blended between its places."""
    fx, fy, fz = x // 1.0, y // 1.0, z // 1.0
    i, j, k = int(fx), int(fy), int(fz)
    u, v, w = x - fx, y - fy, z - fz
    u, v, w = u * u * (3 - 2 * u), v * v * (3 - 2 * v), w * w * (3 - 2 * w)
    near = (lattice(i, j, k, seed) * (1 - u) + lattice(i + 1, j, k, seed) * u) * (1 - v) + (
        lattice(i, j + 1, k, seed) * (1 - u) + lattice(i + 1, j + 1, k, seed) * u
    ) * v
    far = (lattice(i, j, k + 1, seed) * (1 - u) + lattice(i + 1, j, k + 1, seed) * u) * (1 - v) + (
        lattice(i, j + 1, k + 1, seed) * (1 - u) + lattice(i + 1, j + 1, k + 1, seed) * u
    ) * v
    return near * (1 - w) + far * w


@njit("f8(f8, f8, f8, f8, i8)", **INNER)
def mottle(x, y, z, grain, seed):  # type: ignore[no-untyped-def]
    """Noise of two grains, ``grain`` metres and two and a half times that."""
    fine = noise(x / grain, y / grain, z / grain, seed)
    return 0.6 * fine + 0.6 * noise(0.4 * x / grain, 0.4 * y / grain, 0.4 * z / grain, seed + 1)


@njit("UniTuple(f8, 3)(f8, f8, i8)", **INNER)
def ground_color(x, y, seed):  # type: ignore[no-untyped-def]
    """The ground at a place: pavement, road, marks and kerbs."""
    speck = mottle(x, y, 0.0, 0.05, seed)
    if y < ROAD[0] or y > ROAD[1]:
        i, j = int(x // SLAB), int(y // SLAB)
        at_joint = x - i * SLAB < JOINT or y - j * SLAB < JOINT
        change = 9 * speck + 6 * lattice(i, j, 0, seed + 2) - (22 if at_joint else 0)
        r, g, b = 150 + change, 148 + change, 142 + change
    elif MARKS[0] < y < MARKS[1] and x % MARK_STEP < MARK:
        change = 12 * speck
        r, g, b = 196 + change, 194 + change, 182 + change
    else:
        change = 13 * speck + 8 * noise(x / 0.7, y / 0.7, 0.0, seed + 3)
        r, g, b = 104 + change, 104 + change, 108 + change
    shade = 0.72 if abs(y - ROAD[0]) < KERB or abs(y - ROAD[1]) < KERB else 1.0
    return r * shade, g * shade, b * shade


@njit("UniTuple(f8, 3)(f8, f8, i8)", **INNER)
def wall_color(x, z, seed):  # type: ignore[no-untyped-def]
    """The houses at a place of their wall: bays of brick in their own shade, each storey with a window."""
    bay = int(x // BAY)
    aside, above = x - bay * BAY - (BAY - WINDOW) / 2, (z - SILL) % STOREY
    if 0 < aside < WINDOW and above < WINDOW_HEIGHT and z > SILL:
        if abs(aside - WINDOW / 2) < BAR / 2:
            return 190.0, 184.0, 172.0
        change = 14 * mottle(x, z, 1.0, 0.11, seed + 4)
        return 92 + change, 106 + change, 120 + change
    course = int(z // COURSE)
    brick = int((x + 0.5 * BRICK * (course & 1)) // BRICK)
    change = 9 * lattice(brick, course, 7, seed + 5) + 10 * mottle(x, z, 2.0, 0.06, seed + 6)
    shade = (0.93 + 0.17 * lattice(bay, 3, 3, seed + 7)) * (0.55 if z < FOOT else 1.0)
    return (148 + change) * shade, (126 + change) * shade, (108 + change) * shade


@njit("f8(f8, f8, f8, i8)", **INNER)
def body_pattern(along, aside, front, seed):  # type: ignore[no-untyped-def]
    """How light the pattern of a limb is at a place in its own axes, metres, about -1 to 1: blotches with speckles."""
    blotch = 1.9 * noise(along / 0.045, aside / 0.045, front / 0.045, seed)
    blotch = blotch if abs(blotch) < 1 else (1.0 if blotch > 0 else -1.0)
    return 0.75 * blotch + 0.35 * noise(along / 0.02, aside / 0.02, front / 0.02, seed + 1)
