"""One run of the whole graph, shared by the tests that look at what it made."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest

from tests.assets.chain import Chain
from tests.assets.street import write_street

VIDEO = "street"
PUBLIC = {"detector": {"kind": "public"}}


class Run(NamedTuple):
    """A run that came to its end, and where its outputs lie."""

    chain: Chain
    result: dg.ExecuteInProcessResult

    def output(self, file: str) -> Path:
        return self.chain.output(VIDEO, file)


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    stated = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("VIDEOTRACKS_")}
    yield
    os.environ.update(stated)


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The small street, its people given by public detections, through the whole graph."""
    folder = tmp_path_factory.mktemp("street")
    write_street(folder / "videos" / VIDEO)
    with dg.DagsterInstance.ephemeral() as instance:
        chain = Chain(folder, instance, **PUBLIC)
        result = chain.run(VIDEO)
        yield Run(chain, result)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """An empty library of its own, with public detections."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Chain(tmp_path, instance, **PUBLIC)
