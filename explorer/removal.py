"""Deleting a run: only an own one that nobody writes, only the files that a run may hold, and nothing outside of it.

No Streamlit here.
"""

import stat
from pathlib import Path

from core.detached import LOG
from core.heartbeat import HEARTBEAT, STOP, heartbeat, process_alive
from core.latency import LATENCY
from core.robustness.records import MEASURING, RECORDS
from core.runs import ARRAYS, CHECKPOINTS, EVENTS, HEADER, RunError
from core.usage import USAGE
from core.weights import WEIGHTS
from explorer.library import Entry, own_root
from explorer.training import read_job

_FILES = (EVENTS, HEADER, HEARTBEAT, STOP, LOG, USAGE, LATENCY, RECORDS, WEIGHTS)
_BELOW = {ARRAYS: (".npz",), CHECKPOINTS: (".pt",), MEASURING: (".json", ".txt", "")}
_PART = ".part"  # what a process that was killed was writing just then


def refusal(entry: Entry) -> str:
    """Why a run cannot be deleted at all, for people; "" if it can. What its folder holds is only looked at then."""
    if entry.place == "example":
        return "It is an example that comes with the explorer."
    if entry.place == "opened":
        return "It lies in a folder that was opened from elsewhere; take it off the list instead."
    if entry.live:
        return "A process is writing it now. Stop that on the Train page first."
    return ""


def delete_run(entry: Entry) -> None:
    """Delete the folder of an own run.

    Raises `RunError` with nothing deleted if it is not one, is being written, or holds what no run writes; `OSError` if
    a file cannot be deleted.
    """
    folder = entry.folder
    if reason := refusal(entry):
        raise RunError(f"{entry.name} cannot be deleted. {reason}")
    above = own_root() / entry.group
    if folder.is_symlink() or folder.resolve().parent != above:
        raise RunError(f"{folder}: expected a folder directly in {above}. Nothing was deleted.")
    if read_job(folder).live:  # since it was listed
        raise RunError(f"{entry.name} cannot be deleted. {refusal(Entry(entry.place, folder, live=True))}")
    if process_alive(heartbeat(folder / MEASURING)):
        raise RunError(f"{entry.name} cannot be deleted. A process is measuring its robustness now.")
    files, folders = _contents(folder)
    for path in sorted(files, key=lambda path: path.name != HEADER):  # without its header it is no run any more
        path.unlink(missing_ok=True)
    for path in (*folders, folder):
        path.rmdir()


def _contents(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files and folders in a run's folder. Raises `RunError` for one that no run writes."""
    files, folders = [], []
    for path in sorted(folder.iterdir()):
        if path.name in _BELOW and _is_folder(path):
            folders.append(path)
            for below in sorted(path.iterdir()):
                _check(below, below.suffix in _BELOW[path.name], folder)
                files.append(below)
        else:
            _check(path, path.name in _FILES, folder)
            files.append(path)
    return files, folders


def _check(path: Path, known: bool, folder: Path) -> None:
    if not (known or path.suffix == _PART) or not stat.S_ISREG(path.lstat().st_mode):
        raise RunError(
            f"{folder.name} also holds {path.relative_to(folder)}, which no run writes. Nothing was deleted: take that "
            "file away first, or delete the folder yourself."
        )


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)
