"""Rotations as files write them: vectors to matrices, and matrices that were rounded."""

import numpy as np

#: Largest entry of R Rᵀ - 1: single precision keeps a rotation to 1e-7.
_ORTHONORMAL = 1e-6


def is_rotation(matrix: np.ndarray) -> bool:
    """Whether R Rᵀ = 1 and det R = +1 hold for a matrix f8[3, 3], but for rounding to single precision."""
    return bool(np.abs(matrix @ matrix.T - np.eye(3)).max() <= _ORTHONORMAL and np.linalg.det(matrix) > 0)


def rotation_matrix(vector: np.ndarray) -> np.ndarray:
    """R f8[3, 3] that turns by the length of ``vector`` f8[3] in radians around it (Rodrigues)."""
    x, y, z = vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype="f8")
    angle = np.linalg.norm(vector)
    return np.eye(3) + np.sinc(angle / np.pi) * cross + np.sinc(angle / (2 * np.pi)) ** 2 / 2 * cross @ cross


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """The rotation f8[3, 3] closest to a matrix f8[3, 3] in the sum of squares (Kabsch, from the SVD)."""
    left, _, right = np.linalg.svd(matrix)
    left[:, 2] *= np.sign(np.linalg.det(left @ right))
    return left @ right
