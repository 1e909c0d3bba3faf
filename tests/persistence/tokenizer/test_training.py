"""Training: it learns, and one that was stopped ends where one that was not does."""

import numpy as np
import pytest
import torch

from tests.persistence.tokenizer.clip_examples import TINY, clips
from videotracks.errors import ModelError
from videotracks.persistence.tokenizer.settings import TokenizerSettings
from videotracks.persistence.tokenizer.training import CURVES, train_tokenizer


class Stopped(Exception):
    pass


def stop_at(wanted: int):
    def progress(done: int, total: int | None) -> None:
        if done == wanted:
            raise Stopped

    return progress


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train_tokenizer(clips(6), clips(3, 1), TINY, tmp_path_factory.mktemp("whole"), "examples")


def test_the_curves_tell_how_it_went(whole) -> None:
    assert whole.curve("step").tolist() == [2, 4, 6]
    assert whole.curves.shape == (3, len(CURVES))
    assert np.isfinite(whole.curves).all()


@pytest.mark.parametrize(("step", "kept"), [(3, 2), (4, 4)])
def test_a_stopped_training_ends_at_the_same_weights(tmp_path, whole, step, kept) -> None:
    with pytest.raises(Stopped):
        train_tokenizer(clips(6), clips(3, 1), TINY, tmp_path, "examples", progress=stop_at(step))
    told = []
    resumed = train_tokenizer(
        clips(6), clips(3, 1), TINY, tmp_path, "examples", progress=lambda done, total: told.append((done, total))
    )
    assert told[0] == (kept, 6)
    assert told[-1] == (6, 6)
    assert all(torch.equal(resumed.tensors[name], tensor) for name, tensor in whole.tensors.items())
    assert np.array_equal(resumed.curves, whole.curves)


def test_another_seed_gives_other_weights_and_leaves_the_checkpoint_alone(tmp_path, whole) -> None:
    other = TINY.model_copy(update={"seed": 1, "steps": 2})
    for settings in (TINY.model_copy(update={"steps": 2}), other):
        made = train_tokenizer(clips(6), clips(3, 1), settings, tmp_path, "examples")
    assert not torch.equal(made.tensors["to_code.weight"], whole.tensors["to_code.weight"])
    assert len(list(tmp_path.iterdir())) == 2


def test_the_random_numbers_of_others_stay_as_they_were(tmp_path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train_tokenizer(clips(2), clips(1), TINY.model_copy(update={"steps": 1}), tmp_path, "examples")
    assert torch.equal(torch.rand(1), expected)


def test_features_are_of_the_same_scale_afterwards(whole) -> None:
    assert whole.tensors["feature_mean"].abs().max() > 0
    assert (whole.tensors["feature_scale"] > 0).all()


def test_learns_one_clip_by_heart(tmp_path) -> None:
    patches = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3))
    one = [np.kron(patches, np.ones((1, 16, 16, 1))).astype("u1").repeat(2, axis=0)]
    settings = TINY.model_copy(
        update={
            "network": TokenizerSettings(stem_channels=16, grid_channels=32, code_bits=18),
            "steps": 80, "crops_per_step": 2, "report_steps": 20, "learning_rate": 5e-3,
        }
    )  # fmt: skip
    told = train_tokenizer(one, one, settings, tmp_path, "one").curve("psnr_db")
    assert told[-1] > told[0] + 4, told  # two fifths of the squared error


def test_refuses_a_damaged_checkpoint(tmp_path, whole) -> None:
    train_tokenizer(clips(6), clips(3, 1), TINY, tmp_path, "examples")
    checkpoint = next(tmp_path.iterdir())
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(ModelError, match=checkpoint.name):
        train_tokenizer(clips(6), clips(3, 1), TINY, tmp_path, "examples")


def test_refuses_to_train_on_nothing(tmp_path) -> None:
    with pytest.raises(ModelError, match="expected clips"):
        train_tokenizer([], clips(1), TINY, tmp_path, "nothing")
