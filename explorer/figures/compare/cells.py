"""Geometry of two structures laid over each other: columns of tasks, rows of stages, a cell a node and task.

A node that both structures have fills its row; where they differ, the first one's nodes lie in the upper half and the
second one's in the lower half, so that nothing overlaps.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.sharing import SharingNode
from core.structure import Group
from explorer.figures import layout
from explorer.figures.compare.members import Member
from explorer.figures.compare.sharing import Difference, Ground, PlacedNode, Side
from explorer.figures.layout import Floats
from explorer.theme import Properties

Line = tuple[Floats, Floats]

_LETTER_PIXELS = 13
HALF = 0.4  # half the width of a task's cell, in columns
LANES: dict[Side, tuple[float, float]] = {"both": (-0.31, 0.31), "one": (0.03, 0.37), "other": (-0.37, -0.03)}


class Cell(NamedTuple):
    """What one node shows in one task's column; `left` and `right` say whether the node ends there."""

    node: PlacedNode
    task: int
    column: int
    left: bool
    right: bool


def column_order(one: Member, other: Member, ground: Ground) -> Group:
    """The common tasks from left to right, as positions in the ground, the same at every moment.

    Those that share in the end stand side by side: first in the first run, then, where it does not tell, in the second.
    """
    rank = {task: number for number, task in enumerate(one.history.order())}
    ranks = [rank[task] for task in ground.tasks[0]]
    mine, theirs = (
        _company(member.history.latest.graph.nodes, tasks)
        for member, tasks in zip((one, other), ground.tasks, strict=True)
    )
    first = {company: min(ranks[task] for task in mine if mine[task] == company) for company in mine.values()}
    return tuple(sorted(mine, key=lambda task: (first[mine[task]], theirs[task], ranks[task])))


def _company(nodes: Sequence[SharingNode], tasks: Group) -> dict[int, tuple[int, ...]]:
    """For each position in `tasks` the first company it has in each node that it shares, earliest stage first."""
    found: dict[int, list[int]] = {position: [] for position in range(len(tasks))}
    rank = {task: position for position, task in enumerate(tasks)}
    for node in sorted(nodes, key=lambda node: (node.stage, len(node.tasks))):
        served = [rank[task] for task in node.tasks if task in rank]
        for position in served if len(served) > 1 else ():
            found[position].append(min(served))
    return {position: tuple(company) for position, company in found.items()}


def own_tasks(ground: Ground, tasks: Group) -> Group:
    """Positions in the ground as sorted tasks of the first run."""
    return tuple(sorted(ground.tasks[0][task] for task in tasks))


def cells_of(found: Difference, order: Group) -> list[Cell]:
    """One cell a node and task, from left to right within a node."""
    column = {task: number for number, task in enumerate(order)}
    cells = []
    for node in found.nodes:
        taken = {column[task] for task in node.tasks}
        cells += [
            Cell(node, order[place], place, place - 1 not in taken, place + 1 not in taken) for place in sorted(taken)
        ]
    return cells


def segment(cell: Cell, round_left: bool, round_right: bool) -> Line:
    low, high = LANES[cell.node.side]
    left = cell.column - (HALF if cell.left else 0.5)
    right = cell.column + (HALF if cell.right else 0.5)
    return layout.rounded(left, right, cell.node.stage + low, cell.node.stage + high, round_left, round_right)


def parts(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Cells of the same node that stand side by side."""
    runs: list[list[Cell]] = []
    for cell in cells:
        if cell.left or not runs:
            runs.append([])
        runs[-1].append(cell)
    return runs


def path(lines: Sequence[Line], line: Properties, name: str) -> Properties:
    x, y = (np.concatenate(part).astype(np.float32) for part in zip(*lines, strict=True)) if lines else ([None], [None])
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines",
        "line": line,
        "name": name,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def texts(spots: Sequence[tuple[float, float, str]], name: str, font: Properties) -> Properties:
    return {
        "type": "scatter",
        "x": [x for x, _, _ in spots],
        "y": [y for _, y, _ in spots],
        "mode": "text",
        "text": [text for _, _, text in spots],
        "textfont": font,
        "name": name,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def apart(values: Sequence[float], low: float, high: float, pixels: float) -> list[float]:
    """By how many pixels letters at `values` move up so that none overlaps; the axis runs from `low` to `high`
    over so many `pixels`.

    >>> apart([1.0, 1.0, 0.0], 0.0, 1.0, 260)
    [0.0, 13.0, 0.0]
    """
    scale = pixels / (high - low) if high > low else 0.0
    shifts = [0.0] * len(values)
    below = float("-inf")
    for place in sorted(range(len(values)), key=lambda place: values[place]):
        wanted = values[place] * scale
        below = max(wanted, below + _LETTER_PIXELS)
        shifts[place] = below - wanted
    return shifts
