import csv
import io

import numpy as np
import polars as pl
import pytest

from tests.people.tracklet_examples import moving_box, no_tracklets, tracklets_of
from videotracks.errors import CorruptFileError
from videotracks.people.grouping import GroupingSettings, canonical_persons, group_tracklets, grouping_log
from videotracks.people.grouping_table import grouping_table
from videotracks.people.ranking import RankingSettings, rank_persons
from videotracks.people.statistics import tracklet_statistics
from videotracks.tables import Tracklets

TIMES = np.concatenate([np.arange(30) / 30, 1 + np.arange(100) / 10])  # thirty frames a second, then ten


def table_of(tracklets: Tracklets, cameras: tuple[str, ...] = ("left", "right")) -> pl.DataFrame:
    stats = tracklet_statistics(tracklets)
    groups = group_tracklets(stats, [30.0, 30.0], GroupingSettings())
    persons = canonical_persons(tracklets, groups)
    ranking = rank_persons(persons, [len(TIMES)] * 2, [(640, 480)] * 2, RankingSettings())
    return grouping_table(stats, grouping_log(persons, groups), ranking, [TIMES, TIMES], cameras)


def street() -> Tracklets:
    return tracklets_of(
        moving_box(1, 0, 10, (50, 200), velocity=(4, 0)),
        moving_box(2, 0, 50, (320, 240), camera=1),
        moving_box(3, 25, 15, (140, 203), velocity=(4, 0)),
        moving_box(4, 20, 5, (120, 203), velocity=(-4, 0)),
    )


def test_tells_by_rank_which_tracklets_became_whom_and_why_not() -> None:
    table = table_of(street())
    columns = ["person_id", "rank", "tracklet_id", "camera", "joined_to", "gap_frames", "distance_px", "area_ratio"]
    assert table.select(columns).rows() == [
        (2, 1, 2, "right", None, None, None, None),
        (1, 2, 1, "left", None, None, None, None),
        (1, 2, 3, "left", 1, 16, pytest.approx(54.1), 1.0),
        (4, 3, 4, "left", None, None, None, None),
    ]
    assert table["refused_after"].to_list() == ["", "", "", "1 (direction -1 < 0.6)"]
    assert table["refusals"].to_list() == [0, 0, 0, 1]


def test_times_are_those_of_the_frames_where_the_rate_changes() -> None:
    row = table_of(street()).row(2, named=True)
    assert (row["start_frame"], row["end_frame"]) == (25, 39)
    assert (row["start_s"], row["end_s"], row["duration_s"]) == (0.833, 1.9, 1.067)


def test_no_cell_begins_a_formula() -> None:
    wicked = ('=HYPERLINK("http://x")', "\t@SUM(1,1)\n=2")
    rows = list(csv.reader(io.StringIO(table_of(street(), wicked).write_csv())))
    assert {row[3] for row in rows[1:]} == {'\'=HYPERLINK("http://x")', "' @SUM(1,1) =2"}
    texts = [cell for row in rows for cell in row if not cell.replace(".", "").replace("-", "").isdigit()]
    assert not [cell for cell in texts if cell[:1] in set("=+-@\t\r")]


def test_results_of_different_tracklets_are_refused() -> None:
    tracklets = street()
    stats = tracklet_statistics(tracklets)
    groups = group_tracklets(stats, [30.0, 30.0], GroupingSettings())
    persons = canonical_persons(tracklets, groups)
    ranking = rank_persons(persons, [100] * 2, [(640, 480)] * 2, RankingSettings())
    fewer = tracklet_statistics(tracklets_of(moving_box(1, 0, 10, (50, 200))))
    with pytest.raises(CorruptFileError, match="materialize tracklet_stats"):
        grouping_table(fewer, grouping_log(persons, groups), ranking, [TIMES] * 2, ("left", "right"))


def test_no_tracklets_give_a_table_of_the_same_columns() -> None:
    empty = table_of(no_tracklets())
    assert empty.height == 0
    assert empty.columns == table_of(street()).columns
