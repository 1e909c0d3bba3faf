"""The inner loop of the tracker, compiled: one view from its first frame to its last.

Import it inside the function that tracks: it is compiled once, in about two seconds, then read from a cache. That is
why there are only plain loops over plain numbers here: slices, new arrays, powers, even ``min`` and ``max`` would
multiply the time.
"""

from typing import Any

from numba import njit

#: Standard deviation of position and velocity as a share of the box height (Wojke et al. 2017, DeepSORT).
POSITION_SHARE, VELOCITY_SHARE = 1 / 20, 1 / 160
REMOVED, TENTATIVE, TRACKED, LOST = 0, 1, 2, 3
#: Columns of a track. For x, y, width, height: the value, its speed per frame, and their variances and covariance;
#: then the state, the number, the frame it was last seen in, and the box xyxy that is expected now.
VALUE, SPEED, VAR, CROSS, VAR_SPEED, STATE, NUMBER, SEEN, BOX, COLUMNS = 0, 4, 8, 12, 16, 20, 21, 22, 23, 27
#: Room to match in, integers: of a track its row and the place of its box (-1 for none); of a box its row, the place
#: of its track, the track before it on the cheapest path, and whether that path is final; the boxes seen so far.
ROW, FOUND, COLUMN, OWNER, WAY, FINAL, SEEN_BOX, INTEGERS = 0, 1, 2, 3, 4, 5, 6, 7
#: Room to match in, reals: the potential of a track, that of a box, and the cost of the cheapest path to a box.
U, V, LEAST, REALS = 0, 1, 2, 3
FAR = 1e300
#: The entries from C, and from Python where only compiled functions call, take a tenth of the time to compile.
OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True}
INNER = OPTIONS | {"no_cpython_wrapper": True}


@njit("i8(f8[:, ::1], f8[:, ::1], i8, i8, f8, f8, i8, f8[:, ::1], i8[:, ::1])", **INNER)
def reach(tracks, boxes, i, m, max_cost, length, seen, reals, integers):  # type: ignore[no-untyped-def]
    """Lengthen the path that leads to the ``i``-th track by each box that it may have; how many boxes are seen now.

    The cost of a pair is 1 - IoU less ``max_cost``, so that below 0 the two may be one.
    """
    t = integers[ROW, i]
    left, top, right, bottom = tracks[t, BOX], tracks[t, BOX + 1], tracks[t, BOX + 2], tracks[t, BOX + 3]
    for j in range(m):
        d = integers[COLUMN, j]
        if boxes[d, 0] >= right or boxes[d, 2] <= left or boxes[d, 1] >= bottom or boxes[d, 3] <= top:
            continue
        x0 = boxes[d, 0] if boxes[d, 0] > left else left
        y0 = boxes[d, 1] if boxes[d, 1] > top else top
        x1 = boxes[d, 2] if boxes[d, 2] < right else right
        y1 = boxes[d, 3] if boxes[d, 3] < bottom else bottom
        if x0 >= x1 or y0 >= y1:  # a box without area, or a track that shrank to less than none
            continue
        both = (x1 - x0) * (y1 - y0)
        areas = (right - left) * (bottom - top) + (boxes[d, 2] - boxes[d, 0]) * (boxes[d, 3] - boxes[d, 1])
        cost = 1 - both / (areas - both) - max_cost
        if cost < 0 and integers[FINAL, j] == 0:
            if reals[LEAST, j] == FAR:
                integers[SEEN_BOX, seen] = j
                seen += 1
            if cost + length - reals[U, i] - reals[V, j] < reals[LEAST, j]:
                reals[LEAST, j] = cost + length - reals[U, i] - reals[V, j]
                integers[WAY, j] = i
    return seen


