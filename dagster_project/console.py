"""What the command line shows of a run: bars while it works, a line per asset, a table of checks at the end."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from resources.progress import ProgressLog
from videotracks.progress import Progress as ProgressCallback

_current: "RunConsole | None" = None


class RunConsole:
    """Draws one run on a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._begun: dict[str, float] = {}
        self._task: TaskID | None = None
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw while the block runs; one run at a time."""
        global _current
        _current = self
        try:
            with self._progress:
                yield
        finally:
            _current = None

    def bar(self, stage: str, unit: str) -> ProgressCallback:
        """A progress bar for one stage; it goes when the stage ends."""
        self._clear()
        task = self._progress.add_task(stage, total=None, rate="")
        self._task = task
        begun = time.monotonic()

        def tell(done: int, total: int | None) -> None:
            rate = done / max(time.monotonic() - begun, 1e-6)
            self._progress.update(task, completed=done, total=total, rate=f"{rate:.0f} {unit}/s")

        return tell

    def event(self, event: dg.DagsterEvent) -> None:
        """Show one event of the run."""
        step = event.step_key or ""
        if event.is_step_start:
            self._begun[step] = time.monotonic()
        elif event.is_step_failure:
            self._clear()
            self.console.print(f"[red]✗[/] {escape(step):<22} {escape(_reason(event))}", soft_wrap=True)
        elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            self._clear()
            seconds = time.monotonic() - self._begun.get(step, time.monotonic())
            made = event.step_materialization_data.materialization
            self.console.print(f"[green]✓[/] {_name(made.asset_key):<22} [dim]{seconds:6.1f} s[/]  {_facts(made)}")

    def _clear(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def _reason(event: dg.DagsterEvent) -> str:
    """What went wrong, in the words of our own code's exception: that below Dagster's wrapping ones."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return error.message.strip() if error is not None else "failed"


def _name(key: dg.AssetKey | None) -> str:
    return escape(key.to_user_string()) if key else ""


def _facts(made: dg.AssetMaterialization) -> str:
    """The numbers of a materialisation that a user wants to see at once: its ``summary``, else its rows."""
    if "summary" in made.metadata:
        return escape(str(made.metadata["summary"].value))
    rows = made.metadata.get("dagster/row_count")
    return f"{rows.value} rows" if rows else ""


def check_table(evaluations: list[dg.AssetCheckEvaluation]) -> Table:
    """All checks of a run, the failed ones with their reason."""
    table = Table(title="Checks", title_justify="left", box=SIMPLE_HEAD)
    for column in ("asset", "check", "result"):
        table.add_column(column, no_wrap=True)
    table.add_column("what was found", ratio=1)
    for check in evaluations:
        failed = "[red]failed[/]" if check.severity == dg.AssetCheckSeverity.ERROR else "[yellow]warning[/]"
        table.add_row(
            _name(check.asset_key),
            escape(check.check_name),
            "[green]passed[/]" if check.passed else failed,
            escape(check.description or ""),
        )
    return table


class ProgressBars(ProgressLog):
    """Progress as bars on the terminal of the run that is drawn, else as lines in the log."""

    def of(self, context: dg.AssetExecutionContext, stage: str, unit: str = "frames") -> ProgressCallback:
        """A progress callback for one stage of the asset that runs."""
        return _current.bar(stage, unit) if _current else super().of(context, stage, unit)

    def say(self, context: dg.AssetExecutionContext, text: str) -> None:
        """A line on the terminal of the run that is drawn, else in the log."""
        if _current:
            _current.console.print(f"[dim]{escape(text)}[/]", soft_wrap=True)
        else:
            super().say(context, text)


class _EventHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        about = getattr(record, "dagster_meta", {})
        event = about.get("dagster_event")
        if _current is None:
            return
        if event is not None:
            _current.event(event)
        elif record.levelno >= logging.WARNING:
            said = str(about.get("orig_message") or record.getMessage())
            if said.startswith("Dependencies for step"):
                return  # what hangs on a failed step is not made: one line tells the failure, not twenty
            _current.console.print(f"[dim]{escape(said)}[/]", soft_wrap=True)


@dg.logger(None, description="Draws the run on the terminal of `videotracks run`.")
def terminal(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger that hands a run's events to the terminal."""
    made = logging.Logger("videotracks")
    made.addHandler(_EventHandler())
    return made
