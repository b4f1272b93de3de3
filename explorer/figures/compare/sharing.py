"""Who shares what in several runs: on common ground, as numbers, and where two runs differ.

Runs are compared by stable ids: a task is its name, a stage its name, a node its stage and its tasks. Whether tasks
share is one yes or no for each stage and pair of tasks, so any two structures can be compared, trees or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.sharing import SharingGraph, SharingNode
from core.structure import Group
from explorer.figures.compare.members import Member

Flags = NDArray[np.bool_]
Side = Literal["both", "one", "other"]


@dataclass(frozen=True)
class Ground:
    """What runs have in common, and what cannot be compared (`notes`).

    `tasks` and `stages` hold, for each run, the indices of the common tasks and stages, in the first run's order.
    """

    tasks: tuple[Group, ...]
    stages: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of positions in `tasks`, in the order in which all arrays hold them."""
        return list(combinations(range(len(self.tasks[0])), 2))

    @property
    def empty(self) -> bool:
        """Whether there is no pair of tasks at no stage to compare."""
        return not self.pairs or not self.stages[0]


@dataclass(frozen=True)
class PlacedNode:
    """A node of the union of two structures: stage and sorted tasks as positions in the ground, and who has it."""

    stage: int
    tasks: Group
    side: Side


@dataclass(frozen=True)
class Difference:
    """Two structures on common ground: who shares, [S, P] for stages and pairs, and the nodes of either."""

    one: Flags
    other: Flags
    nodes: tuple[PlacedNode, ...]

    @property
    def counts(self) -> dict[str, int]:
        """(Stage, pair) entries that share in both, only in one, only in the other, in neither."""
        return {
            "both": int((self.one & self.other).sum()),
            "one": int((self.one & ~self.other).sum()),
            "other": int((~self.one & self.other).sum()),
            "neither": int((~self.one & ~self.other).sum()),
        }

    @property
    def agreement(self) -> float:
        """Share of (stage, pair) entries that agree, in [0, 1]: the mean of `rand`."""
        return float((self.one == self.other).mean())

    @property
    def rand(self) -> NDArray[np.float64]:
        """Rand index of the two partitions of each stage [S]: the share of its pairs that agree (Rand 1971)."""
        agree: NDArray[np.float64] = (self.one == self.other).mean(axis=1)
        return agree


def common_ground(members: Sequence[Member]) -> Ground:
    """The tasks and stages that all members have, matched by name.

    Where no stage has a name in common but all runs have as many, stages are matched by their position.
    """
    headers, letters = [member.header for member in members], [member.letter for member in members]
    tasks, lost_tasks = _common([[task.name for task in header.tasks] for header in headers])
    names = [[stage.name for stage in header.stages] for header in headers]
    stages, lost_stages = _common(names)
    notes = _left_out("Task", lost_tasks, letters)
    if not stages[0] and len({len(found) for found in names}) == 1:
        stages = [tuple(range(len(names[0])))] * len(headers)
        notes.append("Stages have other names; they are matched by their position.")
    else:
        notes += _left_out("Stage", lost_stages, letters)
    widths = [
        [header.stages[stage].neurons for stage in chosen] for header, chosen in zip(headers, stages, strict=True)
    ]
    if any(width != widths[0] for width in widths):
        notes.append("Stages of the same name have other numbers of neurons: another backbone.")
    return Ground(tuple(tasks), tuple(stages), tuple(notes))


def comparable(members: Sequence[Member]) -> list[Member]:
    """The first member and those that, with all before them, have two tasks and a stage in common with it."""
    found = [members[0]]
    for member in members[1:]:
        if not common_ground([*found, member]).empty:
            found.append(member)
    return found


def shared_pairs(graph: SharingGraph, tasks: Sequence[int], stages: Sequence[int]) -> Flags:
    """Whether each pair of `tasks` shares each of `stages` [S, P]: whether a node there serves both.

    Heads and skips, which hold no shared weights, do not count.
    """
    row, rank = _positions(stages), _positions(tasks)
    pairs = {pair: number for number, pair in enumerate(combinations(range(len(tasks)), 2))}
    found = np.zeros((len(stages), len(pairs)), dtype=np.bool_)
    for node in filter(_holds_weights, graph.nodes):
        if node.stage in row:
            served = sorted(rank[task] for task in node.tasks if task in rank)
            for pair in combinations(served, 2):
                found[row[node.stage], pairs[pair]] = True
    return found


