"""Who measures a run just now, and what is written of it: records, previews, and a heartbeat apart from training's.

    <run>/robustness.jsonl       appended and flushed, one record a line
    <run>/measuring/             heartbeat, stop file and log of the process that measures; gone when it is done

One process at a time measures a run; training is not touched by it, and a run in training cannot be measured.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from core.events import RobustnessMeasured
from core.heartbeat import HEARTBEAT, HEARTBEAT_SECONDS, STOP, beat_of, heartbeat, process_alive, write_whole
from core.robustness.records import MEASURING, BreakingPoints, Conditions, Record, dump_record, read_records
from core.runs import ARRAYS, RunError, write_arrays

Key = tuple[str, float, tuple[int, ...]]


class Journal:
    """Appends to the records of a run; a context manager. Raises `RunError` if someone else measures the run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._place = folder, folder / MEASURING
        beat = heartbeat(self._place)
        if beat and beat.pid != os.getpid() and process_alive(beat):
            raise RunError(f"{folder}: process {beat.pid} on {beat.host} is measuring this run. Stop it first.")
        if process_alive(heartbeat(folder)):
            raise RunError(f"{folder}: this run is in training. Measure it when that is done.")
        self._place.mkdir(exist_ok=True)
        (self._place / STOP).unlink(missing_ok=True)
        self._beat_time = 0.0
        self.beat("starting", 0.0, force=True)
        lines = read_records(folder)
        self.records: list[Record] = list(lines.records)
        self._file = lines.path.open("ab")
        self._file.truncate(lines.whole_bytes())  # of a killed process the last line may be cut

    def done(self, conditions: Conditions) -> set[Key]:
        """The settings that are measured under these conditions already."""
        return measured_keys(self.records, conditions)

    def open(self, conditions: Conditions) -> None:
        """Say what the conditions are, once."""
        if conditions not in self.records:
            self.write(conditions)

    def write(self, record: Record, previews: tuple[str, Mapping[str, np.ndarray]] | None = None) -> None:
        """Append a record, the arrays that it names first, and hand both to the operating system."""
        if previews is not None:
            (self.folder / ARRAYS).mkdir(exist_ok=True)
            write_arrays(self.folder / ARRAYS / previews[0], previews[1])
        self._file.write(dump_record(record).encode() + b"\n")
        self._file.flush()
        self.records.append(record)

    def beat(self, message: str, done: float, eta_seconds: float | None = None, force: bool = False) -> None:
        """Renew the heartbeat, at most once a `HEARTBEAT_SECONDS` unless forced."""
        now = time.time()
        if force or now - self._beat_time >= HEARTBEAT_SECONDS:
            self._beat_time = now
            beat = beat_of(None, message, min(1.0, max(0.0, done)), eta_seconds)
            with contextlib.suppress(OSError):  # a full disk must not end it for the sake of a progress bar
                write_whole(self._place / HEARTBEAT, beat.model_dump_json().encode(), sync=False)

    def stop_requested(self) -> bool:
        """Whether someone put a stop file beside the heartbeat."""
        return (self._place / STOP).exists()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        (self._place / HEARTBEAT).unlink(missing_ok=True)
        (self._place / STOP).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds the log of a process that was started from elsewhere
            self._place.rmdir()


def record_key(record: Record) -> Key:
    """What tells a measurement apart from all others under the same conditions."""
    if isinstance(record, RobustnessMeasured):
        return record.name, record.severity, record.attacked
    assert isinstance(record, BreakingPoints)
    return f"smallest {record.name}", 0.0, (record.attacked,)


def measured_keys(records: list[Record], conditions: Conditions) -> set[Key]:
    """The settings that these records hold under the conditions."""
    return {record_key(record) for record in records if _belongs(record, conditions)}


def _belongs(record: Record, conditions: Conditions) -> bool:
    return not isinstance(record, Conditions) and record.conditions == conditions.digest
