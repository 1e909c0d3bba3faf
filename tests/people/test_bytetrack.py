from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.optimize import linear_sum_assignment

from videotracks.people.bytetrack import TrackingSettings, track
from videotracks.tables import Detections, Tracklets

FPS = 25.0
POSITION, VELOCITY = 1 / 20, 1 / 160


class PlainTrack:
    """The constant-velocity Kalman filter as it is written down, with matrices: x, y, w, h and their speeds."""

    def __init__(self, number: int, box: np.ndarray, frame: int, confirmed: bool) -> None:
        self.number, self.seen, self.state = number, frame, "tracked" if confirmed else "tentative"
        height = box[3] - box[1]
        self.mean = np.concatenate([measurement(box), np.zeros(4)])
        self.covariance = np.diag(np.repeat([(2 * POSITION * height) ** 2, (10 * VELOCITY * height) ** 2], 4))

    def predict(self, frames: float) -> None:
        if self.state == "lost":
            self.mean[6:] = 0
        height = self.mean[3]
        step = np.eye(8) + frames * np.eye(8, k=4)
        noise = frames * np.diag(np.repeat([(POSITION * height) ** 2, (VELOCITY * height) ** 2], 4))
        self.mean = step @ self.mean
        self.covariance = step @ self.covariance @ step.T + noise

    def correct(self, box: np.ndarray, frame: int) -> None:
        seen = np.eye(4, 8)
        noise = np.eye(4) * (POSITION * (box[3] - box[1])) ** 2
        gain = self.covariance @ seen.T @ np.linalg.inv(seen @ self.covariance @ seen.T + noise)
        self.mean = self.mean + gain @ (measurement(box) - seen @ self.mean)
        self.covariance = (np.eye(8) - gain @ seen) @ self.covariance
        self.seen, self.state = frame, "tracked"

    @property
    def box(self) -> np.ndarray:
        return np.concatenate([self.mean[:2] - self.mean[2:4] / 2, self.mean[:2] + self.mean[2:4] / 2])


def measurement(box: np.ndarray) -> np.ndarray:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height)


def worths(boxes: list[np.ndarray], others: list[np.ndarray], max_cost: float) -> np.ndarray:
    """What a pair is worth: as much as its cost lies below the maximum, as in `lap` with a cost limit."""
    values = [[max(0.0, max_cost - (1 - iou(a, b))) for b in others] for a in boxes]
    return np.array(values).reshape(len(boxes), len(others))


def plain_track(boxes: list[np.ndarray], confidences: list[np.ndarray], times: np.ndarray, given: TrackingSettings):
    """The number of the track (-1 for none) of each box of each frame of one view."""
    usual = np.median(np.diff(times)[np.diff(times) > 0]) if len(times) > 1 else 1.0
    high, low, new = np.array([given.high_confidence, given.low_confidence, given.new_track_confidence], "f4")
    tracks: list[PlainTrack] = []
    made, numbers = 0, []
    for frame, (here, scores) in enumerate(zip(boxes, confidences, strict=True)):
        number = np.full(len(here), -1)
        tracks = [t for t in tracks if t.state != "lost" or times[frame] - times[t.seen] <= given.lost_buffer_s + 1e-6]
        for t in tracks:
            t.predict((times[frame] - times[frame - 1]) / usual)
        turns = (
            (("tracked", "lost"), lambda s: s >= high, given.max_cost),
            (("tracked",), lambda s: low <= s < high, given.max_cost_low),
            (("tentative",), lambda s: s >= high, given.max_cost_tentative),
        )
        for states, admits, max_cost in turns:
            rows = [t for t in tracks if t.state in states and t.seen != frame]
            columns = [d for d in range(len(here)) if number[d] < 0 and admits(scores[d])]
            worth = worths([t.box for t in rows], [here[d] for d in columns], max_cost)
            for i, j in zip(*linear_sum_assignment(worth, maximize=True), strict=True):
                if worth[i, j] > 0:
                    rows[i].correct(here[columns[j]], frame)
                    number[columns[j]] = rows[i].number
        tracks = [t for t in tracks if t.seen == frame or t.state != "tentative"]
        for t in tracks:
            t.state = t.state if t.seen == frame else "lost"
        for d in range(len(here)):
            if number[d] < 0 and scores[d] >= new:
                tracks.append(PlainTrack(made, here[d], frame, confirmed=frame == 0))
                number[d], made = made, made + 1
        numbers.append(number)
    return numbers


