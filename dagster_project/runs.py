"""Running a part of the graph for one video from the command line, in this process."""

import os
import shutil
import warnings
from typing import NamedTuple

import dagster as dg
from rich.console import Console

from assets.video_asset import videos
from dagster_project.console import ProgressBars, RunConsole, check_table, terminal
from dagster_project.definitions import build_defs
from dagster_project.deployment import PROJECT, Deployment
from videotracks.errors import VideoTracksError

#: The pages of a video that people open.
PAGES = ("person_selection_report.html", "masks.html", "persistence.html")


class Outcome(NamedTuple):
    """How a run ended."""

    success: bool
    checks: list[dg.AssetCheckEvaluation]

    @property
    def exit_code(self) -> int:
        """0 all well, 1 something was not made, 3 all made but a check of severity ERROR failed."""
        if not self.success:
            return 1
        return 3 if any(not c.passed and c.severity == dg.AssetCheckSeverity.ERROR for c in self.checks) else 0


def dagster_instance(deployment: Deployment) -> dg.DagsterInstance:
    """The instance that the command line and the UI share; made on first use."""
    home = deployment.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copy(PROJECT / "deploy" / "local" / "dagster.yaml", home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return dg.DagsterInstance.get()


def register(instance: dg.DagsterInstance, video: str) -> None:
    """Make the video a partition, if it is none yet."""
    assert videos.name is not None
    if not instance.has_dynamic_partition(videos.name, video):
        instance.add_dynamic_partitions(videos.name, [video])


def _selected(select: str, defs: dg.Definitions, *, of_videos: bool) -> list[dg.AssetKey]:
    """The selected assets that a video has (or those that no video has), with those made together with one of them."""
    graph = defs.resolve_asset_graph()
    try:
        with warnings.catch_warnings():
            # Groups in a selection are a beta in the pinned version of Dagster: that is known.
            warnings.simplefilter("ignore", dg.BetaWarning)
            chosen = dg.AssetSelection.all() if select == "*" else dg.AssetSelection.from_string(select)
        found = (chosen | chosen.required_multi_asset_neighbors()).resolve(graph)
    except dg.DagsterError as error:
        raise VideoTracksError(f"--select {select!r}: {error}") from error
    if not found:
        raise VideoTracksError(f"--select {select!r}: no such asset; `dg list defs` shows all")
    return sorted(key for key in found if (graph.get(key).partitions_def is not None) == of_videos)


def run_video(deployment: Deployment, video: str, select: str, console: Console) -> Outcome:
    """Materialise the selected assets of one video and show it on the console.

    ``select`` is Dagster's selection syntax; what is made together with a selected asset is made too. A selection of
    nothing, or of what does not exist, is a ``VideoTracksError``.
    """
    with dagster_instance(deployment) as instance:
        register(instance, video)
        return _run(deployment, instance, select, console, video)


def run_shared(deployment: Deployment, select: str, console: Console) -> Outcome:
    """Materialise the selected assets that belong to no video; ``select`` as in ``run_video``."""
    with dagster_instance(deployment) as instance:
        return _run(deployment, instance, select, console, None)


def _run(
    deployment: Deployment, instance: dg.DagsterInstance, select: str, console: Console, video: str | None
) -> Outcome:
    defs = build_defs(deployment, loggers={"terminal": terminal}, progress=ProgressBars())
    selection = _selected(select, defs, of_videos=video is not None)
    drawn = RunConsole(console)
    with drawn.drawing():
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            run_config={"loggers": {"terminal": {}}},
            instance=instance,
            partition_key=video,
            asset_selection=selection,
            raise_on_error=False,
        )
    checks = list(result.get_asset_check_evaluations())
    if checks:
        console.print(check_table(checks))
    return Outcome(result.success, checks)
