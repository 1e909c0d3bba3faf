"""Evaluation: figures that are right, and intervals that hold what they promise."""

import numpy as np
import pytest

from tests.persistence.classifier.synthetic_tracks import TINY, agreeing_tracks
from videotracks.persistence.classifier.auroc import auroc
from videotracks.persistence.classifier.baselines import (
    BASELINES,
    POOLED,
    SINGLE,
    Scores,
    best_threshold,
    mean_features,
    run_baselines,
)  # fmt: skip
from videotracks.persistence.classifier.calibration import reliability
from videotracks.persistence.classifier.evaluation import CLASSIFIER, EvaluationSettings, as_csv, evaluate
from videotracks.persistence.classifier.pictures import draw_auroc_by_length, draw_reliability
from videotracks.persistence.classifier.training import train_classifier
from videotracks.persistence.classifier.training_state import logits_of

FEW = EvaluationSettings(seeds=2, resamples=200)


@pytest.fixture(scope="module")
def samples():
    return agreeing_tracks(5, 300)


def noisy_scores(samples, seed, strength, runs=1) -> Scores:
    random = np.random.default_rng(seed)
    return Scores(
        samples.label * strength + random.normal(0, 1, (runs, len(samples.label))), np.full(runs, strength / 2)
    )


def test_figures_are_those_of_the_tracks_of_each_length(samples) -> None:
    scores = noisy_scores(samples, 0, 1.0, runs=3)
    found = evaluate({"test": samples}, {"test": {CLASSIFIER: scores}}, FEW)
    assert [row.k for row in found.methods] == [None, 2, 4, 8]
    for row in found.methods:
        rows = np.flatnonzero(samples.k == row.k) if row.k else np.arange(300)
        assert row.tracks == len(rows)
        by_seed = [auroc(samples.label[rows], run[rows]) for run in scores.scores]
        assert row.auroc_by_seed == pytest.approx(by_seed)
        assert row.auroc.mean == pytest.approx(np.mean(by_seed))
        assert row.auroc.low < row.auroc.mean < row.auroc.high
        right = (scores.scores[:, rows] > 0.5) == (samples.label[rows] == 1)
        assert row.accuracy.mean == pytest.approx(right.mean())


def test_intervals_cover_the_truth() -> None:
    truth = 0.760  # of two normal distributions one apart: Φ(1 / √2)
    covered = 0
    for seed in range(60):
        samples = agreeing_tracks(seed, 200, lengths=(2,))
        found = evaluate({"s": samples}, {"s": {"m": noisy_scores(samples, seed, 1.0)}}, FEW).find("s", "m")
        covered += found.auroc.low <= truth <= found.auroc.high
    assert 0.85 <= covered / 60 <= 1


def test_scenes_are_drawn_as_wholes() -> None:
    """Tracks that repeat each other within a scene are worth one track: intervals as wide as of the scenes alone."""
    one = agreeing_tracks(0, 60, lengths=(2,))
    random = np.random.default_rng(0)
    of_scene = random.normal(0, 1, 60)
    width = []
    for copies in (1, 8):
        many = agreeing_tracks(0, 60 * copies, lengths=(2,))
        many = type(many)(
            **{**many.arrays(), "scene": np.repeat(np.arange(60), copies), "label": np.repeat(one.label, copies)}
        )
        scores = Scores(np.repeat(of_scene + one.label, copies)[None], np.zeros(1))
        figure = evaluate({"s": many}, {"s": {"m": scores}}, FEW).find("s", "m").auroc
        width.append(figure.high - figure.low)
    assert width[1] == pytest.approx(width[0], rel=0.01)


