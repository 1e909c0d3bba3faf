"""The annotated video: who is drawn where and when, in the video that browsers get."""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.people.crop_examples import persons_of
from videotracks.palette import color_of
from videotracks.people.annotate import AnnotationSettings, annotate_recording, forget, smoothed
from videotracks.recording import Recording, probe_recording, read_frames
from videotracks.tables import Persons
from videotracks.video_writer import VideoWriter

WIDTH, HEIGHT, FPS, FRAMES = 160, 120, 25, 30
GREY = 90
EXACT = AnnotationSettings(crf=4)
Box = tuple[float, float, float, float]


def write_grey(path: Path, frames: int = FRAMES, width: int = WIDTH, height: int = HEIGHT) -> Path:
    with VideoWriter(path, width, height, FPS, crf=4) as video:
        for _ in range(frames):
            video.write(np.full((height, width, 3), GREY, np.uint8))
    return path


def persons_at(places: Mapping[int, Mapping[tuple[int, int], Box]]) -> Persons:
    """Persons with these boxes at these views and frames."""
    persons = persons_of({person: sorted(seen) for person, seen in places.items()})
    for row, person in enumerate(persons.person_id.tolist()):
        at = int(persons.camera[row]), int(persons.frame_numbers[row])
        persons.bboxes[row] = places[person][at]
    return persons


def annotated(folder: Path, places: Mapping[int, Mapping[tuple[int, int], Box]], settings: AnnotationSettings = EXACT):
    """The frames i64[H, W, 3] of a grey video with these persons drawn on it."""
    source = write_grey(folder / "grey.mp4")
    out = folder / "out"
    out.mkdir()
    made = annotate_recording(probe_recording(source, "grey"), source, persons_at(places), out, settings)
    return frames_of(*made.values())


def frames_of(path: Path) -> list[np.ndarray]:
    recording = probe_recording(path, "annotated")
    return [frame.rgb().astype(int) for frame in read_frames(path, recording.views[0])]


def touched(picture: np.ndarray) -> np.ndarray:
    """Which pixels, bool[H, W], something was drawn on."""
    return np.abs(picture - GREY).max(axis=2) > 25


def near(picture: np.ndarray, person: int) -> np.ndarray:
    """Which pixels, bool[H, W], have about the person's colour (the video halves the resolution of colours)."""
    return np.abs(picture - color_of(person)).max(axis=2) < 40


def test_a_box_is_drawn_in_the_persons_colour_on_its_frames_and_no_other(tmp_path: Path) -> None:
    frames = annotated(tmp_path, {3: {(0, 10): (40, 40, 80, 100)}}, AnnotationSettings(crf=4, trail_s=0))
    assert len(frames) == FRAMES
    assert [index for index, frame in enumerate(frames) if touched(frame).any()] == [10]
    drawn = near(frames[10], 3)
    for edge in (drawn[40:100, 38:43], drawn[40:100, 78:83], drawn[38:43, 40:80].T, drawn[98:103, 40:80].T):
        assert edge.any(axis=1).mean() > 0.95
    assert not touched(frames[10])[48:94, 48:74].any(), "the person stays visible inside the box"


def test_no_trail_joins_the_places_before_and_after_a_long_absence(tmp_path: Path) -> None:
    away = {(0, 0): (10, 20, 30, 100), (0, 1): (10, 20, 30, 100), (0, 25): (120, 20, 140, 100)}
    frames = annotated(tmp_path, {4: away}, AnnotationSettings(crf=4, trail_s=1.5))
    assert not touched(frames[25])[30:110, 45:110].any()


def test_two_persons_have_two_colours(tmp_path: Path) -> None:
    frames = annotated(tmp_path, {1: {(0, 5): (10, 40, 50, 100)}, 2: {(0, 5): (90, 40, 130, 100)}})
    assert near(frames[5], 1)[45:95, 9:13].any()
    assert near(frames[5], 2)[45:95, 89:93].any()
    assert not near(frames[5], 2)[:, :70].any()


def test_a_trail_follows_the_feet_and_is_gone_after_its_time(tmp_path: Path) -> None:
    walk = {(0, frame): (10.0 + 8 * frame, 20.0, 30.0 + 8 * frame, 100.0) for frame in range(10)}
    frames = annotated(tmp_path, {4: walk}, AnnotationSettings(crf=4, trail_s=0.4))
    on_the_way = touched(frames[9])[97:104, 36:80]  # the oldest step or two may be left out
    assert on_the_way.any(axis=0).all(), "the feet's way lies at the lower edge"
    assert not touched(frames[9])[30:90, 24:70].any()
    lit = [index for index, frame in enumerate(frames) if touched(frame).any()]
    assert lit[0] == 0
    assert 9 + 0.4 * FPS - 3 <= lit[-1] <= 9 + 0.4 * FPS


def test_a_trail_thins_with_age(tmp_path: Path) -> None:
    walk = {(0, frame): (10.0 + 4 * frame, 20.0, 30.0 + 4 * frame, 80.0) for frame in range(25)}
    frames = annotated(tmp_path, {4: walk}, AnnotationSettings(crf=4, trail_s=1.0))
    width = touched(frames[24])[70:90].sum(axis=0)
    assert width[24:34].mean() < width[84:94].mean()


