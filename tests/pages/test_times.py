"""Times on pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotracks.pages.times import MOST_TICKS, clock, ticks, whole_clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.0"), (62.5, "1:02.5"), (59.96, "1:00.0"), (3723.4, "1:02:03.4")]
)
def test_times_read_as_people_write_them(seconds, text) -> None:
    assert clock(seconds) == text
    assert whole_clock(round(seconds, 1)) == text[:-2]


@given(st.floats(0.04, 1e6))
def test_ticks_are_few_start_at_the_beginning_and_stay_on_the_axis(duration_s) -> None:
    made = ticks(duration_s, 64, 1000)
    assert 1 <= len(made) <= MOST_TICKS + 1
    assert made[0]["x"] == 64
    assert all(64 <= tick["x"] <= 1000.1 for tick in made)
