"""The command ``videotracks``.

Exit codes: 0 all well; 1 something could not be made; 2 wrong usage or unusable input;
3 all made, but a check of severity ERROR failed.
"""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from videotracks.errors import VideoTracksError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from dagster_project.deployment import Deployment

console = Console(highlight=False)


class Commands(click.Group):
    """Turns the errors that are the input's fault into one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a ``VideoTracksError`` is told, not traced."""
        try:
            return super().invoke(ctx)
        except VideoTracksError as error:
            raise _Unusable(str(error)) from error
        except ValidationError as error:
            raise _Unusable(
                f"the configuration (VIDEOTRACKS_… variables, videotracks.toml) is wrong:\n{error}"
            ) from error


class _Unusable(click.ClickException):
    exit_code = 2


def deployment() -> "Deployment":
    """The deployment that the environment and ``videotracks.toml`` describe."""
    from dagster_project.deployment import Deployment

    return Deployment()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="videotracks")
def main() -> None:
    """Videos to people, masks, 3D tracks and reports, as one Dagster asset graph."""


@main.command()
@click.option("--seconds", default=8.0, show_default=True, help="length of the demonstration clip")
@click.option("--people", default=5, show_default=True, help="people who walk through it")
@click.option("--rig", is_flag=True, help="three calibrated cameras with known depth and 3D points, 3 s and 3 people")
def demo(seconds: float, people: int, rig: bool) -> None:
    """Render a street with people whose tracks are known, run the graph on it, say how it scored."""
    from dagster_project.demo import run_demo, run_rig

    sys.exit(run_rig(deployment(), console) if rig else run_demo(deployment(), seconds, people, console))


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--copy", is_flag=True, help="copy the recording instead of linking to it")
def add(paths: tuple[Path, ...], copy: bool) -> None:
    """Register recordings: files, folders of views, folders of images. Their folders stay untouched."""
    from dagster_project.runs import dagster_instance, register

    where = deployment()
    with dagster_instance(where) as instance:
        for path in paths:
            video = where.library().add(path, copy=copy)
            register(instance, video)
            console.print(f"{path} is video [bold]{video}[/]; run it with: videotracks run {video}")


@main.command()
@click.argument("video")
@click.option("--select", default="*", show_default=True, help="assets, in Dagster's selection syntax")
def run(video: str, select: str) -> None:
    """Make the outputs of VIDEO: a registered name, or a file or folder, which is registered first."""
    from dagster_project.runs import PAGES, run_video

    where = deployment()
    path = Path(video)
    key = where.library().add(path) if path.exists() else video
    where.library().source(key)
    outcome = run_video(where, key, select, console)
    for page in PAGES if outcome.success else ():
        if (report := where.output_file(key, page)) is not None:
            console.print(f"report: [bold]{report}[/]", soft_wrap=True)
    sys.exit(outcome.exit_code)


@main.command()
def quality() -> None:
    """Gather the checks of all videos into one page and one table, with a forecast for the videos still missing."""
    from dagster_project.runs import run_shared

    where = deployment()
    outcome = run_shared(where, "quality_report", console)
    console.print(f"report: [bold]{where.output_store().path(None, 'quality_report.html')}[/]", soft_wrap=True)
    sys.exit(outcome.exit_code)


@main.command()
@click.option("--select", default="group:persistence_training", show_default=True, help="a part of it, as in `run`")
def train(select: str) -> None:
    """Train the persistence filter on generated scenes and judge it; goes on where it was stopped.

    Videos go on with the weights that came with the project until the settings choose the trained ones.
    """
    from dagster_project.runs import run_shared

    sys.exit(run_shared(deployment(), select, console).exit_code)


@main.command()
def scenarios() -> None:
    """Try the persistence filter on generated scenes, with and without it, and write a page of what it does."""
    from dagster_project.runs import run_shared

    where = deployment()
    outcome = run_shared(where, "group:persistence_scenarios", console)
    console.print(f"report: [bold]{where.output_store().path(None, 'scenarios.html')}[/]", soft_wrap=True)
    sys.exit(outcome.exit_code)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=3000, show_default=True)
def ui(host: str, port: int) -> None:
    """Open the Dagster UI: the webserver, and the daemon that runs sensors and schedules."""
    from dagster_project.server import serve

    sys.exit(serve(deployment(), host, port, console))


@main.group()
def weights() -> None:
    """Model weights: what there is, fetch it, verify it."""


@weights.command("list")
def list_weights() -> None:
    """Show the known weights, their licences, and which are here."""
    from videotracks.weights import manifest

    folder = deployment().weights_folder
    table = Table("name", "kind", "file", "licence", "here")
    for entry in manifest():
        table.add_row(
            entry.name, entry.kind, entry.file, entry.licence, "yes" if (folder / entry.file).exists() else ""
        )
    console.print(table)


@weights.command()
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Download weights by name, with checked hashes; a cut transfer is resumed."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from videotracks.weights import entry
    from videotracks.weights import fetch as fetch_weights

    folder = deployment().weights_folder
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console) as progress:
        for name in names:
            tell = partial(_tell, progress, progress.add_task(name, total=None))
            console.print(str(fetch_weights(entry(name), folder, tell)), soft_wrap=True)


def _tell(progress: "Progress", task: "TaskID", done: int, total: int | None) -> None:
    progress.update(task, completed=done, total=total)


@weights.command()
def verify() -> None:
    """Compare the weights that are here with their hashes; exit code 1 if one differs."""
    from videotracks.weights import verify as verify_weights

    results = [r for r in verify_weights(deployment().weights_folder) if r.state != "missing"]
    if not results:
        console.print("no weights here; `videotracks weights list` shows what there is")
    for result in results:
        console.print(f"{'[green]✓[/]' if result.ok else '[red]✗[/]'} {result.file}: {result.message}")
    sys.exit(0 if all(r.ok for r in results) else 1)


@main.group()
def baseline() -> None:
    """Baselines: frozen outputs that the checks compare with."""


@baseline.command()
@click.argument("video")
def capture(video: str) -> None:
    """Freeze the present outputs of VIDEO as its baseline."""
    from dagster_project.baselines import capture_baseline

    console.print(f"baseline of {video}: {capture_baseline(deployment(), video)}")


@baseline.command("import")
@click.argument("video")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def import_(video: str, folder: Path) -> None:
    """Take a folder that the older scripts wrote as the baseline of VIDEO."""
    from dagster_project.baselines import import_baseline

    console.print(f"baseline of {video}: {import_baseline(deployment(), video, folder)}")


@main.command()
@click.argument("video")
@click.option("--what", type=click.Choice(["tracklets", "persons", "masks"]), default="persons", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="the file to write")
def export(video: str, what: Literal["tracklets", "persons", "masks"], output: Path) -> None:
    """Write the tracklets or persons of VIDEO in MOTChallenge format, or its masks in COCO's (a file per level)."""
    from dagster_project.exports import export_masks, export_mot

    where = deployment()
    paths = export_masks(where, video, output) if what == "masks" else export_mot(where, video, what, output)
    for path in paths:
        console.print(str(path), soft_wrap=True)


@main.command()
def doctor() -> None:
    """Look at the installation, the folders, the configuration and the weights; exit code 1 if something is wrong."""
    from dagster_project.doctor import examine

    findings = examine(deployment())
    for finding in findings:
        mark = {"ok": "[green]✓[/]", "note": "[yellow]•[/]", "wrong": "[red]✗[/]"}[finding.level]
        console.print(f"{mark} {finding.text}", soft_wrap=True)
    sys.exit(1 if any(f.level == "wrong" for f in findings) else 0)
