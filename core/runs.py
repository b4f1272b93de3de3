"""The run folder: written by a training loop, read, followed and validated by everyone else.

    <run>/run.json          `RunHeader`: method, config, seed, tasks, stages, versions
    <run>/events.jsonl      one event a line, appended and flushed
    <run>/robustness.jsonl  what was measured afterwards, one record a line (`core.robustness.records`)
    <run>/arrays/           larger arrays that events name
    <run>/checkpoints/      the whole training state
    <run>/weights.npz       where states are gone: the final weights at half precision (`core.weights`)
    <run>/usage.json        the most memory that its process took
    <run>/heartbeat.json    the process that writes it and how far it is; `stop` beside it asks that process to stop

It is public API: a foreign training loop writes a valid folder with `RunWriter(folder, header)`, `write(event)` and
`close()`. Nothing here imports torch.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from core.consistency import misfit
from core.events import SCHEMA_VERSION, AnyEvent, RunFailed, RunFinished, RunPaused, dump_event, parse_event
from core.heartbeat import (
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    STOP,
    beat_of,
    heartbeat,
    process_alive,
    write_whole,
)
from core.lines import Lines, problem
from core.lines import RunError as RunError  # whoever reads a run folder meets it here
from core.provenance import Parent
from core.robustness.records import misfits, read_records
from core.tasks import Direction, Kind, Metric, Task

HEADER, EVENTS, ARRAYS, CHECKPOINTS = "run.json", "events.jsonl", "arrays", "checkpoints"
State = Literal["running", "paused", "interrupted", "finished", "failed"]


class MetricInfo(BaseModel):
    """One metric of a task, as figures label it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    label: str
    unit: str = ""
    direction: Direction


class TaskInfo(BaseModel):
    """One task of the run; its first metric is the key metric."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    label: str
    kind: Kind
    metrics: tuple[MetricInfo, ...] = Field(min_length=1)

    @classmethod
    def of(cls, task: Task) -> Self:
        """What a run folder says of `task`."""
        metrics = tuple(MetricInfo(**asdict(metric)) for metric in task.metrics)
        return cls(name=task.name, label=task.label, kind=task.kind, metrics=metrics)

    def task(self) -> Task:
        """The task as `core.delta` wants it; the number of outputs, which a header does not hold, plays no part there.

        >>> from core.tasks import DEPTH
        >>> TaskInfo.of(DEPTH).task().metric == DEPTH.metric
        True
        """
        metrics = tuple(Metric(found.key, found.label, found.unit, found.direction) for found in self.metrics)
        return Task(self.name, self.label, self.kind, 0, metrics)


class StageInfo(BaseModel):
    """One stage of the backbone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    neurons: int = Field(ge=1, description="output channels")


class RunHeader(BaseModel):
    """What a run is: written once, before the first event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = Field(default=SCHEMA_VERSION, description="version of the run folder's schema")
    method: str
    data: str = Field(description="name of the data set")
    seed: int
    tasks: tuple[TaskInfo, ...] = Field(min_length=1)
    stages: tuple[StageInfo, ...] = Field(min_length=1)
    config: dict[str, JsonValue] = Field(default_factory=dict, description="every setting, as the writer knows them")
    versions: dict[str, str] = Field(default_factory=dict, description="package -> version")
    created: str = Field(default="", description="UTC time in ISO format")
    parent: Parent | None = Field(default=None, description="of a forked run: where it comes from")

    def as_json(self) -> bytes:
        """What stands in the file; a run that was not forked looks as it did before there were forks."""
        return (self.model_dump_json(indent=1, exclude={"parent"} if self.parent is None else None) + "\n").encode()


@dataclass
class Run:
    """A run as far as it has been read. `refresh` reads what was appended since.

    A run that went back to its last checkpoint has a shorter file than before: then everything is read again and
    `generation` counts up, so that whoever cached something from `events` knows.
    """

    folder: Path
    header: RunHeader
    events: list[AnyEvent] = field(default_factory=list)
    generation: int = 0
    _lines: Lines[AnyEvent] | None = None

    def refresh(self) -> list[AnyEvent]:
        """Read the events appended since the last call; a cut last line waits for its rest.

        Raises `RunError` naming file, line and field for anything that is no event.
        """
        if self._lines is None:
            self._lines = Lines(self.folder / EVENTS, parse_event, self.events)
        new = self._lines.refresh()
        self.events, self.generation = self._lines.records, self._lines.generation
        return new

    def state(self) -> State:
        """Whether its process still trains, and if not, how it ended."""
        if process_alive(heartbeat(self.folder)):
            return "running"
        match self.events[-1] if self.events else None:
            case RunFinished():
                return "finished"
            case RunFailed():
                return "failed"
            case RunPaused():
                return "paused"
        return "interrupted"


def read_run(folder: Path) -> Run:
    """Open a run folder and read all of its events.

    Raises `RunError` if there is no run, its header is broken, its schema is newer than ours, or a line is bad.
    """
    run = Run(folder, read_header(folder))
    run.refresh()
    return run


def read_header(folder: Path) -> RunHeader:
    """The header of a run folder. Raises `RunError` as `read_run` does."""
    path = folder / HEADER
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{folder}: expected a run folder with a {HEADER}, found none. Is the path right?") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: not valid JSON ({error}).") from None
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise RunError(
            f"{path}: schema version {version} is newer than {SCHEMA_VERSION}, the newest this release reads. "
            "Update MTSL Explorer to open it."
        )
    if version != SCHEMA_VERSION:
        raise RunError(f"{path}: `schema_version` should be {SCHEMA_VERSION}. Found {version!r}.")
    try:
        return RunHeader.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        raise RunError(f"{path}: {problem(error)}") from None


def validate_run(folder: Path) -> Run:
    """Read a whole run and check what single events cannot know; returns it.

    Raises `RunError`: besides what `read_run` raises, for tasks or stages that the header lacks, a matrix of another
    size, and a missing array.
    """
    run = read_run(folder)
    n_tasks, n_stages, path = len(run.header.tasks), len(run.header.stages), folder / EVENTS
    for line, event in enumerate(run.events, start=1):
        if problem := misfit(event, n_tasks, n_stages):
            raise RunError(f"{path}, line {line}: {problem}")
        file = getattr(event, "file", None)
        if file is not None and not (folder / ARRAYS / file).is_file():
            raise RunError(f"{path}, line {line}: field `file`: {ARRAYS}/{file} does not exist.")
    if not run.events:
        raise RunError(f"{path}: no events.")
    _check_robustness(run)
    return run


def _check_robustness(run: Run) -> None:
    """The same for what was measured after the run."""
    lines = read_records(run.folder)
    for line, found in misfits(lines.records, [task.name for task in run.header.tasks]):
        raise RunError(f"{lines.path}, line {line}: {found}")
    for line, record in enumerate(lines.records, start=1):
        file = getattr(record, "file", None)
        if file is not None and not (run.folder / ARRAYS / file).is_file():
            raise RunError(f"{lines.path}, line {line}: field `file`: {ARRAYS}/{file} does not exist.")


def find_runs(root: Path) -> list[Path]:
    """The run folders directly below `root`, newest first by their header; empty if there is no such folder."""
    found = []
    for path in root.glob(f"*/{HEADER}") if root.is_dir() else ():
        try:
            found.append((path.stat().st_mtime, path.parent))
        except FileNotFoundError:  # deleted since it was listed
            continue
    return [folder for _, folder in sorted(found, reverse=True)]


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a compressed npz, whole or not at all."""
    write_whole(path, lambda out: np.savez_compressed(out, allow_pickle=False, **dict(arrays)))


