"""Poses of a moving camera: kept where they fit its pictures, found again where they do not."""

import numpy as np
import pytest

from tests.points.moving_camera import MovingView, filmed
from tests.points.rendered_scenes import turned
from videotracks.geometry.camera_path import CameraPath
from videotracks.points.poses.features import features_of, matched
from videotracks.points.poses.refining import GOOD_PX, refine_poses


@pytest.fixture(scope="module")
def view() -> MovingView:
    return filmed(6, 0.5, per_body=5, occluder=False, speed=0.5)[0]


def disturbed(path: CameraPath, degrees: float, shift_m: float) -> CameraPath:
    """Every frame turned and shifted by as much, each another way."""
    random = np.random.default_rng(1)
    turns = np.array([turned(np.deg2rad(degrees), random.normal(size=3)) @ R for R in path.turns])
    shifts = random.normal(size=path.shifts.shape)
    return CameraPath(path.lens, turns, path.shifts + shift_m * shifts / np.linalg.norm(shifts, axis=1, keepdims=True))


def relative(path: CameraPath) -> np.ndarray:
    """Each frame's place in the axes of the first, f8[T, 3]."""
    return np.array([path.at(0).R @ path.at(t).center + path.at(0).t for t in range(path.frame_count)])


def test_keeps_poses_that_fit(view) -> None:
    made, record = refine_poses(view, 0, view.path)
    assert made is view.path
    assert (record.used, record.refined_px) == ("stated", None)
    assert record.stated_px < GOOD_PX


def test_finds_poses_again_although_things_move(view) -> None:
    stated = disturbed(view.path, 1.0, 0.03)
    made, record = refine_poses(view, 0, stated)
    assert (record.used, record.located) == ("refined", 5)
    assert record.refined_px < 1 < 4 < record.stated_px
    np.testing.assert_allclose(relative(made), relative(view.path), atol=0.02)
    # The world stays where it was stated to be.
    centers = [np.array([path.at(t).center for t in range(6)]) for path in (made, view.path)]
    assert np.linalg.norm(centers[0].mean(axis=0) - centers[1].mean(axis=0)) < 0.03


@pytest.mark.slow
def test_says_the_same_every_time(view) -> None:
    one, other = (refine_poses(view, 0, disturbed(view.path, 1.0, 0.03))[0] for _ in range(2))
    np.testing.assert_array_equal(one.extrinsics, other.extrinsics)


def test_without_texture_or_depth_poses_stay_as_stated(view) -> None:
    stated = disturbed(view.path, 1.0, 0.03)
    for pictures, depths in (
        (np.full_like(view.pictures, 90), view.depths),
        (view.pictures, np.zeros_like(view.depths)),
    ):
        made, record = refine_poses(MovingView(view.path, pictures, depths), 0, stated)
        assert made is stated
        assert (record.used, record.stated_px, record.refined_px) == ("stated", None, None)


def test_matches_of_one_frame_with_itself_are_exact(view) -> None:
    found = features_of(view.pictures[0], view.depths[0], view.path.at(0))
    one, other = matched(found, found)
    assert len(one) > 100
    np.testing.assert_allclose(found.pixels[one], found.pixels[other])
