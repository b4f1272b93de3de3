"""Who fuses: the best partition of tasks for a similarity matrix, exactly, by dynamic programming over subsets.

Notation: the score of a task is its mean similarity to the other tasks of its group, 0 if it is alone; the score of a
group or of a partition is the mean over its tasks. A set of tasks is a bit mask in which task 0 is the highest of T
bits, so that the group of the first task is the one with the highest bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.structure import Group, Partition

Rule = Literal["best-partition", "best-pairs"]

MAX_TASKS = 15
"""Largest number of tasks: the search takes time proportional to 3^T."""

_TIE = 1e-9  # scores closer than this times the largest similarity are equal: no rounding error decides who fuses

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ScoredPartition:
    """The best partition with at most `k` groups, and its score (in the unit of the similarity)."""

    k: int
    groups: Partition
    score: float


@dataclass(frozen=True)
class Grouping:
    """The decision of one structural step: what was chosen, what of it fuses, and everything it was chosen from."""

    groups: Partition
    """The chosen partition: sorted tuples of task indices, in the order of their first task."""
    fused: Partition
    """Those of `groups` whose tasks fuse."""
    score: float
    """Score of the chosen partition."""
    group_scores: tuple[float, ...]
    """Score of each of `groups`, 0 for a task alone."""
    candidates: tuple[ScoredPartition, ...]
    """The best partition for each k = 1..T-1; by "best-pairs" only for those k for which one is allowed."""
    min_similarity: float
    """The threshold."""
    rule: Rule
    """How the choice was made; see `group_tasks`."""
    undefined_pairs: tuple[Group, ...]
    """Pairs of tasks without a similarity (NaN), treated as not similar."""
    reason: str
    """Why, in words and numbers, for people."""


def group_tasks(
    similarity: ArrayLike,
    min_similarity: float,
    rule: Rule = "best-partition",
    names: Sequence[str] = (),
) -> Grouping:
    """Choose which tasks fuse from their `similarity` [T, T] (symmetric, diagonal ignored) and a threshold.

    "best-partition" is MTSL's (Gurulingan et al. 2023, grouping): for each k = 1..T-1 the partition of at most k groups
    with the largest score; chosen is that of the smallest k whose score reaches `min_similarity`, else the last one.
    Its groups of two or more tasks that score above `min_similarity` fuse. A task that is alone scores 0 and pulls the
    score of its partition down, so this rule may drag a third task into a good pair until the group falls short.

    "best-pairs" mends that: in every group every pair of tasks must lie above `min_similarity`. Chosen is the allowed
    partition with the largest score, and all its groups of two or more tasks fuse.

    Ties (scores closer than 1e-9 times the largest similarity) go to the fewest groups, then to the partition that has
    task 1 with task 0, then task 2 with task 0, and so on, then likewise for the next group; a score that ties with the
    threshold reaches it but is not above it. Without ties the order of tasks does not matter.

    A NaN pair is "not similar": the partitions with the fewest such pairs inside groups go first, there the pair counts
    as 0, and a partition with such a pair is taken only as the last one, its group never fused. `names` (T, default
    numbers) are for `reason` only. The input is not changed.

    Raises `ValueError` for T outside 2..15, a matrix that is not square, not symmetric or has infinite values, a
    threshold that is not finite, an unknown rule, or a number of names other than T.

    >>> similarity = [[1.0, 0.9, 0.5], [0.9, 1.0, 0.5], [0.5, 0.5, 1.0]]
    >>> group_tasks(similarity, 0.8).fused  # {0, 1, 2} scores 0.633, {0, 1} with 2 alone only 0.6
    ()
    >>> group_tasks(similarity, 0.8, rule="best-pairs").fused
    ((0, 1),)
    """
    if rule not in get_args(Rule):
        raise ValueError(f"`rule` should be one of {', '.join(map(repr, get_args(Rule)))}. Found {rule!r}.")
    if not np.isfinite(min_similarity):
        raise ValueError(f"`min_similarity` should be finite. Found {min_similarity}.")
    ranking = rank_partitions(similarity, rule, min_similarity)
    n_tasks = len(ranking.pairs)
    if names and len(names) != n_tasks:
        raise ValueError(f"`names` should hold {n_tasks} names, one a task. Found {len(names)}.")
    chosen, reached = ranking.choose(min_similarity)
    grouping = Grouping(
        groups=chosen.groups,
        fused=ranking.fused(chosen.groups, min_similarity),
        score=chosen.score,
        group_scores=tuple(map(ranking.score, chosen.groups)),
        candidates=ranking.candidates,
        min_similarity=float(min_similarity),
        rule=rule,
        undefined_pairs=tuple((int(i), int(j)) for i, j in np.argwhere(np.triu(ranking.undefined))),
        reason="",
    )
    return replace(grouping, reason=_reason(grouping, reached, names))


@dataclass(frozen=True)
class Ranking:
    """The search behind a decision. Under "best-partition" it is the same at every threshold; see `group_tasks`."""

    rule: Rule
    pairs: Floats
    """The similarities [T, T] with NaN and the diagonal as 0."""
    undefined: NDArray[np.bool_]
    """Which pairs are NaN [T, T]."""
    best: tuple[ScoredPartition, ...]
    """The best partition for each k = 1..T that allows one."""

    @property
    def candidates(self) -> tuple[ScoredPartition, ...]:
        """What is chosen from, as a `Grouping` lists it."""
        return tuple(found for found in self.best if found.k < len(self.pairs))

    @property
    def tie(self) -> float:
        """Scores that differ by no more are equal."""
        return _TIE * _scale(self.pairs)

    def choose(self, min_similarity: float) -> tuple[ScoredPartition, bool]:
        """The chosen partition, and whether it was chosen because it reaches the threshold."""
        if self.rule == "best-pairs":
            return self.best[-1], True
        for candidate in self.candidates:
            if candidate.score >= min_similarity - self.tie and all(map(self.defined, candidate.groups)):
                return candidate, True
        return self.candidates[-1], False

    def fused(self, groups: Partition, min_similarity: float) -> Partition:
        """Those of the chosen `groups` whose tasks fuse."""
        return tuple(
            group
            for group in groups
            if len(group) > 1
            and self.defined(group)
            and (self.rule == "best-pairs" or self.score(group) > min_similarity + self.tie)
        )

    def score(self, group: Group) -> float:
        """Mean similarity within a group, 0 for a task alone."""
        return float(self.pairs[np.ix_(group, group)].sum(1).mean()) / max(len(group) - 1, 1)

    def defined(self, group: Group) -> bool:
        """Whether every pair of a group has a similarity."""
        return not self.undefined[np.ix_(group, group)].any()


def rank_partitions(similarity: ArrayLike, rule: Rule, min_similarity: float) -> Ranking:
    """The best partition of the tasks for each number of groups; see `group_tasks`, which also says what is raised.

    Only "best-pairs" looks at the threshold: it allows no partition with a pair that is not above it.
    """
    pairs, undefined = _read(similarity)
    n_tasks, scale = len(pairs), _scale(pairs)
    tie = _TIE * scale

    member = (np.arange(1 << n_tasks)[:, None] >> np.arange(n_tasks)[::-1]) & 1  # [2^T, T]
    totals = _pair_sums(pairs, member) / np.maximum(member.sum(1) - 1, 1)  # summed task scores of each set  [2^T]
    if rule == "best-pairs":
        too_far = undefined | (pairs <= min_similarity + tie)
        values = np.where(_pair_sums(too_far & ~np.eye(n_tasks, dtype=bool), member) > 0, -np.inf, totals)
    else:  # one undefined pair outweighs all scores together, yet leaves them 9 digits
        values = totals - 4 * n_tasks * scale * _pair_sums(undefined, member) / 2

    def scored(k: int, masks: list[int]) -> ScoredPartition:
        groups = tuple(tuple(int(task) for task in np.flatnonzero(member[mask])) for mask in masks)
        return ScoredPartition(k, groups, float(totals[masks].sum()) / n_tasks)

    found = _search(values, n_tasks, n_tasks * tie)
    best = tuple(scored(k, masks) for k, masks in enumerate(found, start=1) if masks)
    return Ranking(rule, pairs, undefined, best)


def _scale(pairs: Floats) -> float:
    """The largest similarity, 1 if all are 0: ties are measured by it."""
    return float(np.abs(pairs).max()) or 1.0


def _read(similarity: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """The similarities with NaN and the diagonal as 0, and which pairs are NaN, both [T, T]."""
    given = np.asarray(similarity, dtype=np.float64)
    if given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise ValueError(f"`similarity` should be a square matrix. Found shape {list(given.shape)}.")
    if not 2 <= len(given) <= MAX_TASKS:
        raise ValueError(f"`similarity` should have 2 to {MAX_TASKS} tasks. Found {len(given)}.")
    if np.isinf(given).any():
        raise ValueError("`similarity` should have no infinite values. Found some.")
    undefined = np.isnan(given) & ~np.eye(len(given), dtype=bool)
    pairs = np.where(np.isnan(given), 0.0, given)
    np.fill_diagonal(pairs, 0.0)
    off = np.abs(pairs - pairs.T) > 1e-6 * np.abs(pairs).max()
    wrong = np.argwhere(off | (undefined != undefined.T))
    if len(wrong):
        i, j = wrong[0]
        raise ValueError(f"`similarity` should be symmetric. Found {given[i, j]} at [{i}, {j}], {given[j, i]} back.")
    return (pairs + pairs.T) / 2, undefined


def _pair_sums(matrix: NDArray[np.float64] | NDArray[np.bool_], member: Ints) -> Floats:
    """For each set, the sum of the entries of `matrix` [T, T] among its tasks: each pair counts twice."""
    inside = member.astype(np.float64)
    sums: Floats = np.einsum("mi,mi->m", inside @ matrix.astype(np.float64), inside)
    return sums


def _search(values: Floats, n_tasks: int, tie: float) -> list[list[int]]:
    """The partition of all tasks into at most k groups with the largest sum of `values` [2^T], for k = 1..T.

    best[k][set] is that sum for each set of the tasks 1..T-1. The group of a set's first task, its highest bit h, is
    that bit and a subset of the lower ones, so best[k][h + m] = max over s in m of values[h + s] + best[k - 1][m - s]:
    a max-plus subset convolution, done for all m < h at once. An empty list where nothing is finite.
    """
    half = 1 << (n_tasks - 1)
    best = np.full((n_tasks + 1, half), -np.inf)
    best[:, 0] = 0.0
    subset, rest = _splits(n_tasks - 2)
    for level in range(n_tasks - 1):
        h, size = 1 << level, 3**level
        of_first = values[h : 2 * h][subset[:size]]
        for k in range(1, n_tasks + 1):
            best[k, h : 2 * h] = _fold(of_first + best[k - 1, :h][rest[:size]], level)
    found: list[list[int]] = []
    reached = -np.inf
    for k in range(1, n_tasks + 1):
        largest = float((values[half:] + best[k - 1, ::-1]).max())
        if largest > reached + tie:
            found.append(_first_within_tie(values, best, k, n_tasks, largest - tie))
            reached = float(values[found[-1]].sum())
        else:
            found.append(found[-1] if found else [])
    return found


def _first_within_tie(values: Floats, best: Floats, k: int, n_tasks: int, target: float) -> list[int]:
    """Of the partitions into at most `k` groups that reach `target`, the one whose first group has the largest mask."""
    masks: list[int] = []
    left = (1 << n_tasks) - 1
    while left:
        h = 1 << (left.bit_length() - 1)
        subset = np.arange(h)
        subset = subset[subset & ~left == 0]
        k -= 1
        total = values[h + subset] + best[k, (left - h) - subset]
        mask = h + int(subset[np.flatnonzero(total >= min(target, total.max()))[-1]])  # rounding may miss the target
        masks.append(mask)
        target -= values[mask]
        left -= mask
    return masks


def _splits(n_bits: int) -> tuple[Ints, Ints]:
    """Every way to leave out, take, or leave over each of `n_bits` bits: the sets taken and left over, each [3^n].

    Digit b of an index in base 3 is the fate of bit b, so the first 3^m entries serve the lowest m bits.
    """
    taken = left = np.zeros(1, dtype=np.int64)
    for bit in range(n_bits):
        taken = np.concatenate((taken, taken | 1 << bit, taken))
        left = np.concatenate((left, left, left | 1 << bit))
    return taken, left


def _fold(sums: Floats, n_bits: int) -> Floats:
    """For each set [2^n] the maximum over its splits [3^n]: bit by bit, taken or left over is the same set."""
    for bit in range(n_bits):
        fates = sums.reshape(2**bit, 3, -1)  # the highest bit not yet folded
        sums = np.stack((fates[:, 0], np.maximum(fates[:, 1], fates[:, 2])), axis=1)
    return sums.ravel()


def _reason(grouping: Grouping, reached: bool, names: Sequence[str]) -> str:
    """One sentence: why this partition, what of it fuses, and which pairs had no similarity."""
    threshold = f"{grouping.min_similarity:.3f}"

    def label(group: Group) -> str:
        return "+".join(names[task] if names else str(task) for task in group)

    partition = f"{' | '.join(map(label, grouping.groups))} scores {grouping.score:.3f}"
    if grouping.rule == "best-pairs":
        why = f"{partition}, the most of all partitions whose pairs all lie above {threshold}"
    elif reached:
        why = f"{partition}, at least {threshold}, with the fewest groups"
    else:
        why = f"{partition}, the last candidate, as none reaches {threshold}"
    scores = dict(zip(grouping.groups, grouping.group_scores, strict=True))
    if grouping.fused:
        outcome = "fused: " + ", ".join(f"{label(group)} at {scores[group]:.3f}" for group in grouping.fused)
    else:
        outcome = "nothing is fused, as " + (
            "no group scores more than tasks alone"
            if grouping.rule == "best-pairs"
            else f"no group of similar tasks is above {threshold}"
        )
    undefined = ", ".join(map(label, grouping.undefined_pairs))
    return f"{why}; {outcome}" + (f"; undefined, hence not similar: {undefined}." if undefined else ".")
