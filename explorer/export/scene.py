"""What a film shows at a stop, and anywhere between two stops: boxes and lines in rows and columns.

The same picture, and the same motion, as in `explorer/player/graph.js`: task nodes glide into the group node that took
their place, a group node on its way sinks into its row, what was removed falls and fades. Units are those of
`explorer.figures.layout`: columns across, rows along.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from core.structure import Group
from explorer.figures import layout
from explorer.figures.film import RISING, STANDS, Film, Presence, State

GHOST = 3
"""Status of a removed node, beside those of `explorer.figures.film`."""


class Rect(NamedTuple):
    """A rectangle: across from `left` to `right`, along from `bottom` to `top`."""

    left: float
    right: float
    bottom: float
    top: float

    def mixed(self, other: "Rect", share: float) -> "Rect":
        """The rectangle a share of the way to the other."""
        return Rect(*(one + (two - one) * share for one, two in zip(self, other, strict=True)))

    def moved(self, by: float) -> "Rect":
        """The rectangle further along."""
        return self._replace(bottom=self.bottom + by, top=self.top + by)


@dataclass(frozen=True)
class Box:
    """A node: its place in the film's table, its status, and how far it is if it is on its way."""

    rect: Rect
    node: int
    status: int
    done: float = 0.0
    alpha: float = 1.0


@dataclass(frozen=True)
class Piece:
    """The part of a node that belongs to one task; `first` and `last` say which of its sides are rounded."""

    rect: Rect
    node: int
    task: int
    status: int
    first: bool
    last: bool
    alpha: float = 1.0


@dataclass(frozen=True)
class Line:
    """A strand of a task (`size`: its weight) or a flow of its knowledge (`size`: its share), by both ends."""

    ends: tuple[float, float, float, float]
    task: int
    stages: tuple[int, int]
    size: float
    loss: float | None = None
    alpha: float = 1.0


@dataclass
class Scene:
    """All that is drawn, by keys that stay the same from stop to stop."""

    boxes: dict[Hashable, Box] = field(default_factory=dict)
    pieces: dict[Hashable, Piece] = field(default_factory=dict)
    strands: dict[Hashable, Line] = field(default_factory=dict)
    flows: dict[Hashable, Line] = field(default_factory=dict)


def scene(found: Film, state: State) -> Scene:
    """The scene of a state of the film."""
    now = Scene()
    fed = {target for _, target in state.edges}
    for node, there in state.nodes.items():
        stage, tasks = found.nodes[node].stage, found.nodes[node].tasks
        rect = _rect(found, node, there)
        now.boxes[node] = Box(rect, node, there.status, there.done)
        for task in tasks:
            piece = _piece(rect, tasks, task)
            if there.status == RISING:
                piece = piece._replace(top=piece.bottom + (piece.top - piece.bottom) * there.done)
            ends = task == tasks[0], task == tasks[-1]
            now.pieces[node, task] = Piece(piece, node, task, there.status, *ends)
            if there.status != RISING and node not in fed:
                x = (piece.left + piece.right) / 2
                now.strands[task, None, node] = Line((x, layout.IMAGE_ROW, x, rect.bottom), task, (-1, stage), 1.0)
    for node in state.ghosts:
        now.boxes["ghost", node] = Box(_ghost(found, node), node, GHOST)
    for (source, target), weight in state.edges.items():
        if source in now.boxes and target in now.boxes:
            _strand(found, now, source, target, weight)
    _flows(found, state, now)
    return now


def mixed(found: Film, before: Scene, after: Scene, share: float) -> Scene:
    """The scene a share, in [0, 1], of the way from one to the other."""
    now = Scene()

    both, gone, come = _pairs(before.boxes, after.boxes, lambda box: None)
    for key, one, other in both:
        later = other if share >= 0.5 else one
        done, alpha = _mix(one.done, other.done, share), _mix(one.alpha, other.alpha, share)
        now.boxes[key] = replace(later, rect=one.rect.mixed(other.rect, share), done=done, alpha=alpha)
    for key, box in gone:
        faded = 1 - share if box.status == GHOST else (1 - share) ** 2
        now.boxes[key] = _lonely(box, after.boxes, 1 - share, faded)
    for key, box in come:
        now.boxes[key] = _lonely(box, before.boxes, share, share**2)

    def kin(piece: Piece) -> Hashable | None:
        return None if piece.status == RISING else (piece.task, found.nodes[piece.node].stage)

    both_pieces, gone_pieces, come_pieces = _pairs(before.pieces, after.pieces, kin)
    for key, start, end in both_pieces:
        nearer, alpha = end if share >= 0.5 else start, _mix(start.alpha, end.alpha, share)
        now.pieces[key] = replace(nearer, rect=start.rect.mixed(end.rect, share), alpha=alpha)
    for key, piece in gone_pieces:
        now.pieces[key] = _falling(found, piece, after.pieces, 1 - share)
    for key, piece in come_pieces:
        now.pieces[key] = _falling(found, piece, before.pieces, share)

    now.strands = _lines(before.strands, after.strands, share, lambda line: (line.task, line.stages))
    now.flows = _lines(before.flows, after.flows, share, lambda line: None)
    return now


def ease(share: float) -> float:
    """A share that starts and ends slowly."""
    return share * share * (3 - 2 * share)


def _rect(found: Film, node: int, there: Presence) -> Rect:
    rising = there.status == RISING
    y = found.nodes[node].stage + (layout.RISE if rising else 0)
    half, width = (layout.RISING_HEIGHT if rising else layout.HEIGHT) / 2, found.nodes[node].width
    return Rect(there.x - width / 2, there.x + width / 2, y - half, y + half)


