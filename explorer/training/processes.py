"""Training processes: start, resume and remove; `explorer.training.job` finds them again from their folders.

A process is detached and owes the app nothing: it writes its run folder and goes on when the app ends. Its output is
kept in `log.txt` in that folder, and from its first moment the folder holds its heartbeat, so that a process which dies
before it wrote anything is found, too. No streamlit and no torch here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.config import Config, Preset
from core.detached import LOG, launch
from core.events import RunFailed
from core.fork import Fork
from core.heartbeat import HEARTBEAT, STOP, heartbeat, process_alive
from core.queue import Queue, QueuedRun
from core.runs import ARRAYS, CHECKPOINTS, EVENTS, HEADER, RunError, read_header, read_run
from core.usage import USAGE
from explorer.names import get_name
from explorer.training.command import fork_arguments, train_arguments
from explorer.training.status import DISMISSED


@dataclass(frozen=True)
class Order:
    """A run that can be started, or wait in the queue."""

    name: str
    """What its folder is called, before the time is added."""
    title: str
    arguments: Callable[[str], list[str]]
    """Folder -> what follows `python -m core` to train it there."""


def new_run(config: Config, preset: Preset = "quick") -> Order:
    """The order to train a config; `preset` is what the command line starts from."""
    name = f"{config.method}-{config.data.dataset}-s{config.seed}"
    title = f"{get_name(config.method)} on {config.data.dataset} · seed {config.seed}"
    return Order(name, title, lambda folder: train_arguments(config, preset, folder))


def forked_run(fork: Fork) -> Order:
    """The order to train a fork."""
    config = fork.config
    name = f"{config.method}-{config.data.dataset}-s{config.seed}-p{fork.phase}"
    title = f"{fork.source.name} from phase {fork.phase}"
    return Order(name, title, lambda folder: fork_arguments(fork, folder))


def start(order: Order, root: Path) -> Path:
    """Train in a process of its own; returns the folder of the new run, below `root`.

    Raises `OSError` if the folder cannot be written or the process cannot be started.
    """
    folder = _new_folder(root, order.name)
    try:
        launch(folder, order.arguments(str(folder)))
    except OSError:
        remove(folder)
        raise
    return folder


def enqueue(order: Order, root: Path) -> Path:
    """Let a run wait in the queue of `root`; returns the folder that it will be trained into.

    Raises `OSError` if the files cannot be written.
    """
    folder = _new_folder(root, order.name)
    arguments = tuple(order.arguments(str(folder)))
    Queue(root).add(QueuedRun(title=order.title, folder=folder, arguments=arguments, added=time.time()))
    work_queue(root)
    return folder


def work_queue(root: Path) -> None:
    """See to it that a process works off the queue of `root`, if there is something to do.

    Raises `OSError` if it cannot be started.
    """
    queue = Queue(root)
    if queue.busy() and not process_alive(heartbeat(queue.worker)):
        (queue.worker / LOG).unlink(missing_ok=True)  # only what the present one says is of interest
        launch(queue.worker, ["queue", str(root)])


def resume(folder: Path) -> None:
    """Go on with a run in a process of its own.

    Raises `RunError` if there is no run or a process is writing it, and `OSError` if the process cannot be started.
    """
    read_header(folder)
    if process_alive(heartbeat(folder)):
        raise RunError(f"{folder}: a process is training this run already.")
    launch(folder, ["resume", str(folder)])


def remove(folder: Path) -> None:
    """Take away the folder of a start that trained nothing.

    Raises `RunError` if it holds more than a failure, or a live process, and `OSError` if it holds what no run writes.
    """
    trained = (folder / HEADER).exists() and not all(isinstance(event, RunFailed) for event in read_run(folder).events)
    if trained or process_alive(heartbeat(folder)):
        raise RunError(f"{folder}: expected a start that trained nothing; it holds a run, which stays.")
    for name in (LOG, HEARTBEAT, STOP, USAGE, DISMISSED, EVENTS, HEADER):
        (folder / name).unlink(missing_ok=True)
    for copy in (folder / ARRAYS).glob("*.npz"):  # of a fork that was not made to its end
        copy.unlink()
    for copy in (folder / CHECKPOINTS).glob("*.pt"):
        copy.unlink()
    for path in (folder / ARRAYS, folder / CHECKPOINTS, folder):
        if path.exists():
            path.rmdir()


def _new_folder(root: Path, stem: str) -> Path:
    """An empty folder below `root` with a name that says what is trained and when it was asked for."""
    name, number = f"{stem}-{datetime.now():%m%d-%H%M}", 1
    while True:
        folder = (root / (name if number == 1 else f"{name}-{number}")).resolve()
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder
