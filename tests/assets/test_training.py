"""The persistence filter trained from nothing in the graph, as small as it goes, judged, and tried on scenarios."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.assets.chain import Chain, checks, metadata, why

pytestmark = pytest.mark.slow
TRAINING = ["synthetic_tracks", "video_tokenizer", "synthetic_features", "persistence_model", "persistence_evaluation"]
FEW = {"train": 40, "validation": 4, "test": 6, "shifted": 4}
SMALL: dict[str, dict[str, Any]] = {
    "synthetic_tracks": {"matched": FEW, "classic": {"train": 2, "validation": 2}, "planted": {"test": 4}},
    "tokenizer_training": {"steps": 4, "crops_per_step": 24, "report_steps": 2},
    "classifier_training": {"epochs": 2, "network": {"width": 32, "layers": 1, "heads": 2, "feedforward": 64}},
    "persistence_evaluation": {"seeds": 2, "resamples": 20},
    "faithfulness": {"tracks": 20},
    "scenarios": {"seeds": 1, "resamples": 10},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chain, dg.ExecuteInProcessResult]]:
    with dg.DagsterInstance.ephemeral() as instance:
        chain = Chain(tmp_path_factory.mktemp("training"), instance, settings=SMALL)
        yield chain, chain.run_shared(TRAINING)


def shared(chain: Chain, file: str) -> Path:
    return chain.output("_shared", file)


def test_the_training_comes_to_its_end(trained) -> None:
    assert trained[1].success, why(trained[1])


def test_what_was_trained_can_filter(trained) -> None:
    chain = Chain(
        trained[0].deployment.data,
        trained[0].instance,
        settings=SMALL,
        persistence_filter={"tokenizer": "trained", "classifier": "trained"},
    )
    result = chain.run_shared(["scenario_results", "scenario_analysis"])
    assert result.success, why(result)
    results = json.loads(shared(chain, "all_scenarios_results.json").read_text())
    assert [one["name"] for one in results["scenarios"]] == ["clean", "cluttered", "noisy"]
    assert results["filter"]["classifier weights"] == "persistence_model.safetensors"
    assert "<h1>" in shared(chain, "scenarios.html").read_text()
    assert json.loads(shared(chain, "attention_analysis.json").read_text())["status"] == "no model asked"
    assert "scenario_results:shares_as_expected" in checks(result)


def test_the_ui_shows_examples_curves_and_figures(trained) -> None:
    shown = {
        "synthetic_tracks": ["examples"],
        "video_tokenizer": ["curves", "reconstructions"],
        "persistence_model": ["curves"],
        "persistence_evaluation": ["AUROC", "reliability"],
    }
    for asset, names in shown.items():
        for name in names:
            assert "data:image/" in metadata(trained[1], asset)[name], (asset, name)


def test_a_model_of_two_epochs_is_judged_as_what_it_is(trained) -> None:
    found = checks(trained[1])
    assert set(found) == {
        "synthetic_tracks:leak_audit",
        *(f"persistence_evaluation:{name}" for name in ("accurate_on_classic", "better_than_baselines")),
        "persistence_evaluation:importance_is_faithful",
    }
    assert not found["persistence_evaluation:better_than_baselines"].passed
