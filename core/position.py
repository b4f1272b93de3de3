"""Where a run stands in its plan, in plain values, and how it may leave it."""

from dataclasses import dataclass, field
from typing import NamedTuple

ASKED = "asked to stop"
"""Why a run paused whose folder held a stop file."""


class TrainingError(RuntimeError):
    """Training cannot go on; the message names task and step."""


class StopTraining(Exception):
    """Someone asked the run to stop; raised between two batches, where the state is whole."""


@dataclass
class Position:
    """Where a run stands, in plain values."""

    begun: bool = False
    """Whether the first events are written."""
    phase: int = 0
    started: bool = False
    """Whether this phase has begun."""
    done: int = 0
    """Epochs of this phase finished."""
    batch: int = 0
    """Batches of the epoch under way that are done."""
    epoch: int = 0
    step: int = 0
    work: int = 0
    """Batches of all kinds so far."""
    seconds: float = 0.0
    sums: dict[str, list[float]] = field(default_factory=dict)
    """Running sum and count of the losses since they were last reported."""
    first_losses: dict[str, float] = field(default_factory=dict)


class Tick(NamedTuple):
    """What a progress bar needs after every batch."""

    message: str
    done: float
    eta_seconds: float | None
