import numpy as np
import pytest

from tests.people.tracklet_examples import moving_box, no_tracklets, random_tracklets, tracklets_of
from videotracks.people import statistics
from videotracks.people.statistics import tracklet_statistics
from videotracks.tables import Tracklets


def plain_statistics(tracklets: Tracklets) -> list[dict]:
    """One tracklet after the other: the oracle."""
    rows = []
    for tracklet in np.unique(tracklets.tracklet_id):
        of = tracklets.tracklet_id == tracklet
        boxes, frames = tracklets.bboxes[of].astype("f8"), tracklets.frame_numbers[of]
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        velocities = np.diff(centers, axis=0) / np.diff(frames)[:, None]
        moves = len(velocities) > 0
        rows.append(
            {
                "tracklet_id": tracklet,
                "camera": tracklets.camera[of][0],
                "start_frame": frames[0],
                "end_frame": frames[-1],
                "duration": len(frames),
                "mean_center": centers.mean(axis=0),
                "center_jitter": centers.std(axis=0).mean(),
                "mean_area": areas.mean(),
                "area_std": areas.std(),
                "area_variance": areas.std(),
                "mean_velocity": velocities.mean(axis=0) if moves else np.zeros(2),
                "velocity_magnitude": np.linalg.norm(velocities, axis=1).mean() if moves else 0.0,
                "first_bbox": tracklets.bboxes[of][0],
                "last_bbox": tracklets.bboxes[of][-1],
                "mean_confidence": tracklets.confidences[of].astype("f8").mean(),
            }
        )
    return rows


@pytest.mark.parametrize("block_rows", [1, 7, 1 << 15])
def test_equals_the_plain_loop_whatever_the_block(monkeypatch: pytest.MonkeyPatch, block_rows: int) -> None:
    monkeypatch.setattr(statistics, "BLOCK_ROWS", block_rows)
    for seed in range(5):
        tracklets = random_tracklets(seed, count=30, frames=100, cameras=2)
        stats, plain = tracklet_statistics(tracklets), plain_statistics(tracklets)
        for name, values in stats.arrays().items():
            expected = np.array([row[name] for row in plain])
            np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9, err_msg=name)


def test_a_single_detection_has_no_motion() -> None:
    stats = tracklet_statistics(tracklets_of(moving_box(3, 7, 1, (10, 20))))
    assert stats.mean_velocity.tolist() == [[0, 0]]
    assert stats.velocity_magnitude.tolist() == stats.center_jitter.tolist() == stats.area_std.tolist() == [0]
    assert (stats.start_frame[0], stats.end_frame[0], stats.duration[0]) == (7, 7, 1)


def test_velocity_is_per_frame_across_missing_frames() -> None:
    stats = tracklet_statistics(tracklets_of(moving_box(1, 10, [0, 1, 5, 6], (50, 50), velocity=(3, -4))))
    np.testing.assert_allclose(stats.mean_velocity, [[3, -4]], atol=1e-6)
    np.testing.assert_allclose(stats.velocity_magnitude, [5], atol=1e-6)


def test_spread_is_exact_far_from_the_origin() -> None:
    """The square of the mean is 10 million times the variance: only a second pass about the mean keeps its digits."""
    part = moving_box(1, 0, 1000, (8000, 8000), size=(1, 1))
    part["bboxes"] += np.where(np.arange(1000) % 2, 2.5, -2.5)[:, None].astype("f4")
    assert tracklet_statistics(tracklets_of(part)).center_jitter[0] == pytest.approx(2.5, abs=1e-12)


def test_no_tracklets_have_no_statistics() -> None:
    assert tracklet_statistics(no_tracklets()).row_count == 0
