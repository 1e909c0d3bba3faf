"""AUROC against counting pairs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from videotracks.persistence.classifier.auroc import auroc, weighted_auroc


def counted(labels, scores, weights) -> float:
    wins = pairs = 0.0
    for thing, other in ((i, j) for i in range(len(labels)) for j in range(len(labels))):
        if labels[thing] == 1 and labels[other] == 0:
            weight = weights[thing] * weights[other]
            pairs += weight
            wins += weight * ((scores[thing] > scores[other]) + (scores[thing] == scores[other]) / 2)
    return wins / pairs if pairs else np.nan


tracks = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)), max_size=12)


@given(tracks)
def test_agrees_with_counting_pairs(rows) -> None:
    labels, scores, *weights = np.array(rows, "i8").reshape(-1, 4).T
    found = weighted_auroc(labels, scores.astype("f8"), np.array(weights).reshape(2, -1))
    np.testing.assert_allclose(found, [counted(labels, scores, each) for each in weights])


def test_says_nothing_where_a_class_is_missing() -> None:
    assert np.isnan(auroc(np.ones(3), np.arange(3.0)))
    assert np.isnan(auroc(np.zeros(0), np.zeros(0)))
