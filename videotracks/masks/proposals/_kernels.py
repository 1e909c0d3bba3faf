"""The inner loops of image segmentation, compiled: flooding from markers, and greedy merging of neighbours.

Import it inside the function that segments: it is compiled once, in a few seconds, then read from a cache. Hence
plain loops over plain numbers only, and all room is brought along.
"""

from typing import Any

from numba import njit

#: Columns of a region: pixels; sums of Lab; weight and sums of motion; from there on histograms, as pixel counts.
PIXELS, LAB, SEEN, MOTION, HISTOGRAMS = 0, 1, 4, 5, 7
#: Columns of a border between two regions: px long, summed strength, and the difference of the two as it is now.
LENGTH, STRENGTH, DIFFERENCE = 0, 1, 2
#: Weights of a difference: mean colour, histograms, motion, strength of the border, and the power of the size.
BY_COLOUR, BY_HISTOGRAM, BY_MOTION, BY_BORDER, SIZE_POWER, FAINT = 0, 1, 2, 3, 4, 5
#: Rows of the room per region: its first and last half border, and which one last met it over which border.
FIRST, LAST, MET_BY, MET_OVER = 0, 1, 2, 3
#: Rows of the room per border: the heap, the place of each border in it, and the next half border of the same region
#: (two rows, one for each end).
HEAP, PLACE, NEXT = 0, 1, 2
OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True}
INNER = OPTIONS | {"no_cpython_wrapper": True}


@njit("void(i4[:, ::1], i4[::1], i4, i4)", **INNER)
def enqueue(queues, following, level, at):  # type: ignore[no-untyped-def]
    """Put a pixel at the end of the queue of its level."""
    following[at] = -1
    if queues[0, level] < 0:
        queues[0, level] = at
    else:
        following[queues[1, level]] = at
    queues[1, level] = at


@njit("void(u1[:, ::1], i4[:, ::1], i4[:, ::1], i4[::1])", **OPTIONS)
def flood(barrier, labels, queues, following):  # type: ignore[no-untyped-def]
    """Give each pixel labelled -1 the label that reaches it over the lowest barrier, in place, by 4-neighbours.

    Meyer's flooding (1992) with one first-in-first-out queue per grey value. ``queues`` i4[2, 256] of -1 and
    ``following`` i4[H * W] are room.
    """
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            if labels[y, x] >= 0 and (
                (x > 0 and labels[y, x - 1] < 0)
                or (x + 1 < width and labels[y, x + 1] < 0)
                or (y > 0 and labels[y - 1, x] < 0)
                or (y + 1 < height and labels[y + 1, x] < 0)
            ):
                enqueue(queues, following, barrier[y, x], y * width + x)
    level = 0
    while level < 256:
        at = queues[0, level]
        if at < 0:
            level += 1
            continue
        queues[0, level] = following[at]
        y, x = at // width, at % width
        for side in range(4):
            v, u = y + (side == 3) - (side == 0), x + (side == 2) - (side == 1)
            if 0 <= v < height and 0 <= u < width and labels[v, u] < 0:
                labels[v, u] = labels[y, x]
                rank = barrier[v, u]
                enqueue(queues, following, rank if rank > level else level, v * width + u)


@njit("f8(f8[:, ::1], i8, i8, f8, f8[::1])", **INNER)
def difference(regions, a, b, strength, weights):  # type: ignore[no-untyped-def]
    """How little two neighbouring regions belong together; ``strength`` is the mean along their border."""
    one, two = regions[a, PIXELS], regions[b, PIXELS]
    colour = histogram = motion = 0.0
    for c in range(LAB, LAB + 3):
        d = regions[a, c] / one - regions[b, c] / two
        colour += d * d
    for c in range(HISTOGRAMS, regions.shape[1]):
        d = regions[a, c] / one - regions[b, c] / two
        histogram += d if d > 0 else -d
    if regions[a, SEEN] > 0 and regions[b, SEEN] > 0:
        for c in range(MOTION, MOTION + 2):
            d = regions[a, c] / regions[a, SEEN] - regions[b, c] / regions[b, SEEN]
            motion += d * d
        motion = motion / (1 + motion)
    apart = weights[BY_COLOUR] * colour**0.5 + weights[BY_HISTOGRAM] * histogram + weights[BY_MOTION] * motion**0.5
    gate = strength / (strength + weights[FAINT])
    return (apart * gate + weights[BY_BORDER] * strength) * (one * two / (one + two)) ** weights[SIZE_POWER]


