"""`python -m core compare`: train or go on with what is missing, measure, and write the tables."""

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from core.checkpoints import has_checkpoint
from core.compare.measures import default_against
from core.compare.plan import Request, check_folders, note_asked, plan
from core.compare.report import report, write_report
from core.compare.results import Comparison, read_comparison
from core.compare.work import Ended, Watch, train
from core.config import ConfigError
from core.heartbeat import Heartbeat
from core.latency import read_latency
from core.signals import stop_signals
from core.summary import duration


class TextWatch(Watch):
    """Prints a line whenever a run begins or ends; on a terminal one more line below says how far all are."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.line = ""
        self.begun = time.monotonic()

    def tell(self, text: str) -> None:
        self._clear()
        self.stream.write(f"[{duration(time.monotonic() - self.begun):>7}] {text}\n")
        self.stream.flush()

    def look(self, ended: int, total: int, beats: Mapping[str, Heartbeat]) -> None:
        if not self.stream.isatty():
            return
        parts = [f"{ended} of {total} ended"]
        for name, beat in beats.items():
            left = "" if beat.eta_seconds is None else f", {duration(beat.eta_seconds)} left"
            parts.append(f"{name} {beat.done:.0%}{left}")
        line = " · ".join(parts)[: _columns() - 1]
        if line != self.line:
            self._clear()
            self.stream.write(line)
            self.stream.flush()
            self.line = line

    def close(self) -> None:
        """Take the last line away."""
        self._clear()

    def _clear(self) -> None:
        if self.line:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
            self.line = ""


def run_comparison(request: Request, out: Path, jobs: int, measure: bool, against: str | None) -> bool:
    """Do it all; False if it was stopped on the way, so that another call can go on.

    Raises `ConfigError` and `RunError` for what cannot be compared, before anything is trained, and `ValueError` that
    names the runs that failed, after everything else is done.
    """
    trials = plan(request, out)
    check_folders(trials)
    if against is not None and against not in request.methods:
        raise ConfigError(f"`--against` should be one of the methods {', '.join(request.methods)}. Found {against}.")
    note_asked(out, sorted(trials, key=lambda trial: request.methods.index(trial.config.method)))
    watch = TextWatch(sys.stdout)
    with stop_signals() as stop_asked:
        try:
            ended = train(out, trials, request, jobs, watch, stop_asked)
        finally:
            watch.close()
    if stop_asked():
        return False
    folders = [trial.folder for trial in trials if ended[trial.name].state == "finished"]
    if measure or any(read_latency(folder) is None for folder in folders):
        measure_runs(folders, request.device, watch)
    if folders:
        show(read_comparison(out, request.data, request.methods, request.seeds), out, against)
    if wrong := {name: found for name, found in ended.items() if found.state != "finished"}:
        raise ValueError(f"{len(wrong)} of {len(ended)} runs did not finish:\n" + _reasons(wrong))
    return True


def show_table(
    out: Path,
    data: str | None,
    methods: Sequence[str] | None,
    seeds: Sequence[int] | None,
    measure: str | None,
    against: str | None,
) -> None:
    """The tables of what lies in `out`, without training; `measure`: measure its runs anew before, on this device.

    Raises `RunError` as `read_comparison` does, and `ConfigError` for a method to test against that is not there.
    """
    comparison = read_comparison(out, data, methods, seeds)
    if measure is not None:
        folders = [run.folder for run in comparison.results.values() if run.counts and run.folder]
        measure_runs(folders, measure, TextWatch(sys.stdout))
        comparison = read_comparison(out, data, methods, seeds)
    show(comparison, out, against)


def measure_runs(folders: Sequence[Path], device: str, watch: Watch) -> None:
    """Measure all runs that have a checkpoint, in this process and one after the other."""
    from core.compare.served import measure_served  # only now: whoever just reads tables needs no torch

    measure_served([folder for folder in folders if has_checkpoint(folder)], device, watch.tell)


def show(comparison: Comparison, out: Path, against: str | None) -> None:
    """Print the report and write its files."""
    if against is not None and against not in comparison.methods:
        raise ConfigError(f"`--against` should be one of {', '.join(comparison.methods)}. Found {against}.")
    against = against or default_against(comparison)
    files = write_report(comparison, against, out)
    sys.stdout.write(f"\n{report(comparison, against)}\nwritten: {', '.join(map(str, files))}\n")
    sys.stdout.flush()


def _reasons(wrong: Mapping[str, Ended]) -> str:
    return "\n".join(
        f"  {name}: {found.state}{f', {found.reason}' if found.reason else ''}" for name, found in wrong.items()
    )


def _columns() -> int:
    return shutil.get_terminal_size().columns
