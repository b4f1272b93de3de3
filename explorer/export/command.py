"""Export a run from the command line: `python -m core export RUN --out DIR` ends here.

The app runs this module as a process, `python -m explorer.export.command`, with a file that holds the progress.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import get_args

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from core.heartbeat import process_start, write_whole
from core.runs import Run, read_run
from explorer import theme
from explorer.export import images
from explorer.export.folder import Exported, export_run
from explorer.export.paper import Font, PaperLook, Width
from explorer.export.report import report
from explorer.moments import History
from explorer.words import duration


class Progressed(BaseModel):
    """How far an export is, as its process writes it; `error` is what it gave up with."""

    model_config = ConfigDict(frozen=True)

    pid: int
    born: str
    done: int = 0
    total: int = 0
    label: str = "starting"
    finished: bool = False
    error: str = ""
    notes: tuple[str, ...] = ()


def export(run: Path, out: Path, look: PaperLook, zipped: bool, force: bool, animation: bool, console: Console) -> None:
    """Export a run into a folder, with a bar on a terminal and one line a step elsewhere.

    Raises `ValueError` with a message for people, and `KeyboardInterrupt` with nothing left behind.
    """
    started = time.monotonic()
    with _shown(console) as tell:
        found = export_run(*_read(run), out, look, zipped, force, animation, tell)
    images.close()
    for problem in found.left_out:
        console.print(f"[yellow]left out:[/] {_plain(problem)}", soft_wrap=True, highlight=False)
    where = f"{found.folder}" + (f" and {found.zipped}" if found.zipped else "")
    seconds = duration(time.monotonic() - started)
    console.print(f"exported {found.files} files to {_plain(where)} in {seconds}", soft_wrap=True, highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one export as a process of the app; writes its progress into a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--progress", type=Path, required=True)
    parser.add_argument("--report", action="store_true", help="only the report: --out is an HTML file")
    parser.add_argument("--width", choices=get_args(Width), default="two")
    parser.add_argument("--theme", choices=get_args(theme.Shade), default="light")
    parser.add_argument("--font", choices=get_args(Font), default="sans")
    parser.add_argument("--text", type=float, default=8.0)
    wanted = parser.parse_args(arguments)
    look = PaperLook(wanted.width, wanted.theme, wanted.font, wanted.text)
    now = Progressed(pid=os.getpid(), born=process_start(os.getpid()))

    def write(**changes: object) -> None:
        nonlocal now
        now = now.model_copy(update=changes)
        write_whole(wanted.progress, now.model_dump_json().encode(), sync=False)

    def interrupted(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    write()
    try:
        run, history = _read(wanted.run)
        if wanted.report:
            write(total=1, label="report.html")
            write_whole(wanted.out, report(run, history).encode())
            found = Exported(wanted.out, 1, (), None)
        else:
            found = export_run(
                run,
                history,
                wanted.out,
                look,
                zipped=True,
                force=True,
                tell=lambda done, total, label: write(done=done, total=total, label=label),
            )
    except (ValueError, OSError, images.ImageError) as error:
        write(error=str(error) or type(error).__name__)
        return 2
    except KeyboardInterrupt:
        write(error="cancelled")
        return 130
    finally:
        images.close()
    if found.zipped:  # the app gives the zip away; the folder beside it holds the same
        shutil.rmtree(found.folder, ignore_errors=True)
    write(finished=True, label="done", notes=found.left_out)
    return 0


def _read(folder: Path) -> tuple[Run, History]:
    run = read_run(folder)
    return run, History(run.header, run.events)


@contextmanager
def _shown(console: Console) -> Iterator[Callable[[int, int, str], None]]:
    """A function that shows progress on the console."""
    if not console.is_terminal:
        yield lambda done, total, label: console.print(
            f"{done}/{total} {_plain(label)}", soft_wrap=True, highlight=False
        )
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("reading the run", total=None)
        yield lambda done, total, label: progress.update(bar, description=_plain(label), completed=done, total=total)


def _plain(text: str) -> str:
    """Text that rich prints as it is."""
    return text.replace("[", r"\[")


if __name__ == "__main__":
    sys.exit(main())
