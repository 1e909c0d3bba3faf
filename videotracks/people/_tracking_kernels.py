"""The inner loop of the tracker, compiled: one view from its first frame to its last.

Import it inside the function that tracks: it is compiled once, in about two seconds, then read from a cache. That is
why there are only plain loops over plain numbers here: slices and array expressions would multiply the time.
"""

import numpy as np
from numba import njit

#: Standard deviation of position and velocity as a share of the box height (Wojke et al. 2017, DeepSORT).
POSITION_SHARE, VELOCITY_SHARE = 1 / 20, 1 / 160
REMOVED, TENTATIVE, TRACKED, LOST = 0.0, 1.0, 2.0, 3.0
#: Columns of a track. For x, y, width, height: the value, its speed per frame, and their variances and covariance;
#: then the state, the number, the time it was last seen, and the box xyxy that is expected now.
VALUE, SPEED, VAR, CROSS, VAR_SPEED, STATE, NUMBER, SEEN, BOX, COLUMNS = 0, 4, 8, 12, 16, 20, 21, 22, 23, 27


@njit("void(f8[:, ::1], i8, i8, i8[::1])", cache=True, error_model="numpy")
def hungarian(cost, n, m, row_of):  # type: ignore[no-untyped-def]
    """Put the row (from 1, 0 for none) of each column (from 1) of the cheapest assignment into ``row_of``.

    ``cost`` f64[n, m] in its upper left corner, n ≤ m (Kuhn–Munkres with potentials).
    """
    u, v, least = np.zeros(n + 1), np.zeros(m + 1), np.empty(m + 1)
    used, way = np.empty(m + 1, np.int64), np.empty(m + 1, np.int64)
    for j in range(m + 1):
        row_of[j] = 0
    for i in range(1, n + 1):
        row_of[0] = i
        at = 0
        for j in range(m + 1):
            least[j], used[j], way[j] = np.inf, 0, 0
        while row_of[at] != 0:
            used[at] = 1
            row, step, nearest = row_of[at], np.inf, 0
            for j in range(1, m + 1):
                if used[j] == 0:
                    reduced = cost[row - 1, j - 1] - u[row] - v[j]
                    if reduced < least[j]:
                        least[j], way[j] = reduced, at
                    if least[j] < step:
                        step, nearest = least[j], j
            for j in range(m + 1):
                if used[j] == 1:
                    u[row_of[j]] += step
                    v[j] -= step
                else:
                    least[j] -= step
            at = nearest
        while at != 0:
            row_of[at] = row_of[way[at]]
            at = way[at]


@njit("void(f8[:, ::1], i8[::1], i8, f8[:, ::1], i8[::1], i8, f8, i8[::1])", cache=True, error_model="numpy")
def match(tracks, rows, n, boxes, columns, m, max_cost, found):  # type: ignore[no-untyped-def]
    """Put the place in ``columns`` (-1 for none) of the box of each of ``rows`` into ``found``.

    A pair is worth ``max_cost`` minus its 1 - IoU, and the worth is made greatest, as with a cost limit. Tracks and
    boxes that overlap fall into small components that are solved one by one, which is exact.
    """
    worth, parent = np.zeros((n, m)), np.empty(n + m, np.int64)
    for k in range(n + m):
        parent[k] = k
    for i in range(n):
        t = rows[i]
        left, top, right, bottom = tracks[t, BOX], tracks[t, BOX + 1], tracks[t, BOX + 2], tracks[t, BOX + 3]
        for j in range(m):
            d = columns[j]
            width = min(right, boxes[d, 2]) - max(left, boxes[d, 0])
            height = min(bottom, boxes[d, 3]) - max(top, boxes[d, 1])
            if width > 0 and height > 0:
                both = width * height
                other = (boxes[d, 2] - boxes[d, 0]) * (boxes[d, 3] - boxes[d, 1])
                worth[i, j] = max(0.0, max_cost - 1 + both / ((right - left) * (bottom - top) + other - both))
                if worth[i, j] > 0:
                    a, b = i, n + j
                    while parent[a] != a:
                        a = parent[a]
                    while parent[b] != b:
                        b = parent[b]
                    parent[max(a, b)] = min(a, b)
    inside, facing = np.empty(n, np.int64), np.empty(m, np.int64)
    cost, row_of = np.empty((1, 1)), np.empty(max(n, m) + 1, np.int64)
    for root in range(n):
        found[root] = -1
    for root in range(n):
        if parent[root] != root:
            continue
        p = q = 0
        for k in range(n + m):
            top_most = k
            while parent[top_most] != top_most:
                top_most = parent[top_most]
            parent[k] = top_most
            if top_most == root:
                if k < n:
                    inside[p] = k
                    p += 1
                else:
                    facing[q] = k - n
                    q += 1
        if p == 1 and q == 1:
            found[inside[0]] = facing[0]
        if q == 0 or (p == 1 and q == 1):
            continue
        tall, small, large = p > q, min(p, q), max(p, q)
        cost = np.empty((small, large))
        for a in range(small):
            for b in range(large):
                cost[a, b] = -worth[inside[b], facing[a]] if tall else -worth[inside[a], facing[b]]
        hungarian(cost, small, large, row_of)
        for b in range(large):
            a = row_of[b + 1] - 1
            if a >= 0:
                i, j = (inside[b], facing[a]) if tall else (inside[a], facing[b])
                if worth[i, j] > 0:
                    found[i] = j