OUTSIDE: Sequence[Box] = [
    (-60, 40, 20, 110), (150, 40, 220, 110), (40, -60, 80, 30), (40, 110, 80, 200), (-30, -30, 200, 200),
    (-60, -60, 10, 10),
]  # fmt: skip


@pytest.mark.parametrize("box", OUTSIDE)
def test_the_id_stays_readable_where_a_box_leaves_the_frame(tmp_path: Path, box: Box) -> None:
    """As much of the label is filled as of one in the middle of the frame, with no line beside it to be mistaken."""
    settings = AnnotationSettings(crf=4, trail_s=0, line_px=1)
    inside = near(annotated(tmp_path, {1234: {(0, 3): (60, 60, 61, 61)}}, settings)[3], 1234).sum()
    (tmp_path / "at_the_edge").mkdir()
    frame = annotated(tmp_path / "at_the_edge", {1234: {(0, 3): box}}, settings)[3]
    assert near(frame, 1234).sum() >= 0.9 * inside


def test_every_view_gets_its_own_video_and_its_own_persons(tmp_path: Path) -> None:
    source = tmp_path / "street"
    source.mkdir()
    for name, frames in (("cam_00", 12), ("cam_01", 20)):
        write_grey(source / f"{name}.mp4", frames)
    recording = probe_recording(source, "street")
    persons = persons_at({1: {(0, 4): (40, 40, 80, 100)}, 2: {(1, 15): (40, 40, 80, 100)}})
    told: list[tuple[int, int | None]] = []
    settings = AnnotationSettings(crf=4, trail_s=0)
    made = annotate_recording(recording, source, persons, tmp_path, settings, lambda *at: told.append(at))
    assert {camera: path.name for camera, path in made.items()} == {"cam_00": "cam_00.mp4", "cam_01": "cam_01.mp4"}
    left, right = (frames_of(path) for path in made.values())
    assert (len(left), len(right)) == (12, 20)
    assert [index for index, frame in enumerate(left) if touched(frame).any()] == [4]
    assert [index for index, frame in enumerate(right) if touched(frame).any()] == [15]
    assert told == [(done, 32) for done in range(1, 33)]


def test_a_video_without_persons_is_the_video(tmp_path: Path) -> None:
    frames = annotated(tmp_path, {})
    assert len(frames) == FRAMES
    assert not any(touched(frame).any() for frame in frames)


def test_an_interrupted_drawing_leaves_no_file(tmp_path: Path) -> None:
    source = write_grey(tmp_path / "grey.mp4")
    recording: Recording = probe_recording(source, "grey")
    out = tmp_path / "out"
    out.mkdir()

    def interrupt(done: int, total: int | None) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate_recording(recording, source, persons_at({}), out, EXACT, interrupt)
    assert list(out.iterdir()) == []


def test_who_was_away_begins_a_new_trail(tmp_path: Path) -> None:
    stay = {(0, frame): (10.0, 20.0, 30.0, 80.0) for frame in range(3)}
    back = {(0, frame): (110.0, 20.0, 130.0, 80.0) for frame in range(20, 25)}
    frame = annotated(tmp_path, {4: stay | back}, AnnotationSettings(crf=4, trail_s=5))[24]
    assert not touched(frame)[:, 40:100].any(), "nobody knows the way between"


def test_no_box_of_another_hides_a_number(tmp_path: Path) -> None:
    settings = AnnotationSettings(crf=4, trail_s=0, line_px=6)
    alone = annotated(tmp_path, {1: {(0, 3): (60, 60, 100, 110)}}, settings)[3]
    (tmp_path / "both").mkdir()
    crossed = {1: {(0, 3): (60, 60, 100, 110)}, 2: {(0, 3): (20, 52, 140, 118)}}
    both = annotated(tmp_path / "both", crossed, settings)[3]
    label = np.s_[48:57, 60:68]
    assert np.abs(both[label] - alone[label]).max() < 60


def test_a_box_far_beyond_the_frame_is_no_trouble(tmp_path: Path) -> None:
    frames = annotated(tmp_path, {1: {(0, 3): (-1e30, 40, 1e30, 100)}})
    assert near(frames[3], 1)[38:43].any(axis=0).mean() > 0.95


@given(st.lists(st.tuples(st.floats(0, 2000), st.floats(0, 2000)), min_size=2, max_size=30))
def test_smoothing_keeps_the_ends_and_is_the_mean_of_the_neighbours(places: list[tuple[float, float]]) -> None:
    way, smooth = np.array(places), smoothed(np.array(places))
    assert np.allclose(smooth[[0, -1]], way[[0, -1]])
    for i in range(len(way)):
        half = min(2, i, len(way) - 1 - i)
        assert np.allclose(smooth[i], way[i - half : i + half + 1].mean(axis=0))


def test_what_is_remembered_does_not_grow_with_the_video() -> None:
    trails = {person: deque((t / 25, 0, 0) for t in range(100)) for person in range(50)}
    forget(trails, before_s=3.0)
    assert {len(trail) for trail in trails.values()} == {25}
    forget(trails, before_s=9.0)
    assert trails == {}