def detections_of(*views: list[list[tuple]]) -> Detections:
    """Views given as frames of (left, top, right, bottom, confidence)."""
    frames = max(len(view) for view in views)
    counts = np.array([[len(frame) for frame in view] + [0] * (frames - len(view)) for view in views], "i8")
    table = np.array([box for view in views for frame in view for box in frame], "f4").reshape(-1, 5)
    camera, frame = np.nonzero(counts)
    times = counts[camera, frame]
    return Detections(
        frame_numbers=np.repeat(frame, times).astype("i8"),
        bboxes=table[:, :4].copy(),
        confidences=table[:, 4].copy(),
        classes=np.zeros(len(table), "i8"),
        num_detections_per_frame=counts if len(views) > 1 else counts[0],
        camera=np.repeat(camera, times).astype("i2"),
        camera_ids=np.array([f"cam_{i:02}" for i in range(len(views))]),
    )


def times_of(detections: Detections) -> list[np.ndarray]:
    return [np.arange(detections.counts.shape[1]) / FPS for _ in detections.counts]


def person(frame: int, x: float = 100, y: float = 100, speed: float = 3, confidence: float = 0.9) -> tuple:
    return (x + speed * frame, y, x + speed * frame + 40, y + 100, confidence)


def ids(found: Tracklets) -> dict[int, list[int]]:
    """The frames of each tracklet."""
    return {int(i): found.frame_numbers[found.tracklet_id == i].tolist() for i in np.unique(found.tracklet_id)}


def run(*views: list[list[tuple]], **given: float) -> Tracklets:
    detections = detections_of(*views)
    return track(detections, times_of(detections), TrackingSettings(**given))


