"""Whose motion a pixel follows: the object's or the ground's, each an affine motion fitted to the flow."""

import numpy as np

#: Log odds that motion alone can give, reached where a pixel is closer to one motion by REACH_PX; beyond FAR_PX it
#: follows neither. In px of the frames per step.
MOST, REACH_PX, FAR_PX = 3.0, 2.0, 6.0
#: Fewer pixels than this give no motion.
LEAST_PIXELS = 20
#: Rounds of reweighting, each pixel by 1 / (1 + its squared distance from the motion in px).
ROUNDS = 3


def motion_odds(steps: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Log odds f32[h, w] that a pixel moves with those ``inside`` rather than with those ``outside``.

    ``steps`` f32[h, w, 2] flow in px, ``inside`` and ``outside`` bool[h, w]: the pixels surely of one and the other.
    Zero where both move alike, and everywhere if either has too few pixels.
    """
    if min(np.count_nonzero(inside), np.count_nonzero(outside)) < LEAST_PIXELS:
        return np.zeros(steps.shape[:2], "f4")
    height, width = steps.shape[:2]
    places = np.empty((height, width, 3), "f4")
    places[..., 0] = 1
    places[..., 1] = np.linspace(-0.5, 0.5, width, dtype="f4")
    places[..., 2] = np.linspace(-0.5, 0.5, height, dtype="f4")[:, None]
    from_object, from_ground = (
        np.minimum(lengths(steps - places @ affine(places[where], steps[where])), FAR_PX) for where in (inside, outside)
    )
    return (MOST * np.clip((from_ground - from_object) / REACH_PX, -1, 1)).astype("f4")


def lengths(steps: np.ndarray) -> np.ndarray:
    """The lengths of steps f32[..., 2]; the sum over an axis of two is slow in NumPy."""
    return np.hypot(steps[..., 0], steps[..., 1])


def affine(places: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The affine motion f64[3, 2] of ``steps`` f32[P, 2] at ``places`` f32[P, 3] by iterated reweighted least squares.

    A little ridge keeps the motion at rest where all places are on a line.
    """
    weight = np.ones(len(places), "f4")
    for _ in range(ROUNDS):
        weighted = places * weight[:, None]
        motion = np.linalg.solve(weighted.T @ places + 1e-3 * np.eye(3), weighted.T @ steps)
        weight = (1 / (1 + lengths(steps - places @ motion) ** 2)).astype("f4")
    return motion.astype("f4")
