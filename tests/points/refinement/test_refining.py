"""Refinement as a whole: what rests goes, what moves stays and gets better, and everything is said."""

import numpy as np
import pytest

from tests.points.camera_examples import ring, seen_by
from tests.points.scene_examples import scene
from tests.points.track_examples import straight, tracks_of
from videotracks.points.accuracy import score_points
from videotracks.points.refinement.refining import RefinementSettings, refine
from videotracks.points.refinement.reprojection import Observations
from videotracks.points.tracks import read_tracks, write_tracks

settings = RefinementSettings()


@pytest.fixture(scope="module")
def example():
    made = scene(400, seed=7)
    return made, refine(tracks_of(made.measured, made.visible), settings)


def test_static_goes_and_moving_stays(example) -> None:
    made, refined = example
    assert (refined.static & ~made.moving).sum() / refined.static.sum() >= 0.98
    assert made.moving[refined.kept].mean() >= 0.98
    assert np.isin(np.flatnonzero(made.moving), refined.kept).mean() >= 0.99


def test_good_points_of_moving_tracks_stay(example) -> None:
    made, refined = example
    good = made.visible & ~made.wild & made.moving
    left = np.zeros_like(good)
    left[:, refined.kept] = refined.tracks.visible
    assert (good & left).sum() / good.sum() > 0.95
    wild = made.visible & made.wild & made.moving
    assert (wild & left).sum() / wild.sum() < 0.08


def test_the_error_gets_lower_for_every_kind_of_motion(example) -> None:
    made, refined = example
    for kind in (1, 2, 3):
        of_kind = made.kind[refined.kept] == kind
        which = refined.kept[of_kind]
        seen = refined.tracks.visible[:, of_kind]
        before = np.linalg.norm(made.measured - made.truth, axis=2)[:, which][seen]
        after = np.linalg.norm(refined.tracks.tracks_3d[:, of_kind] - made.truth[:, which], axis=2)[seen]
        assert np.median(after) < 0.75 * np.median(before)
        assert after.mean() < before.mean()


def test_every_score_against_the_truth_is_as_good_or_better(example) -> None:
    made, refined = example
    k = refined.kept
    before = score_points(made.truth[:, k], made.visible[:, k], made.measured[:, k], made.visible[:, k])
    after = score_points(made.truth[:, k], made.visible[:, k], refined.tracks.tracks_3d, made.visible[:, k])
    assert after.average_points_within > before.average_points_within
    assert after.average_jaccard > before.average_jaccard
    assert after.median_trajectory_error_m < 0.75 * before.median_trajectory_error_m


def test_what_is_returned_agrees_with_itself(example) -> None:
    made, refined = example
    stats, tracks = refined.statistics, refined.tracks
    dropped = refined.invalid | refined.unreliable | refined.static
    np.testing.assert_array_equal(np.flatnonzero(~dropped), refined.kept)
    assert not (refined.invalid & refined.static).any()
    assert stats.n_refined == tracks.track_count == len(refined.kept)
    assert stats.total_reduction_factor == pytest.approx(400 / len(refined.kept))
    assert stats.motion_filtering.n_static == refined.static.sum()
    assert stats.outliers.n_points_masked == refined.masked.sum()
    assert stats.smoothing.n_interpolated == tracks.interpolated.sum()
    assert not (tracks.visible & refined.masked[:, refined.kept]).any()
    np.testing.assert_array_equal(tracks.visible | refined.masked[:, refined.kept], made.visible[:, refined.kept])
    assert np.isfinite(tracks.tracks_3d).all()
    assert 0 < stats.smoothing.max_endpoint_shift_m <= settings.max_endpoint_shift_m


def test_short_gaps_are_filled_flagged_and_stay_invisible(example) -> None:
    made, refined = example
    tracks = refined.tracks
    assert not (tracks.interpolated & tracks.visible).any()
    error = np.linalg.norm(tracks.tracks_3d - made.truth[:, refined.kept], axis=2)
    assert np.median(error[tracks.interpolated]) < 0.02
    for n in range(tracks.track_count):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], tracks.interpolated[:, n], [0]]).astype(int)))
        assert (edges[1::2] - edges[::2] < 20).all()


