"""A whole run as a film of its sharing graph: every stop of a grain, stored as its difference to the stop before.

The player in the browser, the standalone page and the animation files all draw from a `Film`, with the geometry of
`explorer.figures.layout`, so that they show what `sharing_figure` shows. A film is a plain record that turns into
compact JSON; `states` plays the differences back. Any sharing graph will do, not only trees.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from core.structure import Group
from explorer import theme
from explorer.figures import layout

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
    input: str
    """What the network reads, in a word."""
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
            "input": self.input,
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
    "faintest": layout.FAINTEST,
}
"""What does not differ between nodes, in rows and columns of `explorer.figures.layout`."""


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
