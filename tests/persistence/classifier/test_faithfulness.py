"""Faithfulness: importance that decides is told from importance that does not."""

import numpy as np
import pytest
import torch

from tests.persistence.classifier.synthetic_tracks import TINY, telling_tracks
from videotracks.errors import ModelError
from videotracks.persistence.classifier.faithfulness import FaithfulnessSettings, examine
from videotracks.persistence.classifier.importance import CHOSEN, METHODS, get_frame_importance
from videotracks.persistence.classifier.model import PersistenceNetwork
from videotracks.persistence.classifier.training import train_classifier

SETTINGS = FaithfulnessSettings(tracks=25)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    data = telling_tracks(0, 500)[0], telling_tracks(1, 80)[0]
    found = train_classifier(*data, TINY, tmp_path_factory.mktemp("training"), "telling")
    network = PersistenceNetwork(TINY.network)
    network.load_state_dict(found.tensors)
    assert found.curve("accuracy")[found.best_epoch] > 0.95
    return network.eval()


@pytest.fixture(scope="module")
def false_tracks():
    tracks, flags = telling_tracks(2, 200)
    return tracks.features[::2], flags[::2]


def explain_by(method):
    return lambda *batch: get_frame_importance(*batch, method)


def test_importance_finds_the_telling_observation(trained, false_tracks) -> None:
    tracks, flags = false_tracks
    found = examine(trained, CHOSEN, explain_by(CHOSEN), tracks, flags, SETTINGS)
    assert found.pointing.accuracy >= 0.9
    assert found.pointing.tracks + found.pointing.overlooked == 100
    assert found.pointing.chance == pytest.approx(1 / 8)


def test_accepts_a_faithful_importance(trained, false_tracks) -> None:
    found = examine(trained, CHOSEN, explain_by(CHOSEN), *false_tracks, SETTINGS)
    assert found.faithful, found.reasons
    assert found.deletion.importance < found.deletion.random
    assert found.insertion.importance > found.insertion.random
    assert found.comprehensiveness.importance > found.comprehensiveness.random
    assert found.sufficiency.importance < found.sufficiency.random


def test_rejects_a_random_importance(trained, false_tracks) -> None:
    random = np.random.default_rng(0)

    def guess(network, features, there):
        return -np.ones(len(there)), (random.random(there.shape) * there.numpy()).astype("f4")

    found = examine(trained, "random", guess, *false_tracks, SETTINGS)
    assert not found.faithful
    assert found.deletion.p > 0.01
    assert sum(reason.startswith("failed") for reason in found.reasons) >= 3


def test_rejects_an_importance_that_knows_nothing_of_the_weights(trained, false_tracks) -> None:
    """That of the strongest features: it finds what stands out, whatever was learnt."""

    def outlying(network, features, there):
        return -np.ones(len(there)), (features[..., 1].abs() * there).numpy()

    found = examine(trained, "outlying", outlying, *false_tracks, SETTINGS)
    assert found.alike_when_randomised == pytest.approx(1)
    assert not found.faithful
    assert any("failed: random weights" in reason for reason in found.reasons)


def test_without_spoilt_tracks_there_is_no_proof(trained, false_tracks) -> None:
    tracks, flags = false_tracks
    none = [np.zeros_like(each) for each in flags]
    found = examine(trained, CHOSEN, explain_by(CHOSEN), tracks, none, SETTINGS)
    assert found.pointing is None
    assert not found.faithful


def test_the_same_seed_gives_the_same_figures(trained, false_tracks) -> None:
    tracks, flags = (part[:10] for part in false_tracks)
    one, again = (examine(trained, CHOSEN, explain_by(CHOSEN), tracks, flags, SETTINGS) for _ in range(2))
    assert one == again


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_all_kinds_can_be_examined(trained, false_tracks, method) -> None:
    tracks, flags = (part[:10] for part in false_tracks)
    assert examine(trained, method, explain_by(method), tracks, flags, SETTINGS).method == method


def test_refuses_tracks_that_are_too_short(trained) -> None:
    tracks, flags = telling_tracks(2, 10, length=3)
    with pytest.raises(ModelError, match="no track of 4 observations"):
        examine(trained, CHOSEN, explain_by(CHOSEN), tracks.features, flags, SETTINGS)