@njit("void(f8[:, ::1], f8[:, ::1], i8, i8, f8, f8[:, ::1], i8[:, ::1])", **OPTIONS)
def match(tracks, boxes, n, m, max_cost, reals, integers):  # type: ignore[no-untyped-def]
    """Put the place (-1 for none) of the box of each of ``n`` tracks into ``integers[FOUND]``.

    The tracks are those in ``integers[ROW]``, the boxes those in ``integers[COLUMN]``. The sum of all costs is made
    least, by shortest augmenting paths (Jonker and Volgenant 1987): each track in turn takes a box and with it the
    place of another track, which takes another box or, at no cost, is left without one.
    """
    for j in range(m):
        integers[OWNER, j] = -1
        integers[FINAL, j] = 0
        reals[V, j] = 0
        reals[LEAST, j] = FAR
    for start in range(n):
        integers[FOUND, start] = -1
        reals[U, start] = 0
        i, seen, length, least, end = start, 0, 0.0, 0.0, start
        while True:
            if length - reals[U, i] < least:
                least, end = length - reals[U, i], i
            seen = reach(tracks, boxes, i, m, max_cost, length, seen, reals, integers)
            length, last = least, -1
            for k in range(seen):
                j = integers[SEEN_BOX, k]
                if integers[FINAL, j] == 0 and reals[LEAST, j] < length:
                    length, last = reals[LEAST, j], j
            if last < 0 or integers[OWNER, last] < 0:
                break
            integers[FINAL, last] = 1
            i = integers[OWNER, last]
        reals[U, start] = length
        for k in range(seen):
            j = integers[SEEN_BOX, k]
            if integers[FINAL, j] == 1:
                reals[U, integers[OWNER, j]] += length - reals[LEAST, j]
                reals[V, j] -= length - reals[LEAST, j]
            integers[FINAL, j] = 0
            reals[LEAST, j] = FAR
        if last < 0:
            last = integers[FOUND, end]
            integers[FOUND, end] = -1
        while last >= 0:  # each track on the path hands its box to the one before
            i = integers[WAY, last]
            integers[OWNER, last] = i
            before = integers[FOUND, i]
            integers[FOUND, i] = last
            last = before if i != start else -1


@njit("void(f8[:, ::1], i8, f8)", **INNER)
def predict(tracks, t, frames):  # type: ignore[no-untyped-def]
    """Move a track ``frames`` ahead."""
    if tracks[t, STATE] == LOST:  # the size of what is not seen stays
        tracks[t, SPEED + 2] = 0
        tracks[t, SPEED + 3] = 0
    height = tracks[t, VALUE + 3]
    position, velocity = POSITION_SHARE * height, VELOCITY_SHARE * height
    for k in range(4):
        speed = tracks[t, VAR_SPEED + k]
        tracks[t, VALUE + k] += frames * tracks[t, SPEED + k]
        tracks[t, VAR + k] += frames * (2 * tracks[t, CROSS + k] + frames * speed + position * position)
        tracks[t, CROSS + k] += frames * speed
        tracks[t, VAR_SPEED + k] += frames * velocity * velocity
    for k in range(2):
        tracks[t, BOX + k] = tracks[t, VALUE + k] - tracks[t, VALUE + 2 + k] / 2
        tracks[t, BOX + 2 + k] = tracks[t, VALUE + k] + tracks[t, VALUE + 2 + k] / 2


@njit("i8(f8[:, ::1], i8, f8[::1], i8, f8, f8)", **INNER)
def advance(tracks, used, times_s, frame, frame_s, buffer_s):  # type: ignore[no-untyped-def]
    """Let go of tracks that are removed or lost for too long, move the others on to ``frame``; how many are left."""
    now, kept = times_s[frame], 0
    for t in range(used):
        state = tracks[t, STATE]
        if state == REMOVED or (state == LOST and now - times_s[int(tracks[t, SEEN])] > buffer_s):
            continue
        for k in range(COLUMNS):
            tracks[kept, k] = tracks[t, k]
        predict(tracks, kept, (now - times_s[frame - 1]) / frame_s)
        kept += 1
    return kept


