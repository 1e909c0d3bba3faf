"""Training: learns, stops, and goes on as if it had never been stopped."""

import numpy as np
import pytest
import torch

from tests.persistence.classifier.synthetic_tracks import TINY, telling_tracks
from videotracks.errors import ModelError
from videotracks.persistence.classifier.settings import TrainingSettings
from videotracks.persistence.classifier.training import LabelledFeatures, random_prefixes, train_classifier
from videotracks.persistence.crop_tracks import FEATURES

FEW = TINY.model_copy(update={"epochs": 4})


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data() -> tuple[LabelledFeatures, LabelledFeatures]:
    return telling_tracks(0, 160)[0], telling_tracks(1, 60)[0]


class Stopped(Exception):
    pass


def stop_after(epochs):
    def progress(done, total):
        if done == epochs:
            raise Stopped

    return progress


class Configured(TrainingSettings):
    """As a configuration makes settings: another type with the same fields."""


def test_a_training_that_was_stopped_ends_like_one_that_was_not(tmp_path, data) -> None:
    configured = Configured(**FEW.model_dump())
    whole = train_classifier(*data, FEW, tmp_path / "whole", "tracks")
    for epochs in (1, 3):
        with pytest.raises(Stopped):
            train_classifier(*data, configured, tmp_path / "parts", "tracks", progress=stop_after(epochs))
    begun = []
    parts = train_classifier(
        *data, configured, tmp_path / "parts", "tracks", progress=lambda done, total: begun.append((done, total))
    )
    assert begun[0] == (3, 4)
    np.testing.assert_array_equal(parts.curves, whole.curves)
    assert parts.best_epoch == whole.best_epoch
    assert all(torch.equal(parts.tensors[name], tensor) for name, tensor in whole.tensors.items())


def test_seeds_differ_and_leave_the_chance_of_others_alone(tmp_path, data) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    one = train_classifier(*data, FEW.model_copy(update={"epochs": 1}), tmp_path, "tracks")
    assert torch.equal(torch.rand(1), expected)
    other = train_classifier(*data, FEW.model_copy(update={"epochs": 1, "seed": 1}), tmp_path, "tracks")
    assert not torch.equal(one.tensors["enter.weight"], other.tensors["enter.weight"])


def test_keeps_the_best_epoch_and_stops_when_nothing_more_is_learnt(tmp_path, data) -> None:
    random = np.random.default_rng(0)
    nothing = LabelledFeatures(data[0].features, random.permutation(data[0].labels))
    found = train_classifier(
        nothing, data[1], TINY.model_copy(update={"epochs": 40, "patience": 3}), tmp_path, "tracks"
    )
    losses = found.curve("loss")
    assert len(losses) < 40
    assert found.best_epoch == int(losses.argmin()) == len(losses) - 4


def test_calibrates_the_confidence(tmp_path, data) -> None:
    assert float(train_classifier(*data, FEW, tmp_path, "tracks").tensors["temperature"]) != 1


def test_refuses_a_damaged_checkpoint(tmp_path, data) -> None:
    train_classifier(*data, FEW.model_copy(update={"epochs": 1}), tmp_path, "tracks")
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ModelError, match=f"{path.name}.*delete it to begin the training anew"):
        train_classifier(*data, FEW.model_copy(update={"epochs": 1}), tmp_path, "tracks")


def test_other_tracks_have_another_checkpoint(tmp_path, data) -> None:
    once = FEW.model_copy(update={"epochs": 1})
    train_classifier(*data, once, tmp_path, "tracks")
    train_classifier(*data, once, tmp_path, "other tracks")
    assert len(list(tmp_path.iterdir())) == 2


def test_refuses_tracks_of_one_kind(tmp_path, data) -> None:
    only = LabelledFeatures(data[0].features, np.ones_like(data[0].labels))
    with pytest.raises(ModelError, match="tracks, training: expected tracks of both kinds"):
        train_classifier(only, data[1], FEW, tmp_path, "tracks")


@pytest.mark.parametrize("shape", [(0, FEATURES), (51, FEATURES), (4, FEATURES - 1)])
def test_refuses_features_of_another_shape(tmp_path, data, shape) -> None:
    wrong = LabelledFeatures([*data[0].features, np.zeros(shape, "f4")], np.append(data[0].labels, 1))
    with pytest.raises(ValueError, match=r"training: track 160: expected \[1 to 50, 256\]"):
        train_classifier(wrong, data[1], FEW, tmp_path, "tracks")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_refuses_a_gpu_that_is_not_there(tmp_path, data) -> None:
    with pytest.raises(ModelError, match="choose the device cpu"):
        train_classifier(*data, FEW, tmp_path, "tracks", device="cuda")


def test_prefixes_are_the_tracks_as_they_began(data) -> None:
    cut = random_prefixes(data[0], 3, seed=3)
    lengths = [len(track) for track in cut.features]
    assert set(lengths) == set(range(3, 9))
    assert {len(track) for track in random_prefixes(data[0], 9, seed=3).features} == {8}
    assert all(np.array_equal(a, b[: len(a)]) for a, b in zip(cut.features, data[0].features, strict=True))