@njit("void(f8[:, ::1], i8[:, ::1], i8)", **INNER)
def settle(borders, room, i):  # type: ignore[no-untyped-def]
    """Bring the ``i``-th of the heap to where it belongs: least difference first, of equal ones the earlier border."""
    count, border = room[HEAP, -1], room[HEAP, i]
    own = borders[border, DIFFERENCE]
    while i > 0:
        up = (i - 1) // 2
        other = room[HEAP, up]
        theirs = borders[other, DIFFERENCE]
        if theirs < own or (theirs == own and other < border):
            break
        room[HEAP, i], room[PLACE, other] = other, i
        i = up
    while 2 * i + 1 < count:
        down = 2 * i + 1
        other = room[HEAP, down]
        theirs = borders[other, DIFFERENCE]
        if down + 1 < count:
            next_one = room[HEAP, down + 1]
            next_theirs = borders[next_one, DIFFERENCE]
            if next_theirs < theirs or (next_theirs == theirs and next_one < other):
                down, other, theirs = down + 1, next_one, next_theirs
        if own < theirs or (own == theirs and border < other):
            break
        room[HEAP, i], room[PLACE, other] = other, i
        i = down
    room[HEAP, i], room[PLACE, border] = border, i


@njit("void(f8[:, ::1], i8[:, ::1], i8)", **INNER)
def drop(borders, room, border):  # type: ignore[no-untyped-def]
    """Take a border out of the heap; that it has no place there marks it as gone."""
    i, count = room[PLACE, border], room[HEAP, -1] - 1
    room[PLACE, border], room[HEAP, -1] = -1, count
    if i < count:
        room[HEAP, i] = room[HEAP, count]
        settle(borders, room, i)


@njit("void(i8[:, ::1], i8[:, ::1], i8, i8)", **INNER)
def append(lists, room, region, half):  # type: ignore[no-untyped-def]
    """Put a half border (twice the border, plus 1 for its second end) at the end of a region's list."""
    room[NEXT + half % 2, half // 2] = -1
    if lists[FIRST, region] < 0:
        lists[FIRST, region] = half
    else:
        tail = lists[LAST, region]
        room[NEXT + tail % 2, tail // 2] = half
    lists[LAST, region] = half


@njit("void(f8[:, ::1], i8[:, ::1], f8[:, ::1], i8, i8[:, ::1], i8[:, ::1])", **INNER)
def inherit(regions, ends, borders, region, lists, room):  # type: ignore[no-untyped-def]
    """Make the borders of the two parts, one list after the other, those of the whole; two to the same become one."""
    half = lists[FIRST, region]
    lists[FIRST, region] = -1
    while half >= 0:
        border, end = half // 2, half % 2
        onward = room[NEXT + end, border]
        if room[PLACE, border] >= 0:
            ends[border, end] = region
            other = ends[border, 1 - end]
            if lists[MET_BY, other] == region:
                kept = lists[MET_OVER, other]
                borders[kept, LENGTH] += borders[border, LENGTH]
                borders[kept, STRENGTH] += borders[border, STRENGTH]
                drop(borders, room, border)
            else:
                lists[MET_BY, other], lists[MET_OVER, other] = region, border
                append(lists, room, region, half)
        half = onward


@njit("i8(f8[:, ::1], i8[:, ::1], f8[:, ::1], f8[::1], i8[:, ::1], f8[::1], i8[:, ::1], i8[:, ::1])", **OPTIONS)
def merge(regions, ends, borders, weights, parts, heights, lists, room):  # type: ignore[no-untyped-def]
    """Join the two neighbours that differ least, until one region is left; how many regions there are then in all.

    ``regions`` f8[2K-1, columns]: K rows are given, one is added by each join. ``ends`` i8[E, 2] the two regions of
    a border, in place; ``borders`` f8[E, 3]. ``parts`` i8[2K-1, 2] and ``heights`` f8[2K-1] take what a region was
    joined of, and the difference that this took: never less than that of a part. ``lists`` i8[4, 2K-1] and ``room``
    i8[4, E+1] are of -1.
    """
    made = (regions.shape[0] + 1) // 2
    room[HEAP, -1] = 0
    for border in range(ends.shape[0]):
        a, b = ends[border, 0], ends[border, 1]
        append(lists, room, a, 2 * border)
        append(lists, room, b, 2 * border + 1)
        mean = borders[border, STRENGTH] / borders[border, LENGTH]
        borders[border, DIFFERENCE] = difference(regions, a, b, mean, weights)
        room[HEAP, border], room[HEAP, -1] = border, border + 1
        settle(borders, room, border)
    while room[HEAP, -1] > 0:
        border = room[HEAP, 0]
        a, b, height = ends[border, 0], ends[border, 1], borders[border, DIFFERENCE]
        height = heights[a] if heights[a] > height else height
        heights[made] = heights[b] if heights[b] > height else height
        parts[made, 0], parts[made, 1] = a, b
        for c in range(regions.shape[1]):
            regions[made, c] = regions[a, c] + regions[b, c]
        drop(borders, room, border)
        lists[FIRST, made] = lists[FIRST, a]
        tail = lists[LAST, a]
        room[NEXT + tail % 2, tail // 2] = lists[FIRST, b]
        inherit(regions, ends, borders, made, lists, room)
        half = lists[FIRST, made]
        while half >= 0:
            border, end = half // 2, half % 2
            mean = borders[border, STRENGTH] / borders[border, LENGTH]
            borders[border, DIFFERENCE] = difference(regions, made, ends[border, 1 - end], mean, weights)
            settle(borders, room, room[PLACE, border])
            half = room[NEXT + end, border]
        made += 1
    return made
