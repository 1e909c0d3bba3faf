"""Regions of a picture at every grain: small pieces whose borders lie on edges, and the tree of their merging."""

from typing import NamedTuple

import numpy as np

#: Side of the cells that get one piece each, px: limbs and handles are about as wide at working size.
CELL_PX = 8
#: Strength of an edge (Lab units per px) that is a full barrier to growing pieces: black against white has 50.
FULL_EDGE = 32.0
#: What a piece pays per px for growing away from its marker, Lab units per px. It keeps pieces even where nothing is
#: seen, and is less than the faintest edge that eyes notice.
EVENNESS = 0.25
#: An edge that eyes notice, Lab units per px: about half of the just noticeable difference of 2.3.
VISIBLE_EDGE = 1.0
#: Bins per channel of Lab, and the ranges that they cover; sectors of edge directions.
COLOUR_BINS, LAB_RANGES, SECTORS = 8, ((0.0, 100.0), (-50.0, 50.0), (-50.0, 50.0)), 8
#: Edge strength at which a pixel counts half for the texture, Lab units per px.
HALF_TEXTURE = 6.0
#: How differences add up, in the order of the kernels: mean colour (per Lab unit), histograms (per unit of L1), motion
#: (1 is far above the noise), border (per Lab unit per px), the power of the size, and the border's strength at which
#: what lies behind it counts half. Chosen by eye on a dozen pictures: twice or half of any gives regions as good.
WEIGHTS = (0.8, 12.0, 40.0, 2.0, 0.3, VISIBLE_EDGE)


