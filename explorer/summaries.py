"""What the overview says of each run, read from its header and the end of its events, and kept as long as they last.

Nothing is written into a run folder: what was found is kept in memory under the path, size and time of its files, so a
folder of hundreds of runs is read once. No Streamlit here.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from core.consistency import misfit
from core.events import AnyEvent, Evaluated, StructureChanged
from core.runs import EVENTS, HEADER, Run, RunError, RunHeader, read_header
from core.structure import Group
from explorer import theme
from explorer.figures.thumbnail import thumbnail_svg
from explorer.library import Entry
from explorer.tail import last_events
from explorer.words import StateLabel, state_label

Chip = StateLabel | Literal["unreadable"]
"""State of a run on its card."""


@dataclass(frozen=True)
class Facts:
    """What the files of a run say, as far as they are written."""

    header: RunHeader
    last: AnyEvent | None
    """The last event, without its graph if it is a change of the structure."""
    evaluated: Evaluated | None
    picture: str
    """The last structure as SVG; "" as long as there is none."""
    parameters: int | None
    macs: int | None
    shared: tuple[Group, ...]
    """Groups of tasks that share a stage in the last structure, each once, the largest first."""


@dataclass(frozen=True)
class Summary:
    """A run on the overview; without `facts` it cannot be read, and `problem` says why."""

    entry: Entry
    state: Chip
    created: float
    """Seconds since 1970."""
    facts: Facts | None
    problem: str = ""

    def key_metric(self, task: int) -> float | None:
        """The key metric of a task at the last evaluation."""
        if self.facts is None or self.facts.evaluated is None:
            return None
        info = self.facts.header.tasks[task]
        return self.facts.evaluated.metrics.get(info.name, {}).get(info.metrics[0].key)


def summarise(entry: Entry) -> Summary:
    """The summary of a run, read anew only where its files changed; never raises for a bad run."""
    header_path, events_path = entry.folder / HEADER, entry.folder / EVENTS
    created = 0.0
    try:
        header = header_path.stat()
        created = header.st_mtime
        size, modified = 0, 0
        with contextlib.suppress(FileNotFoundError):
            events = events_path.stat()
            size, modified = events.st_size, events.st_mtime_ns
        facts = _facts(entry.folder, header.st_size, header.st_mtime_ns, size, modified)
    except RunError as error:
        return Summary(entry, "unreadable", created, None, str(error))
    except OSError as error:
        return Summary(entry, "unreadable", created, None, f"{entry.folder}: cannot be read ({error.strerror}).")
    state = Run(entry.folder, facts.header, [facts.last] if facts.last else []).state()
    return Summary(entry, state_label(state, entry.place == "example"), _moment(facts.header) or created, facts)


@lru_cache(maxsize=4096)  # a few kilobytes each
def _facts(folder: Path, header_size: int, header_modified: int, size: int, modified: int) -> Facts:
    header = read_header(folder)
    last, found = last_events(folder / EVENTS, size, ("evaluated", "structure_changed")) if size else (None, {})
    evaluated, structure = found.get("evaluated"), found.get("structure_changed")
    if not isinstance(structure, StructureChanged):
        return Facts(header, last, evaluated if isinstance(evaluated, Evaluated) else None, "", None, None, ())
    if isinstance(last, StructureChanged):
        last = last.model_copy(update={"graph": structure.graph.model_copy(update={"nodes": (), "edges": ()})})
    groups = {node.tasks for node in structure.graph.nodes if node.kind == "shared" and len(node.tasks) > 1}
    return Facts(
        header=header,
        last=last,
        evaluated=evaluated if isinstance(evaluated, Evaluated) else None,
        picture=_picture(folder, header, structure),
        parameters=structure.parameters,
        macs=structure.macs,
        shared=tuple(sorted(groups, key=lambda group: (-len(group), group))),
    )


def _picture(folder: Path, header: RunHeader, structure: StructureChanged) -> str:
    """The structure as SVG. Raises `RunError` for one that does not fit the run."""
    if problem := misfit(structure, len(header.tasks), len(header.stages)):
        raise RunError(f"{folder / EVENTS}: {problem}")
    return thumbnail_svg(structure.graph, theme.looks(header), len(header.stages))


def _moment(header: RunHeader) -> float | None:
    """When a run began, as its header says; None if it does not, or not in a way that we know."""
    try:
        return datetime.fromisoformat(header.created).timestamp() if header.created else None
    except ValueError:
        return None
