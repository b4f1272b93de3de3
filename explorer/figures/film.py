"""A whole run as a film of its sharing graph: every stop of a grain, stored as its difference to the stop before.

The player in the browser, the standalone page and the animation files all draw from a `Film`, with the geometry of
`explorer.figures.layout`, so that they show what `sharing_figure` shows. A film is a plain record that turns into
compact JSON; `states` plays the differences back. Any sharing graph will do, not only trees.
"""

import json
from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from core.events import TasksGrouped
from core.sharing import SharingGraph, SharingNode
from core.structure import Group, Node
from explorer import theme, words
from explorer.figures import layout
from explorer.figures.facts import node_size, node_why, story
from explorer.moments import Grain, History, Snapshot

STANDS, NEW, RISING = 0, 1, 2
"""Status of a node: it stands, it took its place in this phase, or it is a group node on its way."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

Edge = tuple[int, int]
"""Source and target, as positions in the table of nodes."""


@dataclass(frozen=True)
class FilmTask:
    """A task and its look, as in `theme.TaskLook`."""

    label: str
    letter: str
    colour: str
    on_colour: str
    dash: str


@dataclass(frozen=True)
class FilmNode:
    """A node that exists at some stop; `tasks` from left to right, `width` in columns, `size` in words."""

    stage: int
    tasks: Group
    kind: str
    width: float
    size: str


@dataclass(frozen=True)
class Presence:
    """A node at one stop: its centre (in columns), its status, and of a rising one how far it is.

    `losses` are those of its tasks, in its own order of them; None where there is none yet.
    """

    x: float
    status: int = STANDS
    done: float = 0.0
    losses: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class State:
    """The graph at one stop. Keys of nodes are positions in the film's table."""

    nodes: Mapping[int, Presence]
    edges: Mapping[Edge, float]
    """Edge -> weight in [0, 1]."""
    ghosts: frozenset[int]
    """Nodes that were removed in this phase."""
    reasons: Mapping[int, int]
    """Node -> position in the film's table of reasons."""


@dataclass(frozen=True)
class Change:
    """From one state to the next: what is set anew and what is gone."""

    nodes: Mapping[int, Presence | None]
    edges: Mapping[Edge, float | None]
    ghosts: Mapping[int, bool]
    reasons: Mapping[int, int]


@dataclass(frozen=True)
class Frame:
    """One stop: the position of its event, where it stands, what happened since the stop before, and the change."""

    index: int
    where: str
    what: str
    change: Change


@dataclass(frozen=True)
class Film:
    """The frames of a run and all they refer to."""

    title: str
    tasks: tuple[FilmTask, ...]
    """In the order of the run's task list; `order` puts them from left to right."""
    order: tuple[int, ...]
    stages: tuple[tuple[str, int], ...]
    """Name and neurons of each stage."""
    nodes: tuple[FilmNode, ...]
    reasons: tuple[str, ...]
    frames: tuple[Frame, ...]

    def to_json(self) -> str:
        """The film as compact JSON; what `explorer/player/graph.js` reads (its field names are explained there)."""
        record = {
            "title": self.title,
            "tasks": [[task.label, task.letter, task.colour, task.on_colour, task.dash] for task in self.tasks],
            "order": self.order,
            "stages": self.stages,
            "nodes": [[node.stage, node.tasks, node.kind, round(node.width, 4), node.size] for node in self.nodes],
            "reasons": self.reasons,
            "frames": [[frame.index, frame.where, frame.what, *_packed(frame.change)] for frame in self.frames],
            "geometry": GEOMETRY,
            "colours": {"accent": theme.ACCENT, "neutral": theme.NEUTRAL, "faint": theme.FAINT},
        }
        return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


GEOMETRY: Final[Mapping[str, float]] = {
    "image": layout.IMAGE_ROW,
    "height": layout.HEIGHT,
    "rise": layout.RISE,
    "rising": layout.RISING_HEIGHT,
    "fall": layout.FALL,
    "ghost": layout.GHOST_HEIGHT,
    "narrow": layout.NARROWEST,
}
"""What does not differ between nodes, in rows and columns of `explorer.figures.layout`."""


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
        tasks=tuple(
            FilmTask(look.label, look.letter, look.colour, look.on_colour, look.dash) for look in theme.looks(header)
        ),
        order=history.order(),
        stages=tuple((stage.name, stage.neurons) for stage in header.stages),
        nodes=tuple(camera.nodes),
        reasons=tuple(camera.reasons),
        frames=tuple(frames),
    )


