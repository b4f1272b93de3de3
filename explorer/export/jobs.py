"""Exports of whole runs as processes: the app starts one, reads its progress, and finds it again after a reload.

Everything stands in files below the user's cache folder, by run and kind, so that nothing is lost with a session and a
finished file can be taken away again as long as the run has not changed.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import ValidationError

from core.heartbeat import process_start
from core.runs import EVENTS
from explorer.export.command import Progressed

Kind = Literal["report", "all"]
_REPOSITORY = Path(__file__).resolve().parents[2]
_PROGRESS, _STAMP, _LOG = "progress.json", "stamp", "log.txt"
_KEPT_SECONDS = 3 * 24 * 3600.0


@dataclass(frozen=True)
class ExportJob:
    """One export of a run; `file` once it is finished."""

    live: bool
    done: float
    """Share of the steps, in [0, 1]."""
    label: str
    problem: str
    notes: tuple[str, ...]
    file: Path | None


def start_export(folder: Path, kind: Kind) -> None:
    """Export the run in a process of its own, unless one is at it. Raises `OSError` if it cannot be started."""
    found = read_export(folder, kind)
    if found is not None and found.live:
        return
    _remove_old()
    here = place(folder, kind)
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    (here / _STAMP).write_text(_stamp(folder))
    command = [sys.executable, "-m", "explorer.export.command", str(folder), "--progress", str(here / _PROGRESS)]
    command += ["--out", str(_result(folder, kind).with_suffix("" if kind == "all" else ".html"))]
    with (here / _LOG).open("wb") as log:
        process = subprocess.Popen(
            [*command, *(["--report"] if kind == "report" else [])],
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    begun = Progressed(pid=process.pid, born=process_start(process.pid))
    with contextlib.suppress(FileExistsError), (here / _PROGRESS).open("x") as file:  # the process may be faster
        file.write(begun.model_dump_json())
    # without someone who waits, a process that ended would stay behind as a zombie for as long as the app runs
    threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()


def read_export(folder: Path, kind: Kind) -> ExportJob | None:
    """The export of a run as it stands, or None if there is none of the run as it is now."""
    here = place(folder, kind)
    try:
        now = Progressed.model_validate_json((here / _PROGRESS).read_bytes())
        stamp = (here / _STAMP).read_text()
    except (FileNotFoundError, ValidationError):
        return None
    live = not now.finished and not now.error and _alive(now)
    if not live and stamp != _stamp(folder):
        return None
    result = _result(folder, kind)
    problem = now.error
    if not live and not now.finished and not problem:
        problem = "The process ended without a word."
    file = result if now.finished and result.is_file() else None
    done = 1.0 if now.finished else now.done / max(now.total, 1)
    return ExportJob(live, done, now.label, problem, now.notes, file)


def cancel_export(folder: Path, kind: Kind) -> None:
    """Ask an export to stop; it leaves nothing behind."""
    with contextlib.suppress(FileNotFoundError, ValidationError, ProcessLookupError):
        now = Progressed.model_validate_json((place(folder, kind) / _PROGRESS).read_bytes())
        if _alive(now):
            os.kill(now.pid, signal.SIGTERM)


def _alive(now: Progressed) -> bool:
    return process_start(now.pid) == now.born != "zombie"


def place(folder: Path, kind: Kind) -> Path:
    """The folder that holds the export of a run and its progress."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:20]
    return _root() / name / kind


def _root() -> Path:
    return Path(os.environ.get("MTSL_CACHE") or platformdirs.user_cache_dir("mtsl-explorer")) / "exports"


def _result(folder: Path, kind: Kind) -> Path:
    return place(folder, kind) / f"{folder.name}{'.zip' if kind == 'all' else '.html'}"


def _stamp(folder: Path) -> str:
    """Tells a run from the same run with more events."""
    with contextlib.suppress(FileNotFoundError):
        found = (folder / EVENTS).stat()
        return f"{found.st_size} {found.st_mtime_ns}"
    return ""


def _remove_old() -> None:
    """Take away exports that nobody asked for in days."""
    for old in _root().glob("*/*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
