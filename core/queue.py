"""The queue: runs that wait below a root of run folders and start one after the other, whoever put them there.

    <root>/.queue/waiting/000003-5f0c….json    a run that waits, in the order of its number
    <root>/.queue/started/000003-5f0c….json    a run that was started from here
    <root>/.queue/settings.json                how many may train at once, and whether the queue rests
    <root>/.queue/worker/                      heartbeat and log of the process that works the queue off

All of it is files, so the queue outlives the app and the worker. A run waits in exactly one file, and starting it is
one rename, done by one process at a time. A started process holds a lock on its file for as long as it lives, which no
kill can leave behind; so a worker that was killed is followed by one that knows what still trains, what has ended, and
what was taken but never came to life (it waits again). No torch here.
"""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.detached import LOG, launch, log_tail
from core.heartbeat import HEARTBEAT, HEARTBEAT_SECONDS, beat_of, heartbeat, process_alive, write_whole
from core.runs import HEADER

QUEUE = ".queue"
POLL_SECONDS = 0.3
_TURN_SECONDS = 20.0
"""Longest that anyone holds the queue's lock, with much to spare."""


class QueueSettings(BaseModel):
    """How a queue is worked off."""

    model_config = ConfigDict(frozen=True)

    at_once: int = Field(1, ge=1, le=64, description="runs that may train at once; those started otherwise count, too")
    paused: bool = Field(False, description="whether nothing new is started; what trains goes on")


class QueuedRun(BaseModel):
    """A run that waits: the command that trains it, and where it will be."""

    model_config = ConfigDict(frozen=True)

    title: str = Field(description="what it is, for people")
    folder: Path = Field(description="run folder that the command writes")
    arguments: tuple[str, ...] = Field(min_length=1, description="what follows `python -m core`")
    added: float = Field(description="seconds since 1970")
    environment: dict[str, str] = Field(default_factory=dict, description="variables that its process gets")


@dataclass(frozen=True)
class Place:
    """A run's place in the queue; `file` names it until it is moved or started."""

    file: Path
    run: QueuedRun


