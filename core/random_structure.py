"""A random sharing tree of a wanted size: the control for "did the learned structure help, or just its size?"."""

from collections.abc import Sequence

import numpy as np

from core.structure import Group, Partition, Structure

TRIES = 2000
"""Trees that are drawn; the one closest to the wanted size is taken."""


def random_structure(tasks: Sequence[str], costs: Sequence[int], parameters: int, seed: int) -> Structure:
    """Of `TRIES` random trees the one whose stages have closest to `parameters` weights in all, heads left out.

    `costs` [S] are the weights of one node of each stage. A tree is drawn from the image up: at every stage each group
    of tasks stays together or falls apart into random groups, with a rate that is drawn for the whole tree, so that
    sizes from one shared network to separate ones all occur. Ties go to the tree that was drawn first.

    >>> random_structure(("a", "b", "c"), [10, 20, 30], 3 * 60, seed=0) == Structure.separate(("a", "b", "c"), 3)
    True
    """
    if not tasks or not costs:
        raise ValueError(f"`tasks` and `costs` should not be empty. Found {len(tasks)} tasks, {len(costs)} stages.")
    draw = np.random.default_rng(seed)
    best: tuple[Partition, ...] = ()
    nearest = np.inf
    for _ in range(TRIES):
        stages = _tree(len(tasks), len(costs), draw)
        size = sum(cost * len(partition) for cost, partition in zip(costs, stages, strict=True))
        if abs(size - parameters) < nearest:
            best, nearest = stages, abs(size - parameters)
    return Structure(tuple(tasks), best)


def _tree(n_tasks: int, n_stages: int, draw: np.random.Generator) -> tuple[Partition, ...]:
    rate = draw.uniform() ** 2  # small rates more often: a split low in the tree costs much
    groups: list[Group] = [tuple(range(n_tasks))]
    stages = []
    if draw.uniform() < 1 / n_stages:  # separate from the image on
        groups = [(task,) for task in range(n_tasks)]
    for _ in range(n_stages):
        groups = [part for group in groups for part in _split(group, rate, draw)]
        stages.append(tuple(sorted(groups)))
    return tuple(stages)


def _split(group: Group, rate: float, draw: np.random.Generator) -> list[Group]:
    """The group itself, or with probability `rate` its tasks in random groups."""
    if len(group) == 1 or draw.uniform() >= rate:
        return [group]
    into = draw.integers(2, len(group) + 1)
    places = draw.integers(0, into, len(group))
    parts = (tuple(task for task, place in zip(group, places, strict=True) if place == part) for part in range(into))
    return [part for part in parts if part]
