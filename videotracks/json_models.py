"""Small JSON files that assets write for one another, read back without trust."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from videotracks.errors import CorruptFileError

#: Far above the counts of a hundred views and levels.
MAX_BYTES = 16 << 20

Model = TypeVar("Model", bound=BaseModel)


def read_model(path: Path, model: type[Model], again: str, max_bytes: int = MAX_BYTES) -> Model:
    """Read a file; ``CorruptFileError`` names what is wrong first, and says to do it ``again``."""
    if (size := path.stat().st_size) > max_bytes:
        raise CorruptFileError(f"{path}: expected at most {max_bytes:,} bytes, got {size:,}; {again}")
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise CorruptFileError(f"{path}: {place}: {first['msg']}; {again}") from error
