"""`core.grouping.group_tasks` against plain enumeration of all set partitions."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.benches import BenchRow, time_ms
from core.grouping import Rule, group_tasks
from core.structure import Group, Partition

SIZES = ((5, None), (6, "<= 5 ms"), (8, None), (12, "<= 1000 ms"))
"""Number of tasks, what was promised."""

LARGEST_ENUMERATED = 8
"""Most tasks for which the reference runs: 4,140 partitions; at 12 it is 4,213,597, or minutes."""


def set_partitions(n_tasks: int) -> Iterator[Partition]:
    """All partitions of range(n_tasks): sorted groups, in the order of their first task.

    >>> list(set_partitions(2))
    [((0, 1),), ((0,), (1,))]
    """
    if n_tasks == 0:
        yield ()
        return
    last = n_tasks - 1
    for smaller in set_partitions(last):
        for i, group in enumerate(smaller):
            yield (*smaller[:i], (*group, last), *smaller[i + 1 :])
        yield (*smaller, (last,))


def best_partitions(
    similarity: NDArray[np.float64], min_similarity: float, rule: Rule = "best-partition", tie: float = 1e-9
) -> list[tuple[Partition, float] | None]:
    """By enumeration: the best partition into at most k groups and its score, for k = 1..T; None if none is allowed.

    The rule and the order among ties are those of `core.grouping.group_tasks`; `similarity` [T, T] without NaN.
    """
    s, n_tasks = similarity.tolist(), len(similarity)

    def score_of_group(group: Group) -> float:
        """Summed over the tasks: each one's mean similarity to the others."""
        return sum(sum(s[i][j] for j in group if j != i) / (len(group) - 1) for i in group) if len(group) > 1 else 0.0

    def order(partition: Partition) -> tuple[int, list[list[bool]]]:
        return -len(partition), [[task in group for task in range(n_tasks)] for group in partition]

    best: list[tuple[Partition, float] | None] = [None] * n_tasks
    for partition in set_partitions(n_tasks):
        if rule == "best-pairs" and any(
            s[i][j] <= min_similarity + tie for group in partition for i in group for j in group if i < j
        ):
            continue
        score = sum(map(score_of_group, partition)) / n_tasks
        for k in range(len(partition), n_tasks + 1):
            held = best[k - 1]
            if held is None or score > held[1] + tie or (score >= held[1] - tie and order(partition) > order(held[0])):
                best[k - 1] = partition, score
    return best


def rows() -> list[BenchRow]:
    """One row a number of tasks, random similarities; raises `RuntimeError` if the two sides differ."""
    found = []
    random = np.random.default_rng(0)
    for n_tasks, target in SIZES:
        half = random.uniform(0, 1, (n_tasks, n_tasks))
        similarity = (half + half.T) / 2
        ours = partial(group_tasks, similarity, 0.8)
        reference_ms = None
        if n_tasks <= LARGEST_ENUMERATED:
            plain = partial(best_partitions, similarity, 0.8)
            if [candidate.groups for candidate in ours().candidates] != [held[0] for held in plain()[:-1] if held]:
                raise RuntimeError(f"Grouping of {n_tasks} tasks differs from plain enumeration.")
            reference_ms = time_ms(plain, repeats=3)
        found.append(
            BenchRow(
                name=f"grouping, {n_tasks} tasks",
                ours_ms=time_ms(ours, repeats=21),
                reference_ms=reference_ms,
                reference="enumeration of all set partitions",
                target=target,
                note="" if reference_ms else "4,213,597 partitions: not enumerated",
            )
        )
    return found
