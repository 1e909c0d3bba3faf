"""Scenarios, judged with filters whose errors are known."""

import numpy as np
import pytest

from tests.pages.elements import Elements
from videotracks.persistence.crop_tracks import Prediction
from videotracks.persistence.generator.scene import Counts, SceneSettings, generate_scene
from videotracks.persistence.scenarios.page import Examples, write_scenario_page
from videotracks.persistence.scenarios.results import Expectations, ScenarioSettings, judge
from videotracks.persistence.scenarios.running import SCENARIOS, run_scenarios, scenario_scene
from videotracks.persistence.scenarios.scene_scores import score_scene

FEW = ScenarioSettings(seeds=2, resamples=50)


class Knowing:
    """Knows that in these scenes true tracks are the long ones; drops some true ones on purpose."""

    def __init__(self, drop_every: int = 0, keeps_all: bool = False) -> None:
        self.drop_every, self.keeps_all, self.seen = drop_every, keeps_all, 0

    def predict_many(self, tracks):
        return [self._said(len(track)) for track in tracks]

    def _said(self, length: int) -> Prediction:
        true = length >= 10
        self.seen += true
        if self.drop_every and true and self.seen % self.drop_every == 0:
            true = False
        return Prediction(true or self.keeps_all, 1.0, np.full(length, 1 / length, "f4"))


@pytest.fixture(scope="module")
def run():
    examples = Examples()
    return run_scenarios(Knowing(), {"filter": "knowing"}, FEW, listener=examples), examples


def by_name(results):
    return {found.name: found for found in results.scenarios}


def test_scenes_hold_what_their_scenario_says() -> None:
    for name, counts in SCENARIOS.items():
        labels = [made.label for made in scenario_scene(name, 7).tracks]
        assert sum(labels) == 2 * counts.objects
        assert len(labels) - sum(labels) == sum(counts.false)


def test_who_knows_the_truth_reaches_the_shares(run) -> None:
    found = by_name(run[0])
    assert found["clean"].kept.value == 1
    assert found["cluttered"].filtered.value == pytest.approx(2 / 3)
    assert found["noisy"].filtered.value == pytest.approx(20 / 23)
    assert all(each.recall.value == each.precision.value == 1 for each in found.values())
    assert all(one.passed for one in judge(run[0], Expectations()))


def test_positions_of_things_are_a_few_centimetres_off(run) -> None:
    for found in run[0].scenarios:
        assert 0 < found.error_before_m.value < 0.03
        assert found.error_after_m.value == pytest.approx(found.error_before_m.value, rel=0.05)


def test_who_drops_true_tracks_fails_the_recall() -> None:
    results = run_scenarios(Knowing(drop_every=4), {}, FEW)
    assert by_name(results)["clean"].recall.value == pytest.approx(0.75)
    failed = {(one.scenario, one.what) for one in judge(results, Expectations()) if not one.passed}
    assert ("clean", "recall of true tracks") in failed
    assert ("clean", "tracks kept") in failed


def test_who_keeps_everything_leaves_the_spurious_points() -> None:
    """With sixty false tracks in each camera some are bound to meet."""
    scene = generate_scene(3, SceneSettings(ranges="classic"), Counts(3, (60, 60)))
    score = score_scene(scene, Knowing(keeps_all=True), 0.5)
    assert score.kept.all()
    assert score.before.spurious.sum() == score.after.spurious.sum() > 0


def test_far_from_its_object_a_point_is_spurious() -> None:
    scene = scenario_scene("clean", 3)
    score = score_scene(scene, Knowing(), 1e-6)
    assert score.before.spurious.all()
    assert np.isnan(score.before.errors_m).all()


def test_the_page_shows_before_and_after(run, tmp_path) -> None:
    results, examples = run
    write_scenario_page(tmp_path / "scenarios.html", results, judge(results, Expectations()), examples.found)
    page = Elements((tmp_path / "scenarios.html").read_text())
    assert len(page.named("img")) == 3 * len(SCENARIOS)
    assert page.text.count("✓") == 11
    assert "knowing" in page.text
