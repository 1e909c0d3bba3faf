"""Running the graph in the tests: a deployment in a temporary folder, an instance in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_project.definitions import build_defs
from dagster_project.deployment import Deployment

QUALITY = dg.AssetKey("quality_report")


class Chain:
    """The code location over a folder of its own, and runs of it."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, **stated: Any) -> None:
        self.deployment = Deployment(data=folder, **stated)
        self.instance = instance
        self.defs = build_defs(self.deployment)

    def with_settings(self, **stated: Any) -> "Chain":
        """The same folder and instance, configured otherwise."""
        return Chain(self.deployment.data, self.instance, **stated)

    def run(self, video: str, select: Sequence[str] | None = None) -> dg.ExecuteInProcessResult:
        """Make the selected assets of a video with their checks, or all of them; a failure is in the result.

        All of them are those that videos have, and the page over all videos.
        """
        graph = self.defs.resolve_asset_graph()
        everything = [key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def is not None]
        if not self.instance.has_dynamic_partition("videos", video):
            self.instance.add_dynamic_partitions("videos", [video])
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            partition_key=video,
            asset_selection=[dg.AssetKey(name) for name in select] if select else [*everything, QUALITY],
            raise_on_error=False,
        )

    def run_shared(self, select: Sequence[str]) -> dg.ExecuteInProcessResult:
        """Make selected assets that belong to no video, with their checks; a failure is in the result."""
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=[dg.AssetKey(name) for name in select], raise_on_error=False
        )

    def output(self, video: str, file: str) -> Path:
        """Where an output lies."""
        return self.deployment.data / "outputs" / video / file


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """The metadata of the materialisation of an asset in a run."""
    for event in result.get_asset_materialization_events():
        if event.asset_key == dg.AssetKey(asset):
            return {name: value.value for name, value in event.materialization.metadata.items()}
    raise AssertionError(f"{asset} was not materialised")


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    """The assets that a run materialised."""
    return {e.asset_key.to_user_string() for e in result.get_asset_materialization_events() if e.asset_key}


def versions(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """The data versions of what a run materialised."""
    return {
        e.asset_key.to_user_string(): (e.materialization.tags or {})["dagster/data_version"]
        for e in result.get_asset_materialization_events()
        if e.asset_key
    }


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """The evaluated checks of a run, by ``asset:check``."""
    return {f"{e.asset_key.to_user_string()}:{e.check_name}": e for e in result.get_asset_check_evaluations()}


def why(result: dg.ExecuteInProcessResult) -> str:
    """What stopped a run, with its causes."""
    texts = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None:
                texts.append(error.message)
                error = error.cause
    return "\n".join(texts)