def test_a_track_comes_out_the_same_whatever_batch_it_came_in() -> None:
    made = scene(60, seed=3)
    whole = refine(tracks_of(made.measured, made.visible), settings)
    for part in (np.arange(17), np.arange(17, 60), np.arange(0, 60, 7)):
        alone = refine(tracks_of(made.measured[:, part], made.visible[:, part]), settings)
        np.testing.assert_array_equal(part[alone.kept], part[np.isin(part, whole.kept)])
        same = np.isin(whole.kept, part)
        np.testing.assert_array_equal(alone.tracks.tracks_3d, whole.tracks.tracks_3d[:, same])
        np.testing.assert_array_equal(alone.tracks.visibilities, whole.tracks.visibilities[:, same])
        np.testing.assert_array_equal(alone.tracks.interpolated, whole.tracks.interpolated[:, same])


def test_more_tracks_than_are_worked_on_at_a_time_leave_no_seam(monkeypatch) -> None:
    made = scene(60, seed=3)
    whole = refine(tracks_of(made.measured, made.visible), settings)
    monkeypatch.setattr("videotracks.points.refinement.refining._POINTS_AT_ONCE", 7 * 300)
    seven = refine(tracks_of(made.measured, made.visible), settings)
    np.testing.assert_array_equal(seven.tracks.tracks_3d, whole.tracks.tracks_3d)
    np.testing.assert_array_equal(seven.masked, whole.masked)


def test_no_tracks_are_fine(tmp_path) -> None:
    refined = refine(tracks_of(np.zeros((7, 0, 3))), settings)
    assert refined.tracks.track_count == 0
    assert refined.statistics.total_reduction_factor is None
    assert refined.statistics.alignment.visibility_mean is None
    write_tracks(tmp_path / "none.npz", refined.tracks)
    assert read_tracks(tmp_path / "none.npz").track_count == 0


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 9])
def test_very_short_videos_are_fine(frames: int) -> None:
    refined = refine(tracks_of(straight(frames, (0.3, 0, 0), count=3)), settings)
    assert refined.statistics.n_original == 3
    assert np.isfinite(refined.tracks.tracks_3d).all()


def test_tracks_that_nobody_saw_are_invalid() -> None:
    points, seen = straight(40, count=4), np.ones((40, 4))
    seen[:, 0] = 0.5  # visible is above one half
    points[:, 1] = np.nan
    points[:, 2] += 50
    made = refine(tracks_of(points, seen), RefinementSettings(scene_min_m=[-9] * 3, scene_max_m=[9] * 3))
    assert made.invalid.tolist() == [True, True, True, False]
    assert made.kept.tolist() == [3]
    stats = made.statistics.alignment
    assert (stats.n_valid, stats.n_invalid, stats.fraction_valid) == (1, 3, 0.25)
    assert (stats.visibility_min, stats.visibility_max, stats.visibility_mean) == (0, 1, 0.75)


def test_a_point_that_is_nowhere_is_masked_and_the_track_stays_finite() -> None:
    points = straight(60)
    points[20:22] = np.nan
    points[59] = np.inf
    made = refine(tracks_of(points), settings)
    assert np.flatnonzero(made.masked[:, 0]).tolist() == [20, 21, 59]
    assert np.flatnonzero(made.tracks.interpolated[:, 0]).tolist() == [20, 21, 59]
    np.testing.assert_allclose(made.tracks.tracks_3d[:59], straight(59), atol=1e-4)
    assert np.isfinite(made.tracks.tracks_3d).all()


def test_a_track_that_loses_too_many_points_is_dropped() -> None:
    random = np.random.default_rng(0)
    points = np.concatenate([straight(300), straight(300)], axis=1)
    worst = random.permutation(300)[:100]
    points[worst, 0] += random.normal(0, 1, (100, 3))
    made = refine(tracks_of(points), settings)
    assert made.unreliable.tolist() == [True, False]
    assert made.statistics.outliers.n_dropped == 1


