"""Rotations: from vectors as OpenCV does, and back from rounding."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from videotracks.geometry.rotation import is_rotation, nearest_rotation, rotation_matrix

vectors = arrays("f8", 3, elements=st.floats(-4, 4))


@settings(max_examples=60, deadline=None)
@given(vectors, st.sampled_from([1, 1e-4, 1e-12]))
def test_turns_as_opencv_does(vector, scale) -> None:
    np.testing.assert_allclose(rotation_matrix(vector * scale), cv2.Rodrigues(vector * scale)[0], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(vectors, arrays("f8", (3, 3), elements=st.floats(-1, 1)))
def test_rounding_is_taken_out(vector, noise) -> None:
    rotation = rotation_matrix(vector)
    made = nearest_rotation(rotation + 1e-3 * noise)
    assert is_rotation(made)
    assert np.abs(made - rotation).max() < 1e-2
    np.testing.assert_allclose(nearest_rotation(rotation), rotation, atol=1e-12)


@pytest.mark.parametrize("matrix", [-np.eye(3), np.diag([1.0, 1, -1]), 1.001 * np.eye(3), np.zeros((3, 3))])
def test_mirrors_and_scales_are_no_rotations(matrix) -> None:
    assert not is_rotation(matrix)
    assert not np.allclose(nearest_rotation(matrix), matrix, atol=1e-6)


def test_single_precision_is_a_rotation() -> None:
    assert is_rotation(rotation_matrix(np.array([0.3, -1.2, 2.0])).astype("f4").astype("f8"))