@njit("i8(f8[:, ::1], i8, f8, f8, f8)", cache=True, error_model="numpy")
def advance(tracks, used, now, frames, buffer_s):  # type: ignore[no-untyped-def]
    """Let go of tracks that are removed or lost for too long, move the others ``frames`` ahead; how many are left."""
    kept = 0
    for t in range(used):
        state = tracks[t, STATE]
        if state == REMOVED or (state == LOST and now - tracks[t, SEEN] > buffer_s):
            continue
        for k in range(COLUMNS):
            tracks[kept, k] = tracks[t, k]
        height = tracks[kept, VALUE + 3]
        for k in range(4):
            if state == LOST and k > 1:
                tracks[kept, SPEED + k] = 0  # the size of what is not seen stays
            cross, speed = tracks[kept, CROSS + k], tracks[kept, VAR_SPEED + k]
            tracks[kept, VALUE + k] += frames * tracks[kept, SPEED + k]
            tracks[kept, VAR + k] += 2 * frames * cross + frames * frames * speed
            tracks[kept, VAR + k] += frames * (POSITION_SHARE * height) ** 2
            tracks[kept, CROSS + k] = cross + frames * speed
            tracks[kept, VAR_SPEED + k] = speed + frames * (VELOCITY_SHARE * height) ** 2
        for k in range(2):
            tracks[kept, BOX + k] = tracks[kept, VALUE + k] - tracks[kept, VALUE + 2 + k] / 2
            tracks[kept, BOX + 2 + k] = tracks[kept, VALUE + k] + tracks[kept, VALUE + 2 + k] / 2
        kept += 1
    return kept


@njit("void(f8[:, ::1], i8, f8[:, ::1], i8, b1)", cache=True, error_model="numpy")
def correct(tracks, t, boxes, d, first):  # type: ignore[no-untyped-def]
    """Correct a track by a box that was seen, or begin it there."""
    height = boxes[d, 3] - boxes[d, 1]
    for k in range(4):
        if k < 2:
            seen = (boxes[d, k] + boxes[d, k + 2]) / 2
        else:
            seen = boxes[d, k] - boxes[d, k - 2]
        if first:
            tracks[t, VALUE + k], tracks[t, SPEED + k], tracks[t, CROSS + k] = seen, 0, 0
            tracks[t, VAR + k] = (2 * POSITION_SHARE * height) ** 2
            tracks[t, VAR_SPEED + k] = (10 * VELOCITY_SHARE * height) ** 2
        else:
            value, cross = tracks[t, VAR + k], tracks[t, CROSS + k]
            noise = value + (POSITION_SHARE * height) ** 2
            error = seen - tracks[t, VALUE + k]
            tracks[t, VALUE + k] += value / noise * error
            tracks[t, SPEED + k] += cross / noise * error
            tracks[t, VAR + k] -= value * value / noise
            tracks[t, CROSS + k] -= value * cross / noise
            tracks[t, VAR_SPEED + k] -= cross * cross / noise


@njit("void(f8[:, ::1], f8[::1], i8[::1], f8[::1], f8, f8[::1], f8[:, ::1], i8[::1])", cache=True, error_model="numpy")
def track_view(boxes, confidences, starts, times_s, frame_s, limits, tracks, track_of):  # type: ignore[no-untyped-def]
    """Put the track (from 0 in order of appearance, -1 for none) of each box into ``track_of`` i64[N].

    ``starts`` i64[F + 1] leads to the boxes of each frame. ``limits``: high, low and new-track confidence, maximum
    cost of the three associations, lost buffer in seconds. ``tracks`` f64[N, COLUMNS] is room to work in.
    """
    room = max(len(boxes), 1)
    rows, columns, found = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    used = made = 0
    for frame in range(len(times_s)):
        frames = (times_s[frame] - times_s[frame - 1]) / frame_s if frame > 0 else 0.0
        used = advance(tracks, used, times_s[frame], frames, limits[6])
        begin, end = starts[frame], starts[frame + 1]
        for d in range(begin, end):
            track_of[d] = -1
        for turn in range(3):  # confirmed with sure boxes, then those just tracked with unsure ones, then tentative
            n = m = 0
            for t in range(used):
                state, seen = tracks[t, STATE], tracks[t, SEEN] == times_s[frame]
                if not seen and (
                    (turn == 0 and state >= TRACKED)
                    or (turn == 1 and state == TRACKED)
                    or (turn == 2 and state == TENTATIVE)
                ):
                    rows[n] = t
                    n += 1
            for d in range(begin, end):
                sure, possible = confidences[d] >= limits[0], confidences[d] >= limits[1]
                if track_of[d] < 0 and (sure if turn != 1 else possible and not sure):
                    columns[m] = d
                    m += 1
            match(tracks, rows, n, boxes, columns, m, limits[3 + turn], found)
            for i in range(n):
                if found[i] >= 0:
                    t, d = rows[i], columns[found[i]]
                    correct(tracks, t, boxes, d, False)
                    tracks[t, STATE], tracks[t, SEEN] = TRACKED, times_s[frame]
                    track_of[d] = int(tracks[t, NUMBER])
        for t in range(used):
            if tracks[t, SEEN] != times_s[frame]:
                tracks[t, STATE] = REMOVED if tracks[t, STATE] == TENTATIVE else LOST
        for d in range(begin, end):
            if track_of[d] < 0 and confidences[d] >= limits[2]:
                correct(tracks, used, boxes, d, True)
                tracks[used, STATE] = TRACKED if frame == 0 else TENTATIVE
                tracks[used, NUMBER], tracks[used, SEEN] = made, times_s[frame]
                track_of[d] = made
                used, made = used + 1, made + 1
