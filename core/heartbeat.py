"""The process behind a run: its heartbeat, whether it lives, how to ask it to stop; and files written whole.

A heartbeat names a process by id and start mark, so that a reused id is never taken for it.
"""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

HEARTBEAT, STOP = "heartbeat.json", "stop"
HEARTBEAT_SECONDS = 1.0
"""A running process renews its heartbeat at least this often while it trains."""

STALE_SECONDS = 60.0
"""A heartbeat older than this, from a machine whose processes we cannot see, counts as interrupted."""


class Heartbeat(BaseModel):
    """The process behind a run and how far it is."""

    model_config = ConfigDict(frozen=True)

    pid: int
    host: str
    born: str = Field(description="start mark of the process, so that a reused pid is not taken for it")
    time: float = Field(description="seconds since 1970")
    message: str = Field(description="what it is doing, for people")
    done: float = Field(ge=0, le=1, description="share of the whole run")
    eta_seconds: float | None = Field(default=None, description="estimated time left")


def request_stop(folder: Path) -> None:
    """Ask the process that writes this run to write a checkpoint and stop."""
    (folder / STOP).touch()


def heartbeat(folder: Path) -> Heartbeat | None:
    """The last heartbeat of a run, or None if nobody writes it."""
    try:
        return Heartbeat.model_validate_json((folder / HEARTBEAT).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def beat_of(pid: int | None, message: str, done: float = 0.0, eta_seconds: float | None = None) -> Heartbeat:
    """The heartbeat of a process of this machine (None: this one) at this moment."""
    pid = pid or os.getpid()
    return Heartbeat(
        pid=pid,
        host=socket.gethostname(),
        born=process_start(pid),
        time=time.time(),
        message=message,
        done=done,
        eta_seconds=eta_seconds,
    )


def process_alive(beat: Heartbeat | None) -> bool:
    """Whether the process of a heartbeat still runs; on another machine, whether it wrote within `STALE_SECONDS`."""
    if beat is None:
        return False
    if beat.host != socket.gethostname():
        return time.time() - beat.time < STALE_SECONDS
    try:
        os.kill(beat.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists and belongs to another user
        pass
    return process_start(beat.pid) == beat.born


def write_whole(path: Path, write: bytes | Callable[[BinaryIO], object], sync: bool = True) -> None:
    """Write a file whole or not at all: to a neighbour first, then renamed over it.

    `write` is its content, or gets the open file to write into. Raises `OSError` (a full disk) with `path` untouched.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            if callable(write):
                write(file)
            else:
                file.write(write)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def process_start(pid: int) -> str:
    """When a process started, in kernel ticks (Linux); "" and "zombie" where that is unknown or it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "zombie" if fields[0] == "Z" else fields[19]
