import numpy as np
import polars as pl
import pytest
from PIL import Image

from tests.people.test_grouping_table import street, table_of
from tests.people.tracklet_examples import moving_box, no_tracklets, tracklets_of
from videotracks.palette import color_of
from videotracks.people.timeline import (
    BOTTOM_PX,
    LANE_PX,
    LEFT_PX,
    RIGHT_PX,
    TOP_PX,
    TimelineSettings,
    draw_timeline,
)

SPAN_PX = 1200 - LEFT_PX - RIGHT_PX


def lane(picture: Image.Image, index: int, seconds: float, duration_s: float, below_middle: int = 6) -> tuple:
    """Colour in a lane at a moment; by default beside the middle, where a bar is and the line of a gap is not."""
    x = LEFT_PX + round(SPAN_PX * seconds / duration_s)
    return picture.getpixel((x, TOP_PX + index * LANE_PX + LANE_PX // 2 + below_middle))  # type: ignore[return-value]


def test_a_bar_per_tracklet_and_a_line_over_the_gap_in_the_colour_of_the_person() -> None:
    picture = draw_timeline(table_of(street()), 2.0, TimelineSettings())
    assert picture.size == (1200, TOP_PX + 3 * LANE_PX + BOTTOM_PX)
    assert lane(picture, 0, 1.0, 2.0) == color_of(2)
    assert lane(picture, 1, 0.1, 2.0) == lane(picture, 1, 1.5, 2.0) == color_of(1)
    assert lane(picture, 1, 0.5, 2.0) != color_of(1)
    assert lane(picture, 1, 0.5, 2.0, below_middle=0) == color_of(1)
    assert lane(picture, 1, 1.95, 2.0, below_middle=0) != color_of(1)


def test_draws_the_first_ranks_and_stays_small() -> None:
    parts = [moving_box(i + 1, i, 5, (7 * i % 600, 240), camera=i % 2) for i in range(60)]
    table = table_of(tracklets_of(*parts))
    few = draw_timeline(table, 4.0, TimelineSettings(max_persons=5, width_px=800))
    assert few.size == (800, TOP_PX + 5 * LANE_PX + BOTTOM_PX)


@pytest.mark.parametrize("duration_s", [0.0, 0.04, 3.0, 100.0, 5000.0, 4e6])
def test_any_duration_has_readable_ticks(duration_s: float) -> None:
    picture = draw_timeline(table_of(street()), duration_s, TimelineSettings())
    bottom = np.asarray(picture)[TOP_PX + 3 * LANE_PX + 3, LEFT_PX : 1201 - RIGHT_PX]
    ticks = int((bottom != 255).any(axis=1).sum())
    assert 1 <= ticks <= SPAN_PX / 70 + 1


def test_no_persons_are_said_so() -> None:
    table = table_of(no_tracklets())
    assert draw_timeline(table, 3.0, TimelineSettings()).height == TOP_PX + LANE_PX + BOTTOM_PX


def test_a_long_name_of_a_view_stays_in_its_column() -> None:
    table = table_of(street(), ("a" * 300, "b"))
    plain = np.asarray(draw_timeline(table.with_columns(pl.lit("b").alias("camera")), 2.0, TimelineSettings()))
    named = np.asarray(draw_timeline(table, 2.0, TimelineSettings()))
    np.testing.assert_array_equal(plain[TOP_PX:, LEFT_PX:], named[TOP_PX:, LEFT_PX:])
