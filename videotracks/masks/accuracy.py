"""How well masks agree with the truth: region similarity J and boundary F, as DAVIS defines them.

Perazzi et al. 2016, "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation".
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: How far a boundary may lie from the true one, as a share of the picture's diagonal (Perazzi et al. 2016).
BOUNDARY_TOLERANCE = 0.008
#: A frame counts as found from here; the share of such frames is the recall (Perazzi et al. 2016).
FOUND = 0.5
#: The decay is the mean of the first of so many parts of a sequence less that of the last (Perazzi et al. 2016).
PARTS = 4


class SequenceScore(NamedTuple):
    """A measure over a sequence."""

    mean: float
    recall: float  # share of the frames above FOUND
    decay: float  # what is lost from the first quarter to the last


def region_similarity(made: np.ndarray, truth: np.ndarray) -> float:
    """Region similarity J of two masks bool[H, W]: their intersection over union; 1 where both are empty.

    ``ValueError`` where their sizes differ.
    """
    _check_sizes(made, truth)
    union = int(np.count_nonzero(made | truth))
    return float(np.count_nonzero(made & truth) / union) if union else 1.0


def boundary_accuracy(made: np.ndarray, truth: np.ndarray, tolerance: float = BOUNDARY_TOLERANCE) -> float:
    """Boundary measure F of two masks bool[H, W]: the harmonic mean of precision and recall of the boundary pixels.

    A boundary pixel is matched where the other boundary, dilated by a disc, covers it; the disc's radius is
    ``tolerance`` times the diagonal in px, rounded up. 1 where neither has a boundary, 0 where one alone has.
    ``ValueError`` where the sizes differ.
    """
    import cv2

    _check_sizes(made, truth)
    radius = int(np.ceil(tolerance * np.hypot(*made.shape)))
    reach = np.arange(-radius, radius + 1)
    disc = (np.add.outer(reach**2, reach**2) <= radius**2).astype("u1")
    made_edge, true_edge = boundary(made).view("u1"), boundary(truth).view("u1")
    if not made_edge.any() or not true_edge.any():
        return float(made_edge.any() == true_edge.any())
    precision = made_edge[cv2.dilate(true_edge, disc) > 0].sum() / made_edge.sum()
    recall = true_edge[cv2.dilate(made_edge, disc) > 0].sum() / true_edge.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall > 0 else 0.0


def boundary(mask: np.ndarray) -> np.ndarray:
    """The boundary one pixel wide of a mask bool[H, W], as bool[H, W].

    A pixel is on it where its neighbour to the right, below or diagonally below differs; the picture's own edge is
    no boundary.
    """
    edge = np.zeros(mask.shape, bool)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return edge


def over_sequence(values: Sequence[float]) -> SequenceScore:
    """Mean, recall and decay of a measure per frame, in order; ``ValueError`` for fewer frames than parts."""
    per_frame = np.asarray(values, "f8")
    if len(per_frame) < PARTS:
        raise ValueError(f"{len(per_frame)} frames; a decay needs {PARTS} or more")
    # Rounded half up, and each part ends with the frame that the next one begins with, as in the DAVIS toolkit.
    ends = np.floor(np.linspace(1, len(per_frame), PARTS + 1) + 0.5).astype(int) - 1
    first, last = per_frame[: ends[1] + 1], per_frame[ends[-2] :]
    return SequenceScore(
        mean=float(per_frame.mean()),
        recall=float((per_frame > FOUND).mean()),
        decay=float(first.mean() - last.mean()),
    )


def _check_sizes(made: np.ndarray, truth: np.ndarray) -> None:
    if made.shape != truth.shape or made.ndim != 2:
        raise ValueError(f"masks of {made.shape} and {truth.shape}: expected two of the same height and width")