def _ghost(found: Film, node: int) -> Rect:
    tasks = found.nodes[node].tasks
    x = sum(found.order.index(task) for task in tasks) / len(tasks)
    y, half = found.nodes[node].stage - layout.FALL, layout.GHOST_HEIGHT / 2
    return Rect(x - layout.NARROWEST / 2, x + layout.NARROWEST / 2, y - half, y + half)


def _piece(rect: Rect, tasks: Group, task: int) -> Rect:
    each = (rect.right - rect.left) / len(tasks)
    left = rect.left + each * tasks.index(task)
    return rect._replace(left=left, right=left + each)


def _middle(rect: Rect, tasks: Group, task: int) -> float:
    piece = _piece(rect, tasks, task)
    return (piece.left + piece.right) / 2


def _strand(found: Film, now: Scene, source: int, target: int, weight: float) -> None:
    """Add the strands of one edge: one for each task on both ends."""
    lower, upper = found.nodes[source], found.nodes[target]
    start, end = now.boxes[source].rect, now.boxes[target].rect
    for task in lower.tasks:
        if task in upper.tasks:
            ends = _middle(start, lower.tasks, task), start.top, _middle(end, upper.tasks, task), end.bottom
            now.strands[task, source, target] = Line(ends, task, (lower.stage, upper.stage), weight)


def _flows(found: Film, state: State, now: Scene) -> None:
    """Add what flows from task nodes into group nodes on their way, by each task's share of the distillation loss."""
    places = {
        (found.nodes[node].stage, found.nodes[node].tasks[0]): node
        for node, there in state.nodes.items()
        if there.status != RISING and len(found.nodes[node].tasks) == 1 and found.nodes[node].kind != "head"
    }
    for node, there in state.nodes.items():
        if there.status != RISING:
            continue
        stage, tasks = found.nodes[node].stage, found.nodes[node].tasks
        losses = there.losses or (None,) * len(tasks)
        total = sum(loss or 0 for loss in losses)
        for task, loss in zip(tasks, losses, strict=True):
            if (stage, task) in places:
                start, end = now.boxes[places[stage, task]].rect, now.boxes[node].rect
                ends = (start.left + start.right) / 2, start.top, _middle(end, tasks, task), end.bottom
                share = (loss or 0) / total if total > 0 else 1 / len(tasks)
                now.flows[task, node] = Line(ends, task, (stage, stage), share, loss)


_Thing = TypeVar("_Thing")


def _pairs(
    before: Mapping[Hashable, _Thing], after: Mapping[Hashable, _Thing], kin: Callable[[_Thing], Hashable | None]
) -> tuple[list[tuple[Hashable, _Thing, _Thing]], list[tuple[Hashable, _Thing]], list[tuple[Hashable, _Thing]]]:
    """Things of both scenes (the same key, else of one kin), those that are gone and those that come."""
    both = [(key, thing, after[key]) for key, thing in before.items() if key in after]
    waiting: dict[Hashable, list[Hashable]] = {}
    for key, thing in before.items():
        if key not in after and (name := kin(thing)) is not None:
            waiting.setdefault(name, []).append(key)
    taken, come = set(), []
    for key, thing in after.items():
        if key in before:
            continue
        others = waiting.get(kin(thing))
        if others:
            taken.add(others[0])
            both.append((key, before[others.pop(0)], thing))
        else:
            come.append((key, thing))
    gone = [(key, thing) for key, thing in before.items() if key not in after and key not in taken]
    return both, gone, come


def _mix(one: float, other: float, share: float) -> float:
    return one + (other - one) * share


def _lonely(box: Box, others: Mapping[Hashable, Box], share: float, alpha: float) -> Box:
    """A box that only one of the scenes has, a share of the way from nothing to all."""
    start = box.rect
    if box.status == GHOST:
        start = others[box.node].rect if box.node in others else box.rect.moved(layout.FALL)
    elif box.status == RISING:
        start = box.rect.moved(-0.7 * layout.RISE)
    return replace(box, rect=start.mixed(box.rect, share), alpha=box.alpha * alpha)


def _falling(found: Film, piece: Piece, others: Mapping[Hashable, Piece], share: float) -> Piece:
    """A piece that only one of the scenes has: it falls below the node that holds its task now, and fades."""
    if piece.status == RISING:
        flat = piece.rect._replace(top=piece.rect.bottom)
        return replace(piece, rect=flat.mixed(piece.rect, share))
    stage = found.nodes[piece.node].stage
    into = next(
        (other for other in others.values() if other.task == piece.task and found.nodes[other.node].stage == stage),
        piece,
    )
    below = piece.rect._replace(left=into.rect.left, right=into.rect.right).moved(-layout.FALL)
    return replace(piece, rect=below.mixed(piece.rect, share), alpha=piece.alpha * share)


def _lines(
    before: Mapping[Hashable, Line],
    after: Mapping[Hashable, Line],
    share: float,
    kin: Callable[[Line], Hashable | None],
) -> dict[Hashable, Line]:
    both, gone, come = _pairs(before, after, kin)
    found: dict[Hashable, Line] = {}
    for key, one, other in both:
        start, end = one.ends, other.ends
        ends = tuple(_mix(first, second, share) for first, second in zip(start, end, strict=True))
        found[key] = replace(
            other if share >= 0.5 else one,
            ends=(ends[0], ends[1], ends[2], ends[3]),
            size=_mix(one.size, other.size, share),
            alpha=_mix(one.alpha, other.alpha, share),
        )
    found |= {key: replace(line, alpha=line.alpha * (1 - share)) for key, line in gone}
    return found | {key: replace(line, alpha=line.alpha * share) for key, line in come}


__all__ = ["GHOST", "STANDS", "Box", "Line", "Piece", "Rect", "Scene", "ease", "mixed", "scene"]
