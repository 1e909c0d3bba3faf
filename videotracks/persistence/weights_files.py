"""Weights of the networks that this wing trains: safetensors that say which settings and which training made them.

A file holds tensors and one text, never code. The text stands under a single key of the header, because safetensors
writes several keys in any order: so the same weights always give the same bytes.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from videotracks.errors import ModelError

if TYPE_CHECKING:
    import torch

Settings = TypeVar("Settings", bound=BaseModel)

#: Far above any network of this wing with the state of its optimiser (a tenth of it).
MAX_BYTES = 512 << 20
#: Key of the text in the header, and the version of its layout.
_KEY, _FORMAT = "videotracks", 1
_MAX_PROVENANCE_CHARS = 1 << 20
_LENGTH_BYTES = 8


class _Said(BaseModel, frozen=True, extra="forbid"):
    """The text in the header."""

    format: int = Field(ge=_FORMAT, le=_FORMAT)
    settings: dict[str, Any]
    provenance: dict[str, str]


def write_weights(
    path: Path, tensors: Mapping[str, "torch.Tensor"], settings: BaseModel, provenance: Mapping[str, str]
) -> None:
    """Write tensors by name, with the settings and the origin of the network they belong to.

    The file is there complete or not at all. The same arguments always give the same bytes. Tensors keep their dtype:
    halve them (``tensor.half()``) where a file is to be small.
    """
    from safetensors.torch import save

    said = {"format": _FORMAT, "settings": settings.model_dump(mode="json"), "provenance": dict(provenance)}
    metadata = {_KEY: json.dumps(said, sort_keys=True, ensure_ascii=False)}
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata=metadata)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_weights(
    path: Path, settings_type: type[Settings]
) -> tuple[Settings, dict[str, "torch.Tensor"], dict[str, str]]:
    """The settings, the tensors by name (half precision lifted to single) and the origin that a file states.

    ``ModelError`` names the file where there is none, where it is no safetensors file of this project, has other
    settings than ``settings_type``, or holds numbers that are not finite. Shapes are the business of ``fill``.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = _bytes_of(path)
    try:
        tensors = load(data)
        said = _Said.model_validate_json(_header_text(data))
        if sum(map(len, said.provenance.values())) > _MAX_PROVENANCE_CHARS:
            raise ModelError(f"{path}: its origin is described at impossible length; {_remedy}")
        settings = settings_type.model_validate(said.settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the header"
        raise ModelError(f"{path}: {error.title.lstrip('_')}: {place}: {first['msg']}; {_remedy}") from error
    except (SafetensorError, KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: expected weights that this project wrote ({str(error)[:200]}); {_remedy}") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point():
            tensors[name] = tensor.float()
            if not bool(tensors[name].isfinite().all()):
                raise ModelError(f"{path}: {name:.100}: numbers that are not finite; {_remedy}")
    return settings, tensors, said.provenance


def fill(network: "torch.nn.Module", tensors: Mapping[str, "torch.Tensor"], name: str) -> None:
    """Put tensors into a network that has exactly these names and shapes.

    ``ModelError`` with ``name``, which stands for their file, and the first differences otherwise.
    """
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    if expected != found:
        keys = sorted(expected.keys() | found.keys())
        wrong = [key for key in keys if expected.get(key) != found.get(key)]
        first = f"{wrong[0]:.100}: expected {expected.get(wrong[0], 'nothing')}, got {found.get(wrong[0], 'nothing')}"
        raise ModelError(f"{name}: {len(wrong)} tensors are not those of the network ({first}); {_remedy}")
    network.load_state_dict(dict(tensors))


_remedy = "name a file that the training asset of this project wrote, or train it again"


def _bytes_of(path: Path) -> bytes:
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise ModelError(f"{path}: expected weights of at most {MAX_BYTES:,} bytes, got {size:,}; {_remedy}")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); {_remedy}") from error


def _header_text(data: bytes) -> str:
    """What this project wrote into the header; safetensors has checked the header's size by now."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    return str(json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])["__metadata__"][_KEY])
