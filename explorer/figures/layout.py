"""Geometry of the sharing graph: where nodes, their segments and the strands between them lie, as arrays.

Units: one column a task, one row a stage. The image is at the bottom, the heads on top. A node stands over the middle
of its tasks' columns; its width grows with the square root of its neurons; it is cut into one segment a task. Every
task runs as one strand from the image to its head, through its own segment of each node.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.sharing import SharingGraph, SharingNode
from core.structure import Group, Node

Floats = NDArray[np.float64]

HEIGHT = 0.4
"""Height of a node, in rows."""
WIDEST, NARROWEST = 0.9, 0.6
"""Width of the nodes with the most neurons of all, and the least width that still holds letters, in columns."""
RISE, FALL = 0.5, 0.37
"""How far above its row a group node on its way stands, and how far below a removed node lies."""
RISING_HEIGHT, GHOST_HEIGHT = 0.75 * HEIGHT, 0.4 * HEIGHT
"""Height of a group node on its way and of a removed node."""
IMAGE_ROW = -1.0
Orientation = Literal["up", "right"]
"""Where the graph grows to, from the image to the heads. All geometry here is that of "up"."""
FAINTEST = 0.12
"""Opacity of a strand of weight 0; one of weight 1 is opaque."""
_GAP = 0.06
_CORNER = (0.055, 0.11)
_TURN = np.linspace(0.0, 1.0, 11)
_EASE = _TURN * _TURN * (3 - 2 * _TURN)


@dataclass(frozen=True)
class Box:
    """A node in place: centre, width and height, and its tasks from left to right."""

    node: SharingNode
    x: float
    y: float
    width: float
    height: float
    tasks: Group

    def segment(self, task: int) -> tuple[float, float]:
        """Left and right end of the segment of `task`."""
        each = self.width / len(self.tasks)
        left = self.x - self.width / 2 + each * self.tasks.index(task)
        return left, left + each

    def middle(self, task: int) -> float:
        """Centre of the segment of `task`."""
        left, right = self.segment(task)
        return (left + right) / 2

    def outline(self) -> tuple[Floats, Floats]:
        """The closed outline of the whole box, and a NaN that ends it."""
        return rounded(self.x - self.width / 2, self.x + self.width / 2, self.bottom, self.top)

    @property
    def bottom(self) -> float:
        return self.y - self.height / 2

    @property
    def top(self) -> float:
        return self.y + self.height / 2


def boxes(graph: SharingGraph, order: Sequence[int], most_neurons: int) -> list[Box]:
    """A box for every node of `graph`, in its order; tasks stand in `order` [T] from left to right.

    `most_neurons` is the number that gets the full width, the same at every moment, so that widths can be compared.
    """
    column = {task: position for position, task in enumerate(order)}
    placed = [_box(node, column, most_neurons) for node in graph.nodes]
    for row in {box.y for box in placed}:
        _spread(placed, [index for index, box in enumerate(placed) if box.y == row], len(order))
    return placed


def raised_box(node: SharingNode, order: Sequence[int], most_neurons: int) -> Box:
    """The box of a group node on its way, between its task nodes and the row above."""
    box = _box(node, {task: position for position, task in enumerate(order)}, most_neurons)
    return replace(box, y=box.y + RISE, height=RISING_HEIGHT)


def filling(box: Box, share: float) -> Box:
    """The lower `share`, in (0, 1], of a box."""
    height = box.height * share
    return replace(box, y=box.bottom + height / 2, height=height)


def fallen_box(node: Node, order: Sequence[int]) -> Box:
    """The low box of a removed task node, below its row."""
    gone = SharingNode(stage=node.stage, tasks=node.tasks, kind="specific", neurons=0, parameters=0, macs=0)
    x = float(np.mean([order.index(task) for task in node.tasks]))
    return Box(gone, x, node.stage - FALL, NARROWEST, GHOST_HEIGHT, node.tasks)


def node_width(node: SharingNode, most_neurons: int) -> float:
    """Width of a node, in columns; `most_neurons` is the number that gets the full width."""
    share = min(1.0, (node.neurons / most_neurons) ** 0.5) if most_neurons else 1.0
    return NARROWEST if node.kind == "head" else max(NARROWEST, WIDEST * share)


def strand(x0: float, y0: float, x1: float, y1: float) -> tuple[Floats, Floats]:
    """A smooth line upwards from (x0, y0) to (x1, y1), vertical at both ends, and a NaN that ends it: two [12]."""
    x = np.append(x0 + (x1 - x0) * _EASE, np.nan)
    y = np.append(y0 + (y1 - y0) * _TURN, np.nan)
    return x, y


def segment_outline(box: Box, task: int) -> tuple[Floats, Floats]:
    """The closed outline of one segment, rounded where it ends the box, and a NaN that ends it."""
    left, right = box.segment(task)
    return rounded(left, right, box.bottom, box.top, round_left=task == box.tasks[0], round_right=task == box.tasks[-1])


def rounded(
    left: float, right: float, bottom: float, top: float, round_left: bool = True, round_right: bool = True
) -> tuple[Floats, Floats]:
    """A closed rectangle with rounded corners on the chosen sides, and a NaN that ends it."""
    rx, ry = min(_CORNER[0], (right - left) / 2), min(_CORNER[1], (top - bottom) / 2)
    turn = np.linspace(0, np.pi / 2, 5)
    quarters = (
        (right, top, 1, 1, round_right),
        (left, top, -1, 1, round_left),
        (left, bottom, -1, -1, round_left),
        (right, bottom, 1, -1, round_right),
    )
    xs: list[Floats] = []
    ys: list[Floats] = []
    for x, y, sx, sy, is_round in quarters:
        angle = turn if sx * sy > 0 else turn[::-1]
        xs.append(x + sx * rx * (np.cos(angle) - 1) if is_round else np.array([x]))
        ys.append(y + sy * ry * (np.sin(angle) - 1) if is_round else np.array([y]))
    return np.concatenate([*xs, xs[0][:1], [np.nan]]), np.concatenate([*ys, ys[0][:1], [np.nan]])


def _box(node: SharingNode, column: dict[int, int], most_neurons: int) -> Box:
    tasks = tuple(sorted(node.tasks, key=lambda task: column[task]))
    x = float(np.mean([column[task] for task in tasks]))
    return Box(node, x, float(node.stage), node_width(node, most_neurons), HEIGHT, tasks)


def _spread(placed: list[Box], row: list[int], columns: int) -> None:
    """Push the boxes of one row apart where they overlap, keeping their order and common centre. Mutates `placed`.

    Where they are more than `columns` hold, as shared, own and skipped nodes of every task are, all become narrower.
    """
    row.sort(key=lambda index: (placed[index].x, -len(placed[index].tasks), index))
    wanted = np.array([placed[index].x for index in row])
    widths = np.array([placed[index].width for index in row])
    room = columns - _GAP * (len(row) - 1)
    if widths.sum() > room:
        widths *= [1 + 0.5 * (len(placed[index].tasks) - 1) for index in row]  # letters need room in shared ones
        widths *= room / widths.sum()
    full = bool(widths.sum() >= room - 1e-9)
    xs = np.zeros_like(wanted) if full else wanted.copy()
    for position in range(1, len(row)):
        least = xs[position - 1] + (widths[position - 1] + widths[position]) / 2 + _GAP
        xs[position] = max(xs[position], least)
    xs += widths[0] / 2 - 0.5 - xs[0] if full else np.mean(wanted - xs)
    for index, x, width in zip(row, xs, widths, strict=True):
        placed[index] = replace(placed[index], x=float(x), width=float(width))
