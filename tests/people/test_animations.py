"""Animations: the right frames of the right persons, in order, with their shape kept."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.people.crop_examples import crops_by_person, plain, ranking_of
from videotracks.errors import CorruptFileError
from videotracks.people.animations import AnimationSettings, encode_animation, shown_rows, write_animations
from videotracks.people.crops import CropGroup
from videotracks.people.merging import merge_persons
from videotracks.tables import Similarity

SETTINGS = AnimationSettings()


def frames_of(data: bytes) -> list[np.ndarray]:
    picture = Image.open(io.BytesIO(data))
    found = []
    for i in range(picture.n_frames):
        picture.seek(i)
        found.append(np.asarray(picture.convert("RGB")))
    return found


def sights(frames, camera=0):
    """Crops of the animation's own size with a light bar whose height tells their frame."""
    found = []
    for f in frames:
        picture = plain((60, 60, 60), 192, 128)
        picture[40 + f : 44 + f] = 240
        found.append((camera, f, 0.9, (10.0, 20.0, 138.0, 212.0), picture))
    return found


def shown_in(data: bytes) -> list[float]:
    """The frames that the bars of an animation tell."""
    return [float(np.flatnonzero(frame[:, 64, 0] > 150).mean()) - 41.5 for frame in frames_of(data)]


@given(st.integers(0, 5000))
def test_the_first_fifth_but_no_more_than_fifty_crops_are_skipped(count) -> None:
    rows = shown_rows(count, SETTINGS)
    skipped = min(count // 5, 50)
    assert len(rows) == min(60, count - skipped)
    assert np.all(np.diff(rows) > 0)
    if count:
        assert rows[0] == skipped or len(rows) == 1
        assert rows[-1] == count - 1 or len(rows) == 1


def test_an_animation_loops_at_ten_frames_a_second_in_its_format(tmp_path) -> None:
    store, persons = crops_by_person(tmp_path, {3: sights(range(100))})
    (info,) = write_animations(tmp_path / "webp", persons, store, ranking_of(3), [], SETTINGS)
    data = (tmp_path / "webp" / "person_03.webp").read_bytes()
    assert (info.person_id, info.file, info.frames, info.bytes) == (3, "person_03.webp", 60, len(data))
    picture = Image.open(io.BytesIO(data))
    assert (picture.size, picture.n_frames, picture.info["loop"]) == ((128, 192), 60, 0)
    picture.seek(1)
    picture.load()
    assert picture.info["duration"] == 100
    np.testing.assert_allclose(shown_in(data), shown_rows(100, SETTINGS), atol=0.6)


def test_a_merged_person_is_shown_from_all_its_members_in_time_order(tmp_path) -> None:
    store, persons = crops_by_person(tmp_path, {1: sights(range(10, 20)), 2: sights(range(30, 40)), 4: sights([5])})
    same = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]], "f4")
    similarity = Similarity(
        np.array([1, 2, 4]), same, np.zeros((0, 1), "f4"), np.zeros(4, "i8"), np.zeros(0, "i2"), np.zeros(0, "i8")
    )
    merged, report = merge_persons(persons, similarity, 0.7)
    infos = write_animations(tmp_path, merged, store, ranking_of(1, 4), report.merges, SETTINGS)
    assert [(info.person_id, info.frames) for info in infos] == [(1, 16), (4, 1)]
    shown = shown_in((tmp_path / "person_01.webp").read_bytes())
    np.testing.assert_allclose(shown, [*range(14, 20), *range(30, 40)], atol=0.6)


def test_only_the_first_of_the_ranking_and_only_what_is_shown_is_read(tmp_path, monkeypatch) -> None:
    store, persons = crops_by_person(tmp_path, {p: sights(range(120)) for p in (1, 2, 3)})
    read = []
    original = CropGroup.encoded

    def counted(group, rows):
        read.append(len(rows))
        return original(group, rows)

    monkeypatch.setattr(CropGroup, "encoded", counted)
    infos = write_animations(tmp_path, persons, store, ranking_of(3, 1, 2), [], AnimationSettings(persons=2, frames=7))
    assert [info.person_id for info in infos] == [3, 1]
    assert read == [7, 7]


def test_a_person_of_several_views_is_shown_in_one(tmp_path) -> None:
    store, persons = crops_by_person(tmp_path, {1: [*sights(range(5)), *sights(range(50, 70), camera=1)]})
    (info,) = write_animations(tmp_path, persons, store, ranking_of(1), [], SETTINGS)
    assert info.frames == 16


def test_a_person_without_pixels_gets_no_file(tmp_path) -> None:
    nothing = (0, 1, 0.9, (0.0, 0.0, 1.0, 1.0), np.zeros((0, 0, 3), np.uint8))
    store, persons = crops_by_person(tmp_path, {1: [nothing]})
    assert write_animations(tmp_path / "webp", persons, store, ranking_of(1), [], SETTINGS) == []
    assert list((tmp_path / "webp").iterdir()) == []


def test_inputs_of_different_runs_are_refused(tmp_path) -> None:
    store, persons = crops_by_person(tmp_path, {1: sights(range(5))})
    with pytest.raises(CorruptFileError, match="materialise"):
        write_animations(tmp_path, persons, store, ranking_of(2), [], SETTINGS)


def test_wide_crops_keep_their_shape_and_encoding_is_repeatable() -> None:
    data = encode_animation([plain((200, 200, 200), 20, 80)] * 3, SETTINGS)
    assert data == encode_animation([plain((200, 200, 200), 20, 80)] * 3, SETTINGS)
    light = frames_of(data)[0].mean(axis=2) > 100
    assert light.any(axis=1).sum() == pytest.approx(32, abs=2)
    assert light[96].all()


def test_frames_that_look_the_same_are_one_picture() -> None:
    picture = Image.open(io.BytesIO(encode_animation([plain((90, 90, 90))] * 60, SETTINGS)))
    picture.load()
    assert picture.n_frames == 1
