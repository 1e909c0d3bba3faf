"""Similarity of persons: the mean over all pairs of their best crops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.people.crop_examples import crops_by_person, plain, ranking_of
from videotracks.people.quality import SelectionSettings, select_final_crops
from videotracks.people.reidentifiers import unit_length
from videotracks.people.similarity import (
    SimilaritySettings,
    person_similarity,
    similarity_matrix,
    similarity_summary,
)


class MeanColour:
    """The mean colour as the feature."""

    name = "mean colour"
    default_threshold = 0.9

    def provenance(self) -> dict[str, str]:
        return {"backend": self.name}

    def features(self, crops) -> np.ndarray:
        return unit_length(np.array([crop.reshape(-1, 3).mean(axis=0) for crop in crops]).reshape(-1, 3))


def matrix_plainly(features, offsets):
    count = len(offsets) - 1
    found = np.zeros((count, count))
    for a in range(count):
        for b in range(count):
            pairs = [
                features[i] @ features[j]
                for i in range(offsets[a], offsets[a + 1])
                for j in range(offsets[b], offsets[b + 1])
                if i != j
            ]
            found[a, b] = np.mean(pairs) if pairs else float(a == b)
    return found


@given(st.lists(st.integers(0, 5), max_size=6), st.integers(0, 99))
def test_agrees_with_the_mean_over_all_pairs(counts, seed) -> None:
    features = unit_length(np.random.default_rng(seed).normal(size=(sum(counts), 5)))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype("i8")
    np.testing.assert_allclose(similarity_matrix(features, offsets), matrix_plainly(features, offsets), atol=1e-5)


@pytest.fixture
def final_crops(tmp_path):
    def person(color, frames):
        return [(0, f, 0.5 + f / 100, (450.0, 150.0, 550.0, 350.0), plain(color)) for f in frames]

    sights = {1: person((200, 0, 0), range(30)), 2: person((0, 200, 0), range(5)), 4: person((190, 5, 0), [40])}
    sights[6] = [(0, 3, 0.9, (0.0, 0.0, 1.0, 1.0), np.zeros((0, 0, 3), np.uint8))]
    store, _ = crops_by_person(tmp_path, sights)
    ranking = ranking_of(1, 2, 4, 6)
    return select_final_crops(tmp_path / "final.h5", store, ranking, [(1000, 500)], SelectionSettings())


def test_the_best_crops_of_each_person_are_compared(final_crops) -> None:
    steps = []
    similarity = person_similarity(
        final_crops, MeanColour(), SimilaritySettings(), lambda done, total: steps.append((done, total))
    )
    assert similarity.person_ids.tolist() == [1, 2, 4, 6]
    assert np.diff(similarity.feature_offsets).tolist() == [16, 5, 1, 0]
    ranks = final_crops.person(1).extra["quality_rank"]
    assert similarity.feature_frame_numbers[:16].tolist() == final_crops.person(1).frame_numbers[ranks <= 16].tolist()
    expected = [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(similarity.similarity, expected, atol=0.03)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_summary_names_what_reaches_the_threshold(final_crops) -> None:
    similarity = person_similarity(final_crops, MeanColour(), SimilaritySettings())
    summary = similarity_summary(similarity, MeanColour(), 0.9)
    assert [(pair.a, pair.b) for pair in summary.pairs_above] == [(1, 4)]
    assert summary.closest_below is not None
    assert summary.closest_below.similarity < 0.9
    assert [(p.person_id, p.crops, p.within_similarity is None) for p in summary.persons] == [
        (1, 16, False), (2, 5, False), (4, 1, True), (6, 0, True),
    ]  # fmt: skip
    assert summary.reidentifier == "mean colour"
    assert type(summary).model_validate_json(summary.model_dump_json()) == summary
