"""Rotations as files write them: vectors to matrices, and matrices that were rounded."""

import numpy as np

#: Largest entry of R Rᵀ - 1: single precision keeps a rotation to 1e-7.
_ORTHONORMAL = 1e-6


def is_rotation(matrix: np.ndarray) -> bool:
    """Whether R Rᵀ = 1 and det R = +1 hold for a matrix f8[3, 3], but for rounding to single precision."""
    return bool(are_rotations(matrix[None])[0])


def are_rotations(matrices: np.ndarray) -> np.ndarray:
    """The same of each of f8[N, 3, 3], bool[N]."""
    off = np.abs(matrices @ matrices.swapaxes(1, 2) - np.eye(3)).max(axis=(1, 2))
    return (off <= _ORTHONORMAL) & (np.linalg.det(matrices) > 0)


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


def of_quaternions(quaternions: np.ndarray) -> np.ndarray:
    """R f8[N, 3, 3] of quaternions f8[N, 4] = (x, y, z, w) of any length above 0."""
    x, y, z, w = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def to_quaternions(rotations: np.ndarray) -> np.ndarray:
    """Quaternions f8[N, 4] = (x, y, z, w) of length 1, w not below 0, of R f8[N, 3, 3] (Bar-Itzhack 2000).

    The eigenvector of the greatest eigenvalue of a symmetric matrix: as exact at half a turn as at none.
    """
    r = rotations
    k = np.empty((len(r), 4, 4))
    for i in range(3):
        for j in range(3):
            k[:, i, j] = r[:, i, j] + r[:, j, i]
        k[:, i, i] -= np.trace(r, axis1=1, axis2=2)
    k[:, 3, 3] = np.trace(r, axis1=1, axis2=2)
    for i, (a, b) in enumerate(((2, 1), (0, 2), (1, 0))):
        k[:, i, 3] = k[:, 3, i] = r[:, a, b] - r[:, b, a]
    made = np.linalg.eigh(k)[1][:, :, 3]
    return np.where(made[:, 3:] < 0, -made, made)
