"""How fast a run's network answers, and what it costs, as measured once and kept in the run folder (no torch).

It stands in a file of its own and not in an event: events are the same on every machine.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.heartbeat import write_whole

LATENCY = "latency.json"


class Machine(BaseModel):
    """Where it was measured, and how."""

    model_config = ConfigDict(frozen=True)

    processor: str = Field(description="of the device that computed")
    cores: int = Field(ge=1, description="processor cores that the process may use")
    threads: int = Field(ge=1, description="CPU threads it computed with")
    precision: str = Field(description="as lightning-fabric calls it, such as 32-true")
    system: str
    versions: dict[str, str] = Field(description="package -> version")


class Timed(BaseModel):
    """One pass over a batch of images, all tasks answered."""

    model_config = ConfigDict(frozen=True)

    batch: int = Field(ge=1, description="images")
    calls: int = Field(ge=1, description="passes that were timed, after some that were not")
    seconds: float = Field(gt=0, description="median of a pass")
    low: float = Field(gt=0, description="lower quartile")
    high: float = Field(gt=0, description="upper quartile")

    @property
    def images_per_second(self) -> float:
        """Throughput at the median."""
        return self.batch / self.seconds


class Latency(BaseModel):
    """The network that a finished run serves: its size and its speed."""

    model_config = ConfigDict(frozen=True)

    parameters: int = Field(ge=0, description="trainable weights of the served network")
    macs: int = Field(ge=0, description="multiply-accumulates of one image, in convolutions and linear layers")
    timed: tuple[Timed, ...] = Field(min_length=1, description="of one image, then of the training batch")
    machine: Machine
    sitting: str = Field(description="UTC time when a process began to measure; the same for all it measured in a row")
    load: float | None = Field(default=None, description="processes that wanted to compute in the minute before")


def read_latency(folder: Path) -> Latency | None:
    """What was measured of a run, or None if nobody did."""
    try:
        return Latency.model_validate_json((folder / LATENCY).read_bytes())
    except (OSError, ValidationError):
        return None


def write_latency(folder: Path, found: Latency) -> None:
    """Keep it in the run folder, in the place of what was measured before."""
    write_whole(folder / LATENCY, (found.model_dump_json(indent=1) + "\n").encode())