@st.composite
def scenes(draw: st.DrawFn) -> list[list[list[tuple]]]:
    """Views of people who walk, are missed, are unsure, have no area, and of boxes where nobody is."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    missed, unsure, noise, flat = (draw(st.sampled_from([0, 0.1, 0.5])) for _ in range(4))
    views = []
    for _ in range(draw(st.integers(1, 2))):
        people = draw(st.integers(0, 6))
        begin, size = random.uniform(0, 150, (people, 2)), random.uniform((20, 40), (60, 120), (people, 2))
        velocity, first = random.normal(0, 4, (people, 2)), random.integers(-5, 10, people)
        view = []
        for frame in range(draw(st.integers(1, 25))):
            boxes = []
            for p in np.flatnonzero((first <= frame) & (frame < first + 20)):
                corner = begin[p] + velocity[p] * (frame - first[p]) + random.normal(0, 2, 2)
                extent = size[p] * random.uniform(0.9, 1.1, 2) * (random.random(2) >= flat / 5)
                if random.random() >= missed:
                    sure = random.random() >= unsure
                    boxes.append((*corner, *(corner + extent), random.uniform(0.5 if sure else 0, 1 if sure else 0.7)))
            for _ in range(random.poisson(noise)):
                corner = random.uniform(0, 200, 2)
                boxes.append((*corner, *(corner + random.uniform(0, 80, 2)), random.uniform(0, 1)))
            view.append([boxes[i] for i in random.permutation(len(boxes))])
        views.append(view)
    return views


@settings(max_examples=150, deadline=None)
@given(
    views=scenes(),
    uneven=st.sampled_from([0.0, 0.5, 5.0]),
    stuck=st.booleans(),
    changed=st.fixed_dictionaries(
        {},
        optional={
            "min_hits": st.integers(1, 4),
            "lost_buffer_s": st.sampled_from([0.0, 0.04, 0.2, 1.0]),
            "max_cost": st.sampled_from([0.3, 0.9, 1.0]),
            "max_cost_low": st.sampled_from([0.3, 0.9]),
            "max_cost_tentative": st.sampled_from([0.3, 0.9]),
            "high_confidence": st.sampled_from([0.2, 0.5]),
            "new_track_confidence": st.sampled_from([0.6, 0.9]),
        },
    ),
)
def test_same_tracks_as_the_plain_version(views: list, uneven: float, stuck: bool, changed: dict) -> None:
    chosen = TrackingSettings(**changed)
    detections = detections_of(*views)
    random = np.random.default_rng(len(views[0]))
    times = [np.cumsum(1 + random.exponential(uneven, len(view))) / FPS for view in views]
    if stuck:
        for view in times:
            view[: len(view) // 3] = view[0]
    found = track(detections, times, chosen)

    expected, made, begin = [], 0, 0
    for view, when in zip(views, times, strict=True):
        ends = np.cumsum([len(frame) for frame in view])
        boxes = np.split(detections.bboxes[begin : begin + ends[-1]].astype("f8"), ends[:-1])
        scores = np.split(detections.confidences[begin : begin + ends[-1]], ends[:-1])
        numbers = np.concatenate(plain_track(boxes, scores, when, chosen))
        expected.append(np.where(numbers >= 0, numbers + made, -1))
        made, begin = made + numbers.max(initial=-1) + 1, begin + len(numbers)
    number = np.concatenate(expected)
    kept = [i for i in range(made) if (number == i).sum() >= chosen.min_hits]
    rows = [np.flatnonzero(number == i) for i in kept]
    assert found.tracklet_id.tolist() == [i + 1 for i, r in enumerate(rows) for _ in r]
    order = np.concatenate([*rows, np.zeros(0, "i8")]).astype("i8")
    np.testing.assert_array_equal(found.bboxes, detections.bboxes[order])
    np.testing.assert_array_equal(found.frame_numbers, detections.frame_numbers[order])
    np.testing.assert_array_equal(found.camera, detections.camera[order])


@settings(max_examples=50, deadline=None)
@given(views=scenes())
def test_a_box_is_in_one_tracklet_and_a_tracklet_has_one_box_a_frame(views: list) -> None:
    detections = detections_of(*views)
    times = [np.arange(len(view)) / FPS for view in views]
    found = track(detections, times, TrackingSettings(min_hits=1))
    rows = detections.row_of(found.camera, found.frame_numbers, found.detection_indices)
    assert len(set(rows.tolist())) == len(rows)
    np.testing.assert_array_equal(detections.bboxes[rows], found.bboxes)
    np.testing.assert_array_equal(detections.confidences[rows], found.confidences)
    assert len(set(zip(found.tracklet_id.tolist(), found.frame_numbers.tolist(), strict=True))) == len(rows)
    np.testing.assert_array_equal(np.unique(found.tracklet_id), np.arange(1, found.tracklet_id.max(initial=0) + 1))
    begins = found.camera.astype("i8") * 1000 + found.frame_numbers
    assert np.all(np.diff(begins[np.searchsorted(found.tracklet_id, np.unique(found.tracklet_id))]) >= 0)


@st.composite
def pairs_to_match(draw: st.DrawFn, most: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Track boxes, boxes and a maximum cost; corners on a coarse grid, so that many are equal or without area."""
    corner = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3))
    made = []
    for _ in range(2):
        boxes = np.array(draw(st.lists(corner, max_size=most)), "f8").reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        made.append(boxes)
    return made[0], made[1], draw(st.sampled_from([0.3, 0.7, 1.0]))


