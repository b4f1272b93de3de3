"""What a run folder holds about robustness: `robustness.jsonl`, one typed record a line, and files below `arrays/`.

Why a file of its own: a run's events tell its training, end with `run_finished`, and are hashed by forks and exports.
Robustness is measured afterwards, again and again: at other phases, on other images, with other attacks. So the events
stay as they are, and these records are appended beside them; a reader follows the file just as it follows the events.

Three kinds of records: `Conditions` say once, under a digest, what the ones that name it were measured with (weights,
images, seed, tool); `RobustnessMeasured` holds one setting; `BreakingPoints` the smallest attack that breaks a task. A
setting is one line, written when it is done, so a measurement that was killed goes on where it stopped, and one that is
repeated finds all its lines there. Nothing here imports torch.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from core.events import Event, RobustnessMeasured
from core.lines import Lines

RECORDS = "robustness.jsonl"
MEASURING = "measuring"
"""Folder below a run while someone measures it; `core.heartbeat` tells who that is, and asks them to stop."""

Family = Literal["corruption", "shift", "attack"]


class Conditions(BaseModel):
    """What measurements have in common; `digest` is that of all other fields, so equal conditions are one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["conditions"] = "conditions"
    digest: str = Field(pattern=r"^[0-9a-f]{16}$")
    family: Family
    phase: int | None = Field(default=None, ge=0, description="weights at its start; none: the final ones")
    weights: str = Field(description="digest of the weights")
    images: str = Field(description="digest of which images these are; runs are compared on equal ones")
    split: Literal["validation"] = "validation"
    samples: int = Field(ge=1, description="images measured")
    seed: int = Field(description="of all that is random in a corruption or an attack")
    tool: str = Field(description="what corrupts, shifts or attacks, with its version")
    evaluation: str = Field(description="device, precision and batch size, on which the last digits depend")
    details: dict[str, JsonValue] = Field(default={}, description="further settings of the family")

    @classmethod
    def of(cls, **values: JsonValue) -> "Conditions":
        """The conditions of these values, with their digest."""
        draft = cls.model_validate(values | {"digest": "0" * 16})
        return draft.model_copy(update={"digest": digest_of(draft.model_dump(mode="json", exclude={"digest"}))})


class BreakingPoints(Event):
    """The smallest attack that breaks a task, image by image; where it stands is where the weights stood."""

    kind: Literal["breaking_points"] = "breaking_points"
    conditions: str
    name: str = Field(description="of the attack")
    attacked: int = Field(ge=0, description="the task whose loss was raised, and that is watched")
    radii: tuple[float | None, ...] = Field(
        min_length=1, description="one an image: smallest radius that breaks it (0: broken without); null: none did"
    )
    largest: float = Field(gt=0, description="largest radius tried")
    broken_at: float = Field(gt=0, description="relative degradation in percent that counts as broken")


Record = Conditions | RobustnessMeasured | BreakingPoints
_ADAPTER: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])


def parse_record(line: str | bytes) -> Record:
    """The record in one line of JSON. Raises pydantic's `ValidationError`, which names every wrong field."""
    return _ADAPTER.validate_json(line)


def dump_record(record: Record) -> str:
    """One line of JSON that parses to an equal record. Raises `ValueError` for NaN or an infinity."""
    line = record.model_dump_json()
    if parse_record(line) != record:
        raise ValueError(f"`{record.kind}` record holds a NaN or an infinity: {record!r}.")
    return line


def digest_of(values: JsonValue) -> str:
    """Sixteen hexadecimal digits that stand for plain values.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}), len(digest_of([]))
    (True, 16)
    """
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def read_records(folder: Path) -> Lines[Record]:
    """The records of a run folder, none if nothing was measured; `refresh` reads on. Raises `RunError`."""
    lines = Lines(folder / RECORDS, parse_record)
    lines.refresh()
    return lines


@dataclass(frozen=True)
class Suite:
    """All that was measured under the same conditions."""

    conditions: Conditions
    clean: RobustnessMeasured | None
    settings: tuple[RobustnessMeasured, ...]
    breaking: tuple[BreakingPoints, ...]

    def comparable(self, other: "Suite") -> bool:
        """Whether the other run was measured on the same images, in the same way."""
        ours, theirs = self.conditions, other.conditions
        fields = ("family", "images", "samples", "seed", "tool", "details")
        return all(getattr(ours, name) == getattr(theirs, name) for name in fields)


def suites(records: Sequence[Record]) -> tuple[Suite, ...]:
    """The records by their conditions, in the order in which those were first measured."""
    return tuple(
        Suite(
            conditions,
            next((found for found in measured if found.family == "clean"), None),
            tuple(found for found in measured if found.family != "clean"),
            tuple(r for r in records if isinstance(r, BreakingPoints) and r.conditions == conditions.digest),
        )
        for conditions in records
        if isinstance(conditions, Conditions)
        for measured in [
            [r for r in records if isinstance(r, RobustnessMeasured) and r.conditions == conditions.digest]
        ]
    )


def misfits(records: Sequence[Record], tasks: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Line number and problem of every record that does not fit a run with these tasks, or names no conditions."""
    known: set[str] = set()
    for line, record in enumerate(records, start=1):
        if isinstance(record, Conditions):
            known.add(record.digest)
            continue
        if record.conditions not in known:
            yield line, f"field `conditions`: {record.conditions!r}, but no line above says what they are."
        attacked = record.attacked if isinstance(record, RobustnessMeasured) else (record.attacked,)
        if bad := [task for task in attacked if not 0 <= task < len(tasks)]:
            yield line, f"field `attacked`: {bad[0]}, but the run has {len(tasks)} tasks."
        if isinstance(record, RobustnessMeasured):
            for field in ("metrics", "intervals"):
                if unknown := [name for name in getattr(record, field) if name not in tasks]:
                    yield line, f"field `{field}`: {unknown[0]!r}, but the run has no such task."
