"""Who shares which stage: for every stage a partition of the tasks, each refining the one below it, so a tree.

A `Structure` is a frozen record and knows nothing of weights. Tasks are indices into `tasks`; a group is a sorted tuple
of indices; a node is (stage, group). `core.branching` reads and writes the nested mapping in which the MTSL authors
publish converged architectures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Group = tuple[int, ...]
"""Sorted task indices."""

Partition = tuple[Group, ...]
"""Disjoint groups that cover all tasks, sorted by their first task."""


class Node(NamedTuple):
    """One stage evaluated for one group of tasks. Shared by all of `tasks`; a task's own node if there is one."""

    stage: int
    tasks: Group


class Candidate(NamedTuple):
    """Tasks whose task nodes sit side by side: same input, same stage, not fused yet (MTSL, candidate group)."""

    stage: int
    tasks: Group


class Difference(NamedTuple):
    """What has to be born and removed to turn one structure into another, in stage order."""

    created: tuple[Node, ...]
    removed: tuple[Node, ...]


@dataclass(frozen=True)
class Structure:
    """The sharing tree: `tasks` [T] names and `stages` [S] partitions of range(T), stage s + 1 refining stage s.

    Raises `ValueError` naming the stage and the tasks when a partition is not one, or does not refine the one below.

    >>> start = Structure.separate(("depth", "normals", "edges"), n_stages=2)
    >>> grown = start.merge(0, (0, 1))
    >>> grown.nodes()[0], grown.candidates()
    (Node(stage=0, tasks=(0, 1)), (Candidate(stage=1, tasks=(0, 1)),))
    >>> grown.describe(0)
    'depth+normals | edges'
    """

    tasks: tuple[str, ...]
    stages: tuple[Partition, ...]

    def __post_init__(self) -> None:
        if not self.tasks or len(set(self.tasks)) != len(self.tasks):
            raise ValueError(f"`tasks` should be one or more different names. Found {self.tasks!r}.")
        if not self.stages:
            raise ValueError("`stages` should hold at least one partition. Found none.")
        object.__setattr__(self, "stages", tuple(_sorted(partition) for partition in self.stages))
        below: Partition = (tuple(range(len(self.tasks))),)
        for stage, partition in enumerate(self.stages):
            self._check_partition(stage, partition)
            for group in partition:
                if not any(set(group) <= set(wider) for wider in below):
                    raise ValueError(
                        f"stage {stage}: {self.label(group)} share a node, but not the node below it at stage "
                        f"{stage - 1} ({self.describe(stage - 1)}). Tasks that parted cannot meet again."
                    )
            below = partition

    def _check_partition(self, stage: int, partition: Partition) -> None:
        found = [task for group in partition for task in group]
        unknown = sorted(set(found) - set(range(len(self.tasks))))
        if unknown:
            raise ValueError(f"stage {stage}: unknown task index {unknown[0]}; there are {len(self.tasks)} tasks.")
        twice = sorted({task for task in found if found.count(task) > 1})
        if twice:
            raise ValueError(f"stage {stage}: {self.label(twice)} in more than one group.")
        lost = sorted(set(range(len(self.tasks))) - set(found))
        if lost:
            raise ValueError(f"stage {stage}: {self.label(lost)} in no group.")
        if () in partition:
            raise ValueError(f"stage {stage}: an empty group.")

    @classmethod
    def separate(cls, tasks: Sequence[str], n_stages: int) -> "Structure":
        """Nothing shared: one network a task, where MTSL starts (the paper's Sep)."""
        return cls(tuple(tasks), (tuple((task,) for task in range(len(tasks))),) * n_stages)

    @classmethod
    def shared(cls, tasks: Sequence[str], n_stages: int) -> "Structure":
        """Everything but the heads shared (the paper's One)."""
        return cls(tuple(tasks), ((tuple(range(len(tasks))),),) * n_stages)

    @classmethod
    def from_branching(
        cls, branching: Mapping[str, object], n_stages: int = 10, tasks: Sequence[str] | None = None
    ) -> "Structure":
        """Read the MTSL authors' nested mapping; see `core.branching.read_branching`."""
        from core.branching import read_branching  # that module builds structures, so it imports this one

        return read_branching(branching, n_stages, tasks)

    def to_branching(self, authors_names: bool = False) -> dict[str, object]:
        """Write the MTSL authors' nested mapping; see `core.branching.write_branching`."""
        from core.branching import write_branching

        return write_branching(self, authors_names)

    @property
    def n_stages(self) -> int:
        """Number of stages of the backbone."""
        return len(self.stages)

    def nodes(self) -> tuple[Node, ...]:
        """All nodes, earliest stage first, in the order in which a forward pass can evaluate them."""
        return tuple(Node(stage, group) for stage, partition in enumerate(self.stages) for group in partition)

    def node(self, stage: int, task: int) -> Node:
        """The node that serves `task` at `stage`."""
        return Node(stage, next(group for group in self.stages[stage] if task in group))

    def path(self, task: int) -> tuple[Node, ...]:
        """The nodes that `task` runs through, from the image to its head."""
        return tuple(self.node(stage, task) for stage in range(self.n_stages))

    def parent(self, node: Node) -> Node | None:
        """The node whose output `node` reads, or None at stage 0 (it reads the image)."""
        return self.node(node.stage - 1, node.tasks[0]) if node.stage else None

    def candidates(self) -> tuple[Candidate, ...]:
        """Groups of two or more tasks that may fuse next: singletons of one stage below which all is shared.

        Tasks that stayed behind when others of their group fused remain a candidate at the same stage; they can never
        rejoin the group that left (MTSL, structural-learning phase, step c).
        """
        found = []
        for stage, partition in enumerate(self.stages):
            below = self.stages[stage - 1] if stage else (tuple(range(len(self.tasks))),)
            for wider in below:
                alone = tuple(task for task in wider if (task,) in partition)
                if len(alone) > 1:
                    found.append(Candidate(stage, alone))
        return tuple(found)

    def merge(self, stage: int, group: Iterable[int]) -> "Structure":
        """The structure in which the nodes of `group` at `stage` are one node.

        Raises `ValueError` if `group` cuts through an existing group, or its tasks do not share the stage below.
        """
        if not 0 <= stage < self.n_stages:
            raise ValueError(f"`stage` should be in 0..{self.n_stages - 1}. Found {stage}.")
        merged = tuple(sorted(set(group)))
        cut = [old for old in self.stages[stage] if set(old) & set(merged) and not set(old) <= set(merged)]
        if cut:
            raise ValueError(f"stage {stage}: {self.label(merged)} would take apart the group {self.label(cut[0])}.")
        rest = tuple(old for old in self.stages[stage] if not set(old) & set(merged))
        return Structure(self.tasks, (*self.stages[:stage], (*rest, merged), *self.stages[stage + 1 :]))

    def difference(self, other: "Structure") -> Difference:
        """Nodes that are only in `other` (created) and only in this structure (removed)."""
        if other.tasks != self.tasks:
            raise ValueError(f"`other` should have the tasks {self.tasks}. Found {other.tasks}.")
        mine, theirs = self.nodes(), other.nodes()
        return Difference(
            tuple(node for node in theirs if node not in mine), tuple(node for node in mine if node not in theirs)
        )

    def label(self, group: Iterable[int]) -> str:
        """The names of a group's tasks joined by `+`, for people only; never parsed back."""
        return "+".join(self.tasks[task] for task in sorted(group))

    def describe(self, stage: int) -> str:
        """The partition of one stage in words, for messages."""
        return " | ".join(self.label(group) for group in self.stages[stage])


def _sorted(partition: Iterable[Iterable[int]]) -> Partition:
    return tuple(sorted(tuple(sorted(group)) for group in partition))