class RunWriter:
    """Writes a run folder. One process at a time: a second writer is refused.

    `RunWriter(folder, header)` starts a new run and refuses a folder that already holds one; `RunWriter.resume(folder,
    keep)` goes on after the first `keep` bytes of events (where the last checkpoint was) and drops what came later.
    """

    def __init__(self, folder: Path, header: RunHeader) -> None:
        if (folder / HEADER).exists():
            raise RunError(f"{folder}: already holds a run. Choose another folder, or resume it.")
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / HEADER, header.as_json())
        self._open(folder, keep=0)

    @classmethod
    def resume(cls, folder: Path, keep: int) -> Self:
        """Go on writing a run after the first `keep` bytes of its events."""
        read_header(folder)
        size = (folder / EVENTS).stat().st_size if (folder / EVENTS).exists() else 0
        if keep > size:
            raise RunError(f"{folder / EVENTS}: expected at least {keep} bytes, as the checkpoint says; found {size}.")
        writer = cls.__new__(cls)
        writer._open(folder, keep)
        return writer

    def _open(self, folder: Path, keep: int) -> None:
        beat = heartbeat(folder)
        if beat and beat.pid != os.getpid() and process_alive(beat):
            raise RunError(f"{folder}: process {beat.pid} on {beat.host} is writing this run. Stop it first.")
        self.folder = folder
        self._beat_time = 0.0
        (folder / ARRAYS).mkdir(exist_ok=True)
        (folder / CHECKPOINTS).mkdir(exist_ok=True)
        (folder / STOP).unlink(missing_ok=True)
        self._events = (folder / EVENTS).open("ab")
        self._events.truncate(keep)
        self.beat("starting", 0.0, force=True)

    def write(self, event: AnyEvent) -> None:
        """Append an event and hand it to the operating system, so that a killed process loses none."""
        self._events.write(dump_event(event).encode() + b"\n")
        self._events.flush()

    def position(self) -> int:
        """Bytes of events so far, for a checkpoint; they are on the disk when this returns."""
        os.fsync(self._events.fileno())
        return self._events.tell()

    def save_arrays(self, file: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays as a compressed npz below `arrays/`, whole or not at all."""
        write_arrays(self.folder / ARRAYS / file, arrays)

    def beat(self, message: str, done: float, eta_seconds: float | None = None, force: bool = False) -> None:
        """Renew the heartbeat, at most once a `HEARTBEAT_SECONDS` unless forced."""
        now = time.time()
        if not force and now - self._beat_time < HEARTBEAT_SECONDS:
            return
        self._beat_time = now
        beat = beat_of(None, message, min(1.0, max(0.0, done)), eta_seconds)
        try:
            write_whole(self.folder / HEARTBEAT, beat.model_dump_json().encode(), sync=False)
        except OSError:  # a full disk must not end training for the sake of a progress bar
            pass

    def stop_requested(self) -> bool:
        """Whether someone put a stop file into the folder."""
        return (self.folder / STOP).exists()

    def close(self) -> None:
        """Close the files and take the heartbeat away: nobody writes this run any more."""
        if not self._events.closed:
            self._events.close()
            (self.folder / HEARTBEAT).unlink(missing_ok=True)
            (self.folder / STOP).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
