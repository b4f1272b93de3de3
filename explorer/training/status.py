"""What is at work now, what waits and what failed: cheap enough for every page to show at any time.

Only heartbeats are read, and of runs that an app started and that have ended, the end of the events once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from core.detached import LOG
from core.heartbeat import HEARTBEAT, STOP, heartbeat, process_alive
from core.queue import Queue
from core.runs import EVENTS, HEADER
from explorer.training.job import read_job

DISMISSED = "dismissed"
"""File in a run folder: someone has seen how it ended. It counts until the run is resumed."""

SILENT_SECONDS = 30.0
"""A process that said nothing for so long may hang; importing torch on a busy machine takes less."""


@dataclass(frozen=True)
class Live:
    """A run that is being trained, as its heartbeat says."""

    folder: Path
    state: Literal["starting", "running", "stopping"]
    message: str
    done: float
    """In [0, 1]."""
    eta_seconds: float | None
    heard: float
    """Seconds since it was last heard from."""

    @property
    def silent(self) -> bool:
        """Whether it should have been heard from by now."""
        return self.heard > SILENT_SECONDS


@dataclass(frozen=True)
class Ended:
    """A run whose process gave up or vanished."""

    folder: Path
    state: Literal["failed", "interrupted"]
    problem: str


@dataclass(frozen=True)
class Status:
    """Everything that is at work below a root of run folders."""

    live: tuple[Live, ...]
    waiting: int
    paused: bool
    """Whether the queue rests."""
    ended: tuple[Ended, ...]
    """Those that failed or vanished and that nobody has dismissed, newest first."""

    @property
    def changing(self) -> bool:
        """Whether it will change by itself."""
        return bool(self.live) or (self.waiting > 0 and not self.paused)


def glance(root: Path) -> Status:
    """The status of all runs directly below `root`."""
    queue = Queue(root)
    return Status(
        live=tuple(sorted(_live(root), key=lambda live: live.folder.name)),
        waiting=len(queue.waiting()),
        paused=queue.settings().paused,
        ended=tuple(ended for _, ended in sorted(_ended(root), key=lambda found: found[0], reverse=True)),
    )


def dismiss(folder: Path) -> None:
    """Say that someone has seen how a run ended."""
    (folder / DISMISSED).touch()


def _live(root: Path) -> Iterator[Live]:
    now = time.time()
    for path in root.glob(f"*/{HEARTBEAT}"):
        folder, beat = path.parent, heartbeat(path.parent)
        if beat is not None and process_alive(beat):
            left = max(0.0, beat.eta_seconds - (now - beat.time)) if beat.eta_seconds else None
            stopping = (folder / STOP).exists()
            state: Literal["starting", "running"] = "running" if beat.done > 0 else "starting"
            heard = max(0.0, now - beat.time)
            yield Live(folder, "stopping" if stopping else state, beat.message, beat.done, left, heard)


def _ended(root: Path) -> Iterator[tuple[float, Ended]]:
    for log in root.glob(f"*/{LOG}"):
        folder = log.parent
        stamp = max(_modified(log), _modified(folder / EVENTS))
        if _modified(folder / DISMISSED) >= stamp or process_alive(heartbeat(folder)):
            continue
        # a run that was asked to stop before it had begun is no failure
        if not ((folder / STOP).exists() and not (folder / HEADER).exists()) and (ended := _how(folder, stamp)):
            yield stamp, ended


@lru_cache(maxsize=512)
def _how(folder: Path, stamp: float) -> Ended | None:
    """How a run ended whose files were last written at `stamp`; None if that is no failure."""
    try:
        job = read_job(folder)
    except FileNotFoundError:
        return None
    if job.state in ("failed", "interrupted"):
        return Ended(folder, "failed" if job.state == "failed" else "interrupted", job.problem)
    return None


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
