"""What a run's header says about where it comes from: its packages, its time, and the parent of a fork (no torch)."""

import importlib.metadata
import platform
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field


class Parent(BaseModel):
    """Where a forked run comes from: its first events are those of its parent up to the start of a phase."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(description="name of the parent's folder when it was forked")
    created: str = Field(description="as in the parent's header")
    seed: int
    phase: int = Field(ge=1, description="first phase of its own")
    events: int = Field(ge=1, description="number of events that it shares with its parent")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of those lines, line breaks included")
    changes: tuple[str, ...] = Field(default=(), description="settings that differ from the parent's, as key=value")


def package_versions() -> dict[str, str]:
    """Python and the packages that numbers depend on."""
    packages = ("torch", "torchvision", "lightning-fabric", "numpy")
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}


def utc_now() -> str:
    """The time of now, in UTC and ISO format."""
    return datetime.now(UTC).isoformat(timespec="seconds")
