"""Camera motion: what is left of the flow is what moves."""

import numpy as np

from tests.masks.proposals.picture_examples import flat, moving_square, seen_by_a_moving_camera, texture
from videotracks.masks.proposals.camera_motion import motion_between


def test_a_turning_camera_leaves_nothing_that_moves() -> None:
    motion = motion_between(*seen_by_a_moving_camera())
    assert motion is not None
    assert motion.seen.mean() > 0.8
    assert np.percentile(np.linalg.norm(motion.residual, axis=2)[motion.seen], 99) < 0.5
    assert motion.noise_px < 0.2


def test_what_moves_is_left_with_its_direction() -> None:
    frame, following, square = moving_square(shift=4)
    motion = motion_between(frame, following)
    assert motion is not None
    assert np.abs(np.median(motion.residual[square & motion.seen], axis=0) - (4, 0)).max() < 0.3
    assert np.abs(motion.residual[~square & motion.seen]).mean() < 0.3


def test_where_nothing_is_to_be_seen_no_motion_is_known() -> None:
    picture = flat()
    picture[:, :160] = texture(180, 160)
    motion = motion_between(picture, picture)
    assert motion is not None
    assert motion.seen[:, :150].mean() > 0.95
    assert not motion.seen[:, 170:].any()


def test_frames_of_different_places_have_no_common_motion() -> None:
    assert motion_between(texture(seed=1), texture(seed=2)) is None
    assert motion_between(flat(), flat()) is None


def test_pictures_too_small_for_flow_have_no_motion() -> None:
    for height, width in ((1, 1), (3, 200), (31, 400)):
        assert motion_between(texture(height, width), texture(height, width)) is None
    assert motion_between(texture(64, 64), texture(64, 64)) is not None
