import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from videotracks.points.instances.links import Link, cut_into_pieces, join_pieces
from videotracks.points.instances.sightings import Sighting


def sighting(view, frame, object_id, x=np.nan):
    return Sighting(view, frame, object_id, 0.1, 0, (0.0, 0.0), 5.0, (x, 0.0, 0.0), 0.2)


def track(places, *, view=0, object_id=1, start=0):
    return [sighting(view, start + t, object_id, x) for t, x in enumerate(places)]


def lengths(rows):
    return [len(piece) for piece in cut_into_pieces(rows, 0.1)]


def test_a_track_is_cut_where_it_jumps():
    assert lengths(track([0, 0.05, 0.1, 2, 2.05, 2.1])) == [3, 3]
    assert lengths(track([0, 0, 5, 0, 0])) == [2, 1, 2]


def test_steady_speed_is_no_jump_and_neither_is_a_gap_in_it():
    assert lengths(track(0.4 * np.arange(8))) == [8]
    assert lengths([row for row in track(0.4 * np.arange(8)) if row.frame not in (3, 4)]) == [6]


def test_what_has_no_place_does_not_jump():
    assert lengths(track([np.nan] * 5)) == [5]


def test_what_is_matched_in_most_common_frames_is_one_object():
    rows = track([np.nan] * 6) + track([np.nan] * 4, view=1, object_id=8, start=2)
    pieces = cut_into_pieces(rows, 0.1)
    twice = [Link(2, 6, 0.2), Link(3, 7, 0.2)]
    assert join_pieces(rows, pieces, twice, 0.1) == [list(range(10))]
    assert len(join_pieces(rows, pieces, twice[:1], 0.1)) == 2


def test_an_object_is_once_in_a_view_and_the_better_supported_gets_it():
    rows = track([np.nan] * 6) + track([np.nan] * 6, object_id=2) + track([np.nan] * 6, view=1)
    pieces = cut_into_pieces(rows, 0.1)
    links = [Link(t, 12 + t, 0.4) for t in range(6)] + [Link(6 + t, 12 + t, 0.1) for t in range(6)]
    assert join_pieces(rows, pieces, links, 0.1) == [list(range(6)), list(range(6, 18))]


def test_a_new_id_near_the_end_of_an_old_one_goes_on():
    rows = track([0, 0.02, 0.04]) + track([0.1, 0.12], object_id=2, start=4)
    assert join_pieces(rows, cut_into_pieces(rows, 0.1), [], 0.1) == [[0, 1, 2, 3, 4]]
    later = track([0, 0.02, 0.04]) + track([0.1, 0.12], object_id=2, start=30)
    assert len(join_pieces(later, cut_into_pieces(later, 0.1), [], 0.1)) == 2


def test_a_jump_under_one_id_is_believed_where_nothing_speaks_against_it():
    rows = track([0, 0, 0, 3, 3, 3])
    assert join_pieces(rows, cut_into_pieces(rows, 0.1), [], 0.1) == [list(range(6))]


def test_no_rows_are_no_objects():
    assert cut_into_pieces([], 0.1) == []
    assert join_pieces([], [], [], 0.1) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_each_row_is_in_one_object_and_no_view_sees_an_object_twice_in_a_frame(seed):
    random = np.random.default_rng(seed)
    keys = {tuple(key) for key in random.integers(0, (3, 8, 4), (40, 3)).tolist()}
    rows = [sighting(v, t, i, float(random.choice([0, 0.05, 0.3, np.nan]))) for v, t, i in sorted(keys)]
    pairs = random.integers(0, len(rows), (60, 2)).tolist()
    links = [Link(a, b, 0.3) for a, b in pairs if rows[a].frame == rows[b].frame and rows[a].view < rows[b].view]
    made = join_pieces(rows, cut_into_pieces(rows, 0.1), links, 0.1)
    assert sorted(r for members in made for r in members) == list(range(len(rows)))
    for members in made:
        places = [(rows[r].view, rows[r].frame) for r in members]
        assert len(set(places)) == len(places)
