import importlib.util

import numpy as np
import pytest

from tests.people.tracklet_examples import moving_box, tracklets_of
from videotracks.errors import RecordingError
from videotracks.people.accuracy import score, score_tracks
from videotracks.people.motchallenge import MotRows, read_mot


def rows_of(*lines: tuple[float, ...]) -> MotRows:
    """Rows (frame, id, left, top, right, bottom[, flag[, class]]), sorted by frame."""
    table = np.array([[*line, 1, 1][:8] for line in sorted(lines)], "f8").reshape(-1, 8)
    return MotRows(
        table[:, 0].astype("i8"), table[:, 1].astype("i8"), table[:, 2:6], table[:, 6], table[:, 7].astype("i8")
    )


def walker(identity: int, frames: range, left: float = 0, **columns: float) -> list[tuple[float, ...]]:
    """Someone 20 by 40 px who walks 2 px a frame."""
    return [(frame, identity, left + 2 * frame, 0, left + 2 * frame + 20, 40, *columns.values()) for frame in frames]


def test_the_truth_itself_scores_one():
    truth = rows_of(*walker(1, range(10)), *walker(2, range(5, 20), left=100))
    made = score([truth], [truth])
    assert (made.hota, made.det_a, made.ass_a, made.loc_a, made.idf1, made.mota, made.motp) == pytest.approx((1.0,) * 7)
    assert (made.idsw, made.fp, made.fn, made.tp) == (0, 0, 0, 25)


def test_a_track_that_breaks_in_two_is_one_switch_and_halves_the_association():
    truth = rows_of(*walker(1, range(10)))
    made = score([truth], [rows_of(*walker(7, range(5)), *walker(8, range(5, 10)))])
    assert made.idsw == 1
    assert made.det_a == pytest.approx(1.0)
    assert made.ass_a == pytest.approx(0.5)
    assert made.hota == pytest.approx(np.sqrt(0.5))
    assert made.idf1 == pytest.approx(0.5)
    assert made.mota == pytest.approx(0.9)


def test_boxes_too_many_and_boxes_missed_are_counted():
    truth = rows_of(*walker(1, range(10)))
    made = score([truth], [rows_of(*walker(1, range(6)), *walker(2, range(3), left=500))])
    assert (made.tp, made.fn, made.fp) == (6, 4, 3)
    assert made.mota == pytest.approx((6 - 3) / 10)


def test_nothing_found_scores_nothing():
    made = score([rows_of(*walker(1, range(10)))], [rows_of()])
    assert (made.hota, made.idf1, made.mota, made.fn) == (0, 0, 0, 10)


def test_nothing_to_find_and_nothing_found_is_no_error():
    made = score([rows_of()], [rows_of()])
    assert (made.tp, made.fp, made.fn) == (0, 0, 0)


@pytest.mark.parametrize("klass", [2, 7, 8, 12])
def test_a_box_on_what_looks_like_a_pedestrian_is_neither_right_nor_wrong(klass: int):
    counted = walker(1, range(10))
    ignored = walker(2, range(10), left=200, flag=0, klass=klass)
    made = score([rows_of(*counted, *ignored)], [rows_of(*counted, *walker(2, range(10), left=202))])
    assert (made.tp, made.fp, made.fn) == (10, 0, 0)
    assert made.hota == pytest.approx(1.0)


def test_a_box_on_a_pedestrian_with_flag_0_is_a_false_positive_as_in_trackeval():
    counted = walker(1, range(10))
    ignored = walker(2, range(10), left=200, flag=0)
    made = score([rows_of(*counted, *ignored)], [rows_of(*counted, *walker(2, range(10), left=202))])
    assert (made.tp, made.fp) == (10, 10)


def test_a_box_far_from_a_distractor_is_a_false_positive():
    counted = walker(1, range(10))
    ignored = walker(2, range(10), left=200, flag=0, klass=8)
    made = score([rows_of(*counted, *ignored)], [rows_of(*counted, *walker(2, range(10), left=215))])
    assert (made.tp, made.fp) == (10, 10)


def test_cars_do_not_count_and_take_nothing_away():
    people, cars = walker(1, range(5)), walker(2, range(5), left=200, flag=1, klass=3)
    alone, beside = score([rows_of(*people)], [rows_of(*people)]), score([rows_of(*people, *cars)], [rows_of(*people)])
    assert alone == beside
    assert score([rows_of(*people, *cars)], [rows_of(*people, *walker(2, range(5), left=200))]).fp == 5


def test_the_same_id_in_two_views_is_two_people():
    view = rows_of(*walker(1, range(10)))
    made = score([view, view], [view, view])
    assert (made.hota, made.gt_ids, made.ids, made.tp) == (pytest.approx(1.0), 2, 2, 20)


