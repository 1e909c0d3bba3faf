"""Moving objects: connected areas that do not move as the camera does, cut out along the edges of the picture."""

from typing import NamedTuple

import numpy as np

from videotracks.masks.proposals.camera_motion import Motion
from videotracks.masks.proposals.regions import Pieces

#: What counts as moving: px between the frames, and multiples of the noise; then steps up to what moves fastest.
MIN_MOTION_PX, MIN_MOTION_NOISES, STEP = 0.75, 4.0, 1.5
#: Thresholds at most: the last is 1.5^9, 38 times the first.
MAX_STEPS = 10
#: Least area that is looked at, px, and the largest share of the picture: beyond it, it is the background.
MIN_AREA_PX, MAX_SHARE = 100, 0.5
#: Areas that are cut out at most, those that stand out most first; two that overlap by more than this are one.
MAX_SEEDS, SAME_IOU = 10, 0.7
#: How far around an area its outline is sought: a share of its size, and px at least.
REACH_SHARE, REACH_PX = 0.35, 16
#: Standard deviation of the colour of a thing among its pieces, Lab units; and the density of unknown colours.
COLOUR_SPREAD, UNKNOWN_COLOUR = 5.0, 1e-3
#: Evidence of one cue is bounded by this many nats, so that none overrules all others.
MAX_NATS = 3.0
#: Pixels that bear witness as one: neighbours repeat each other. A border costs 1 nat per px where no edge is seen,
#: less by 1/e for each so many Lab units per px, but a little always.
WITNESS_PX, BORDER_DECAY, MIN_BORDER = 16.0, 8.0, 0.05
#: Models and outline are found in turn, so often.
ROUNDS = 3
#: The stricter and the laxer cut ask for this much more or less evidence, nats.
STABILITY_NATS = 0.25
#: Capacities of the cut are integers: this many to a nat.
UNITS_PER_NAT = 100


class Area(NamedTuple):
    """A moving area."""

    pieces: np.ndarray  # bool[K]
    stability: float  # IoU of the stricter and the laxer cut


class Evidence(NamedTuple):
    """What is known of each of K pieces."""

    area: np.ndarray  # f64[K] px
    lab: np.ndarray  # f64[K, 3]
    centre: np.ndarray  # f64[K, 2] px, x and y
    seen: np.ndarray  # f64[K], share of the pixels of which the motion is known
    residual: np.ndarray  # f64[K, 2] px
    noise_px: float


def moving_areas(lab: np.ndarray, pieces: Pieces, motion: Motion) -> list[Area]:
    """The connected areas of ``pieces`` that move otherwise than the camera, the one that stands out most first.

    Where the motion rises above thresholds, there are seeds; around each, pieces are parted into figure and ground
    by a minimum cut (Papazoglou and Ferrari 2013, Fast object segmentation in unconstrained video): colour and
    affine motion of either side speak for a piece, visible edges make the border cheap. Motion alone would carry
    along a fringe of background, and lose what happens to stand still.
    """
    evidence = _evidence(lab, pieces, motion)
    found: list[Area] = []
    for seed in _seeds(pieces, evidence):
        area = _cut_out(seed, pieces, evidence)
        if area is not None and all(iou(area.pieces, one.pieces, evidence.area) <= SAME_IOU for one in found):
            found.append(area)
    return found


def iou(one: np.ndarray, two: np.ndarray, area: np.ndarray) -> float:
    """Intersection over union of two sets of pieces bool[K]; 0 of two empty ones."""
    return float(area[one & two].sum() / max(area[one | two].sum(), 1e-9))


def _evidence(lab: np.ndarray, pieces: Pieces, motion: Motion) -> Evidence:
    height, width = pieces.labels.shape
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), 2)
    return Evidence(
        area=np.bincount(pieces.labels.ravel(), minlength=pieces.total).astype("f8"),
        lab=pieces.means(lab),
        centre=pieces.means(pixels),
        seen=pieces.means(motion.seen[..., None])[:, 0],
        residual=pieces.means(motion.residual, motion.seen),
        noise_px=motion.noise_px,
    )


