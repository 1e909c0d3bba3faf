"""Running assets of two videos through the IO managers, as the tests of resources do."""

import traceback
from collections.abc import Sequence
from typing import Any

import dagster as dg
import pytest

from resources.io_managers.files import FilesIOManager
from resources.io_managers.hdf5 import Hdf5IOManager
from resources.io_managers.json import JsonIOManager
from resources.io_managers.npz import NpzIOManager
from resources.outputs import STAGING, Outputs

videos = dg.DynamicPartitionsDefinition(name="videos")
VIDEO, OTHER = "one-by-one_person", "2nd-video"


class Store:
    """A root of outputs, and an instance of Dagster that knows two videos."""

    def __init__(self, root: str, instance: dg.DagsterInstance) -> None:
        self.outputs = Outputs(root=root)
        self.instance = instance

    @property
    def resources(self) -> dict[str, Any]:
        return {
            "outputs": self.outputs,
            "npz_io": NpzIOManager(outputs=self.outputs),
            "hdf5_io": Hdf5IOManager(outputs=self.outputs),
            "json_io": JsonIOManager(outputs=self.outputs),
            "files_io": FilesIOManager(outputs=self.outputs),
        }

    def run(self, *assets: Any, video: str | None = VIDEO, select: Sequence[str] | None = None) -> Any:
        """Materialise the assets; errors are raised, and no draft is left."""
        chosen = dg.AssetSelection.assets(*select) if select else None
        result = dg.materialize(
            assets, partition_key=video, instance=self.instance, resources=self.resources, selection=chosen
        )
        assert not self.drafts
        return result

    def error(self, *assets: Any, video: str | None = VIDEO, select: Sequence[str] | None = None) -> str:
        """What stops the run, with its causes."""
        with pytest.raises(Exception) as raised:  # noqa: PT011 - Dagster hands on what an IO manager raises
            self.run(*assets, video=video, select=select)
        return "".join(traceback.format_exception(raised.value))

    def file(self, name: str, video: str = VIDEO) -> Any:
        """The stored file as a path."""
        return self.outputs.folder(video) / name

    @property
    def names(self) -> list[str]:
        """The files of the first video, by name."""
        folder = self.outputs.folder(VIDEO)
        return sorted(p.name for p in folder.iterdir()) if folder.exists() else []

    @property
    def drafts(self) -> list[str]:
        """What lies in the staging folder of a local root."""
        staging = self.outputs.base / STAGING
        return sorted(p.name for p in staging.iterdir()) if staging.exists() else []


def metadata_of(result: Any, asset: str) -> dict[str, Any]:
    """The metadata of the one materialisation of an asset."""
    (event,) = result.asset_materializations_for_node(asset)
    return {key: value.value for key, value in event.metadata.items()}