def test_an_identity_that_stands_twice_in_a_frame_is_refused():
    truth = rows_of(*walker(1, range(10)))
    with pytest.raises(RecordingError, match="the tracks: identity 7 stands more than once in frame 4"):
        score([truth], [rows_of(*walker(7, range(10)), *walker(7, range(3, 5), left=9))])


def test_a_ground_truth_file_is_scored_in_the_view_that_it_belongs_to(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_text("".join(f"{frame + 1},1,{2 * frame},0,20,40,1,-1,-1,-1\n" for frame in range(5)))
    here = moving_box(1, 0, 5, (10, 20), (2, 0), (20, 40), camera=1)
    elsewhere = moving_box(2, 0, 5, (10, 20), (2, 0), (20, 40), camera=0)
    tracks = tracklets_of(here, elsewhere)
    made = score_tracks(path, tracks, camera=1)
    assert (made.hota, made.tp, made.fp) == (pytest.approx(1.0), 5, 0)


@pytest.mark.testdata
def test_tud_campus_scores_as_published(testdata):
    folder = testdata / "mot" / "TUD-Campus"
    made = score([read_mot(folder / "gt.txt")], [read_mot(folder / "test.txt")])
    assert made.mota == pytest.approx(0.526462, abs=1e-6)  # py-motmetrics 1.4.0
    assert made.idf1 == pytest.approx(0.557659, abs=1e-6)  # py-motmetrics 1.4.0
    assert made.hota == pytest.approx(0.391397, abs=1e-6)  # TrackEval 1.3.0
    assert (made.idsw, made.fp, made.fn) == (7, 13, 150)


def crowded(seed: int) -> tuple[MotRows, MotRows]:
    """Truth and tracks that lose, swap and invent people."""
    random = np.random.default_rng(seed)
    truth, found = [], []
    for identity in range(1, 8):
        name = identity
        for line in walker(identity, range(*sorted(random.integers(0, 40, 2).tolist())), left=random.uniform(0, 60)):
            truth.append(line)
            name = int(random.integers(1, 12)) if random.random() < 0.1 else name
            if random.random() < 0.8 and (line[0], name) not in {f[:2] for f in found}:
                shift = random.normal(0, 3, 4)
                found.append((line[0], name, *(np.array(line[2:6]) + shift)))
    return rows_of(*truth), rows_of(*found)


def by_trackeval(truth: MotRows, found: MotRows) -> dict[str, float]:
    """The same metrics by the reference implementation."""
    import trackeval
    from trackeval.datasets._base_dataset import _BaseDataset

    made: dict = {"tracker_ids": [], "gt_ids": [], "similarity_scores": []}
    gt_names, names = np.unique(truth.ids), np.unique(found.ids)
    frames = np.union1d(truth.frame_numbers, found.frame_numbers)
    for frame in frames:
        t, f = truth.frame_numbers == frame, found.frame_numbers == frame
        made["gt_ids"].append(np.searchsorted(gt_names, truth.ids[t]))
        made["tracker_ids"].append(np.searchsorted(names, found.ids[f]))
        iou = _BaseDataset._calculate_box_ious(truth.bboxes[t], found.bboxes[f], box_format="x0y0x1y1")
        made["similarity_scores"].append(iou)
    made |= {"num_gt_dets": len(truth.ids), "num_tracker_dets": len(found.ids), "num_timesteps": len(frames)}
    made |= {"num_gt_ids": len(gt_names), "num_tracker_ids": len(names)}
    hota, clear, identity = (
        trackeval.metrics.HOTA().eval_sequence(made),
        trackeval.metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(made),
        trackeval.metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(made),
    )
    return {
        **{ours: float(np.mean(hota[theirs])) for ours, theirs in HOTA_NAMES.items()},
        **{name.lower(): float(identity[name]) for name in ("IDF1", "IDP", "IDR")},
        **{"mota": clear["MOTA"], "motp": clear["MOTP"], "idsw": clear["IDSW"], "tp": clear["CLR_TP"]},
        **{"fp": clear["CLR_FP"], "fn": clear["CLR_FN"], "gt_ids": len(gt_names), "ids": len(names)},
    }


HOTA_NAMES = {"hota": "HOTA", "det_a": "DetA", "ass_a": "AssA", "loc_a": "LocA"}


@pytest.mark.skipif(importlib.util.find_spec("trackeval") is None, reason="pip install trackeval to compare with it")
@pytest.mark.parametrize("seed", range(20))
def test_every_metric_is_that_of_trackeval(seed):
    truth, found = crowded(seed)
    assert score([truth], [found]).model_dump() == pytest.approx(by_trackeval(truth, found), abs=1e-9)
