"""What single events cannot know: whether the tasks, stages and matrices they name fit the run that they belong to."""

from collections.abc import Iterable, Iterator

from core.events import (
    AffinityUpdated,
    AnyEvent,
    PolicyUpdated,
    RobustnessMeasured,
    SimilarityMeasured,
    StructureChanged,
    TasksGrouped,
)


def misfit(event: AnyEvent, n_tasks: int, n_stages: int) -> str | None:
    """The first thing in `event` that a run of `n_tasks` tasks and `n_stages` stages does not have; None if it fits.

    >>> from core.events import NodeCreated
    >>> event = NodeCreated(step=0, epoch=0, phase=1, seconds=0, stage=9, tasks=(0, 1), neurons=4, parameters=8,
    ...                     start="copy")
    >>> misfit(event, n_tasks=2, n_stages=3)
    'field `stage`: 9, but the run has 3 stages.'
    """
    stage = getattr(event, "stage", 0)
    if stage >= n_stages:
        return f"field `stage`: {stage}, but the run has {n_stages} stages."
    for field, tasks in _tasks(event):
        if bad := [task for task in tasks if not 0 <= task < n_tasks]:
            return f"field `{field}`: {bad[0]}, but the run has {n_tasks} tasks."
    match event:
        case SimilarityMeasured():
            return _square("matrix", event.matrix, len(event.tasks))
        case AffinityUpdated():
            return _square("affinity", event.affinity, n_tasks)
        case PolicyUpdated() if len(event.probabilities) != n_tasks:
            return f"field `probabilities`: {len(event.probabilities)} rows, but the run has {n_tasks} tasks."
        case StructureChanged():
            above = [node.stage for node in event.graph.nodes if node.stage >= n_stages + (node.kind == "head")]
            if above:  # heads stand one stage above the last
                return f"field `graph.nodes.stage`: {above[0]}, but the run has {n_stages} stages."
    return None


def _tasks(event: AnyEvent) -> Iterator[tuple[str, Iterable[int]]]:
    """Every field of an event that names tasks."""
    yield "tasks", getattr(event, "tasks", ())
    match event:
        case SimilarityMeasured():
            yield "undefined", event.undefined
        case TasksGrouped():
            for field, partition in (("groups", event.groups), ("fused", event.fused)):
                yield field, (task for group in partition for task in group)
            yield "candidates", (task for found in event.candidates for group in found.groups for task in group)
        case AffinityUpdated():
            yield "groups", (task for group in event.groups for task in group)
        case RobustnessMeasured():
            yield "attacked", event.attacked
        case StructureChanged():
            yield "graph.nodes.tasks", (task for node in event.graph.nodes for task in node.tasks)
            yield "partitions", (task for stage in event.partitions or () for group in stage for task in group)


def _square(field: str, matrix: tuple[tuple[float | None, ...], ...], size: int) -> str | None:
    shape = sorted({len(row) for row in matrix})
    if len(matrix) == size and shape == [size]:
        return None
    return f"field `{field}`: expected {size} rows of {size} numbers, found {len(matrix)} rows of {shape or 0}."
