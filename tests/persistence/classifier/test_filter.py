"""The filter: pixels in, decisions out; long tracks, short tracks, wrong weights."""

import numpy as np
import pytest
import torch

from videotracks.errors import ModelError
from videotracks.persistence.classifier.attention_classifier import AttentionClassifier
from videotracks.persistence.classifier.batches import padded
from videotracks.persistence.classifier.filter import PersistenceFilter, features_of
from videotracks.persistence.classifier.model import PersistenceNetwork
from videotracks.persistence.classifier.samples import LabelledTrack, collect_samples
from videotracks.persistence.classifier.settings import MAX_OBSERVATIONS, NetworkSettings, TrainingSettings
from videotracks.persistence.classifier.training import TrainedClassifier
from videotracks.persistence.classifier.weights import network_of, read_classifier, write_classifier
from videotracks.persistence.crop_tracks import CROP_PX, FEATURES, CropTrack
from videotracks.persistence.weights_files import write_weights

SIZE = NetworkSettings(width=16, layers=1, heads=2, feedforward=16, hidden=8)


class CornerEncoder:
    """The upper left pixels of each crop, and a note of how many crops came at a time."""

    def __init__(self) -> None:
        self.calls = []

    def features(self, crops):
        self.calls.append(sum(map(len, crops)))
        return [track.reshape(len(track), -1)[:, :FEATURES].astype("f4") / 255 for track in crops]

    def provenance(self):
        return {}


def network() -> PersistenceNetwork:
    torch.manual_seed(0)
    made = PersistenceNetwork(SIZE)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    return made


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "persistence_model.safetensors"
    write_weights(path, network().state_dict(), SIZE, {"seed": "0"})
    return path


def pixels(*lengths) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (length, CROP_PX, CROP_PX, 3), dtype="u1") for length in lengths]


def labelled(label, frames) -> LabelledTrack:
    count = len(frames)
    track = CropTrack(
        track_id=7,
        camera=0,
        frame_numbers=np.array(frames),
        boxes=np.tile(np.array([0, 0, 10, 20], "f4"), (count, 1)),
        confidences=np.linspace(0.5, 0.9, count).astype("f4"),
        crops=pixels(count)[0],
    )
    return LabelledTrack(track, label, count, 40 + label, np.arange(count) == 0)


def test_decides_on_tracks_of_any_length(weights) -> None:
    filter_ = PersistenceFilter(CornerEncoder(), AttentionClassifier.load(weights))
    tracks = pixels(1, 5, 50, 120)
    found = filter_.predict_many(tracks)
    for track, prediction in zip(tracks, found, strict=True):
        assert prediction.importance.shape == (len(track),)
        assert prediction.importance.dtype == np.float32
        assert prediction.importance.min() >= 0
        assert prediction.importance.sum() == pytest.approx(1)
        assert prediction.is_persistent == (prediction.confidence >= 0.5)
        alone = filter_.predict(track)
        assert alone.confidence == pytest.approx(prediction.confidence, abs=1e-5)
    assert (found[3].importance > 0).sum() <= MAX_OBSERVATIONS
    assert found[0].importance.tolist() == [1]


def test_long_features_are_thinned_out_like_long_tracks(weights) -> None:
    classifier, encoder, (track,) = AttentionClassifier.load(weights), CornerEncoder(), pixels(130)
    by_pixels = PersistenceFilter(encoder, classifier).predict(track)
    (by_features,) = classifier.predict(encoder.features([track]))
    assert by_features.confidence == pytest.approx(by_pixels.confidence, abs=1e-6)
    np.testing.assert_allclose(by_features.importance, by_pixels.importance, atol=1e-6)


def test_temperature_moves_the_confidence_and_not_the_decision(tmp_path, weights) -> None:
    hot = tmp_path / "hot.safetensors"
    write_weights(hot, {**network().state_dict(), "temperature": torch.tensor(5.0)}, SIZE, {})
    tracks = CornerEncoder().features(pixels(*range(1, 20)))
    plain, mild = (AttentionClassifier.load(path).predict(tracks) for path in (weights, hot))
    for before, after in zip(plain, mild, strict=True):
        assert abs(after.confidence - 0.5) < abs(before.confidence - 0.5)
        assert after.is_persistent == before.is_persistent


def test_trained_weights_come_back_from_their_file(tmp_path) -> None:
    trained = TrainedClassifier(
        TrainingSettings(network=SIZE),
        network().state_dict(),
        np.array([[0.7, 0.6, 0.7, 0.8], [0.5, 0.4, 0.9, 0.95]]),
        1,
    )
    path = tmp_path / "persistence_model.safetensors"
    write_classifier(path, trained, {"source": "tracks"})
    stored = read_classifier(path)
    assert stored.provenance["source"] == "tracks"
    assert stored.provenance["best_epoch"] == "2"
    assert stored.provenance["auroc"] == "0.9500"
    features = padded(CornerEncoder().features(pixels(3, 8)))
    torch.testing.assert_close(
        stored.network(*features).logits, network_of(trained)(*features).logits, atol=0.02, rtol=0.02
    )


