"""What a run should cost in time, memory and disk: from runs like it, or from a probe, else unknown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from core.config import Config
from core.events import StructureChanged, parse_event
from core.runs import EVENTS
from core.schedule import planned
from core.usage import read_usage
from explorer.training.checks import n_stages
from explorer.training.job import Job, alike
from explorer.training.probe import Cost

Source = Literal["here", "recorded", "probe", "unknown"]
_BYTES = 12
"""Of a training state for each parameter: weights and the two moments of Adam, in float32."""


@dataclass(frozen=True)
class Expectation:
    """What a run should cost; None is unknown."""

    source: Source
    """Where it is known from: runs of this machine, recorded runs, or a few steps that were trained for it."""
    runs: tuple[Job, ...] = ()
    """The runs that say so."""
    seconds: tuple[float, float] | None = None
    """Least and most."""
    memory: int | None = None
    """Most bytes of main memory."""
    disk: int | None = None
    """Most bytes in the run folder, sample images left out."""
    parameters: int | None = None
    """Of the network at the start."""
    macs: int | None = None
    """Of the network at the start, for one image."""


def expectation(config: Config, own: Sequence[Job], recorded: Sequence[Job], probe: Cost | None) -> Expectation:
    """What training `config` should cost: by a probe of it, else by finished runs like it, own ones first."""
    if probe is not None:
        size = probe["parameters"], probe["macs"]
        return Expectation("probe", (), probe["seconds"], probe["memory"], _disk(config, size[0]), *size)
    found, source = alike(config, own), "here"
    if not found:
        found, source = alike(config, recorded), "recorded"
    if not found:
        return Expectation("unknown")
    times = [seconds for seconds, _ in found]
    runs = tuple(job for _, job in found)
    memories = [usage.peak_memory for job in runs if (usage := read_usage(job.folder))]
    parameters, macs = _start_size(runs[0].folder)
    return Expectation(
        source="here" if source == "here" else "recorded",
        runs=runs,
        seconds=(min(times), max(times)),
        memory=max(memories, default=None),
        disk=_disk(config, parameters) if parameters else None,
        parameters=parameters,
        macs=macs,
    )


def _disk(config: Config, parameters: int) -> int:
    """The states that a run keeps at most, and the one being written; a shared network's are smaller."""
    kept = len(planned(config, n_stages(config))) - 1 if config.training.keep_checkpoints == "phases" else 0
    return _BYTES * parameters * (kept + 2)


def _start_size(folder: Path) -> tuple[int | None, int | None]:
    """Parameters and MACs of a run's first structure, which is among its first events."""
    try:
        with (folder / EVENTS).open("rb") as file:
            for _ in range(4):
                event = parse_event(file.readline())
                if isinstance(event, StructureChanged):
                    return event.parameters, event.macs
    except (OSError, ValidationError):
        pass
    return None, None
