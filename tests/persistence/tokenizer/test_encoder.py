"""The encoder at work: tracks of any lengths, each as if it were alone."""

import numpy as np
import pytest
import torch

from tests.persistence.tokenizer.clip_examples import TINY, clip, clips
from videotracks.errors import ModelError
from videotracks.persistence.crop_tracks import FEATURES
from videotracks.persistence.tokenizer.encoder import VideoTokenizerEncoder
from videotracks.persistence.tokenizer.model import VideoTokenizer, from_pixels
from videotracks.persistence.tokenizer.training import CURVES, TrainedTokenizer
from videotracks.persistence.tokenizer.weights import read_tokenizer, write_tokenizer
from videotracks.persistence.weights_files import write_weights


@pytest.fixture(scope="module")
def trained() -> TrainedTokenizer:
    torch.manual_seed(0)
    return TrainedTokenizer(TINY, VideoTokenizer(TINY.network).state_dict(), np.ones((1, len(CURVES)), "f4"))


@pytest.fixture
def path(tmp_path, trained):
    write_tokenizer(tmp_path / "small.safetensors", trained, {"command": "train"})
    return tmp_path / "small.safetensors"


def test_a_batch_gives_what_each_track_gives_alone(path) -> None:
    encoder = VideoTokenizerEncoder(path)
    tracks = [clip(seed, frames) for seed, frames in enumerate([3, 1, 200, 40, 1, 9])]
    together = encoder.features(tracks)
    assert [found.shape for found in together] == [(len(track), FEATURES) for track in tracks]
    network = read_tokenizer(path).network
    for track, found in zip(tracks, together, strict=True):
        plain = network.features(from_pixels(torch.from_numpy(track)[None]))[0].numpy()
        np.testing.assert_allclose(found, plain, atol=1e-5)
        np.testing.assert_allclose(encoder.features([track])[0], plain, atol=1e-5)


def test_no_tracks_have_no_features(path) -> None:
    assert VideoTokenizerEncoder(path).features([]) == []


def test_says_what_runs(path) -> None:
    said = VideoTokenizerEncoder(path).provenance()
    assert said["weights"] == "small.safetensors"
    assert said["device"] == "cpu"
    assert len(said["sha256"]) == 64


def test_refuses_crops_of_another_kind(path) -> None:
    encoder = VideoTokenizerEncoder(path)
    for wrong in (np.zeros((2, 32, 32, 3), "u1"), np.zeros((2, 64, 64, 3), "f4")):
        with pytest.raises(ValueError, match="expected crops"):
            encoder.features([wrong])


def test_weights_come_back_in_half_precision(path, trained) -> None:
    stored = read_tokenizer(path)
    assert stored.settings == TINY
    assert stored.provenance["command"] == "train"
    assert stored.provenance["psnr_db"] == "1"
    for name, tensor in stored.network.state_dict().items():
        torch.testing.assert_close(tensor, trained.tensors[name], atol=1e-3, rtol=1e-3)


def test_refuses_weights_of_another_network(tmp_path, trained) -> None:
    tensors = dict(trained.tensors)
    tensors["to_code.bias"] = torch.zeros(7)
    write_weights(tmp_path / "other.safetensors", tensors, TINY, {})
    with pytest.raises(ModelError, match=r"other\.safetensors.*to_code\.bias"):
        VideoTokenizerEncoder(tmp_path / "other.safetensors").features(clips(1))


def test_refuses_what_is_no_weights_file(tmp_path, path) -> None:
    whole = path.read_bytes()
    nan = whole[:-2] + b"\x00\x7e"
    for name, content in {"cut": whole[: len(whole) // 2], "foreign": b"PK" + bytes(100), "nan": nan}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=name):
            VideoTokenizerEncoder(tmp_path / name).features(clips(1))
    with pytest.raises(ModelError, match="nowhere"):
        VideoTokenizerEncoder(tmp_path / "nowhere").features(clips(1))


def test_refuses_a_gpu_that_is_not_there(path, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="no GPU"):
        VideoTokenizerEncoder(path, device="cuda").features(clips(1))