@njit("void(f8[:, ::1], i8, f8[:, ::1], i8, i8)", **INNER)
def correct(tracks, t, boxes, d, frame):  # type: ignore[no-untyped-def]
    """Correct a track by a box that was seen in ``frame``, or begin it there where its state is REMOVED."""
    height = boxes[d, 3] - boxes[d, 1]
    position, velocity = POSITION_SHARE * height, VELOCITY_SHARE * height
    for k in range(4):
        seen = boxes[d, k] - boxes[d, k - 2] if k > 1 else (boxes[d, k] + boxes[d, k + 2]) / 2
        if tracks[t, STATE] == REMOVED:
            tracks[t, VALUE + k] = seen
            tracks[t, SPEED + k] = 0
            tracks[t, VAR + k] = 4 * position * position
            tracks[t, CROSS + k] = 0
            tracks[t, VAR_SPEED + k] = 100 * velocity * velocity
        else:
            value, cross = tracks[t, VAR + k], tracks[t, CROSS + k]
            noise = value + position * position
            error = seen - tracks[t, VALUE + k]
            tracks[t, VALUE + k] += value / noise * error
            tracks[t, SPEED + k] += cross / noise * error
            tracks[t, VAR + k] -= value * value / noise
            tracks[t, CROSS + k] -= value * cross / noise
            tracks[t, VAR_SPEED + k] -= cross * cross / noise
    tracks[t, STATE] = TRACKED
    tracks[t, SEEN] = frame


@njit("i8(f8[:, ::1], i8, i8, i8, i8[:, ::1])", **INNER)
def candidates(tracks, used, frame, turn, integers):  # type: ignore[no-untyped-def]
    """Put the tracks of this turn that are not yet seen in ``frame`` into ``integers[ROW]``; how many they are."""
    n = 0
    for t in range(used):
        state = tracks[t, STATE]
        takes_part = state == TENTATIVE if turn == 2 else state == TRACKED or (turn == 0 and state == LOST)
        if takes_part and tracks[t, SEEN] != frame:
            integers[ROW, n] = t
            n += 1
    return n


@njit(
    "void(f8[:, ::1], f8[::1], i8[::1], f8[::1], f8, f8[::1], f8[:, ::1], f8[:, ::1], i8[:, ::1], i8[::1])",
    **OPTIONS,
)
def track_view(  # type: ignore[no-untyped-def]
    boxes, confidences, starts, times_s, frame_s, limits, tracks, reals, integers, track_of
):
    """Put the track (from 0 in order of appearance) of each box into ``track_of`` i64[N], which holds -1 so far.

    ``starts`` i64[F + 1] leads to the boxes of each frame, ``frame_s`` is the usual time between frames. ``limits``:
    high, low and new-track confidence, maximum cost of the three turns, lost buffer in seconds. Room to work in:
    ``tracks`` f64[N, COLUMNS], ``reals`` f64[REALS, N], ``integers`` i64[INTEGERS, N].
    """
    used = made = 0
    for frame in range(len(times_s)):
        if frame > 0:
            used = advance(tracks, used, times_s, frame, frame_s, limits[6])
        begin, end = starts[frame], starts[frame + 1]
        for turn in range(3):  # confirmed with sure boxes, then those just tracked with unsure ones, then tentative
            n, m = candidates(tracks, used, frame, turn, integers), 0
            for d in range(begin, end):
                sure = confidences[d] >= limits[0]
                if track_of[d] < 0 and sure != (turn == 1) and confidences[d] >= limits[1]:
                    integers[COLUMN, m] = d
                    m += 1
            match(tracks, boxes, n, m, limits[3 + turn], reals, integers)
            for i in range(n):
                if integers[FOUND, i] >= 0:
                    t, d = integers[ROW, i], integers[COLUMN, integers[FOUND, i]]
                    correct(tracks, t, boxes, d, frame)
                    track_of[d] = int(tracks[t, NUMBER])
        for t in range(used):
            if tracks[t, SEEN] != frame:
                tracks[t, STATE] = REMOVED if tracks[t, STATE] == TENTATIVE else LOST
        for d in range(begin, end):
            if track_of[d] < 0 and confidences[d] >= limits[2]:
                tracks[used, STATE] = REMOVED
                correct(tracks, used, boxes, d, frame)
                if frame > 0:
                    tracks[used, STATE] = TENTATIVE
                tracks[used, NUMBER] = made
                track_of[d] = made
                used += 1
                made += 1
