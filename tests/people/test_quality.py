"""Crop quality by its formula, and selections that are spread over the whole time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.people.crop_examples import crops_by_person, plain, ranking_of
from videotracks.errors import CorruptFileError
from videotracks.people.quality import SelectionSettings, crop_quality, select_final_crops, spread_best

FRAME = (1000, 500)


def measured_plainly(boxes, confidences, frame):
    """The formulas of the specification, one box after the other."""
    areas = [(r - left) * (b - t) for left, t, r, b in boxes]
    p95 = np.percentile(areas, 95)
    found = []
    for (left, t, r, b), confidence, area in zip(boxes, confidences, areas, strict=True):
        w, h = r - left, b - t
        share = area / (frame[0] * frame[1])
        aspect = max(0.3, 1 - abs(h / w - 2) / 2)
        size = 0.3 if share < 0.01 else 0.5 if share > 0.3 else 1
        cx, cy = (left + r) / 2 / frame[0], (t + b) / 2 / frame[1]
        visibility = aspect * size * max(0.5, 1 - max(abs(cx - 0.5), abs(cy - 0.5)) * 2)
        found.append((visibility, confidence * min(1, area / p95) * visibility))
    return np.array(found)


boxes = st.tuples(
    st.floats(0, 900), st.floats(0, 400), st.floats(1, 900), st.floats(1, 400)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))  # fmt: skip


@given(st.lists(st.tuples(boxes, st.floats(0, 1)), min_size=1, max_size=20))
def test_agrees_with_the_formulas_box_by_box(rows) -> None:
    bboxes, confidences = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    quality = crop_quality(bboxes, confidences, np.tile(FRAME, (len(rows), 1)))
    expected = measured_plainly(bboxes.tolist(), confidences.tolist(), FRAME)
    np.testing.assert_allclose(quality.visibility_score, expected[:, 0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(quality.quality_score, expected[:, 1], rtol=1e-4, atol=1e-6)


def test_a_person_in_the_middle_twice_as_tall_as_wide_is_perfect() -> None:
    quality = crop_quality(np.array([[450, 150, 550, 350]]), np.array([1.0]), np.array([FRAME]))
    assert quality.quality_score[0] == pytest.approx(1)


def test_a_box_without_area_has_no_quality() -> None:
    quality = crop_quality(np.array([[450, 150, 450, 350]]), np.array([1.0]), np.array([FRAME]))
    assert quality.quality_score[0] == 0


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), min_size=1, max_size=80), st.integers(1, 20))
def test_the_best_of_every_stretch_is_chosen(rows, count) -> None:
    times, quality = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], "f8")
    chosen = spread_best(quality, times, count)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, len(rows))
    assert np.all(np.diff(quality[chosen]) <= 0)
    span = times.max() - times.min() + 1
    stretch = (times - times.min()) * min(count, span) // span
    for each in set(stretch.tolist()):
        best = quality[stretch == each].max()
        assert quality[chosen][stretch[chosen] == each].max() == best


def sight(frame, confidence=0.9, box=(450.0, 150.0, 550.0, 350.0), picture=None):
    return 0, frame, confidence, box, plain((frame, 0, 0)) if picture is None else picture


def test_final_crops_carry_their_measures_and_pixels(tmp_path) -> None:
    sights = {3: [sight(f, 0.5 + f / 200) for f in range(0, 100, 2)], 7: [sight(5)]}
    store, _ = crops_by_person(tmp_path, sights)
    final = select_final_crops(
        tmp_path / "final.h5", store, ranking_of(7, 3), [FRAME], SelectionSettings(crops_per_person=10)
    )
    assert final.persons == (3, 7)
    group = final.person(3)
    frames = group.frame_numbers
    assert len(frames) == 10
    assert np.all(np.diff(frames) > 0)
    assert frames[0] < 10
    assert frames[-1] == 98
    extra = group.extra
    assert set(extra) == {
        "confidence", "width", "height", "area", "aspect_ratio", "visibility_score", "quality_score", "quality_rank",
        "frame_number",
    }  # fmt: skip
    assert sorted(extra["quality_rank"].tolist()) == list(range(1, 11))
    assert extra["quality_rank"][np.argmax(extra["quality_score"])] == 1
    assert [int(crop[0, 0, 0]) for crop in group.crops(slice(None))] == frames.tolist()


def test_crops_without_pixels_are_never_chosen(tmp_path) -> None:
    nothing = np.zeros((0, 0, 3), np.uint8)
    store, _ = crops_by_person(
        tmp_path, {1: [sight(0, 1.0, picture=nothing), sight(1, 0.3)], 2: [sight(4, picture=nothing)]}
    )
    final = select_final_crops(tmp_path / "final.h5", store, ranking_of(1, 2), [FRAME], SelectionSettings())
    assert final.person(1).frame_numbers.tolist() == [1]
    assert len(final.person(2)) == 0


def test_persons_who_are_not_ranked_are_left_out_and_unknown_ones_refused(tmp_path) -> None:
    store, _ = crops_by_person(tmp_path, {1: [sight(0)], 2: [sight(4)]})
    assert select_final_crops(tmp_path / "a.h5", store, ranking_of(2), [FRAME], SelectionSettings()).persons == (2,)
    with pytest.raises(CorruptFileError, match="materialise crops_by_person"):
        select_final_crops(tmp_path / "b.h5", store, ranking_of(9), [FRAME], SelectionSettings())
    assert not (tmp_path / "b.h5").exists()
