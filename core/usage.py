"""What training took beside time: the peak memory of its process, kept in the run folder (no torch).

It stands in a file of its own and not in an event: events are the same on every machine.
"""

import contextlib
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.heartbeat import write_whole

USAGE = "usage.json"


class Usage(BaseModel):
    """What the processes of a run took at most."""

    model_config = ConfigDict(frozen=True)

    peak_memory: int = Field(ge=0, description="bytes of main memory, the interpreter and its libraries included")


def peak_memory() -> int | None:
    """The most main memory in bytes that this process has had so far; None where the system does not say (Linux does).

    >>> (peak_memory() or 10**8) > 10**6
    True
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return None
    return 1024 * int(found[1]) if found else None


def read_usage(folder: Path) -> Usage | None:
    """What a run took, or None if nobody wrote it down."""
    try:
        return Usage.model_validate_json((folder / USAGE).read_bytes())
    except (OSError, ValidationError):
        return None


def note_usage(folder: Path) -> None:
    """Write down what this process took, unless one before it took more; a full disk leaves it out."""
    peak, before = peak_memory(), read_usage(folder)
    if peak is not None and (before is None or peak > before.peak_memory):
        with contextlib.suppress(OSError):
            write_whole(folder / USAGE, Usage(peak_memory=peak).model_dump_json().encode(), sync=False)