def _seeds(pieces: Pieces, evidence: Evidence) -> list[np.ndarray]:
    """Connected sets of pieces above one of the thresholds, bool[K], that stand out most from what is around."""
    speed = np.linalg.norm(evidence.residual, axis=1)
    known = evidence.seen > 0.5
    threshold = max(MIN_MOTION_PX, MIN_MOTION_NOISES * evidence.noise_px)
    scored: list[tuple[float, np.ndarray]] = []
    for _ in range(MAX_STEPS):
        moving = known & (speed > threshold)
        for area in connected(moving, pieces.pairs):
            size = evidence.area[area].sum()
            if MIN_AREA_PX <= size <= MAX_SHARE * pieces.labels.size:
                scored.append((_standing_out(area, speed, known, pieces) * size**0.5, area))
        threshold *= STEP
    scored.sort(key=lambda item: -item[0])
    kept: list[np.ndarray] = []
    for score, area in scored:
        if len(kept) == MAX_SEEDS or score <= 0:
            break
        if all(iou(area, other, evidence.area) <= SAME_IOU for other in kept):
            kept.append(area)
    return kept


def _standing_out(area: np.ndarray, speed: np.ndarray, known: np.ndarray, pieces: Pieces) -> float:
    """How much faster an area is than what lies beyond its border, in multiples of the latter plus 1 px."""
    first, second = pieces.pairs.T
    crossing = (area[first] != area[second]) & known[first] & known[second]
    if not crossing.any():
        return float(np.median(speed[area]))
    beyond = speed[np.where(area[first], second, first)[crossing]]
    return float(np.average((np.median(speed[area]) - beyond) / (1 + beyond), weights=pieces.length[crossing]))


def connected(chosen: np.ndarray, pairs: np.ndarray) -> list[np.ndarray]:
    """The connected parts bool[K] of the chosen pieces bool[K]."""
    from scipy import sparse

    links = pairs[chosen[pairs].all(1)]
    graph = sparse.coo_array((np.ones(len(links), "i1"), tuple(links.T)), shape=(len(chosen),) * 2)
    _, part = sparse.csgraph.connected_components(graph, directed=False)
    return [chosen & (part == p) for p in np.unique(part[chosen])]


def _cut_out(seed: np.ndarray, pieces: Pieces, evidence: Evidence) -> Area | None:
    """The object around a seed; None where there is none."""
    low, high = evidence.centre[seed].min(0), evidence.centre[seed].max(0)
    reach = np.maximum(REACH_PX, REACH_SHARE * (high - low))
    window = ((evidence.centre >= low - reach) & (evidence.centre <= high + reach)).all(1)
    figure, alike = seed, _alike(evidence.lab[window])
    nats = np.zeros(pieces.total)
    for _ in range(ROUNDS):
        if not (window & ~figure).any():
            return None
        nats[window] = _nats(figure, window, alike, evidence)
        figure = _largest(_minimum_cut(nats, window, pieces, evidence.area), pieces, evidence.area)
        if evidence.area[figure].sum() < MIN_AREA_PX:
            return None
    strict, lax = (
        _largest(_minimum_cut(nats + shift, window, pieces, evidence.area), pieces, evidence.area)
        for shift in (-STABILITY_NATS, STABILITY_NATS)
    )
    return Area(figure, iou(strict, lax, evidence.area))


def _largest(chosen: np.ndarray, pieces: Pieces, area: np.ndarray) -> np.ndarray:
    return max(connected(chosen, pieces.pairs), key=lambda part: area[part].sum(), default=chosen)