def test_no_tracks_give_no_predictions(weights) -> None:
    assert PersistenceFilter(CornerEncoder(), AttentionClassifier.load(weights)).predict_many([]) == []


def test_says_what_decided(weights) -> None:
    say = PersistenceFilter(CornerEncoder(), AttentionClassifier.load(weights)).get_explanation
    assert say(np.ones(1), 1) == "A single frame was seen, and it alone decided."
    assert say(np.array([0.1, 0.1, 0.7, 0.1]), 4).startswith("Frame 3 of 4 decided: it carries 70% of the weight")
    two = say(np.array([0.05, 0.3, 0.3, 0.05, 0.05, 0.05, 0.1, 0.1]), 15)
    assert two.startswith("Frames 3 and 5 of 15 decided: together they carry 60% of the weight")
    assert "none decided alone" in say(np.full(20, 0.05), 20)
    assert "none decided alone" in say(np.full(2, 0.5), 2)
    with pytest.raises(ValueError, match="got 3 and 4"):
        say(np.full(4, 0.25), 3)


def test_the_origin_names_the_file_and_its_hash(weights) -> None:
    said = AttentionClassifier.load(weights).provenance()
    assert said["weights"] == "persistence_model.safetensors"
    assert len(said["sha256"]) == 64
    assert said["device"] == "cpu"


def test_crops_are_encoded_in_bounded_numbers(monkeypatch) -> None:
    monkeypatch.setattr("videotracks.persistence.classifier.filter.CHUNK_CROPS", 10)
    encoder, taken = CornerEncoder(), []

    def tracks():
        for track in pixels(4, 4, 4, 20, 1):
            taken.append(len(track))
            yield track

    first = next(features_of(tracks(), encoder))
    assert len(first) == 4
    assert taken == [4, 4, 4]
    assert [len(found) for found in features_of(tracks(), encoder)] == [4, 4, 4, 20, 1]
    assert encoder.calls[1:] == [8, 4, 20, 1]


def test_samples_hold_what_baselines_and_classifier_need() -> None:
    encoder = CornerEncoder()
    tracks = [labelled(at, frames) for at, frames in enumerate(([3], [0, 1, 2, 9, 11, 12]))]
    samples = collect_samples(iter(tracks), encoder)
    assert samples.label.tolist() == [0, 1]
    assert samples.scene.tolist() == [40, 41]
    assert samples.k.tolist() == [1, 6]
    assert samples.m_of_n.tolist() == [1, 3]
    assert samples.max_confidence.tolist() == pytest.approx([0.5, 0.9])
    assert samples.statistics[:, 2].tolist() == [1, 6]
    assert samples.corrupted.tolist() == [True, True, False, False, False, False, False]
    (one,) = encoder.features([tracks[1].track.crops])
    np.testing.assert_array_equal(samples.labelled_features(np.array([1])).features[0], one)
    assert collect_samples(iter([]), encoder).label.shape == (0,)


@pytest.mark.parametrize("shape", [(0, 64, 64, 3), (2, 32, 64, 3), (64, 64, 3)])
def test_refuses_crops_of_another_shape(weights, shape) -> None:
    with pytest.raises(ValueError, match="track 0: expected crops"):
        PersistenceFilter(CornerEncoder(), AttentionClassifier.load(weights)).predict(np.zeros(shape, "u1"))


def test_refuses_features_of_another_shape(weights) -> None:
    with pytest.raises(ValueError, match="track 1: expected features"):
        AttentionClassifier.load(weights).predict([np.zeros((1, FEATURES), "f4"), np.zeros((3, 5), "f4")])


def test_refuses_weights_of_another_network(tmp_path) -> None:
    path = tmp_path / "persistence_model.safetensors"
    write_weights(path, network().state_dict(), SIZE.model_copy(update={"width": 32}), {})
    with pytest.raises(ModelError, match=r"persistence_model\.safetensors.*not those of the network"):
        AttentionClassifier.load(path)


def test_refuses_a_temperature_that_is_none(tmp_path) -> None:
    path = tmp_path / "cold.safetensors"
    write_weights(path, {**network().state_dict(), "temperature": torch.tensor(0.0)}, SIZE, {})
    with pytest.raises(ModelError, match=r"cold\.safetensors: temperature 0"):
        AttentionClassifier.load(path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_refuses_a_gpu_that_is_not_there(weights) -> None:
    with pytest.raises(ModelError, match="choose the device cpu"):
        AttentionClassifier.load(weights, "cuda")