@dataclass(frozen=True)
class Queue:
    """The queue of the runs below `root`. Any number of processes may use it at once."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.root / QUEUE

    @property
    def worker(self) -> Path:
        """The folder of the process that works it off."""
        return self.folder / "worker"

    def settings(self) -> QueueSettings:
        """How it is worked off."""
        try:
            return QueueSettings.model_validate_json((self.folder / "settings.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return QueueSettings()

    def change(self, **values: int | bool) -> None:
        """Change settings."""
        changed = QueueSettings.model_validate(self.settings().model_dump() | values)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / "settings.json", changed.model_dump_json().encode())

    def add(self, run: QueuedRun) -> None:
        """Let a run wait behind all others."""
        waiting = self.folder / "waiting"
        waiting.mkdir(parents=True, exist_ok=True)
        known = [*self._files("waiting"), *self._files("started")]
        number = 1 + max(map(_number, known), default=0)
        write_whole(waiting / _name(number, uuid.uuid4().hex[:12]), run.model_dump_json(indent=1).encode())

    def waiting(self) -> list[Place]:
        """The runs that wait, the next one first."""
        return self._places("waiting")

    def training(self) -> list[Place]:
        """The runs that were started from here and whose process lives."""
        return [place for place in self._places("started") if _locked(place.file)]

    def remove(self, place: Place) -> bool:
        """Take a run out of the queue; False if it does not wait any more."""
        try:
            place.file.unlink()
        except FileNotFoundError:
            return False
        with contextlib.suppress(OSError):  # its folder was only reserved; one that holds something stays
            place.run.folder.rmdir()
        return True

    def move(self, place: Place, by: int) -> None:
        """Let a run change places with the one before (`by` -1) or after (1) it, if both still wait."""
        files = self._files("waiting")
        if place.file not in files or not 0 <= files.index(place.file) + by < len(files):
            return
        here, there = place.file, files[files.index(place.file) + by]
        numbers = _number(here), _number(there)
        if numbers[0] == numbers[1]:  # two that came at the same moment
            numbers = numbers[0], max(1, numbers[1] + by)
        with contextlib.suppress(FileNotFoundError):  # one of them was started meanwhile
            here.rename(here.with_name(_name(numbers[1], _token(here))))
            there.rename(there.with_name(_name(numbers[0], _token(there))))

    def start(self, place: Place) -> bool:
        """Start a run that waits, now and whatever else trains; False if it does not wait any more."""
        with self._turn():
            return self._start(place)

    def step(self) -> list[Place]:
        """Put in order what was started, and start what there is room for; returns the runs started now."""
        with self._turn():
            self._tidy()
            settings = self.settings()
            room = 0 if settings.paused else settings.at_once - self._live()
            return [place for place in self.waiting()[: max(0, room)] if self._start(place)]

    def tidy(self) -> None:
        """Put in order what was started, and start nothing."""
        with self._turn():
            self._tidy()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Be the process that works the queue off; its heartbeat says so while `beat` renews it.

        Raises `filelock.Timeout` if another process is.
        """
        self.worker.mkdir(parents=True, exist_ok=True)
        with FileLock(self.worker / "lock", timeout=2):
            try:
                yield
            finally:
                (self.worker / HEARTBEAT).unlink(missing_ok=True)

    def beat(self) -> None:
        """Renew the heartbeat of the process that works the queue off."""
        message = f"{len(self.waiting())} waiting"
        write_whole(self.worker / HEARTBEAT, beat_of(None, message).model_dump_json().encode(), sync=False)

    def busy(self) -> bool:
        """Whether there is something for a worker to do, now or once a run has ended."""
        return bool(self._files("started")) or (bool(self._files("waiting")) and not self.settings().paused)

    def _files(self, state: str) -> list[Path]:
        return sorted((self.folder / state).glob("*-*.json"))

    def _places(self, state: str) -> list[Place]:
        found = []
        for file in self._files(state):
            with contextlib.suppress(FileNotFoundError, ValidationError):  # taken since, or not one of ours
                found.append(Place(file, QueuedRun.model_validate_json(file.read_bytes())))
        return found

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """One process at a time starts runs and looks after those started."""
        (self.folder / "started").mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "lock", timeout=_TURN_SECONDS):
            yield

    def _start(self, place: Place) -> bool:
        taken = self.folder / "started" / place.file.name
        try:
            place.file.rename(taken)
        except FileNotFoundError:  # removed, moved or started since it was read
            return False
        with taken.open("rb") as file:
            _lock(file, shared=False)
            # the log says why a process could not be started, and the run is listed as failed
            with contextlib.suppress(OSError):
                launch(place.run.folder, place.run.arguments, (file.fileno(),), place.run.environment)
        return True

    def _tidy(self) -> None:
        """Forget the runs whose process has ended; one that was taken but never launched waits again."""
        for place in self._places("started"):
            if _locked(place.file):
                continue
            folder = place.run.folder
            if (folder / HEADER).exists() or (folder / HEARTBEAT).exists() or log_tail(folder, 1):
                place.file.unlink()
            else:
                (place.run.folder / LOG).unlink(missing_ok=True)
                place.file.rename(self.folder / "waiting" / place.file.name)

    def _live(self) -> int:
        """How many runs below the root are being trained, whoever started them."""
        return sum(process_alive(heartbeat(path.parent)) for path in self.root.glob(f"*/{HEARTBEAT}"))


def work_off(root: Path, tell: Callable[[str], None]) -> None:
    """Start the runs that wait below `root` one after the other, until none waits or trains any more.

    One process does so at a time: where another is at it already, this one ends.
    """
    queue = Queue(root)
    while queue.busy():  # asked again once the lock is given back, for a run that came just before
        try:
            with queue.at_work():
                _work(queue, tell)
        except Timeout:
            tell("another process works this queue off")
            return


def _work(queue: Queue, tell: Callable[[str], None]) -> None:
    beaten = 0.0
    while queue.busy():
        for place in queue.step():
            tell(f"started {place.run.folder.name}: {place.run.title}")
        if time.monotonic() - beaten > HEARTBEAT_SECONDS:
            beaten = time.monotonic()
            queue.beat()
        time.sleep(POLL_SECONDS)


def _locked(file: Path) -> bool:
    """Whether the process that was started from this file lives."""
    try:
        with file.open("rb") as opened:
            _lock(opened, shared=True)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _lock(file: BinaryIO, shared: bool) -> None:
    """Lock an open file until it is closed here and in every process that inherits it.

    A shared lock is only a question, which others may ask, too: raises `BlockingIOError` if a process holds the file.
    """
    import fcntl  # there is none on Windows, where runs can be looked at all the same

    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB if shared else fcntl.LOCK_EX)


def _name(number: int, token: str) -> str:
    return f"{number:06d}-{token}.json"


def _number(file: Path) -> int:
    text = file.name.partition("-")[0]
    return int(text) if text.isdigit() else 0


def _token(file: Path) -> str:
    return file.stem.partition("-")[2]
