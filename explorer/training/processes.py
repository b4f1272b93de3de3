"""Training processes: start, stop, resume and remove; `explorer.training.job` finds them again from their folders.

A process is detached and owes the app nothing: it writes its run folder and goes on when the app ends. Its output is
kept in `log.txt` in that folder, and from its first moment the folder holds its heartbeat, so that a process which dies
before it wrote anything is found, too. No streamlit and no torch here.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from core.config import Config, Preset
from core.events import RunFailed
from core.heartbeat import (
    HEARTBEAT,
    STOP,
    Heartbeat,
    heartbeat,
    process_alive,
    process_start,
    request_stop,
    write_whole,
)
from core.runs import ARRAYS, CHECKPOINTS, EVENTS, HEADER, RunError, read_header, read_run
from explorer.training.command import as_typed, train_arguments

REPOSITORY = Path(__file__).resolve().parents[2]
LOG = "log.txt"
_PROMPT = "$ "


def start(config: Config, root: Path, preset: Preset = "quick") -> Path:
    """Train a config in a process of its own; returns the folder of the new run, below `root`.

    Raises `OSError` if the folder cannot be written or the process cannot be started.
    """
    folder = _new_folder(root, config)
    try:
        _launch(folder, train_arguments(config, preset, str(folder)))
    except OSError:
        remove(folder)
        raise
    return folder


def resume(folder: Path) -> None:
    """Go on with a run in a process of its own.

    Raises `RunError` if there is no run or a process is writing it, and `OSError` if the process cannot be started.
    """
    read_header(folder)
    if process_alive(heartbeat(folder)):
        raise RunError(f"{folder}: a process is training this run already.")
    _launch(folder, ["resume", str(folder)])


def stop(folder: Path) -> None:
    """Ask the process of a run to write a checkpoint and stop; one that has nothing to save yet is ended at once."""
    beat = heartbeat(folder)
    if beat is None or not process_alive(beat):
        return
    request_stop(folder)
    if beat.done == 0 and beat.host == socket.gethostname():  # importing, or making data: deaf to the request file
        with contextlib.suppress(ProcessLookupError):
            os.kill(beat.pid, signal.SIGTERM)


def remove(folder: Path) -> None:
    """Take away the folder of a start that trained nothing.

    Raises `RunError` if it holds more than a failure, or a live process, and `OSError` if it holds what no run writes.
    """
    trained = (folder / HEADER).exists() and not all(isinstance(event, RunFailed) for event in read_run(folder).events)
    if trained or process_alive(heartbeat(folder)):
        raise RunError(f"{folder}: expected a start that trained nothing; it holds a run, which stays.")
    for name in (LOG, HEARTBEAT, STOP, EVENTS, HEADER):
        (folder / name).unlink(missing_ok=True)
    for path in (folder / ARRAYS, folder / CHECKPOINTS, folder):
        if path.exists():
            path.rmdir()


def log_tail(folder: Path, lines: int = 12) -> str:
    """The last lines that the last process wrote, without the one that names its command; "" if there is no log.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / LOG).write_text("$ python -m core train\\nerror: no\\n$ python -m core resume\\none\\ntwo\\n") > 0
    True
    >>> log_tail(folder), log_tail(folder, lines=1)
    ('one\\ntwo', 'two')
    """
    try:
        lines_found = (folder / LOG).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    begins = max((number for number, line in enumerate(lines_found, start=1) if line.startswith(_PROMPT)), default=0)
    return "\n".join(lines_found[begins:][-lines:]).strip()


def cores() -> int:
    """Processor cores that this process, and hence training, may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _new_folder(root: Path, config: Config) -> Path:
    """An empty folder below `root` with a name that says what is trained and when it began."""
    name = f"{config.method}-{config.data.dataset}-s{config.seed}-{datetime.now():%m%d-%H%M}"
    number = 1
    while True:
        folder = (root / (name if number == 1 else f"{name}-{number}")).resolve()
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder


def _launch(folder: Path, arguments: Sequence[str]) -> None:
    (folder / STOP).unlink(missing_ok=True)
    with (folder / LOG).open("ab") as log:
        log.write(f"{_PROMPT}{as_typed(arguments)}\n".encode())
        log.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", "core", *arguments],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "200"},
            start_new_session=True,  # neither Ctrl-C in the app's terminal nor the app's end reaches it
        )
    beat = Heartbeat(
        pid=process.pid,
        host=socket.gethostname(),
        born=process_start(process.pid),
        time=time.time(),
        message="starting",
        done=0.0,
    )
    write_whole(folder / HEARTBEAT, beat.model_dump_json().encode(), sync=False)
    # without someone who waits, a process that ended would stay behind as a zombie for as long as the app runs
    threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()
