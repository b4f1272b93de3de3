"""Processes of our command line that owe nothing to whoever starts them (no torch).

A process is detached: it goes on when its starter ends. Its output is kept in `log.txt` in its folder, and from its
first moment the folder holds its heartbeat, so that a process which dies before it wrote anything is found, too.
"""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.heartbeat import HEARTBEAT, STOP, beat_of, heartbeat, process_alive, request_stop, write_whole

REPOSITORY = Path(__file__).resolve().parents[1]
LOG = "log.txt"
PROMPT = "$ "


def as_typed(arguments: Sequence[str], width: int | None = None) -> str:
    """`python -m core` with `arguments`, quoted for a shell; with `width`, in lines of about so many characters.

    >>> as_typed(["train", "--set", "data.scene.room_size=[4, 7]"])
    "python -m core train --set 'data.scene.room_size=[4, 7]'"
    >>> print(as_typed(["train", "--data", "digits", "--seed", "0"], width=36))
    python -m core train --data digits \\
      --seed 0
    """
    lines = [f"python -m core {arguments[0]}"]
    options = [*arguments[1:]]
    for first, word in enumerate(options):
        if first and not word.startswith("--"):
            continue
        last = next((end for end in range(first + 1, len(options)) if options[end].startswith("--")), len(options))
        part = shlex.join(options[first:last])
        if width is None or len(lines[-1]) + 1 + len(part) <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(f"  {part}")
    return " \\\n".join(lines)


def launch(
    folder: Path, arguments: Sequence[str], held: Sequence[int] = (), environment: Mapping[str, str] | None = None
) -> None:
    """Start `python -m core` with `arguments`, which works in `folder`; files open at `held` stay open in it.

    `environment` holds variables that the process gets beside ours. Raises `OSError` if it cannot be started; the log
    then says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STOP).unlink(missing_ok=True)
    with (folder / LOG).open("ab") as log:
        log.write(f"{PROMPT}{as_typed(arguments)}\n".encode())
        log.flush()
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "core", *arguments],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "200", **(environment or {})},
                pass_fds=held,
                start_new_session=True,  # neither Ctrl-C in the starter's terminal nor the starter's end reaches it
            )
        except OSError as error:
            log.write(f"error: the process cannot be started: {error}\n".encode())
            raise
    write_whole(folder / HEARTBEAT, beat_of(process.pid, "starting").model_dump_json().encode(), sync=False)
    # without someone who waits, a process that ended would stay behind as a zombie for as long as the starter runs
    threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()


def stop(folder: Path) -> None:
    """Ask the process of a run to write a checkpoint and stop; one that has nothing to save yet is ended at once."""
    beat = heartbeat(folder)
    if beat is None or not process_alive(beat):
        return
    request_stop(folder)
    if beat.done == 0 and beat.host == socket.gethostname():  # importing, or making data: deaf to the request file
        with contextlib.suppress(ProcessLookupError):
            os.kill(beat.pid, signal.SIGTERM)


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
        found = (folder / LOG).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    begins = max((number for number, line in enumerate(found, start=1) if line.startswith(PROMPT)), default=0)
    return "\n".join(found[begins:][-lines:]).strip()


def complaint(log: str) -> str:
    """What a process said when it gave up: our command line's `error: …`, or the last line of a traceback.

    >>> complaint("epoch 1\\nerror: no such preset\\n  try quick"), complaint("epoch 1")
    ('no such preset\\n  try quick', '')
    """
    _, error, message = f"\n{log}".rpartition("\nerror: ")
    if error:
        return message.strip()
    _, traceback, rest = f"\n{log}".rpartition("\nTraceback (most recent call last):")
    return rest.strip().rpartition("\n")[2] if traceback else ""
