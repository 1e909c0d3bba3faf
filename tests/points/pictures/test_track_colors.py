"""Colours of tracks."""

import numpy as np

from tests.points.trail_examples import moving_right
from videotracks.points.pictures.track_colors import color_circle, track_colors


def oklab(rgb: np.ndarray) -> np.ndarray:
    """OKLab of sRGB u8[..., 3] (Ottosson's matrices, the forward way)."""
    v = rgb / 255
    linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    to_lms = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    )  # fmt: skip
    to_lab = np.array(
        [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
         [0.0259040371, 0.7827717662, -0.8086757660]]
    )  # fmt: skip
    return np.cbrt(linear @ to_lms.T) @ to_lab.T


def test_the_circle_is_equally_light_and_its_steps_are_equally_long() -> None:
    lab = oklab(color_circle())
    steps = np.linalg.norm(np.roll(lab, -1, axis=0) - lab, axis=1)
    assert np.abs(lab[:, 0] - 0.75).max() < 0.005
    assert steps.max() < 2.5 * np.median(steps)  # a colour has whole levels only
    smooth = np.convolve(np.r_[steps, steps[:10]], np.ones(10) / 10, "valid")
    assert smooth.max() / smooth.min() < 1.25


def test_colours_spread_evenly_over_the_circle() -> None:
    random = np.random.default_rng(3)
    colors = track_colors(random.normal(0, 1, (3600, 4)).astype("f4"))
    _, counts = np.unique(colors, axis=0, return_counts=True)
    assert len(counts) >= 355
    assert counts.max() < 30  # 10 are expected


def test_a_track_keeps_its_colour_when_others_are_dropped() -> None:
    tracks = moving_right(5, rows=np.linspace(10, 110, 50))
    kept = np.arange(3, 50, 7)
    np.testing.assert_array_equal(
        track_colors(tracks.select(kept).query_points), track_colors(tracks.query_points)[kept]
    )


def test_no_tracks_have_no_colours() -> None:
    assert track_colors(np.zeros((0, 4), "f4")).shape == (0, 3)


def test_minus_zero_is_zero() -> None:
    plus, minus = np.array([[0, 0, 1, 2]], "f4"), np.array([[0, -0.0, 1, 2]], "f4")
    np.testing.assert_array_equal(track_colors(plus), track_colors(minus))
