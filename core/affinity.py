"""Proximal inter-task affinity: how one group's optimizer step changes every task's loss, and the groups this gives.

Selective Task Group Updates (Jeong and Yoon, ICLR 2025) updates groups of tasks in turn. After the step of group G, the
losses of all tasks on the same batch tell what that step did to them: for i in G, B(i -> k) = 1 - L_k(after) /
L_k(before), positive where it helped. A running mean with a small decay keeps B; affinity propagation on it makes the
groups of the next batch.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import AffinityPropagation
from sklearn.exceptions import ConvergenceWarning

from core.structure import Group, Partition

Floats = NDArray[np.float64]

CONVERGENCE = 50
"""Iterations without a change after which affinity propagation has converged."""
RETRIES, MORE_ITERATIONS, ITERATIONS = 10, 100, 200
"""How often affinity propagation is run again when it finds no groups, and how much longer each time."""


def step_affinity(group: Sequence[int], before: ArrayLike, after: ArrayLike) -> Floats:
    """What one step of `group` says about affinity: [T, T], row acts on column, NaN where it says nothing.

    `before` and `after` [T] are all tasks' losses on the same batch around the step. The step's effect on task k is
    1 - after / before; tasks share it equally, so each row of the group holds it divided by the group's size. Between
    members i and k of the group: B(i -> i) counts only where it is not negative; where the losses of i and k moved in
    opposite directions, B(i -> k) is minus the larger of both; else it is k's own (section 3 of the paper).

    Raises `ValueError` for an unknown or repeated task, losses of different lengths, or a loss before that is not
    above 0.

    >>> step_affinity((0,), [1.0, 2.0], [0.9, 2.2]).round(3).tolist()
    [[0.1, -0.1], [nan, nan]]
    """
    old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if old.shape != new.shape or old.ndim != 1:
        raise ValueError(f"`before` and `after` should hold one loss a task. Found {old.shape} and {new.shape}.")
    members = sorted(set(group))
    if not members or len(members) != len(group) or not 0 <= members[0] <= members[-1] < len(old):
        raise ValueError(f"`group` should hold different tasks in 0..{len(old) - 1}. Found {list(group)}.")
    if not (old > 0).all():
        raise ValueError(f"`before` should be above 0. Found {old.min()}.")
    change = (1 - new / old) / len(members)  # [T]
    found = np.full((len(old), len(old)), np.nan)
    found[members] = change
    for i in members:
        if change[i] < 0:
            found[i, i] = np.nan
        for k in members:
            if k != i and change[i] * change[k] < 0:
                found[i, k] = -max(change[i], change[k])
    return found


def decayed(affinity: Floats, step: Floats, decay: float) -> Floats:
    """The running mean [T, T] after one more step: (1 - decay) B + decay step where the step says something.

    >>> decayed(np.zeros((1, 1)), np.ones((1, 1)), 0.25).tolist()
    [[0.25]]
    """
    return np.where(np.isnan(step), affinity, (1 - decay) * affinity + decay * np.nan_to_num(step))


def similarity_of(affinity: Floats) -> Floats | None:
    """The symmetric matrix [T, T] that is clustered: columns divided by their diagonal, then the mean with its mirror.

    None while some task's self-affinity is not above 0 yet: then there is nothing to divide by.

    >>> similarity_of(np.array([[2.0, 1.0], [0.0, 1.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    own = np.diagonal(affinity)
    if not (own > 0).all():
        return None
    scaled = affinity / own
    return np.asarray((scaled + scaled.T) / 2)


def affinity_groups(affinity: Floats, before: Partition, seed: int = 0) -> Partition:
    """The groups that affinity propagation finds in `affinity` [T, T]; those `before` where it finds none.

    scikit-learn's implementation on `similarity_of`, with the median as preference. It may end without groups; then it
    is run again, up to 10 times, each time 100 iterations longer. Groups are sorted tuples in the order of their first
    task.

    >>> near = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.1], [0.0, 0.1, 1.0]])
    >>> affinity_groups(near, ((0,), (1,), (2,)))
    ((0, 1), (2,))
    """
    similarity = similarity_of(affinity)
    if similarity is None or not np.isfinite(similarity).all():
        return before
    for attempt in range(RETRIES + 1):
        clustering = AffinityPropagation(
            affinity="precomputed",
            convergence_iter=CONVERGENCE,
            max_iter=ITERATIONS + MORE_ITERATIONS * attempt,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # what it means is handled right below
            labels = clustering.fit(similarity).labels_
        if len(labels) and min(labels) >= 0:
            groups: list[Group] = [tuple(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())]
            return tuple(sorted(groups))
    return before
