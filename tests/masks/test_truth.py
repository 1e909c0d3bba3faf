"""Tracked masks against true ones: each true object with the tracked one that is closest to it."""

from pathlib import Path

import numpy as np
import pytest

from tests.masks.test_person_objects import HEIGHT, WIDTH, archive, mask
from videotracks.masks.annotations import VOID, write_annotation
from videotracks.masks.truth import score_masks
from videotracks.recording import Recording, View

ONE, OTHER = mask(10, 10, 40, 50), mask(60, 20, 100, 80)


def recording() -> Recording:
    view = View(
        camera="cam_00", file="", codec="h264", pixel_format="yuv420p", width=WIDTH, height=HEIGHT, rotation=0,
        fps=25, frame_count=10, duration_s=0.4, variable_frame_rate=False, tick=(1, 25), steps=[(1, 9)],
    )  # fmt: skip
    return Recording(key="a", name="a", source="/a", views=[view], content_hash="0" * 64, posters=[])


def annotate(folder: Path, frames: dict[int, dict[int, np.ndarray]]) -> Path:
    places = folder / "a.Annotations"
    places.mkdir()
    for frame, objects in frames.items():
        ids = np.zeros((HEIGHT, WIDTH), np.uint8)
        for number, drawn in objects.items():
            ids[drawn] = number
        write_annotation(places / f"{frame:05d}.png", ids)
    (folder / "a.mp4").touch()
    return folder / "a.mp4"


def test_perfect_masks_of_whatever_level_and_number_score_one(tmp_path: Path) -> None:
    source = annotate(tmp_path, {f: {1: ONE, 2: OTHER} for f in range(3)})
    levels = {
        2: archive(tmp_path, 2, {f: {8: ONE, 9: mask(0, 0, 99, 89)} for f in range(3)}),
        4: archive(tmp_path, 4, {f: {3: OTHER} for f in range(3)}),
    }
    score = score_masks(recording(), source, {0: levels})
    assert score is not None
    assert (score.j, score.f) == (1.0, 1.0)
    assert [(o.true_object, o.level, o.object_id, o.frames) for o in score.objects] == [(1, 2, 8, 3), (2, 4, 3, 3)]


def test_one_tracked_object_counts_for_one_true_one_only(tmp_path: Path) -> None:
    source = annotate(tmp_path, {0: {1: ONE, 2: OTHER}})
    score = score_masks(recording(), source, {0: {2: archive(tmp_path, 2, {0: {1: ONE | OTHER}})}})
    assert score is not None
    found = {o.true_object: (o.object_id, o.j) for o in score.objects}
    assert found[1] == (None, 0.0)
    assert found[2] == (1, pytest.approx(OTHER.sum() / (ONE | OTHER).sum()))


def test_frames_in_which_only_one_of_both_is_seen_count_as_missed(tmp_path: Path) -> None:
    source = annotate(tmp_path, {f: {1: ONE} if f < 2 else {} for f in range(4)})
    tracked = archive(tmp_path, 2, {0: {1: ONE}, 1: {}, 2: {1: ONE}, 3: {}})
    score = score_masks(recording(), source, {0: {2: tracked}})
    assert score is not None
    assert score.j == pytest.approx(1 / 3)


def test_what_nobody_can_tell_counts_for_nothing(tmp_path: Path) -> None:
    source = annotate(tmp_path, {0: {1: ONE, VOID: OTHER}})
    score = score_masks(recording(), source, {0: {2: archive(tmp_path, 2, {0: {1: ONE | OTHER}})}})
    assert score is not None
    assert score.j == 1.0


def test_only_annotated_frames_that_were_followed_count(tmp_path: Path) -> None:
    source = annotate(tmp_path, {0: {1: ONE}, 7: {1: ONE}})
    score = score_masks(recording(), source, {0: {2: archive(tmp_path, 2, {0: {1: ONE}, 1: {1: OTHER}})}})
    assert score is not None
    assert (score.j, score.objects[0].frames) == (1.0, 1)


def test_without_true_masks_there_is_no_score(tmp_path: Path) -> None:
    assert score_masks(recording(), tmp_path / "a.mp4", {0: {2: archive(tmp_path, 2, {0: {1: ONE}})}}) is None