def test_each_step_can_be_switched_off() -> None:
    made = scene(80, seed=1)
    tracks = tracks_of(made.measured, made.visible)
    off = {"align": False, "reject_outliers": False, "drop_static": False, "smooth": False}
    untouched = refine(tracks, RefinementSettings(**off))
    np.testing.assert_array_equal(untouched.tracks.tracks_3d, tracks.tracks_3d)
    np.testing.assert_array_equal(untouched.tracks.visibilities, tracks.visibilities)
    stats = untouched.statistics
    assert stats.alignment is stats.outliers is stats.motion_filtering is stats.smoothing is None
    for step, section in zip(off, ("alignment", "outliers", "motion_filtering", "smoothing"), strict=True):
        alone = refine(tracks, RefinementSettings(**{**off, step: True})).statistics
        assert getattr(alone, section) is not None
        others = {"alignment", "outliers", "motion_filtering", "smoothing"} - {section}
        assert all(getattr(alone, name) is None for name in others)


def test_without_interpolation_gaps_stay_as_the_tracker_left_them() -> None:
    points, seen = straight(60), np.ones((60, 1))
    seen[20:25] = 0
    points[20:25] = 7
    made = refine(tracks_of(points, seen), RefinementSettings(interpolate=False))
    assert (made.tracks.tracks_3d[20:25] == 7).all()
    assert not made.tracks.interpolated.any()


def test_the_two_older_steps_drop_the_never_visible_and_the_static_by_their_whole_path() -> None:
    points, seen = straight(40, count=4), np.ones((40, 4))
    seen[:, 0] = 0
    points[:, 1] = 1.0
    points[:, 2] = np.random.default_rng(0).normal(
        0, 0.005, (40, 3)
    )  # jitter passes for motion: that is the older rule
    made = refine(tracks_of(points, seen), RefinementSettings(steps="two"))
    assert made.kept.tolist() == [2, 3]
    np.testing.assert_array_equal(made.tracks.tracks_3d, tracks_of(points).tracks_3d[:, 2:])
    assert made.statistics.outliers is made.statistics.smoothing is None
    assert refine(tracks_of(points, seen), settings).kept.tolist() == [3]


def test_views_that_contradict_a_point_mask_it_or_move_it() -> None:
    cameras = ring(3)
    truth = straight(60, (0.01, 0, 0), count=2) + np.array([-0.3, 0, 4])
    pixels, seen = seen_by(cameras, truth), np.ones((3, 60, 2), bool)
    points = truth.copy()
    points[30:40, 0] += [0, 0.2, 0]  # ten frames on a wrong surface, as one view of three had it
    pixels[0, 30:40, 0] += [0, 80]
    points[50, 1] += [0.5, 0, 0]
    seen[:2, 50, 1] = False  # nobody is left to ask
    tracks = tracks_of(points, views=3, extrs=np.stack([np.column_stack([c.R, c.t]) for c in cameras]))
    made = refine(tracks, settings, cameras=cameras, observations=Observations(pixels.astype("f4"), seen))
    assert np.argwhere(made.triangulated).tolist() == [[t, 0] for t in range(30, 40)]
    assert made.masked[50, 1]
    assert made.statistics.outliers.n_masked_by_views == 1
    assert made.statistics.outliers.n_triangulated == 10
    np.testing.assert_allclose(made.tracks.tracks_3d, truth, atol=2e-3)


def test_cameras_must_be_those_of_the_tracks() -> None:
    tracks, cameras = tracks_of(straight(5), views=2), ring(2)
    seen = Observations(np.zeros((2, 5, 1, 2), "f4"), np.ones((2, 5, 1), bool))
    with pytest.raises(ValueError, match="belong together"):
        refine(tracks, settings, cameras=cameras)
    with pytest.raises(ValueError, match="in this order"):
        refine(tracks, settings, cameras=cameras[::-1], observations=seen)
    with pytest.raises(ValueError, match=r"\(2, 5, 1\) is expected"):
        refine(tracks, settings, cameras=cameras, observations=Observations(seen.pixels[:, :4], seen.visible[:, :4]))