def states(found: Film) -> Iterator[State]:
    """The state at each frame, played back from the differences."""
    now = State({}, {}, frozenset(), {})
    for frame in found.frames:
        now = played(now, frame.change)
        yield now


def difference(now: State, then: State) -> Change:
    """What leads from one state to the next."""
    return Change(
        nodes=_changed(now.nodes, then.nodes),
        edges=_changed(now.edges, then.edges),
        ghosts={node: node in then.ghosts for node in now.ghosts ^ then.ghosts},
        reasons={node: text for node, text in then.reasons.items() if now.reasons.get(node) != text}
        if now.reasons is not then.reasons
        else {},
    )


def played(now: State, change: Change) -> State:
    """The state after a change; the inverse of `difference`."""
    gone = {node for node, there in change.ghosts.items() if not there}
    return State(
        nodes=_played(now.nodes, change.nodes),
        edges=_played(now.edges, change.edges),
        ghosts=(now.ghosts | change.ghosts.keys()) - gone,
        reasons={**now.reasons, **change.reasons} if change.reasons else now.reasons,
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
        self._rows: dict[tuple[int, ...], tuple[float, ...]] = {}
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
        seen: dict[tuple[int, Group, str], int] = {}
        ids = []
        for node in graph.nodes:
            same = (node.stage, node.tasks, node.kind)
            seen[same] = seen.get(same, -1) + 1  # methods with several sub-networks have nodes that look the same
            ids.append(self._id(node, seen[same]))
        rows: dict[int, list[int]] = {}
        for position, node in enumerate(graph.nodes):
            rows.setdefault(node.stage, []).append(position)
        self._xs = dict.fromkeys(ids, 0.0)
        for row in rows.values():
            key = tuple(ids[position] for position in row)
            if key not in self._rows:
                alone = SharingGraph(nodes=tuple(graph.nodes[position] for position in row), edges=())
                self._rows[key] = tuple(box.x for box in layout.boxes(alone, self._order, self._most))
            self._xs.update(zip(key, self._rows[key], strict=True))
        edges: dict[Edge, float] = {}
        for edge in graph.edges:
            edges[ids[edge.source], ids[edge.target]] = edge.weight
        self._edges = edges

    def _id(self, node: SharingNode, nth: int) -> int:
        """The position of a node in the table, made at its first appearance."""
        key = (node.stage, node.tasks, node.kind, node.neurons, node.parameters, node.macs, nth)
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = len(self.nodes)
            tasks = tuple(sorted(node.tasks, key=self._column.__getitem__))
            width = layout.node_width(node, self._most)
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
            if isinstance(event := self.history.event(position), TasksGrouped)
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


def _changed(now: Mapping[_Key, _Value], then: Mapping[_Key, _Value]) -> dict[_Key, _Value | None]:
    if now is then:
        return {}
    found: dict[_Key, _Value | None] = {}
    for key, value in then.items():
        before = now.get(key)
        if before is not value and before != value:
            found[key] = value
    return found | {key: None for key in now if key not in then}


def _played(now: Mapping[_Key, _Value], change: Mapping[_Key, _Value | None]) -> Mapping[_Key, _Value]:
    if not change:
        return now
    then = dict(now)
    for key, value in change.items():
        if value is None:
            then.pop(key, None)
        else:
            then[key] = value
    return then


def _packed(change: Change) -> list[object]:
    """A change as short lists; empty ones at the end are left out."""
    nodes: list[object] = []
    for node, there in change.nodes.items():
        if there is None:
            nodes.append(node)
        else:
            rest: list[float | None] = [round(there.x, 4), there.status]
            if there.status == RISING:
                rest += [round(there.done, 4), *(_short(loss) for loss in there.losses)]
            nodes.append([node, *rest])
    edges = [[*edge, -1 if weight is None else round(weight, 4)] for edge, weight in change.edges.items()]
    ghosts = [node if there else -1 - node for node, there in change.ghosts.items()]
    packed: list[object] = [nodes, edges, ghosts, [part for pair in change.reasons.items() for part in pair]]
    while packed and not packed[-1]:
        packed.pop()
    return packed


def _short(loss: float | None) -> float | None:
    return None if loss is None else float(f"{loss:.4g}")
