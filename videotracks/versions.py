"""What an output's content is, in sixteen characters: equal content, equal version.

An asset that is made again with the same result keeps its version, and nothing downstream becomes stale.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from videotracks.files import Files
from videotracks.tables import Table

_CHUNK_BYTES = 1 << 20
VERSION_CHARACTERS = 16


def data_version_of(source: Path | bytes) -> str:
    """The first 16 hex digits of the SHA-256 of a file or of bytes."""
    digest = hashlib.sha256()
    if isinstance(source, bytes):
        digest.update(source)
    else:
        _update_from_file(digest, source)
    return digest.hexdigest()[:VERSION_CHARACTERS]


def content_version(value: Any) -> str:
    """The version of an output by its content alone.

    A value that has a ``content_version()`` method knows best: a store whose file carries a time of creation
    must leave it out there. Otherwise a table is its arrays, a pydantic model its canonical JSON, ``Files``
    their names and bytes, and a handle with a ``path`` the bytes of that file. Others are a ``TypeError``.
    """
    own = getattr(value, "content_version", None)
    if callable(own):
        return str(own())
    digest = hashlib.sha256(type(value).__name__.encode())
    if isinstance(value, Table):
        _update_from_table(digest, value)
    elif isinstance(value, BaseModel):
        canonical = json.dumps(value.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest.update(canonical.encode())
    elif isinstance(value, Files):
        for name, path in value.walk():
            digest.update(f"\0{name}\0{path.stat().st_size}\0".encode())
            _update_from_file(digest, path)
    elif isinstance(getattr(value, "path", None), Path):
        _update_from_file(digest, value.path)
    else:
        raise TypeError(f"{type(value).__name__}: neither table, model, files nor a handle with a path")
    return digest.hexdigest()[:VERSION_CHARACTERS]


def _update_from_table(digest: Any, table: Table) -> None:
    for name, array in table.arrays().items():
        # Text by its characters: the width of a NumPy string column depends on how the array was made.
        text = array.dtype.kind == "U"
        digest.update(f"\0{name}\0{'str' if text else array.dtype.str}\0{array.shape}\0".encode())
        flat = np.ascontiguousarray(array).reshape(-1)
        digest.update(json.dumps(flat.tolist()).encode() if text else flat.view("u1"))


def _update_from_file(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
