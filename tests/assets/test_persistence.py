"""The persistence branch on the small street, and the people who read its decisions."""

import json

import numpy as np

from tests.assets.chain import Chain, checks, metadata, why
from tests.assets.conftest import PUBLIC, VIDEO, Run
from tests.assets.street import PEOPLE
from videotracks.npz import read_table
from videotracks.persistence.decisions.deciding import PersistenceDecisions, TrackletImportance
from videotracks.persistence.decisions.features import TrackletFeatures
from videotracks.tables import Tracklets


def decisions(street: Run) -> PersistenceDecisions:
    return PersistenceDecisions.model_validate_json(street.output("filter_decisions.json").read_bytes())


def test_every_tracklet_is_decided_and_says_what_decided(street: Run) -> None:
    made = decisions(street)
    tracklets = read_table(street.output("tracklets_raw.npz"), Tracklets)
    assert [one.tracklet_id for one in made.decisions] == np.unique(tracklets.tracklet_id).tolist()
    assert len(made.decisions) == len(PEOPLE)
    assert made.classifier["weights"] == "persistence_model.safetensors"
    assert made.encoder["weights"] == "video_tokenizer.safetensors"


def test_features_and_attention_are_of_the_same_observations(street: Run) -> None:
    features = read_table(street.output("tracklet_features.npz"), TrackletFeatures)
    attention = read_table(street.output("attention.npz"), TrackletImportance)
    assert np.array_equal(features.frame_numbers, attention.frame_numbers)
    assert features.features.shape == (len(features.frame_numbers), 256)


def test_what_is_kept_is_what_was_decided(street: Run) -> None:
    kept = read_table(street.output("kept_tracklets.npz"), Tracklets)
    assert set(kept.tracklet_id.tolist()) == {one.tracklet_id for one in decisions(street).kept}


def test_the_decisions_are_held_against_the_truth(street: Run) -> None:
    found = checks(street.result)["persistence_decisions:decisions_agree"].metadata
    real = [found[name].value for name in ("real_kept", "real_filtered")]
    assert sum(real) == len(PEOPLE)
    assert found["false_kept"].value == found["false_filtered"].value == 0


def test_one_view_has_no_positions_and_says_so(street: Run) -> None:
    assert "no calibration" in metadata(street.result, "triangulated_tracks")["summary"]
    assert json.loads(street.output("triangulated_scene.json").read_text()) == []


def test_without_a_model_the_statistics_stand_alone_and_say_so(street: Run) -> None:
    made = json.loads(street.output("attention_analysis.json").read_text())
    assert made["status"] == "no model asked"
    assert made["statistics"]["overall"]["tracks"] == len(PEOPLE)
    assert "no model" in street.output("attention_analysis.md").read_text().lower()


def test_the_people_read_the_kept_tracklets_where_that_is_chosen(street: Run) -> None:
    """With a threshold that only nothing reaches, nobody is left."""
    stated = {"settings": {"track_filter": {"enabled": True}, "decisions": {"threshold": 1.0}}}
    chain = Chain(street.chain.deployment.data, street.chain.instance, **PUBLIC, **stated)
    names = ["persistence_decisions", "attention", "kept_tracklets", "tracklet_stats", "canonical_persons"]
    before = street.output("canonical_persons.npz").read_bytes()
    result = chain.run(VIDEO, [*names, "grouping_log"])
    try:
        assert result.success, why(result)
        assert metadata(result, "canonical_persons")["persons"] == 0
        assert checks(result)["canonical_persons:structure"].passed
    finally:
        assert street.chain.run(VIDEO, [*names, "grouping_log"]).success
    assert street.output("canonical_persons.npz").read_bytes() == before