def test_says_by_how_much_the_classifier_leads(samples) -> None:
    scores = {CLASSIFIER: noisy_scores(samples, 0, 3.0), "weak": noisy_scores(samples, 1, 0.3),
              "better": noisy_scores(samples, 2, 1.0)}  # fmt: skip
    found = evaluate({"test": samples}, {"test": scores}, FEW)
    lead = next(lead for lead in found.leads if lead.k is None)
    assert lead.best_baseline == "better"
    assert lead.apart
    assert 0 < lead.lead.low < lead.lead.mean < lead.lead.high
    behind = evaluate({"test": samples}, {"test": {CLASSIFIER: scores["weak"], "b": scores["better"]}}, FEW)
    assert not any(lead.apart for lead in behind.leads)


def test_a_length_of_one_class_has_no_figures(samples) -> None:
    only = type(samples)(**{**samples.arrays(), "label": np.where(samples.k == 4, 1, samples.label)})
    found = evaluate({"s": only}, {"s": {CLASSIFIER: noisy_scores(only, 0, 1.0)}}, FEW)
    assert found.find("s", CLASSIFIER, 4).auroc.mean is None
    assert found.find("s", CLASSIFIER, 8).auroc.mean is not None
    line = next(line for line in as_csv(found).splitlines() if ",4," in line)
    assert line.startswith(f"s,{CLASSIFIER},4,")
    assert ",,,," in line


def test_csv_has_a_line_for_each_figure(samples) -> None:
    found = evaluate({"s": samples}, {"s": {"M of N": noisy_scores(samples, 0, 1.0)}}, FEW)
    head, *lines = as_csv(found).splitlines()
    assert head.startswith("split,method,k,tracks,auroc,auroc_low,auroc_high,accuracy")
    assert [line.split(",")[2] for line in lines] == ["all", "2", "4", "8"]


def test_pictures_show_every_method(samples) -> None:
    scores = {CLASSIFIER: noisy_scores(samples, 0, 2.0), "other": noisy_scores(samples, 1, 0.3)}
    one = evaluate({"s": samples}, {"s": {CLASSIFIER: scores[CLASSIFIER]}}, FEW)
    two = evaluate({"s": samples}, {"s": scores}, FEW)
    first, second = draw_auroc_by_length(one, "s"), draw_auroc_by_length(two, "s")
    assert first.shape == second.shape
    assert (first != second).any()
    confidences = np.linspace(0, 1, len(samples.label))
    assert draw_reliability({"s": reliability(confidences, samples.label)}).dtype == np.uint8


def test_threshold_is_the_one_that_is_right_most_often() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        labels, scores = random.integers(0, 2, 9), random.integers(0, 4, 9).astype("f8")
        best = max(((scores > limit) == (labels == 1)).sum() for limit in (-1, 0, 1, 2, 3))
        limit = best_threshold(labels, scores)
        assert ((scores > limit) == (labels == 1)).sum() == best


def test_mean_features_are_those_of_each_track(samples) -> None:
    found = mean_features(samples)
    plain = [track.mean(axis=0) for track in samples.labelled_features().features]
    np.testing.assert_allclose(found, plain, atol=1e-5)


@pytest.mark.slow
def test_attention_beats_every_baseline_where_means_say_nothing(tmp_path) -> None:
    training, validation, test = (agreeing_tracks(seed, count) for seed, count in ((0, 400), (1, 100), (2, 200)))
    settings = TINY.model_copy(update={"epochs": 10})
    trained = train_classifier(training.labelled_features(), validation.labelled_features(), settings, tmp_path, "t")
    from videotracks.persistence.classifier.model import PersistenceNetwork

    network = PersistenceNetwork(settings.network)
    network.load_state_dict(trained.tensors)
    scores = run_baselines(training, validation, {"test": test}, settings, seeds=1)["test"]
    assert tuple(scores) == BASELINES
    assert set(SINGLE) < set(BASELINES)
    scores[CLASSIFIER] = Scores(logits_of(network, test.labelled_features().features)[None].astype("f8"), np.zeros(1))
    found = evaluate({"test": test}, {"test": scores}, FEW)
    assert found.find("test", CLASSIFIER).auroc.mean > 0.9
    assert found.find("test", POOLED).auroc.mean < 0.75
    assert next(lead for lead in found.leads if lead.k is None).apart