def _nats(figure: np.ndarray, window: np.ndarray, alike: np.ndarray, evidence: Evidence) -> np.ndarray:
    """Evidence for each of the W pieces of the window to be figure rather than ground, f64[W] in nats.

    ``alike`` f32[W, W]: colours are judged by their density among the other pieces of either side.
    """
    sides = np.stack([figure, window & ~figure])
    areas = (evidence.area * sides)[:, window].T
    density = alike @ (areas / areas.sum(0)).astype("f4") + UNKNOWN_COLOUR
    colour = np.clip(np.log(density[:, 0] / density[:, 1]), -MAX_NATS, MAX_NATS)
    scale = max(1.0, MIN_MOTION_NOISES * evidence.noise_px)
    misses = [np.minimum(_motion_miss(side, window, evidence) / scale, MAX_NATS) for side in sides]
    return colour + (misses[1] - misses[0]) * evidence.seen[window]


def _alike(lab: np.ndarray) -> np.ndarray:
    """How near the colours f64[W, 3] of two pieces are, f32[W, W] from 0 to 1; 0 of a piece and itself."""
    values = (lab / COLOUR_SPREAD).astype("f4")
    squares = np.einsum("ij,ij->i", values, values)
    distance = squares[:, None] + squares - 2 * values @ values.T
    alike = np.exp(distance * np.float32(-0.5))
    np.fill_diagonal(alike, 0)
    return alike


def _motion_miss(side: np.ndarray, window: np.ndarray, evidence: Evidence) -> np.ndarray:
    """How far the motion of each piece of the window is from one side's affine motion, f64 px.

    The affine motion is fitted by least squares, thrice, with the weights of a Cauchy estimator.
    """
    weight = evidence.area[side] * evidence.seen[side]
    places = np.column_stack([evidence.centre - evidence.centre[side].mean(0), np.ones(len(side))])
    weights = weight
    for _ in range(3):
        root = np.sqrt(weights)[:, None] + 1e-9
        model = np.linalg.lstsq(places[side] * root, evidence.residual[side] * root, rcond=None)[0]
        off = places[side] @ model - evidence.residual[side]
        weights = weight / (1 + (off * off).sum(1))
    return np.linalg.norm(places[window] @ model - evidence.residual[window], axis=1)


def _minimum_cut(nats: np.ndarray, window: np.ndarray, pieces: Pieces, area: np.ndarray) -> np.ndarray:
    """The figure bool[K] of least cost: evidence against it inside, for it outside, and the border between.

    (Boykov and Jolly 2001; maximum flow by Dinic's method.)
    """
    from scipy import sparse

    number = np.cumsum(window) - 1
    count = int(number[-1]) + 1
    source, sink = count, count + 1
    price = pieces.length * (np.exp(-pieces.strength / BORDER_DECAY) + MIN_BORDER)
    ends = window[pieces.pairs]
    inside = ends.all(1)
    a, b = number[pieces.pairs[inside]].T
    border = np.rint(price[inside] * UNITS_PER_NAT).astype("i4")
    leaving = ends[:, 0] != ends[:, 1]  # what lies beyond the window is ground
    rim = np.bincount(pieces.pairs[leaving][ends[leaving]], price[leaving], len(window))
    wish = np.rint((nats * area / WITNESS_PX - rim)[window] * UNITS_PER_NAT).astype("i4")
    likes, dislikes = np.flatnonzero(wish > 0), np.flatnonzero(wish < 0)
    rows = np.concatenate([a, b, np.full(len(likes), source), dislikes])
    columns = np.concatenate([b, a, likes, np.full(len(dislikes), sink)])
    capacity = np.concatenate([border, border, wish[likes], -wish[dislikes]])
    graph = sparse.csr_array((capacity, (rows, columns)), shape=(count + 2, count + 2))
    left = graph - sparse.csgraph.maximum_flow(graph, source, sink).flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    reached = sparse.csgraph.breadth_first_order(left, source, return_predecessors=False)
    figure = np.zeros(len(window), bool)
    figure[np.flatnonzero(window)[reached[reached < count]]] = True
    return figure