def total_of_match(boxes: np.ndarray, others: np.ndarray, max_cost: float) -> tuple[float, np.ndarray]:
    """What the pairs that are matched are worth together, and the place of the box of each track."""
    from videotracks.people import _tracking_kernels as kernels

    tracks = np.zeros((len(boxes), kernels.COLUMNS))
    tracks[:, kernels.BOX :] = boxes
    room = max(len(boxes), len(others))
    reals, integers = np.full((kernels.REALS, room), np.nan), np.full((kernels.INTEGERS, room), -7)
    integers[kernels.ROW, : len(boxes)] = np.arange(len(boxes))
    integers[kernels.COLUMN, : len(others)] = np.arange(len(others))
    kernels.match(tracks, others, len(boxes), len(others), max_cost, reals, integers)
    found = integers[kernels.FOUND, : len(boxes)]
    worth = worths(list(boxes), list(others), max_cost)
    chosen = found[found >= 0]
    assert len(set(chosen.tolist())) == len(chosen)
    values = worth[np.flatnonzero(found >= 0), chosen]
    assert np.all(values > 0)
    return float(values.sum()), found


@settings(max_examples=200, deadline=None)
@given(pairs_to_match(4))
def test_no_other_way_to_match_is_worth_more(given: tuple) -> None:
    boxes, others, max_cost = given
    worth = worths(list(boxes), list(others), max_cost)
    wide = np.hstack([worth, np.zeros((len(boxes), len(boxes)))])  # or no box at all
    best = max(sum(wide[i, j] for i, j in enumerate(p)) for p in permutations(range(wide.shape[1]), len(boxes)))
    assert total_of_match(boxes, others, max_cost)[0] == pytest.approx(best, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 14), m=st.integers(1, 14), area=st.sampled_from([5, 20, 60]))
def test_matches_a_crowd_as_well_as_scipy(seed: int, n: int, m: int, area: int) -> None:
    """Boxes of 20 to 60 px inside so little room that most tracks want the same ones."""
    random = np.random.default_rng(seed)
    corners, others_corners = random.uniform(0, area, (n, 2)), random.uniform(0, area, (m, 2))
    boxes = np.hstack([corners, corners + random.uniform(20, 60, (n, 2))])
    others = np.hstack([others_corners, others_corners + random.uniform(20, 60, (m, 2))])
    max_cost = float(random.choice([0.5, 0.7, 1.0]))
    worth = worths(list(boxes), list(others), max_cost)
    best = worth[linear_sum_assignment(worth, maximize=True)].sum()
    assert total_of_match(boxes, others, max_cost)[0] == pytest.approx(best, abs=1e-9)


def test_two_people_who_meet_keep_their_identities() -> None:
    view = [[person(f, x=100, speed=5), person(f, x=400, y=120, speed=-5)] for f in range(60)]
    found = run(view)
    assert ids(found) == {1: list(range(60)), 2: list(range(60))}
    assert np.all(found.detection_indices == found.tracklet_id - 1)


def test_an_unsure_detection_continues_a_track_but_begins_none() -> None:
    view = [[person(f, confidence=0.9 if f < 5 else 0.3), person(f, x=500, confidence=0.3)] for f in range(20)]
    assert ids(run(view)) == {1: list(range(20))}


def test_an_unsure_detection_finds_no_lost_track_again() -> None:
    view = [[person(f, confidence=0.9 if f < 5 else 0.3)] if f < 5 or f > 7 else [] for f in range(20)]
    assert ids(run(view)) == {1: list(range(5))}


def test_a_confidence_at_the_limit_counts() -> None:
    view = [[person(f, confidence=0.7)] for f in range(5)]
    assert float(detections_of(view).confidences[0]) < 0.7  # in single precision
    assert ids(run(view)) == {1: list(range(5))}


def test_a_track_of_one_detection_is_forgotten_at_once() -> None:
    view = [[] if f in (0, 2) else [person(f)] for f in range(8)]
    assert ids(run(view, min_hits=1)) == {1: [1], 2: [3, 4, 5, 6, 7]}


@pytest.mark.parametrize(("missed", "found_again"), [(25, True), (26, False)])
def test_a_lost_track_is_remembered_for_the_buffer(missed: int, found_again: bool) -> None:
    view = [[person(f, speed=0)] if f < 10 or f >= 9 + missed else [] for f in range(60)]
    assert len(ids(run(view, lost_buffer_s=1.0))) == (1 if found_again else 2)


