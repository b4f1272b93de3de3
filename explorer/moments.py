"""From events to moments: where the cursor can stop, and everything a view needs where it stands.

The cursor is the position of an event in the run, so it means the same after more events were appended. `History`
reads each event once and keeps a `Snapshot` for each, which shares all that did not change; a step costs a list
look-up. Stops come at four grains, each holding the stops of the coarser ones; the finest is every event, so none is
ever left out.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.consistency import misfit
from core.events import (
    AffinityUpdated,
    AmalgamationProgressed,
    AnyEvent,
    EpochFinished,
    Evaluated,
    GatesUpdated,
    NodeCreated,
    NodesRemoved,
    PhaseStarted,
    PolicyUpdated,
    Role,
    SimilarityMeasured,
    StructureChanged,
    TasksGrouped,
)
from core.runs import RunHeader
from core.sharing import SharingEdge, SharingGraph, SharingNode
from core.structure import Group, Node

Grain = Literal["phase", "stage", "decision", "neuron"]
GRAINS: tuple[Grain, ...] = ("phase", "stage", "decision", "neuron")


@dataclass(frozen=True, slots=True)
class Birth:
    """A group node on its way: created, but its task nodes still stand. `done` in [0, 1], `losses` by task name."""

    node: SharingNode
    start: str
    done: float
    losses: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A similarity measurement and the decision it led to, with their positions among the events."""

    index: int
    similarity: SimilarityMeasured
    decision_index: int | None = None
    decision: TasksGrouped | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase and the positions of its first and (so far) last event."""

    number: int
    role: Role
    epochs: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The network at one moment, after the event at `index`."""

    index: int
    event: AnyEvent
    role: Role | None
    graph: SharingGraph
    """What stands; group nodes on their way are in `births`."""
    births: tuple[Birth, ...]
    created: tuple[Node, ...]
    """Group nodes that took their place in this phase."""
    ghosts: tuple[Node, ...]
    """Task nodes that were removed in this phase."""

    @property
    def neurons(self) -> int:
        """Output channels of all nodes, those on their way counted too, heads left out."""
        return self.graph.neurons + sum(birth.node.neurons for birth in self.births)

    @property
    def parameters(self) -> int:
        """Weights of all nodes, those on their way counted too."""
        return self.graph.parameters + sum(birth.node.parameters for birth in self.births)

    @property
    def nodes(self) -> int:
        """Stages that are evaluated, those on their way counted too, heads left out."""
        return sum(node.kind != "head" for node in self.graph.nodes) + len(self.births)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image, those of nodes on their way counted too."""
        return self.graph.macs + sum(birth.node.macs for birth in self.births)


class History:
    """A run's events, indexed. `extend` takes what was appended; everything else only reads.

    Raises `ValueError` for an event that does not fit the header: a stage or task that it lacks, say.
    """

    def __init__(self, header: RunHeader, events: Iterable[AnyEvent] = ()) -> None:
        self.header = header
        self.phases: list[Phase] = []
        self.measurements: list[Measurement] = []
        self.evaluations: list[tuple[int, Evaluated]] = []
        self.epochs: list[tuple[int, EpochFinished]] = []
        self.affinities: list[tuple[int, AffinityUpdated]] = []
        self.gates: list[tuple[int, GatesUpdated]] = []
        self.policies: list[tuple[int, PolicyUpdated]] = []
        self.start: Snapshot | None = None
        """The first moment that has a structure; counts are compared with it."""
        self._snapshots: list[Snapshot] = []
        self._stops: dict[Grain, list[int]] = {grain: [] for grain in GRAINS}
        self._stage_ends: dict[int, int] = {}  # stage -> its last event in the phase that runs now
        self._fusions: dict[Node, Measurement] = {}
        self.extend(events)

    def __len__(self) -> int:
        return len(self._snapshots)

    def extend(self, events: Iterable[AnyEvent]) -> None:
        """Index events that follow those known already."""
        for event in events:
            self._check(event)
            self._close_phase(event)
            snapshot = self._next(event)
            self._snapshots.append(snapshot)
            if self.start is None and snapshot.graph.nodes:
                self.start = snapshot
            self._note(event, snapshot.index)

    def snapshot(self, index: int) -> Snapshot:
        """The network after the event at `index`, in 0..len - 1."""
        return self._snapshots[index]

    def event(self, index: int) -> AnyEvent:
        """The event at `index`."""
        return self._snapshots[index].event

    @property
    def latest(self) -> Snapshot:
        """The last moment so far."""
        return self._snapshots[-1]

    def order(self) -> tuple[int, ...]:
        """The tasks [T] from left to right, those that share side by side; the same at every moment of the run."""
        nodes = [*self.latest.graph.nodes, *(birth.node for birth in self.latest.births)] if self._snapshots else []
        return task_order(nodes, len(self.header.tasks))

    def stops(self, grain: Grain) -> list[int]:
        """Positions at which the cursor stops, rising: those of the grain, and always the last event so far.

        phase: the structure at the start, then the end of each phase; stage: also the last event of each stage in a
        structural phase; decision: also each similarity measurement and each grouping; neuron: every event.
        """
        if not self._snapshots:
            return []
        last = len(self) - 1
        if grain == "neuron":
            return list(range(last + 1))
        open_ends = set() if grain == "phase" else set(self._stage_ends.values())
        return sorted({*self._stops[grain], *open_ends, last})

    def neighbour(self, grain: Grain, index: int, by: int) -> int:
        """The stop `by` stops after (or, negative, before) `index`, held at the ends. `index` need not be a stop."""
        stops = self.stops(grain)
        here = bisect_right(stops, index) - 1 if by > 0 else bisect_left(stops, index)
        return stops[min(max(here + by, 0), len(stops) - 1)]

    def measured(self, index: int) -> list[Measurement]:
        """Measurements up to the event at `index`; a decision that falls later is left out."""
        return [
            replace(found, decision_index=None, decision=None) if (found.decision_index or 0) > index else found
            for found in self.measurements
            if found.index <= index
        ]

    def fusion(self, node: Node, index: int) -> Measurement | None:
        """The measurement and decision by which a group node came to be, if that was up to `index`."""
        found = self._fusions.get(node)
        return found if found and found.decision_index is not None and found.decision_index <= index else None

    def _check(self, event: AnyEvent) -> None:
        if problem := misfit(event, len(self.header.tasks), len(self.header.stages)):
            raise ValueError(f"event {len(self)} ({event.kind}): {problem}")

    def _close_phase(self, event: AnyEvent) -> None:
        if isinstance(event, PhaseStarted) and self._snapshots:
            for grain in GRAINS:
                ends = () if grain == "phase" else sorted(set(self._stage_ends.values()))
                self._stops[grain].extend((*ends, len(self) - 1))
            self._stage_ends = {}

    def _next(self, event: AnyEvent) -> Snapshot:
        index = len(self)
        if self._snapshots:
            now = replace(self._snapshots[-1], index=index, event=event)
        else:
            now = Snapshot(index, event, None, SharingGraph(nodes=(), edges=()), (), (), ())
        match event:
            case PhaseStarted():
                return replace(now, role=event.role, births=(), created=(), ghosts=())
            case NodeCreated():
                return replace(now, births=(*now.births, Birth(_born(now.graph, event), event.start, 0.0, {})))
            case AmalgamationProgressed():
                born = (event.stage, event.tasks)
                return replace(
                    now,
                    births=tuple(
                        replace(birth, done=event.done, losses=event.losses)
                        if (birth.node.stage, birth.node.tasks) == born
                        else birth
                        for birth in now.births
                    ),
                )
            case NodesRemoved():
                return _with_group_node(now, event)
            case StructureChanged():
                standing = {Node(node.stage, node.tasks) for node in event.graph.nodes if node.kind != "head"}
                arrived = tuple(node for node in map(_place, now.births) if node in standing)
                return replace(
                    now,
                    graph=event.graph,
                    births=tuple(birth for birth in now.births if _place(birth) not in standing),
                    created=(*now.created, *arrived),
                )
        return now

    def _note(self, event: AnyEvent, index: int) -> None:
        match event:
            case PhaseStarted():
                self.phases.append(Phase(event.phase, event.role, event.epochs, index, index))
            case SimilarityMeasured():
                self.measurements.append(Measurement(index, event))
                self._stops["decision"].append(index)
            case TasksGrouped():
                self._stops["decision"].append(index)
                self._decide(event, index)
            case Evaluated():
                self.evaluations.append((index, event))
            case EpochFinished():
                self.epochs.append((index, event))
            case AffinityUpdated():
                self.affinities.append((index, event))
            case GatesUpdated():
                self.gates.append((index, event))
            case PolicyUpdated():
                self.policies.append((index, event))
        if self.phases:
            self.phases[-1] = replace(self.phases[-1], last=index)
        stage = getattr(event, "stage", None)
        if stage is not None:
            self._stage_ends[stage] = index

    def _decide(self, event: TasksGrouped, index: int) -> None:
        for position in range(len(self.measurements) - 1, -1, -1):
            found = self.measurements[position]
            same = (found.similarity.stage, found.similarity.tasks) == (event.stage, event.tasks)
            if found.decision is None and same:
                decided = replace(found, decision_index=index, decision=event)
                self.measurements[position] = decided
                self._fusions.update({Node(event.stage, group): decided for group in event.fused})
                return


def group_similarity(measurement: Measurement, group: Group) -> float | None:
    """Mean similarity over the pairs of `group`, or None if one is not defined or not measured there."""
    where = {task: position for position, task in enumerate(measurement.similarity.tasks)}
    if len(group) < 2 or any(task not in where for task in group):
        return None
    found = [
        measurement.similarity.matrix[where[one]][where[other]]
        for position, one in enumerate(group)
        for other in group[position + 1 :]
    ]
    defined = [value for value in found if value is not None]
    return sum(defined) / len(defined) if len(defined) == len(found) else None


def task_order(nodes: Sequence[SharingNode], n_tasks: int) -> tuple[int, ...]:
    """The tasks [T] in an order in which tasks that share a node stand side by side (for a tree: all of them).

    >>> node = SharingNode(stage=0, tasks=(0, 2), kind="shared", neurons=8, parameters=0, macs=0)
    >>> task_order((node,), 3)
    (0, 2, 1)
    """
    first: dict[int, list[int]] = {task: [] for task in range(n_tasks)}
    for node in sorted(nodes, key=lambda node: (node.stage, len(node.tasks))):
        if len(node.tasks) > 1:
            for task in node.tasks:
                first[task].append(min(node.tasks))
    return tuple(sorted(first, key=lambda task: ([*first[task], task], task)))


def _place(birth: Birth) -> Node:
    return Node(birth.node.stage, birth.node.tasks)


def _born(graph: SharingGraph, event: NodeCreated) -> SharingNode:
    """The node of an event; it costs the multiply-accumulates of a task node of its stage."""
    macs = next((node.macs for node in graph.nodes if node.stage == event.stage and node.kind != "head"), 0)
    return SharingNode(
        stage=event.stage,
        tasks=event.tasks,
        kind="shared",
        neurons=event.neurons,
        parameters=event.parameters,
        macs=macs,
    )


def _with_group_node(now: Snapshot, event: NodesRemoved) -> Snapshot:
    """The group node in the place of the removed task nodes; the next `structure_changed` confirms it."""
    place = Node(event.stage, event.tasks)
    removed = tuple(Node(event.stage, (task,)) for task in event.tasks)
    birth = next((birth for birth in now.births if _place(birth) == place), None)
    gone = {
        position
        for position, node in enumerate(now.graph.nodes)
        if node.kind != "head" and Node(node.stage, node.tasks) in removed
    }
    graph = now.graph
    if birth is not None and gone:
        keep = [position for position in range(len(graph.nodes)) if position not in gone or position == min(gone)]
        where = {old: new for new, old in enumerate(keep)} | dict.fromkeys(gone, keep.index(min(gone)))
        ends = {(where[edge.source], where[edge.target]): edge.weight for edge in graph.edges}
        graph = SharingGraph(
            nodes=tuple(birth.node if old in gone else graph.nodes[old] for old in keep),
            edges=tuple(SharingEdge(source=one, target=other, weight=weight) for (one, other), weight in ends.items()),
        )
    return replace(
        now,
        graph=graph,
        births=tuple(birth for birth in now.births if _place(birth) != place),
        created=now.created if place in now.created else (*now.created, place),
        ghosts=(*now.ghosts, *removed),
    )
