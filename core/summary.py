"""A run in a few lines of text (no torch)."""

from collections.abc import Mapping, Sequence

from core import events
from core.runs import RunHeader


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(75), duration(3720)
    ('1:15', '1:02:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def cost_lines(cost: Mapping[str, object]) -> str:
    """Time and memory that `core.probe` found out, in two lines.

    >>> print(cost_lines({"seconds": (60.0, 75.0), "memory": 2**30}))
    time        1:00 to 1:15
    memory      1.0 GiB
    """
    seconds, memory = cost["seconds"], cost["memory"]
    least, most = (duration(value) for value in seconds) if isinstance(seconds, tuple) else ("", "unknown")
    between = f"{least} to {most}" if least not in ("", most) else most
    return f"time        {between}\nmemory      " + (
        f"{memory / 2**30:.1f} GiB" if isinstance(memory, int) else "unknown"
    )


def summary(header: RunHeader, found: Sequence[events.AnyEvent]) -> str:
    """The outcome of a run in a few lines: its structure, its size and the last metrics."""
    lines = [f"{header.method} on {header.data}, seed {header.seed}: {len(found)} events, ended as {found[-1].kind}"]
    structures = [event for event in found if isinstance(event, events.StructureChanged)]
    if structures:
        last, names = structures[-1], [task.name for task in header.tasks]
        lines.append(f"{last.parameters:,} parameters, {last.macs:,} MACs an image")
        for stage, partition in zip(header.stages, last.partitions or (), strict=False):
            groups = " | ".join("+".join(names[task] for task in group) for group in partition)
            lines.append(f"  {stage.name:<12} {groups}")
    evaluated = [event for event in found if isinstance(event, events.Evaluated)]
    for task in header.tasks if evaluated else ():
        values = evaluated[-1].metrics[task.name]
        shown = ", ".join(
            f"{metric.label} {values[metric.key]:.4g}{' ' if metric.unit else ''}{metric.unit}"
            for metric in task.metrics
        )
        lines.append(f"  {task.label:<15} {shown}")
    return "\n".join(lines)
