"""At which thresholds a decision flips: all that `group_tasks` would decide for one matrix, threshold by threshold.

Under "best-partition" the candidates do not depend on the threshold, so an outcome can change only at the score of a
candidate (it is reached or not) or of one of its groups (it fuses or not). Under "best-pairs" the chosen partition
stays the best of those allowed until the threshold reaches its least similar pair; then the next one is searched.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import ArrayLike

from core.grouping import Ranking, Rule, rank_partitions
from core.structure import Partition


@dataclass(frozen=True, slots=True)
class Outcome:
    """What fuses at every threshold strictly between `low` and `high`."""

    low: float
    high: float
    fused: Partition


@dataclass(frozen=True)
class Flips:
    """Every outcome of one decision, from the lowest thresholds (-inf) to the highest (inf)."""

    outcomes: tuple[Outcome, ...]
    """Rising; neighbours differ, and meet at a flip point."""
    _searches: tuple[Ranking, ...]
    _ends: tuple[float, ...]
    """The threshold at which each search but the last gives way to the next (it never does for "best-partition")."""

    @property
    def points(self) -> tuple[float, ...]:
        """The flip points: thresholds at which the outcome changes, rising."""
        return tuple(outcome.low for outcome in self.outcomes[1:])

    def at(self, min_similarity: float) -> Partition:
        """What fuses at a threshold, exactly as `group_tasks` decides it, on a flip point too."""
        ranking = self._searches[bisect_right(self._ends, min_similarity + self._searches[0].tie)]
        chosen, _ = ranking.choose(min_similarity)
        return ranking.fused(chosen.groups, min_similarity)


def find_flips(similarity: ArrayLike, rule: Rule = "best-partition") -> Flips:
    """All outcomes of `group_tasks(similarity, threshold, rule)` over the threshold. Raises `ValueError` as it does.

    >>> [outcome.fused for outcome in find_flips([[1.0, 0.9, 0.5], [0.9, 1.0, 0.5], [0.5, 0.5, 1.0]]).outcomes]
    [((0, 1, 2),), ()]
    >>> find_flips([[1.0, 0.9, 0.5], [0.9, 1.0, 0.5], [0.5, 0.5, 1.0]], "best-pairs").points
    (0.5, 0.9)
    """
    return _of_partitions(similarity) if rule == "best-partition" else _of_pairs(similarity)


def _of_partitions(similarity: ArrayLike) -> Flips:
    ranking = rank_partitions(similarity, "best-partition", 0.0)
    scores = {candidate.score for candidate in ranking.candidates}
    groups = {group for candidate in ranking.candidates for group in candidate.groups if len(group) > 1}
    ends = _apart(sorted({*scores, *map(ranking.score, groups)}), 2 * ranking.tie)
    flips = Flips((), (ranking,), ())
    lows, highs = (-math.inf, *ends), (*ends, math.inf)
    between = [ends[0] - 1, *((low + high) / 2 for low, high in pairwise(ends)), ends[-1] + 1]
    found = [Outcome(low, high, flips.at(inside)) for low, high, inside in zip(lows, highs, between, strict=True)]
    return Flips(_joined(found), (ranking,), ())


def _of_pairs(similarity: ArrayLike) -> Flips:
    searches: list[Ranking] = []
    ends: list[float] = []
    found: list[Outcome] = []
    threshold = float(np.nanmin(np.asarray(similarity, dtype=np.float64), initial=-1.0)) - 1
    low = -math.inf
    while True:
        ranking = rank_partitions(similarity, "best-pairs", threshold)
        chosen, _ = ranking.choose(threshold)
        inside = [float(ranking.pairs[pair]) for group in chosen.groups for pair in combinations(group, 2)]
        searches.append(ranking)
        high = min(inside, default=math.inf)
        found.append(Outcome(low, high, ranking.fused(chosen.groups, threshold)))
        if high == math.inf:
            return Flips(_joined(found), tuple(searches), tuple(ends))
        ends.append(high)
        low = threshold = high


def _apart(values: Sequence[float], least: float) -> list[float]:
    """Rising values without those that lie within `least` of the one before."""
    kept: list[float] = []
    for value in values:
        if not kept or value - kept[-1] > least:
            kept.append(value)
    return kept


def _joined(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Neighbours with the same outcome as one."""
    kept: list[Outcome] = []
    for outcome in outcomes:
        if kept and kept[-1].fused == outcome.fused:
            kept[-1] = Outcome(kept[-1].low, outcome.high, outcome.fused)
        else:
            kept.append(outcome)
    return tuple(kept)