def test_the_buffer_is_time_not_frames() -> None:
    detections = detections_of([[person(0, x=100 + f % 3)] if f < 10 or f > 14 else [] for f in range(30)])
    slow = track(detections, [np.arange(30) / 5], TrackingSettings())
    fast = track(detections, [np.arange(30) / 30], TrackingSettings())
    assert (len(ids(slow)), len(ids(fast))) == (2, 1)


def test_frames_far_apart_are_bridged_by_their_time() -> None:
    shown = [f for f in range(80) if f < 20 or f % 8 == 0]
    detections = detections_of([[person(f, speed=4)] for f in shown])
    assert ids(track(detections, [np.array(shown) / FPS], TrackingSettings())) == {1: list(range(len(shown)))}
    # Were the frames evenly spaced, a person who is suddenly eight times as fast would be lost.
    assert ids(track(detections, times_of(detections), TrackingSettings())) == {1: list(range(21))}


def test_frames_of_the_same_time_are_frames_all_the_same() -> None:
    detections = detections_of([[person(0)] for _ in range(6)])
    assert ids(track(detections, [np.zeros(6)], TrackingSettings())) == {1: list(range(6))}


def test_short_tracks_are_left_out_and_numbers_have_no_gap() -> None:
    view = [[person(f), *([person(f, x=500)] if f < 2 else []), person(f, x=900)] for f in range(6)]
    found = run(view, min_hits=3)
    assert sorted(ids(found)) == [1, 2]
    assert found.bboxes[found.tracklet_id == 2][0, 0] == 900


def test_a_tracklet_holds_its_first_boxes_too() -> None:
    view = [[person(f), *([person(f, x=500)] if f in (1, 2) else [])] for f in range(5)]
    assert ids(run(view, min_hits=2)) == {1: [0, 1, 2, 3, 4], 2: [1, 2]}
    assert ids(run(view, min_hits=5)) == {1: [0, 1, 2, 3, 4]}
    assert ids(run(view, min_hits=6)) == {}


@settings(max_examples=30, deadline=None)
@given(views=scenes())
def test_views_are_tracked_as_if_they_were_alone(views: list) -> None:
    detections = detections_of(*views)
    both = track(detections, [np.arange(len(view)) / FPS for view in views], TrackingSettings(min_hits=2))
    for camera, view in enumerate(views):
        alone, mine = run(view, min_hits=2), both.camera == camera
        before = int(both.tracklet_id[both.camera < camera].max(initial=0))
        np.testing.assert_array_equal(both.tracklet_id[mine] - before, alone.tracklet_id)
        np.testing.assert_array_equal(both.bboxes[mine], alone.bboxes)


def test_views_are_tracked_apart() -> None:
    view = [[person(f)] for f in range(10)]
    found = run(view, view[:4])
    assert ids(found) == {1: list(range(10)), 2: list(range(4))}
    assert found.camera.tolist() == [0] * 10 + [1] * 4


def test_boxes_without_area_disturb_nobody() -> None:
    view = [[(50, 50, 50, 50, 0.9), (120, 100, 120, 200, 0.9), person(f)] for f in range(10)]
    assert ids(run(view)) == {1: list(range(10))}


@pytest.mark.parametrize("view", [[], [[]], [[]] * 5, [[person(0, confidence=0.2)]] * 5])
def test_nothing_to_track_no_tracklets(view: list) -> None:
    assert run(view).row_count == 0


def test_times_must_fit_the_detections() -> None:
    detections = detections_of([[person(f)] for f in range(5)])
    with pytest.raises(ValueError, match="1 views, times of 2"):
        track(detections, [np.arange(5.0)] * 2, TrackingSettings())
    with pytest.raises(ValueError, match="5 frames, times of 4"):
        track(detections, [np.arange(4.0)], TrackingSettings())
    for wrong in ([0, 1, 3, 2, 4], [0, 1, np.nan, 3, 4]):
        with pytest.raises(ValueError, match="must not fall"):
            track(detections, [np.array(wrong, "f8")], TrackingSettings())


def test_confidences_must_be_in_order() -> None:
    with pytest.raises(ValidationError, match="must not fall"):
        TrackingSettings(low_confidence=0.7, high_confidence=0.6)
