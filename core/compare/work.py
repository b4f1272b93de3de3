"""Trains the runs of a comparison through the queue of their folder; what was begun goes on (no torch).

Every run trains in a process of its own, which goes on if this one is killed; the next call then waits for it. A run
that fails takes no other with it, except those that are to be like it.
"""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filelock import Timeout

from core.compare.plan import Request, Trial, arguments, other_settings
from core.detached import LOG, complaint, log_tail, stop
from core.events import RunFailed
from core.hardware import cores
from core.heartbeat import HEARTBEAT_SECONDS, Heartbeat, heartbeat, process_alive, request_stop
from core.queue import POLL_SECONDS, Queue, QueuedRun
from core.runs import HEADER, RunError, read_run

THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Ended:
    """How a run ended; `reason` says why if it is not finished."""

    state: Literal["finished", "paused", "failed"]
    reason: str = ""


class Watch:
    """What a comparison shows while it works; this one shows nothing."""

    def tell(self, text: str) -> None:
        """Called with a line for people whenever a run begins or ends."""

    def look(self, ended: int, total: int, beats: Mapping[str, Heartbeat]) -> None:
        """Called several times a second with how many runs have ended, and how far those at work are."""


def train(
    out: Path, trials: Sequence[Trial], request: Request, jobs: int, watch: Watch, stop_asked: Callable[[], str]
) -> dict[str, Ended]:
    """Train what is not finished yet, `jobs` runs at a time; returns how each trial ended, by its name.

    When a stop is asked for, every run under way writes a checkpoint, and the rest is left for another call. Raises
    `RunError` if another process works off the queue of `out`.
    """
    queue = Queue(out)
    try:
        with queue.at_work():
            return _Work(queue, list(trials), request, jobs, watch).run(stop_asked)
    except Timeout:
        raise RunError(
            f"{out}: another process works off the queue of this folder. Wait for it, or stop it first."
        ) from None


@dataclass
class _Work:
    queue: Queue
    trials: list[Trial]
    request: Request
    jobs: int
    watch: Watch
    open: dict[Path, Trial] = field(default_factory=dict)
    """Runs that wait in the queue, or that a process is at work on."""
    ended: dict[str, Ended] = field(default_factory=dict)
    stopping: bool = False

    def run(self, stop_asked: Callable[[], str]) -> dict[str, Ended]:
        """Train until all have ended or a stop is asked for; how each ended, by name."""
        self.queue.tidy()
        self._unqueue()  # of a call that was killed; what is still to do waits again, in today's order
        self.queue.change(at_once=self.jobs, paused=False)
        later = self.trials
        try:
            beaten = 0.0
            while later or self.open:
                if stop_asked() and not self.stopping:
                    self._stop(later)
                    later = []
                later = [trial for trial in later if not self._begin(trial)]
                for place in () if self.stopping else self.queue.step():
                    self._told(place.run)
                self._collect()
                if time.monotonic() - beaten > HEARTBEAT_SECONDS:
                    beaten = time.monotonic()
                    self.queue.beat()
                self.watch.look(len(self.ended), len(self.trials), dict(self._beats()))
                if later or self.open:
                    time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            self._unqueue()
            for _, beat in self._beats():
                if beat.host == socket.gethostname():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(beat.pid, signal.SIGKILL)
            raise
        return {trial.name: self.ended[trial.name] for trial in self.trials}

    def _begin(self, trial: Trial) -> bool:
        """Let a run wait in the queue, or see that it is there already; False while the run it is like is under way."""
        if trial.source is not None:
            source = self.ended.get(trial.source.name)
            if source is None:
                return False
            if source.state != "finished":
                self._end(trial, Ended("failed", f"it is to be like {trial.source.name}, which has not finished"))
                return True
        try:
            if differs := other_settings(trial):
                raise RunError(f"its folder holds a run made with other settings: {', '.join(differs)}")
            begun = (trial.folder / HEADER).exists()
            if begun and read_run(trial.folder).state() == "finished":
                self.ended[trial.name] = Ended("finished")
                return True
        except RunError as error:
            self._end(trial, Ended("failed", str(error)))
            return True
        self.open[trial.folder] = trial
        if process_alive(heartbeat(trial.folder)) or trial.folder in _folders(self.queue):
            self.watch.tell(f"{trial.name}: a process is at work on it already")
            return True
        words = arguments(trial, self.request)
        if begun:
            words = ["resume", str(trial.folder), "--device", self.request.device]
        self.queue.add(
            QueuedRun(
                title=f"{trial.config.method} on {trial.config.data.dataset} · seed {trial.config.seed}",
                folder=trial.folder,
                arguments=tuple(words),
                added=time.time(),
                environment={} if THREADS in os.environ else {THREADS: str(max(1, cores() // self.jobs))},
            )
        )
        return True

    def _told(self, run: QueuedRun) -> None:
        if run.folder in self.open:
            self.watch.tell(f"{run.folder.name}: {'goes on' if run.arguments[0] == 'resume' else 'begins'}")

    def _collect(self) -> None:
        """Find out which runs have ended, and how."""
        busy = _folders(self.queue)
        for folder, trial in [*self.open.items()]:
            if folder not in busy and not process_alive(heartbeat(folder)):
                del self.open[folder]
                self._end(trial, how_ended(folder, self.stopping))
            elif self.stopping and process_alive(heartbeat(folder)):
                request_stop(folder)  # a process that was just starting has taken the first request away

    def _end(self, trial: Trial, ended: Ended) -> None:
        self.ended[trial.name] = ended
        self.watch.tell(f"{trial.name}: {ended.state}{f' ({ended.reason})' if ended.reason else ''}")

    def _stop(self, later: Sequence[Trial]) -> None:
        self.stopping = True
        self.watch.tell("stopping: every run under way writes a checkpoint first")
        for folder in self._unqueue():
            if folder in self.open:
                self.ended[self.open.pop(folder).name] = Ended("paused", "not begun")
        for trial in later:
            self.ended[trial.name] = Ended("paused", "not begun")
        for folder in self.open:
            stop(folder)

    def _unqueue(self) -> list[Path]:
        """Take our runs that wait out of the queue."""
        ours = {trial.folder for trial in self.trials}
        places = [place for place in self.queue.waiting() if place.run.folder in ours]
        return [place.run.folder for place in places if self.queue.remove(place)]

    def _beats(self) -> Iterator[tuple[str, Heartbeat]]:
        for folder, trial in self.open.items():
            beat = heartbeat(folder)
            if beat is not None and process_alive(beat):
                yield trial.name, beat


def how_ended(folder: Path, stopped: bool = False) -> Ended:
    """How a run ended that no process is at work on; `stopped`: whether we asked it to."""
    said = complaint(log_tail(folder, lines=200))
    try:
        run = read_run(folder)
    except RunError as error:
        there = (folder / HEADER).exists()
        if stopped and not there and not said:
            return Ended("paused", "not begun")
        return Ended("failed", str(error) if there else _one_line(said) or "its process ended without a word")
    state, last = run.state(), run.events[-1] if run.events else None
    if state == "finished":
        return Ended("finished")
    if isinstance(last, RunFailed):
        return Ended("failed", _one_line(last.reason))
    if state == "paused" or stopped:
        return Ended("paused")
    return Ended("failed", _one_line(said) or f"its process was ended from outside; {folder / LOG} may say more")


def _folders(queue: Queue) -> set[Path]:
    """The folders of the runs that wait or that the queue started; waiting ones first, as runs go only that way."""
    return {place.run.folder for place in (*queue.waiting(), *queue.training())}


def _one_line(text: str) -> str:
    return " ".join(text.split())
