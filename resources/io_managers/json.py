"""Pydantic models as JSON files."""

import json
from typing import Any, NoReturn, TypeVar

import dagster as dg
import pydantic_core
from pydantic import BaseModel, Field, ValidationError
from upath import UPath

from resources.io_managers.stored import StoredIOManager, stored_as
from resources.outputs import Outputs
from videotracks.errors import CorruptFileError

ModelT = TypeVar("ModelT", bound=BaseModel)


class JsonIOManager(dg.ConfigurableIOManagerFactory):
    """Stores a pydantic model as indented JSON without NaN or infinity, validated strictly when it is read."""

    outputs: Outputs
    max_bytes: int = Field(default=256 << 20, gt=0, description="files above this size are neither written nor read")

    def create_io_manager(self, context: dg.InitResourceContext) -> dg.IOManager:
        """Make the manager over the configured root."""
        return _Json(self.outputs, self.max_bytes)


class _Json(StoredIOManager):
    def __init__(self, outputs: Outputs, max_bytes: int) -> None:
        super().__init__(outputs)
        self.max_bytes = max_bytes

    def write(self, value: Any, path: UPath) -> int:
        data = encode(stored_as(value, BaseModel, "JsonIOManager"))
        if len(data) > self.max_bytes:
            raise ValueError(f"{path}: {len(data):,} bytes of JSON, max_bytes allows {self.max_bytes:,}")
        draft = self.outputs.draft(path.name)
        draft.write_bytes(data)
        self.outputs.place(draft, path)
        return len(data)

    def read(self, cls: type[Any], path: UPath) -> BaseModel:
        if not issubclass(cls, BaseModel):
            raise TypeError(f"{path} holds a pydantic model; annotate the input with its class, not {cls.__name__}")
        size = path.stat().st_size
        if size > self.max_bytes:
            raise CorruptFileError(f"{path}: {size:,} bytes of JSON, max_bytes allows {self.max_bytes:,}")
        return decode(path.read_bytes(), cls, str(path))

    def get_metadata(self, context: dg.OutputContext, obj: BaseModel) -> dict[str, Any]:
        """The number of entries, where the model is a list."""
        root = getattr(obj, "root", None)
        return {"dagster/row_count": len(root)} if isinstance(root, list) else {}


def encode(value: BaseModel) -> bytes:
    """A model as indented JSON; NaN, infinity, and what would not be read back are a ``ValueError``."""
    data = pydantic_core.to_json(value.model_dump(mode="json"), indent=2, inf_nan_mode="constants") + b"\n"
    try:
        decode(data, type(value), type(value).__name__)
    except CorruptFileError as error:
        raise ValueError(f"cannot be stored as JSON: {error}") from error
    return data


def decode(data: bytes, cls: type[ModelT], name: str) -> ModelT:
    """A model from JSON; ``name`` stands for the file in errors. ``CorruptFileError`` if it is not exactly one."""
    try:
        json.loads(data.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
        return cls.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise CorruptFileError(
            f"{name}: not a {cls.__name__}: {where}: {first['msg']} ({error.error_count()} errors in all)"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{name}: not JSON of a {cls.__name__}: {error}") from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is there twice")
    return made