class Pieces(NamedTuple):
    """A picture cut into small 4-connected pieces, numbered from 0, and the borders between them."""

    labels: np.ndarray  # i32[h, w]
    total: int  # K
    pairs: np.ndarray  # i64[E, 2], the two pieces of each border, the smaller number first
    length: np.ndarray  # f64[E] px
    strength: np.ndarray  # f64[E], mean edge along the border, Lab units per px

    def means(self, values: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        """The mean of values [h, w, C] in each piece, f64[K, C], each pixel weighing ``weight`` [h, w]; 0 of none."""
        labels = self.labels.ravel()
        weights = np.ones(labels.size) if weight is None else weight.ravel().astype("f8")
        total = np.maximum(np.bincount(labels, weights, self.total), 1e-9)
        sums = [np.bincount(labels, weights * channel.ravel(), self.total) for channel in np.moveaxis(values, 2, 0)]
        return np.stack(sums, 1) / total[:, None]

    def outline_seen(self, region: np.ndarray) -> float:
        """Share of the outline of a region bool[K] that is a visible edge; the picture's frame counts for nothing."""
        outline = region[self.pairs[:, 0]] != region[self.pairs[:, 1]]
        length = self.length[outline]
        return float(length[self.strength[outline] >= VISIBLE_EDGE].sum() / max(length.sum(), 1.0))


class MergeTree(NamedTuple):
    """All regions: the K pieces, then what was joined of two, the whole picture last. Of 2K - 1 nodes each."""

    parts: np.ndarray  # i64[nodes, 2], the two that a region was joined of; -1 for pieces
    parent: np.ndarray  # i64[nodes], -1 for the whole picture
    birth: np.ndarray  # f64[nodes], how much the parts differ: 0 for pieces, never less than that of a part
    death: np.ndarray  # f64[nodes], the birth of the parent, infinite for the whole
    area: np.ndarray  # f64[nodes] px
    start: np.ndarray  # i64[nodes]: the region has the pieces whose rank is from start ...
    stop: np.ndarray  # i64[nodes]: ... to before stop
    rank: np.ndarray  # i64[K]

    def at(self, region: int, threshold: float) -> int:
        """What is left of a region cut at a threshold: its ancestor alive there, or else its largest descendant."""
        while self.birth[region] > threshold:
            one, two = self.parts[region]
            region = one if self.area[one] >= self.area[two] else two
        while self.death[region] <= threshold:
            region = self.parent[region]
        return int(region)


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """A picture RGB u8[H, W, 3] in CIE Lab, f32[H, W, 3]."""
    import cv2

    return cv2.cvtColor(rgb.astype("f4") / 255, cv2.COLOR_RGB2Lab)


def edge_strength(lab: np.ndarray) -> np.ndarray:
    """The colour gradient f32[H, W] in Lab units per px: root of the larger eigenvalue of Di Zenzo's tensor (1986)."""
    import cv2

    dx = cv2.Sobel(lab, cv2.CV_32F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    dy = cv2.Sobel(lab, cv2.CV_32F, 0, 1, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    xx, yy, xy = (np.einsum("ijk,ijk->ij", a, b) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    return np.sqrt((xx + yy + np.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2)


def grow(barrier: np.ndarray, labels: np.ndarray) -> None:
    """Let labels i32[H, W] grow over the pixels of -1, in place, where the barrier f32[H, W] is lowest first."""
    from videotracks.masks.proposals._kernels import flood

    levels = np.minimum(barrier * (255 / FULL_EDGE), 255).astype("u1")
    flood(levels, labels, np.full((2, 256), -1, "i4"), np.empty(labels.size, "i4"))


def cut_up(edges: np.ndarray) -> Pieces:
    """Cut a picture into pieces whose borders lie on its edges f32[h, w].

    Waterpixels (Machairas et al. 2015): a marker in each cell of a grid where the edges are weakest, then a watershed
    of the edges plus the distance from the markers.
    """
    import cv2

    height, width = edges.shape
    rows, columns = -(-height // CELL_PX), -(-width // CELL_PX)
    outward = np.abs(np.arange(CELL_PX) - (CELL_PX - 1) / 2) * EVENNESS
    cells = np.full((rows * CELL_PX, columns * CELL_PX), np.inf, "f4")
    cells[:height, :width] = edges
    cells = cells.reshape(rows, CELL_PX, columns, CELL_PX).transpose(0, 2, 1, 3) + (outward[:, None] + outward)
    y, x = np.divmod(cells.reshape(rows, columns, -1).argmin(2), CELL_PX)
    labels = np.full((height, width), -1, "i4")
    numbers = np.arange(rows * columns, dtype="i4").reshape(rows, columns)
    labels[y + np.arange(rows)[:, None] * CELL_PX, x + np.arange(columns) * CELL_PX] = numbers
    grow(edges + EVENNESS * cv2.distanceTransform((labels < 0).astype("u1"), cv2.DIST_L2, 3), labels)
    return Pieces(labels, rows * columns, *_borders(labels.astype("i8"), rows * columns, edges))


def _borders(labels: np.ndarray, count: int, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    keys, strengths = [], []
    for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        differ = labels[here] != labels[there]
        a, b = labels[here][differ], labels[there][differ]
        keys.append(np.minimum(a, b) * count + np.maximum(a, b))
        strengths.append(np.maximum(edges[here], edges[there])[differ])
    pairs, which = np.unique(np.concatenate(keys), return_inverse=True)
    length = np.bincount(which, minlength=len(pairs)).astype("f8")
    strength = np.bincount(which, np.concatenate(strengths), len(pairs)) / np.maximum(length, 1)
    return np.stack(np.divmod(pairs, count), 1), length, strength


def merge_regions(
    lab: np.ndarray, pieces: Pieces, motion: np.ndarray | None = None, seen: np.ndarray | None = None
) -> MergeTree:
    """Join the two neighbouring regions that differ least, until one is left.

    ``lab`` f32[h, w, 3]; ``motion`` f32[h, w, 2] in multiples of what the noise explains, valid where ``seen``
    bool[h, w]. Regions differ by mean colour, histograms of colour and edge direction (Uijlings et al. 2013,
    Selective Search), motion, and the strength of their border (Arbelaez 2006), which also opens or closes the door
    for the other cues: where no border is to be seen, a slow change of colour parts nothing. Small regions join first.
    """
    from videotracks.masks.proposals._kernels import merge

    count = pieces.total
    nodes, borders = 2 * count - 1, len(pieces.pairs)
    regions = np.zeros((nodes, 7 + 3 * COLOUR_BINS + SECTORS))
    regions[:count] = _description(lab, pieces, motion, seen)
    table = np.stack([pieces.length, pieces.length * pieces.strength, np.zeros(borders)], 1)
    parts, birth = np.full((nodes, 2), -1, "i8"), np.zeros(nodes)
    room = np.full((4, nodes), -1, "i8"), np.full((4, borders + 1), -1, "i8")
    merge(regions, pieces.pairs.copy(), table, np.array(WEIGHTS), parts, birth, *room)
    parent = np.full(nodes, -1, "i8")
    parent[parts[count:]] = np.arange(count, nodes)[:, None]
    death = np.where(parent >= 0, birth[parent], np.inf)
    start, stop = _ranks(parts.tolist(), count)
    return MergeTree(parts, parent, birth, death, regions[:, 0].copy(), start, stop, start[:count])


def _ranks(parts: list[list[int]], count: int) -> tuple[np.ndarray, np.ndarray]:
    """An order of the pieces in which those of every region follow one another: its first, and the one after."""
    size, start = [1] * len(parts), [0] * len(parts)
    for region in range(count, len(parts)):
        one, two = parts[region]
        size[region] = size[one] + size[two]
    for region in range(len(parts) - 1, count - 1, -1):
        one, two = parts[region]
        start[one], start[two] = start[region], start[region] + size[one]
    first = np.array(start, "i8")
    return first, first + np.array(size, "i8")


def _description(lab: np.ndarray, pieces: Pieces, motion: np.ndarray | None, seen: np.ndarray | None) -> np.ndarray:
    """Sums over each piece in the columns of the kernels, f64[K, columns]."""
    labels, count = pieces.labels.ravel(), pieces.total

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(labels, values.ravel(), count)

    columns = [np.bincount(labels, minlength=count).astype("f8"), *(total(lab[..., c]) for c in range(3))]
    if motion is None or seen is None:
        columns += [np.zeros(count)] * 3
    else:
        columns += [total(seen), total(motion[..., 0] * seen), total(motion[..., 1] * seen)]
    histograms = [_colour_histogram(labels, count, lab[..., c].ravel(), *LAB_RANGES[c]) for c in range(3)]
    return np.concatenate([np.stack(columns, 1), *histograms, _texture_histogram(labels, count, lab[..., 0])], 1)


def _colour_histogram(labels: np.ndarray, count: int, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Pixels per bin, f64[K, bins], each shared by the two nearest bins so that noise moves little; a third each."""
    at = np.clip((values - low) * ((COLOUR_BINS - 1) / (high - low)), 0, COLOUR_BINS - 1.001)
    below = at.astype("i4")
    place, share = labels * COLOUR_BINS + below, (at - below) / 3
    size = count * COLOUR_BINS
    both = np.bincount(place, 1 / 3 - share, size) + np.bincount(place + 1, share, size)
    return both.reshape(count, COLOUR_BINS)


def _texture_histogram(labels: np.ndarray, count: int, lightness: np.ndarray) -> np.ndarray:
    """Pixels per sector of edge direction, f64[K, sectors], each weighing 0 to 1 by the strength of its edge."""
    import cv2

    dx, dy = (cv2.Scharr(lightness, cv2.CV_32F, 1 - i, i, scale=1 / 32).ravel() for i in (0, 1))
    strength, turn = cv2.cartToPolar(dx, dy)
    sector = (turn.ravel() * (SECTORS / (2 * np.pi))).astype("i4") % SECTORS
    weight = strength.ravel() / (strength.ravel() + HALF_TEXTURE)
    return np.bincount(labels * SECTORS + sector, weight, count * SECTORS).reshape(count, SECTORS)
