"""What the run folders say about their processes: every run with its state, progress, time left and last numbers.

Read from the folders alone, so that a reload or a restart of the app loses nothing. Only the end of a run's events is
read, so a look at many long runs stays cheap. No streamlit and no torch here.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from core.config import Config
from core.detached import LOG, complaint, log_tail
from core.events import AnyEvent, EpochFinished, Evaluated, RunFailed, RunFinished, parse_event
from core.heartbeat import HEARTBEAT, STOP, Heartbeat, heartbeat, process_alive
from core.runs import EVENTS, HEADER, Run, RunError, RunHeader, read_header
from core.schedule import planned

_TAIL_BYTES = 1 << 17  # hundreds of events: the last epoch is among them, also in a long structural phase

JobState = Literal["starting", "running", "stopping", "paused", "interrupted", "finished", "failed", "unreadable"]


@dataclass(frozen=True)
class Job:
    """A run and the process behind it, as they are now."""

    folder: Path
    state: JobState
    message: str
    """What the process is doing, or where it ended; for people."""
    done: float | None
    """Share of the whole run, in [0, 1]; None where nobody knows."""
    eta_seconds: float | None
    problem: str
    """Why it failed: the reason of its last event, or what its log says at the end; "" if all is well."""
    header: RunHeader | None
    """None as long as the process has not written it."""
    begun: bool
    """Whether it has events other than that it failed."""
    epoch: EpochFinished | None
    evaluated: Evaluated | None
    seconds: float
    """Training time so far."""
    created: float
    """Seconds since 1970."""

    @property
    def threads(self) -> int | None:
        """Processor threads that it was told to use; None for all there are, or if nobody knows."""
        return _setting(self.header, "threads")

    @property
    def live(self) -> bool:
        """Whether a process is at work on it."""
        return self.state in ("starting", "running", "stopping")

    @property
    def resumable(self) -> bool:
        """Whether `training.resume` can go on with it."""
        return self.header is not None and self.state in ("paused", "interrupted", "failed")

    @property
    def removable(self) -> bool:
        """Whether nothing was trained, so that `training.remove` may take it away."""
        return not self.begun and self.state in ("interrupted", "failed")


def jobs(root: Path) -> list[Job]:
    """Every run directly below `root`, newest first: also those whose process wrote no header, or not yet."""
    folders = {path.parent for name in (HEADER, HEARTBEAT, LOG) for path in root.glob(f"*/{name}")}
    found = []
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):  # it was removed since it was listed
            found.append(read_job(folder))
    return sorted(found, key=lambda job: (job.created, job.folder.name), reverse=True)


def read_job(folder: Path) -> Job:
    """One run and its process. Raises `FileNotFoundError` if there is no such folder."""
    beat = heartbeat(folder)
    beat = beat if process_alive(beat) else None
    header: RunHeader | None = None
    events: tuple[AnyEvent, ...] = ()
    problem, created = "", _created(folder)
    try:
        if (folder / HEADER).exists():
            header = read_header(folder)
            events = _last_events(folder)
    except RunError as error:
        problem = str(error)
    state: JobState = "unreadable" if problem else _state(folder, header, events, beat)
    if state in ("paused", "interrupted", "failed"):
        problem = _problem(folder, header, events)
        if problem and not events:
            state = "failed"
    epoch = next((event for event in reversed(events) if isinstance(event, EpochFinished)), None)
    return Job(
        folder=folder,
        state=state,
        message=beat.message if beat else _rest(state, header, events),
        done=beat.done if beat else _share(header, events),
        eta_seconds=max(0.0, beat.eta_seconds - (time.time() - beat.time)) if beat and beat.eta_seconds else None,
        problem=problem,
        header=header,
        begun=not all(isinstance(event, RunFailed) for event in events),
        epoch=epoch,
        evaluated=next((event for event in reversed(events) if isinstance(event, Evaluated)), None),
        seconds=events[-1].seconds if events else 0.0,
        created=created,
    )


def alike(config: Config, known: Sequence[Job]) -> list[tuple[float, Job]]:
    """The finished runs that say how long training `config` should take, each with the seconds it says.

    Scales the time of a run of the same method, backbone and images with epochs and training images.
    """
    wanted, found = _likeness(config), []
    for job in known:
        if job.state == "finished" and job.header is not None:
            try:
                other = Config.model_validate(job.header.config)
            except ValidationError:  # a run of someone else's loop, or of another release
                continue
            if _likeness(other) == wanted and job.seconds > 0:
                found.append((job.seconds * _work(config) / _work(other), job))
    return found


def _likeness(config: Config) -> tuple[object, ...]:
    """What two runs must have in common for the time of one to say something about the other."""
    data = config.data.model_dump(exclude={"train", "val", "test", "seed", "scene"})
    training = config.training.model_dump(include={"batch_size", "precision", "threads"})
    return config.method, config.backbone, tuple(training.items()), tuple(data.items())


def _work(config: Config) -> float:
    epochs = sum(phase.epochs for phase in planned(config, 0)) if config.method == "automtl" else config.training.epochs
    return epochs * config.data.train


def _state(folder: Path, header: RunHeader | None, events: Sequence[AnyEvent], beat: Heartbeat | None) -> JobState:
    if beat is not None:
        if (folder / STOP).exists():
            return "stopping"
        return "running" if beat.done > 0 else "starting"
    if header is None:
        return "interrupted" if (folder / STOP).exists() else "failed"
    return Run(folder, header, list(events)).state()


def _problem(folder: Path, header: RunHeader | None, events: Sequence[AnyEvent]) -> str:
    """What went wrong, from the last event or, if the last process left none, from its log."""
    if events and isinstance(events[-1], RunFailed):
        return events[-1].reason
    found = complaint(log_tail(folder, lines=200))
    if header is None and not (folder / STOP).exists():
        return found or "The process ended without a word."
    # events that are younger than the log are those of a later process, which someone started in a terminal
    return "" if found and _younger(folder / EVENTS, folder / LOG) else found


def _younger(one: Path, other: Path) -> bool:
    return one.exists() and one.stat().st_mtime > other.stat().st_mtime


def _share(header: RunHeader | None, events: Sequence[AnyEvent]) -> float | None:
    """How far a run that nobody trains got: all of it, or its epochs of those planned."""
    if events and isinstance(events[-1], RunFinished):
        return 1.0
    total = _epochs(header)
    return min(1.0, events[-1].epoch / total) if total and events else None


def _rest(state: JobState, header: RunHeader | None, events: Sequence[AnyEvent]) -> str:
    """Where a run that nobody trains stands."""
    if not events:
        return "stopped before training began" if state == "interrupted" else ""
    total = _epochs(header)
    return f"epoch {events[-1].epoch}" + (f" of {total}" if total else "")


def _epochs(header: RunHeader | None) -> int | None:
    """The epochs that a run plans, those in which policies are learned counted too; None if nothing is known."""
    epochs = _setting(header, "epochs")
    if header is None or header.method != "automtl":
        return epochs
    with contextlib.suppress(ValidationError):
        return sum(phase.epochs for phase in planned(Config.model_validate(header.config), len(header.stages)))
    return epochs


def _setting(header: RunHeader | None, name: str) -> int | None:
    """A positive whole number among the settings of training; None for none, and for a run of someone else's loop."""
    training = header.config.get("training") if header else None
    found = training.get(name) if isinstance(training, dict) else None
    return found if isinstance(found, int) and found > 0 else None


