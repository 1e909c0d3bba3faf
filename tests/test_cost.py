"""Costs are measured as they are, and carried over to what has not run yet."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videotracks import cost as cost_module
from videotracks.cost import forecast, measured


def test_measures_wall_and_cpu_time() -> None:
    with measured() as cost:
        time.sleep(0.1)
    assert 0.1 <= cost.wall_s < 1
    assert cost.cpu_s < 0.09
    with measured() as busy:
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
    assert busy.cpu_s >= 0.1


def test_sees_memory_that_is_given_back_within_the_block() -> None:
    with measured() as before:
        pass
    with measured() as cost:
        block = np.ones(200 << 20, dtype="u1")
        time.sleep(0.05)
        del block
    assert cost.peak_memory_bytes >= before.peak_memory_bytes + (190 << 20)


def test_an_earlier_peak_does_not_count() -> None:
    with measured() as first:
        np.ones(300 << 20, dtype="u1")
        time.sleep(0.05)
    with measured() as second:
        pass
    assert second.peak_memory_bytes < first.peak_memory_bytes - (200 << 20)


@pytest.mark.skipif(cost_module._bytes_moved() is None, reason="this system does not count the bytes of a process")
def test_counts_bytes_read_and_written(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with measured() as cost:
        (tmp_path / "file").write_bytes(bytes(3_000_000))
        (tmp_path / "file").read_bytes()
    assert cost.bytes_written is not None
    assert cost.bytes_read is not None
    assert 3_000_000 <= cost.bytes_written < 3_100_000
    assert 3_000_000 <= cost.bytes_read < 3_100_000


def test_measures_a_block_that_fails() -> None:
    with pytest.raises(ValueError, match="no"), measured() as cost:
        raise ValueError("no")
    assert cost.wall_s > 0


def test_blocks_may_nest() -> None:
    with measured() as outer, measured() as inner:
        time.sleep(0.01)
    assert outer.wall_s >= inner.wall_s >= 0.01


def test_nothing_measured_gives_no_forecast() -> None:
    assert forecast([], [100]) is None


def test_one_video_gives_a_rate_and_no_range() -> None:
    found = forecast([(100, 10.0)], [200, 300])
    assert found is not None
    assert (found.wall_s, found.low_s, found.high_s) == (50.0, None, None)
    assert (found.videos, found.frames, found.measured_videos) == (2, 500, 1)


def test_videos_of_one_length_give_a_rate_and_a_range() -> None:
    found = forecast([(100, 8.0), (100, 12.0)], [100])
    assert found is not None
    assert (found.wall_s, found.low_s, found.high_s) == pytest.approx((10, 8, 12))


@given(st.floats(0, 100), st.floats(0.001, 10), st.lists(st.integers(1, 10_000), min_size=2, unique=True))
def test_finds_the_constant_and_the_rate(constant: float, rate: float, lengths: list[int]) -> None:
    found = forecast([(n, constant + rate * n) for n in lengths], [1000, 3000])
    assert found is not None
    assert found.wall_s == pytest.approx(2 * constant + 4000 * rate, rel=1e-3, abs=1e-3)
    assert found.low_s == pytest.approx(found.wall_s, rel=1e-3, abs=1e-3)


@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 1000)), min_size=1), st.lists(st.integers(0, 10_000)))
def test_a_forecast_is_never_negative(costs: list[tuple[int, float]], remaining: list[int]) -> None:
    found = forecast(costs, remaining)
    assert found is not None
    assert found.wall_s >= 0
    assert found.low_s is None or 0 <= found.low_s <= found.wall_s * (1 + 1e-9) + 1e-9


def test_slower_short_videos_do_not_make_long_ones_free() -> None:
    found = forecast([(10, 100.0), (1000, 50.0)], [100_000])
    assert found is not None
    assert found.wall_s == 75
