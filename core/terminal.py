"""How a run looks in a terminal: a bar with phase, epoch, losses and time left; elsewhere one line an epoch."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from core import events
from core.launch import Show
from core.position import Tick
from core.summary import duration


class TerminalShow(Show):
    """Shows a run on `console`; use it as a context manager, so that the bar is taken away at the end."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.losses = ""
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.bar = self.progress.add_task("starting", total=1.0, left="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def tick(self, tick: Tick) -> None:
        """Move the bar."""
        left = f"{duration(tick.eta_seconds)} left" if tick.eta_seconds is not None else ""
        self.progress.update(self.bar, description=tick.message, completed=tick.done, left=f"{left} {self.losses}")

    def warn(self, text: str) -> None:
        """Print a line that stands out."""
        self.console.print(f"[yellow]warning:[/] {escape(text)}", highlight=False, soft_wrap=True)

    def tell(self, event: events.Event) -> None:
        """Print what happened: a line an epoch, and one for every decision and change of the structure."""
        match event:
            case events.EpochFinished():
                self.losses = " ".join(f"{name} {loss:.3g}" for name, loss in event.losses.items())
            case events.Evaluated():
                values = _key_values(event.metrics)
                self.console.print(
                    f"{stamp(event)}  loss: {self.losses}  metrics: {values}", highlight=False, soft_wrap=True
                )
            case events.TasksGrouped():
                self.console.print(
                    f"{stamp(event)}  stage {event.stage}: {event.reason}", highlight=False, soft_wrap=True
                )
            case events.RobustnessMeasured():
                whom = f" on {len(event.attacked)} tasks" if len(event.attacked) > 1 else ""
                whom = f" on task {event.attacked[0]}" if len(event.attacked) == 1 else whom
                values = _key_values(event.metrics)
                self.console.print(
                    f"{event.name.replace('_', ' ')}{whom}, {event.setting}: {values}", highlight=False, soft_wrap=True
                )
            case events.StructureChanged():
                size = f"{event.parameters:,} parameters, {event.macs:,} MACs an image"
                self.console.print(f"{stamp(event)}  structure: {size}", highlight=False, soft_wrap=True)


def _key_values(metrics: Mapping[str, events.Values]) -> str:
    """The first metric of every task that has one."""
    return " ".join(
        f"{task} {next(iter(found))} {next(iter(found.values())):.4g}" for task, found in metrics.items() if found
    )


def stamp(event: events.Event) -> str:
    """When an event happened, for people."""
    return f"[{duration(event.seconds):>7}] phase {event.phase:>2} epoch {event.epoch:>3}".replace("[", r"\[", 1)