def member_pairs(members: Sequence[Member], ground: Ground) -> list[Flags]:
    """`shared_pairs` of every member at its moment."""
    return [
        shared_pairs(member.snapshot.graph, tasks, stages)
        for member, tasks, stages in zip(members, ground.tasks, ground.stages, strict=True)
    ]


def difference(one: SharingGraph, other: SharingGraph, ground: Ground) -> Difference:
    """Where two structures differ; `ground` is that of these two runs. Nodes come in stage order."""
    mine, theirs = (
        _nodes(graph, tasks, stages)
        for graph, tasks, stages in zip((one, other), ground.tasks, ground.stages, strict=True)
    )
    sides: tuple[tuple[Side, set[tuple[int, Group]]], ...] = (
        ("both", mine & theirs),
        ("one", mine - theirs),
        ("other", theirs - mine),
    )
    nodes = sorted((stage, tasks, side) for side, found in sides for stage, tasks in found)
    flags = [
        shared_pairs(graph, tasks, stages)
        for graph, tasks, stages in zip((one, other), ground.tasks, ground.stages, strict=True)
    ]
    return Difference(flags[0], flags[1], tuple(PlacedNode(stage, tasks, side) for stage, tasks, side in nodes))


def agreements(members: Sequence[Member]) -> list[list[float | None]]:
    """Agreement of every two members, each on their own common ground [R, R]; None where there is none."""
    found: list[list[float | None]] = [[1.0] * len(members) for _ in members]
    for row, column in combinations(range(len(members)), 2):
        ground = common_ground([members[row], members[column]])
        one, other = member_pairs([members[row], members[column]], ground)
        found[row][column] = found[column][row] = None if ground.empty else float((one == other).mean())
    return found


def _common(names: Sequence[Sequence[str]]) -> tuple[list[Group], dict[str, list[int]]]:
    """For each run the positions of the names that all have; and the others, with the runs that have them.

    A name that comes twice is another thing each time.
    """
    keyed = [[(name, found[:number].count(name)) for number, name in enumerate(found)] for found in names]
    common = [key for key in keyed[0] if all(key in keys for keys in keyed)]
    lost: dict[str, list[int]] = {}
    for run, keys in enumerate(keyed):
        for key in keys:
            if key not in common and run not in lost.setdefault(key[0], []):
                lost[key[0]].append(run)
    return [tuple(keys.index(key) for key in common) for keys in keyed], lost


def _left_out(kind: str, lost: dict[str, list[int]], letters: Sequence[str]) -> list[str]:
    """One note for all that the same runs have: "Stages x, y are only in A: left out."."""
    by_runs: dict[tuple[int, ...], list[str]] = {}
    for name, runs in lost.items():
        by_runs.setdefault(tuple(runs), []).append(name)
    notes = []
    for having, found in by_runs.items():
        several = len(found) > 1
        who = " and ".join(letters[run] for run in having)
        notes.append(f"{kind}{'s' if several else ''} {', '.join(found)} {'are' if several else 'is'} only in {who}.")
    return notes


def _nodes(graph: SharingGraph, tasks: Sequence[int], stages: Sequence[int]) -> set[tuple[int, Group]]:
    """The nodes of a graph on the ground, as stage and sorted tasks."""
    row, rank = _positions(stages), _positions(tasks)
    found = {
        (row[node.stage], tuple(sorted(rank[task] for task in node.tasks if task in rank)))
        for node in filter(_holds_weights, graph.nodes)
        if node.stage in row
    }
    return {(stage, served) for stage, served in found if served}


def _holds_weights(node: SharingNode) -> bool:
    return node.kind not in ("head", "skip")


def _positions(indices: Sequence[int]) -> dict[int, int]:
    return {index: position for position, index in enumerate(indices)}
