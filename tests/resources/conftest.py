"""Stores that the tests of resources write to."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.resources.runs import OTHER, VIDEO, Store


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store in a local folder, and one at a URL."""
    root = str(tmp_path / "outputs") if request.param == "folder" else f"memory://{uuid.uuid4().hex}/outputs"
    yield from _store(root)


@pytest.fixture
def local_store(tmp_path: Path) -> Iterator[Store]:
    """A store in a local folder."""
    yield from _store(str(tmp_path / "outputs"))


def _store(root: str) -> Iterator[Store]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("videos", [VIDEO, OTHER])
        yield Store(root, instance)
