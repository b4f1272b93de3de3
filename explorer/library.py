"""The runs that can be looked at: found by folder, opened once in this process, and read on as they grow.

Examples lie in `assets/runs`, a person's own runs in `runs`, or where the environment variable `MTSL_RUNS` says, also
in folders there that hold several (such as those of a comparison); folders elsewhere on this machine are listed once
somebody has opened them. An id is the name of the place and of the run, `example.rooms`, `runs.rooms`,
`runs.study/rooms` or `opened.rooms`; ids are looked up in the listing, so none ever becomes a path.
"""

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.heartbeat import heartbeat, process_alive
from core.runs import HEADER, Run, RunError, find_runs, read_run, validate_run
from explorer import remembered
from explorer.moments import History
from explorer.words import StateLabel, state_label

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "assets" / "runs"
RUNS_VARIABLE = "MTSL_RUNS"
_MOST_OPEN = 8

Place = Literal["example", "runs", "opened"]


@dataclass(frozen=True)
class Entry:
    """A run folder in the listing; `live` while a process writes it."""

    place: Place
    folder: Path
    live: bool
    opened_as: str = ""
    """Name on the list of opened folders; "" for all others, which are called as their folder."""
    group: str = ""
    """The folder of several runs that it lies in; "" for those directly in their place."""

    @property
    def name(self) -> str:
        """What people call it, different for all runs of a place."""
        return self.opened_as or (f"{self.group}/" if self.group else "") + self.folder.name

    @property
    def id(self) -> str:
        """What the URL calls it."""
        return f"{self.place}.{self.name}"


@dataclass(frozen=True)
class Opened:
    """A run as far as it was read, its index, and the state of the process behind it."""

    run: Run
    history: History
    state: StateLabel

    @property
    def live(self) -> bool:
        """Whether a process writes it now."""
        return self.state == "running"


def own_root() -> Path:
    """Where a person's own runs lie and new ones are written."""
    return Path(os.environ.get(RUNS_VARIABLE) or REPOSITORY / "runs").expanduser().resolve()


def listing() -> list[Entry]:
    """All run folders: running ones first, then own ones, newest first, then opened ones, then examples."""
    places: tuple[tuple[Place, Path], ...] = (("runs", own_root()), ("example", EXAMPLES))
    entries = []
    for place, root in places:
        for group in ("", *_groups(root)):
            folders = find_runs(root / group)
            for folder in folders if place == "runs" and not group else sorted(folders):
                entries.append(Entry(place, folder, place == "runs" and process_alive(heartbeat(folder)), group=group))
        if place == "runs":
            entries += _opened_folders()
    return sorted(entries, key=lambda entry: not entry.live)


def _groups(root: Path) -> list[str]:
    """Folders in `root` that are no runs, but may hold some: those of comparisons."""
    if not root.is_dir():
        return []
    found = (path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(path.name for path in found if not (path / HEADER).exists())


def _opened_folders() -> list[Entry]:
    """Folders that were opened and still hold a run."""
    try:
        known = remembered.folders(own_root())
    except remembered.RememberedError:  # the overview says so; it must not keep anyone from the other runs
        return []
    return [
        Entry("opened", folder, process_alive(heartbeat(folder)), name)
        for name, folder in known.items()
        if (folder / HEADER).is_file()
    ]


def open_folder(folder: Path) -> Entry:
    """List a run folder of this machine, after reading all of it; one that is listed already is not listed twice.

    Raises `RunError` if it holds no valid run; the message names file, line and field. Raises `RememberedError` or
    `OSError` if the list cannot be read or written.
    """
    try:
        folder = folder.expanduser().resolve()
        validate_run(folder)
    except (OSError, RuntimeError) as error:  # no such home directory, no right to read it
        raise RunError(f"{folder}: cannot be read ({error}).") from None
    for entry in listing():
        if entry.folder.resolve() == folder:
            return entry
    name = remembered.add_folder(own_root(), folder)
    return Entry("opened", folder, process_alive(heartbeat(folder)), name)


def opening(entries: list[Entry]) -> Entry | None:
    """The run to show when none is asked for: a recorded one, best the rooms trained with MTSL, else any."""

    def rank(entry: Entry) -> tuple[bool, int, str]:
        wanted = sum(word not in entry.folder.name for word in ("mtsl", "quick", "rooms"))
        return entry.place != "example", wanted, entry.folder.name

    examples = [entry for entry in entries if entry.place == "example"]
    return min(examples, key=rank) if examples else next(iter(entries), None)


@dataclass(frozen=True)
class _Kept:
    """An open run; `stamp` is the time of its header, by which another run in the same folder is noticed."""

    stamp: int
    run: Run
    history: History


_open: "OrderedDict[Path, _Kept]" = OrderedDict()  # least recently used first
_lock = threading.Lock()


def open_run(entry: Entry) -> Opened:
    """A run with everything that was written so far; only what is new since the last call is read.

    Raises `RunError` if it cannot be read; the message says which file, line and field.
    """
    with _lock:  # one reader at a time: sessions share the open runs
        try:
            kept = _read_on(entry.folder)
        except OSError as error:
            _open.pop(entry.folder, None)
            raise RunError(f"{entry.folder}: cannot be read ({error.strerror}).") from None
        except ValueError as error:  # a `RunError` is one; so is an event that does not fit the header
            _open.pop(entry.folder, None)
            raise RunError(str(error)) from None
        _open[entry.folder] = kept
        _open.move_to_end(entry.folder)
        while len(_open) > _MOST_OPEN:
            _open.popitem(last=False)
        return Opened(kept.run, kept.history, state_label(kept.run.state(), entry.place == "example"))


def _read_on(folder: Path) -> _Kept:
    """The open run of a folder, with what was appended since; a new one if it is not open or not the same any more."""
    header = folder / HEADER
    stamp = header.stat().st_mtime_ns if header.exists() else 0
    kept = _open.get(folder)
    if kept is None or kept.stamp != stamp:
        run = read_run(folder)
        return _Kept(stamp, run, History(run.header, run.events))
    generation = kept.run.generation
    new = kept.run.refresh()
    if kept.run.generation != generation:  # it went back to its last checkpoint
        return _Kept(stamp, kept.run, History(kept.run.header, kept.run.events))
    kept.history.extend(new)
    return kept
