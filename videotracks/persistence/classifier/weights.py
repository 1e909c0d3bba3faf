"""Weights of the classifier as a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch

from videotracks.errors import ModelError
from videotracks.persistence.classifier.model import PersistenceNetwork
from videotracks.persistence.classifier.settings import NetworkSettings
from videotracks.persistence.classifier.training import TrainedClassifier
from videotracks.persistence.weights_files import fill, read_weights, write_weights


class StoredClassifier(NamedTuple):
    """A classifier that was read: the network ready for use, and what its file says of its training."""

    network: PersistenceNetwork
    provenance: dict[str, str]


def write_classifier(path: Path, trained: TrainedClassifier, provenance: Mapping[str, str]) -> None:
    """Write the weights in half precision, which moves confidences by about a thousandth.

    ``provenance`` says where the tracks came from, which encoder made their features, and which command trains the
    same again; how the training was set and how it went is added. The file is there complete or not at all; the same
    arguments give the same bytes.
    """
    # The whitening takes small differences of large numbers: there halves would be felt.
    halves = {name: tensor if name == "whitening" else tensor.half() for name, tensor in trained.tensors.items()}
    went = {name: f"{trained.curve(name)[trained.best_epoch]:.4f}" for name in ("loss", "accuracy", "auroc")}
    said = {"training": trained.settings.model_dump_json(), "best_epoch": str(trained.best_epoch + 1), **went}
    write_weights(path, halves, trained.settings.network, {**said, **provenance})


def read_classifier(path: Path) -> StoredClassifier:
    """Read weights that ``write_classifier`` wrote; ``ModelError`` names the file and what is wrong with it."""
    settings, tensors, provenance = read_weights(path, NetworkSettings)
    network = new_network(settings)
    fill(network, tensors, str(path))
    if not network.temperature > 0:
        raise ModelError(f"{path}: temperature {float(network.temperature)}, expected more than 0; train it again")
    return StoredClassifier(network.eval(), provenance)


def network_of(trained: TrainedClassifier) -> PersistenceNetwork:
    """A trained network, ready for use."""
    network = new_network(trained.settings.network)
    network.load_state_dict(dict(trained.tensors))
    return network.eval()


def new_network(settings: NetworkSettings) -> PersistenceNetwork:
    """A network with weights that are to be replaced; the chance of others stays as it is."""
    with torch.random.fork_rng():
        return PersistenceNetwork(settings)
