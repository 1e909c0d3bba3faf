"""Weights of the tokenizer as a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from videotracks.persistence.tokenizer.model import VideoTokenizer
from videotracks.persistence.tokenizer.settings import TokenizerTrainingSettings
from videotracks.persistence.tokenizer.training import TrainedTokenizer
from videotracks.persistence.weights_files import fill, read_weights, write_weights


class StoredTokenizer(NamedTuple):
    """A tokenizer that was read: the network ready for use, how it was trained, and what its file says of that."""

    network: VideoTokenizer
    settings: TokenizerTrainingSettings
    provenance: dict[str, str]


def write_tokenizer(path: Path, trained: TrainedTokenizer, provenance: Mapping[str, str]) -> None:
    """Write the weights in half precision: features differ by a thousandth of their spread, the file is half as large.

    ``provenance`` says where the clips came from and which command trains the same again. The file is there complete
    or not at all; the same arguments give the same bytes.
    """
    halves = {name: tensor.half() for name, tensor in trained.tensors.items()}
    final = {name: f"{trained.curve(name)[-1]:.4g}" for name in ("psnr_db", "code_usage", "statistics_error")}
    write_weights(path, halves, trained.settings, {**final, **provenance})


def read_tokenizer(path: Path) -> StoredTokenizer:
    """Read weights that ``write_tokenizer`` wrote; ``ModelError`` names the file and what is wrong with it."""
    settings, tensors, provenance = read_weights(path, TokenizerTrainingSettings)
    network = VideoTokenizer(settings.network)
    fill(network, tensors, str(path))
    return StoredTokenizer(network.eval().requires_grad_(False), settings, provenance)
