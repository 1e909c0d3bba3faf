"""The network: attention that adds up, nothing from what is not there, order only through positions."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from videotracks.persistence.classifier.batches import by_length, evenly_spaced, padded, shuffled
from videotracks.persistence.classifier.importance import METHODS, get_frame_importance
from videotracks.persistence.classifier.model import PersistenceNetwork, sinusoids, whitening_of
from videotracks.persistence.classifier.settings import MAX_OBSERVATIONS, SMALL, NetworkSettings, TrainingSettings
from videotracks.persistence.crop_tracks import FEATURES


def network(pooling="attention") -> PersistenceNetwork:
    torch.manual_seed(0)
    made = PersistenceNetwork(NetworkSettings(width=16, layers=2, heads=4, feedforward=32, hidden=8, pooling=pooling))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)  # untrained attention would be nearly equal everywhere
    return made.eval()


def tracks(*lengths) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.normal(size=(length, FEATURES)).astype("f4") for length in lengths]


POOLINGS = pytest.mark.parametrize("pooling", ["mean", "attention"])


@POOLINGS
def test_attention_sums_to_one_and_passes_over_what_is_not_there(pooling) -> None:
    features, there = padded(tracks(1, 3, 7))
    there[2, 2] = False  # a gap
    decided = network(pooling)(features, there)
    assert len(decided.attention) == 2
    for weights in decided.attention:
        assert weights.shape == (3, 4, 7, 7)
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(3, 4, 7))
        assert (weights.masked_select(~there[:, None, None, :]) == 0).all()
    torch.testing.assert_close(decided.pooling.sum(dim=1), torch.ones(3))
    assert (decided.pooling[~there] == 0).all()


@POOLINGS
@pytest.mark.parametrize("method", METHODS)
def test_padding_changes_nothing(pooling, method) -> None:
    net, both = network(pooling), tracks(3, 9)
    logits, importance = get_frame_importance(net, *padded(both), method)
    for at, track in enumerate(both):
        alone, own = get_frame_importance(net, *padded([track]), method)
        np.testing.assert_allclose(logits[at], alone[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(importance[at, : len(track)], own[0], rtol=1e-3, atol=1e-5)


@POOLINGS
def test_what_is_not_there_may_hold_anything(pooling) -> None:
    net, (features, there) = network(pooling), padded(tracks(5, 5))
    there[:, 1] = False
    before = net(features, there).logits
    features[:, 1] = 1e3
    torch.testing.assert_close(net(features, there).logits, before)


@POOLINGS
def test_order_counts_only_through_positions(pooling) -> None:
    net, (features, there) = network(pooling), padded(tracks(6))
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    assert (net(features[:, order], there).logits - net(features, there).logits).abs() > 1e-4
    net.positions.zero_()
    torch.testing.assert_close(net(features[:, order], there).logits, net(features, there).logits)


@POOLINGS
@pytest.mark.parametrize("method", METHODS)
def test_importance_is_a_share_of_each_observation(pooling, method) -> None:
    features, there = padded(tracks(1, 4, 12))
    _, importance = get_frame_importance(network(pooling), features, there, method)
    assert (importance >= 0).all()
    assert (importance[~there.numpy()] == 0).all()
    np.testing.assert_allclose(importance.sum(axis=1), 1, rtol=1e-5)
    assert importance[0, 0] == pytest.approx(1)


@POOLINGS
def test_importance_leaves_no_gradient_behind(pooling) -> None:
    net = network(pooling)
    get_frame_importance(net, *padded(tracks(4)), "gradient")
    assert all(parameter.grad is None for parameter in net.parameters())


def test_positions_are_those_of_the_paper() -> None:
    found = sinusoids(5, 8).numpy()
    for place in range(5):
        for pair in range(4):
            angle = place / 10_000 ** (2 * pair / 8)
            np.testing.assert_allclose(found[place, 2 * pair : 2 * pair + 2], [np.sin(angle), np.cos(angle)], atol=1e-6)


def test_full_configuration_is_that_of_the_specification() -> None:
    size, training = NetworkSettings(), TrainingSettings()
    assert (size.width, size.layers, size.heads, size.feedforward, size.hidden, size.dropout) == (
        256, 4, 8, 1024, 256, 0.1,
    )  # fmt: skip
    assert (training.epochs, training.batch, training.learning_rate, training.weight_decay) == (50, 32, 1e-4, 0.01)
    assert training.gradient_clip == 1.0
    assert SMALL.network.width < size.width


def test_refuses_heads_that_do_not_divide_the_width() -> None:
    with pytest.raises(ValidationError, match="30 is no multiple of the 4 heads"):
        NetworkSettings(width=30, heads=4)


@pytest.mark.parametrize(("count", "most"), [(1, 1), (7, 7), (50, 50), (51, 50), (400, 50)])
def test_looks_at_evenly_spaced_observations(count, most) -> None:
    places = evenly_spaced(count)
    assert len(places) == most <= MAX_OBSERVATIONS
    assert (places[0], places[-1]) == (0, count - 1)
    assert count == 1 or set(np.diff(places)) <= {(count - 1) // max(most - 1, 1), -(-(count - 1) // max(most - 1, 1))}


def test_batches_hold_every_track_once() -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 300)
    for batches in (shuffled(lengths, 32, (0, 1)), list(by_length(lengths, 200))):
        assert sorted(np.concatenate(batches).tolist()) == list(range(300))
    assert all(len(rows) == 1 or len(rows) * lengths[rows].max() <= 200 for rows in by_length(lengths, 200))
    first, again, other = (shuffled(lengths, 32, seed) for seed in ((0, 1), (0, 1), (0, 2)))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_whitening_spreads_all_directions_equally() -> None:
    random = np.random.default_rng(0)
    features = (random.normal(size=(2000, FEATURES)) * np.geomspace(1, 0.5, FEATURES) + 3).astype("f4")
    mixed = features @ np.linalg.qr(random.normal(size=(FEATURES, FEATURES)))[0].astype("f4")
    mean, whitening = whitening_of(mixed)
    white = ((torch.from_numpy(mixed) - mean) @ whitening).numpy()
    np.testing.assert_allclose(np.cov(white, rowvar=False), np.eye(FEATURES), atol=0.08)
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-3)


def test_whitening_takes_features_that_never_change() -> None:
    mean, whitening = whitening_of(np.full((5, FEATURES), 2, "f4"))
    assert whitening.isfinite().all()
    assert ((torch.full((1, FEATURES), 2.0) - mean) @ whitening).abs().max() == 0
