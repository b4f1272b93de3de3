"""Takes the film of a run: the states at its stops, one after the other, sharing all that did not change."""

from bisect import insort
from dataclasses import dataclass, field, replace

from core.events import PolicyUpdated, TasksGrouped
from core.sharing import SharingGraph, SharingNode
from core.structure import Group, Node
from explorer import theme, words
from explorer.figures import layout
from explorer.figures.facts import node_size, node_why, story
from explorer.figures.film import (
    NEW,
    RISING,
    STANDS,
    Edge,
    Film,
    FilmNode,
    FilmTask,
    Frame,
    Presence,
    State,
    difference,
)
from explorer.moments import Grain, History, Snapshot
from explorer.reading import examples


def film(history: History, grain: Grain, also: int | None = None) -> Film:
    """The film of a run at the stops of `grain`, and at the event `also` if that is none of them."""
    stops = history.stops(grain)
    if also is not None and also not in stops:
        stops = [*stops]
        insort(stops, also)
    camera = _Camera(history)
    frames = []
    now = State({}, {}, frozenset(), {})
    for stop in stops:
        snapshot = history.snapshot(stop)
        then = camera.state(snapshot, now)
        frames.append(Frame(stop, words.when(snapshot), story(history, stop, grain), difference(now, then)))
        now = then
    header = history.header
    return Film(
        title=words.run_title(header),
        input=examples(header)[:-1],
        tasks=tuple(
            FilmTask(look.label, look.letter, look.colour, look.on_colour, look.dash) for look in theme.looks(header)
        ),
        order=history.order(),
        stages=tuple((stage.name, stage.neurons) for stage in header.stages),
        nodes=tuple(camera.nodes),
        reasons=tuple(camera.reasons),
        frames=tuple(frames),
    )


@dataclass
class _Camera:
    """Takes the states of a run one after the other; the tables of nodes and reasons grow on the way."""

    history: History
    nodes: list[FilmNode] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._order = self.history.order()
        self._column = {task: position for position, task in enumerate(self._order)}
        self._most = max(stage.neurons for stage in self.history.header.stages)
        self._ids: dict[tuple[object, ...], int] = {}
        self._places: list[Node] = []
        self._reason_ids: dict[str, int] = {}
        self._rows: dict[tuple[SharingNode, ...], tuple[tuple[float, float], ...]] = {}
        self._before: Snapshot | None = None
        self._xs: dict[int, float] = {}
        self._standing: dict[int, Presence] = {}
        self._edges: dict[Edge, float] = {}

    def state(self, snapshot: Snapshot, now: State) -> State:
        """The state of a snapshot; `now` is the one before, parts of which are shared where nothing changed."""
        before, self._before = self._before, snapshot
        if before is None or snapshot.graph is not before.graph:
            self._read(snapshot.graph)
        elif snapshot.created is before.created and snapshot.births is before.births:
            return self._decided(before, snapshot, State(now.nodes, now.edges, self._ghosts(snapshot), now.reasons))
        if before is None or snapshot.graph is not before.graph or snapshot.created is not before.created:
            self._stand(snapshot)
        nodes = dict(self._standing)
        for birth in snapshot.births:
            node = self._id(birth.node, 0)
            names = [self.history.header.tasks[task].name for task in self.nodes[node].tasks]
            losses = tuple(birth.losses.get(name) for name in names) if birth.losses else ()
            x = sum(self._column[task] for task in birth.node.tasks) / len(birth.node.tasks)
            nodes[node] = Presence(x, RISING, birth.done, losses)
        return self._decided(before, snapshot, State(nodes, self._edges, self._ghosts(snapshot), now.reasons))

    def _stand(self, snapshot: Snapshot) -> None:
        """What stands; records that still hold are kept, so that they compare at once."""
        created = set(snapshot.created)
        standing = {}
        for node, x in self._xs.items():
            status = NEW if created and self._places[node] in created else STANDS
            same = self._standing.get(node)
            standing[node] = same if same and same.x == x and same.status == status else Presence(x, status)
        self._standing = standing

    def _ghosts(self, snapshot: Snapshot) -> frozenset[int]:
        return frozenset(self._removed(place) for place in snapshot.ghosts)

    def _read(self, graph: SharingGraph) -> None:
        """Take over a graph: ids and places of its nodes, its edges."""
        rows: dict[int, list[int]] = {}
        for position, node in enumerate(graph.nodes):
            rows.setdefault(node.stage, []).append(position)
        ids = [0] * len(graph.nodes)
        self._xs = {}
        for row in rows.values():
            nodes = tuple(graph.nodes[position] for position in row)
            if nodes not in self._rows:
                placed = layout.boxes(SharingGraph(nodes=nodes, edges=()), self._order, self._most)
                self._rows[nodes] = tuple((box.x, box.width) for box in placed)
            seen: dict[tuple[Group, str], int] = {}
            for position, node, (x, width) in zip(row, nodes, self._rows[nodes], strict=True):
                same = (node.tasks, node.kind)
                seen[same] = seen.get(same, -1) + 1  # methods with several sub-networks have nodes that look the same
                ids[position] = self._id(node, seen[same], width)
                self._xs[ids[position]] = x
        edges: dict[Edge, float] = {}
        for edge in graph.edges:
            edges[ids[edge.source], ids[edge.target]] = edge.weight
        self._edges = edges

    def _id(self, node: SharingNode, nth: int, width: float | None = None) -> int:
        """The position of a node in the table, made at its first appearance; in a full row it may be less wide."""
        width = layout.node_width(node, self._most) if width is None else width
        key = (node.stage, node.tasks, node.kind, node.neurons, node.parameters, node.macs, nth, width)
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = len(self.nodes)
            tasks = tuple(sorted(node.tasks, key=self._column.__getitem__))
            self.nodes.append(FilmNode(node.stage, tasks, node.kind, width, node_size(node)))
            self._places.append(Node(node.stage, node.tasks))
        return found

    def _removed(self, place: Node) -> int:
        """The table position of a removed node: the last one that stood there."""
        for node in range(len(self._places) - 1, -1, -1):
            if self._places[node] == place and self.nodes[node].kind != "head":
                return node
        gone = SharingNode(stage=place.stage, tasks=place.tasks, kind="specific", neurons=0, parameters=0, macs=0)
        return self._id(gone, 0)

    def _decided(self, before: Snapshot | None, snapshot: Snapshot, then: State) -> State:
        """The state with why each node is so, asked anew only for nodes that came and for stages decided on since."""
        decided = {
            event.stage
            for position in range(before.index + 1 if before else 0, snapshot.index + 1)
            if isinstance(event := self.history.event(position), TasksGrouped | PolicyUpdated)
        }
        found: dict[int, int] = {}
        for node in then.nodes:
            if node in then.reasons and self.nodes[node].stage not in decided:
                continue
            head = self.nodes[node].kind == "head"
            text = "never shared" if head else node_why(self.history, self._places[node], snapshot.index)
            if text not in self._reason_ids:
                self._reason_ids[text] = len(self.reasons)
                self.reasons.append(text)
            if then.reasons.get(node) != self._reason_ids[text]:
                found[node] = self._reason_ids[text]
        return replace(then, reasons={**then.reasons, **found}) if found else then
