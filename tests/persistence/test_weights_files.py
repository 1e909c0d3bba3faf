"""Weights files: what goes in comes out, to the byte; what is none is refused by name."""

import json

import pytest
import torch
from pydantic import BaseModel, Field
from safetensors.torch import save_file

from videotracks.errors import ModelError
from videotracks.persistence.weights_files import fill, read_weights, write_weights


class Width(BaseModel, frozen=True, extra="forbid"):
    width: int = Field(default=3, ge=1)


class Other(BaseModel, frozen=True, extra="forbid"):
    depth: int = 1


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


@pytest.fixture
def path(tmp_path, network):
    write_weights(tmp_path / "w.safetensors", network.state_dict(), Width(), {"seed": "0", "command": "train ☂"})
    return tmp_path / "w.safetensors"


def test_gives_back_what_was_written(path, network) -> None:
    settings, tensors, provenance = read_weights(path, Width)
    assert settings == Width()
    assert provenance == {"seed": "0", "command": "train ☂"}
    assert tensors.keys() == network.state_dict().keys()
    assert all(torch.equal(tensors[name], value) for name, value in network.state_dict().items())


def test_the_same_weights_give_the_same_bytes(tmp_path, path, network) -> None:
    provenance = {"command": "train ☂", "seed": "0"}
    for at in range(4):
        again = tmp_path / f"{at}.safetensors"
        write_weights(again, network.state_dict(), Width(), provenance)
        assert again.read_bytes() == path.read_bytes()


def test_lifts_half_precision(tmp_path, network) -> None:
    path = tmp_path / "half.safetensors"
    write_weights(path, {name: value.half() for name, value in network.state_dict().items()}, Width(), {})
    _, tensors, _ = read_weights(path, Width)
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())
    torch.testing.assert_close(tensors["weight"], network.weight.detach(), atol=1e-3, rtol=0)


def test_fills_a_network(path, network) -> None:
    _, tensors, _ = read_weights(path, Width)
    fresh = torch.nn.Linear(3, 2)
    fill(fresh, tensors, str(path))
    assert torch.equal(fresh.weight, network.weight)


@pytest.mark.parametrize("other", [torch.nn.Linear(4, 2), torch.nn.Linear(3, 2, bias=False), torch.nn.LSTM(3, 2)])
def test_refuses_to_fill_another_network(path, other) -> None:
    _, tensors, _ = read_weights(path, Width)
    with pytest.raises(ModelError, match=r"w\.safetensors.*not those of the network"):
        fill(other, tensors, str(path))


def test_refuses_settings_of_another_network(path) -> None:
    with pytest.raises(ModelError, match=r"w\.safetensors.*width"):
        read_weights(path, Other)


def test_refuses_settings_out_of_bounds(tmp_path, network) -> None:
    path = tmp_path / "w.safetensors"
    write_weights(path, network.state_dict(), Width.model_construct(width=0), {})
    with pytest.raises(ModelError, match=r"w\.safetensors.*width.*greater"):
        read_weights(path, Width)


def test_refuses_what_is_not_there(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors: cannot be read"):
        read_weights(tmp_path / "none.safetensors", Width)


@pytest.mark.parametrize("keep", [0, 7, 8, 60, -1])
def test_refuses_a_cut_file(path, keep) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"w\.safetensors"):
        read_weights(path, Width)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"other": "text"},
        {"videotracks": "no JSON"},
        {"videotracks": "[]"},
        {"videotracks": json.dumps({"format": 2, "settings": {}, "provenance": {}})},
        {"videotracks": json.dumps({"format": 1, "settings": {}, "provenance": {"depth": 3}})},
        {"videotracks": json.dumps({"format": 1, "settings": {}, "provenance": {}, "code": "import os"})},
    ],
)
def test_refuses_weights_that_others_wrote(tmp_path, network, metadata) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file(network.state_dict(), path, metadata=metadata)
    with pytest.raises(ModelError, match=r"foreign\.safetensors"):
        read_weights(path, Width)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_refuses_numbers_that_are_not_finite(tmp_path, network, number) -> None:
    tensors = {**network.state_dict(), "bias": torch.tensor([0.0, number])}
    write_weights(tmp_path / "w.safetensors", tensors, Width(), {})
    with pytest.raises(ModelError, match="bias: numbers that are not finite"):
        read_weights(tmp_path / "w.safetensors", Width)


def test_an_unfinished_file_takes_no_place(tmp_path) -> None:
    with pytest.raises((AttributeError, TypeError, ValueError)):
        write_weights(tmp_path / "w.safetensors", {"weight": "no tensor"}, Width(), {})
    assert list(tmp_path.iterdir()) == []
