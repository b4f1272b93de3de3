"""Agglomerative clustering of a few tasks by average linkage, for a dendrogram. The method itself does not use it."""

from dataclasses import dataclass

from core.events import Matrix
from core.structure import Group


@dataclass(frozen=True)
class Join:
    """Two clusters become one at a similarity: the mean over all pairs between them."""

    left: Group
    right: Group
    similarity: float

    @property
    def tasks(self) -> Group:
        """All tasks below."""
        return tuple(sorted((*self.left, *self.right)))


def average_linkage(matrix: Matrix, tasks: Group) -> list[Join]:
    """The joins of the tasks [T] of a similarity matrix [T, T], most similar first; T - 1 of them.

    At each step the two clusters with the largest mean similarity join (average linkage, UPGMA, on 1 - similarity).
    A similarity that is not defined counts as 0, as it does in grouping. Ties go to the first tasks.

    >>> [join.tasks for join in average_linkage(((1.0, 0.2, 0.9), (0.2, 1.0, 0.4), (0.9, 0.4, 1.0)), (0, 1, 4))]
    [(0, 4), (0, 1, 4)]
    """
    where = {task: place for place, task in enumerate(tasks)}
    clusters: list[Group] = [(task,) for task in tasks]
    joins = []
    while len(clusters) > 1:
        pairs = [(one, other) for place, one in enumerate(clusters) for other in clusters[place + 1 :]]

        def mean(pair: tuple[Group, Group]) -> float:
            found = [matrix[where[one]][where[other]] or 0.0 for one in pair[0] for other in pair[1]]
            return sum(found) / len(found)

        left, right = max(pairs, key=mean)
        joins.append(Join(left, right, mean((left, right))))
        clusters = [joins[-1].tasks, *(one for one in clusters if one not in (left, right))]
        clusters.sort()
    return joins