def _created(folder: Path) -> float:
    """When the run began: its header is written once; a log without one soon stops growing."""
    for name in (HEADER, LOG, HEARTBEAT):
        with contextlib.suppress(FileNotFoundError):
            return (folder / name).stat().st_mtime
    return folder.stat().st_mtime


def _last_events(folder: Path) -> tuple[AnyEvent, ...]:
    """The last events of a run, without a cut last line. Raises `RunError` for a line that is none."""
    path = folder / EVENTS
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return _parse_tail(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=1024)  # a run is looked at every second, so hundreds must have room; each keeps only a few events
def _parse_tail(path: Path, size: int, modified: int) -> tuple[AnyEvent, ...]:
    """Of the events in the last `_TAIL_BYTES` of the first `size` bytes those that a job is read from, in order.

    They are the last one, the last epoch and evaluation, and one that shows that something was done; `modified` tells
    versions of the file apart.
    """
    begin = max(0, size - _TAIL_BYTES)
    with path.open("rb") as file:
        file.seek(begin)
        data = file.read(size - begin)
    lines = data[: data.rfind(b"\n") + 1].splitlines()[1 if begin else 0 :]
    try:
        events = [parse_event(line) for line in lines]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RunError(f"{path}: field `{'.'.join(map(str, first['loc']))}`: {first['msg']}.") from None
    return tuple(events[place] for place in sorted(_telling(events)))


def _telling(events: Sequence[AnyEvent]) -> set[int]:
    """Where the last event stands, the last epoch, the last evaluation, and the last that is no failure."""
    found: dict[str, int] = {}
    for place, event in enumerate(events):
        found["last"] = place
        found[event.kind if isinstance(event, EpochFinished | Evaluated | RunFailed) else "done"] = place
    return set(found.values())
