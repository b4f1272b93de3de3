"""The final structure of a what-if over all thresholds at once, and where it changes.

Candidate groups do not depend on each other: what becomes of one follows from its stage, its tasks, the phase and the
threshold. So the replay is done for all thresholds in one pass: each candidate group carries the spans of thresholds at
which it exists, and every outcome of its decision hands its part of them on to what comes of it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from core.grouping import Rule
from core.structure import Candidate, Node
from explorer.what_if.replay import Counts, Study, named

LOWEST, HIGHEST = -1.0, 1.0
"""Thresholds that are asked about: similarities lie between."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tree:
    """The final structure for every threshold strictly between `low` and `high`: its group nodes beyond the start."""

    low: float
    high: float
    nodes: tuple[Node, ...]
    counts: Counts


@lru_cache(maxsize=8)
def trees(study: Study, rule: Rule | None = None) -> tuple[Tree, ...]:
    """The final structure for every threshold from -1 to 1, rising; neighbours differ. No `rule`: the recorded one."""
    spans: dict[Candidate, list[Span]] = {one: [(LOWEST, HIGHEST)] for one in study.start.candidates()}
    created: dict[Node, list[Span]] = {}
    for phase in study.phases:
        following: dict[Candidate, list[Span]] = {}
        for candidate, where in spans.items():
            if study.silent(phase, candidate):
                following.setdefault(candidate, []).extend(where)
                continue
            for outcome in study.flips(phase, candidate, rule).outcomes:
                if not (pieces := _cut(where, outcome.low, outcome.high)):
                    continue
                fused = named(outcome.fused, candidate)
                for group in fused:
                    created.setdefault(Node(candidate.stage, group), []).extend(pieces)
                for one in study.after(candidate, fused):
                    following.setdefault(one, []).extend(pieces)
        spans = {one: _union(where) for one, where in following.items()}
    standing = {node: _union(where) for node, where in created.items()}
    ends = sorted({LOWEST, HIGHEST, *(end for where in standing.values() for span in where for end in span)})
    found = []
    for low, high in pairwise(ends):
        nodes = sorted(node for node, where in standing.items() if any(a <= low and high <= b for a, b in where))
        found.append(Tree(low, high, tuple(nodes), study.counts(nodes)))
    return tuple(found)


def tree_at(found: tuple[Tree, ...], threshold: float) -> int:
    """Which of all trees stands at a threshold; at an end that two share it is the upper one."""
    return next((place for place, tree in enumerate(found) if threshold < tree.high), len(found) - 1)


def threshold_range(study: Study, rule: Rule | None, asked: float) -> tuple[float, float]:
    """The thresholds between which anything happens in a run, in hundredths, and `asked`.

    Below and above them every recorded decision and the final tree stay as they are.
    """
    points = [tree.low for tree in trees(study, rule)[1:]]
    for phase, decided in study.decided.items():
        for candidate in decided:
            points += study.flips(phase, candidate, rule).points
    points.append(study.threshold)
    low, high = (math.floor(100 * min(points)) - 1) / 100, (math.ceil(100 * max(points)) + 1) / 100
    low, high = min(low, math.floor(100 * asked) / 100), max(high, math.ceil(100 * asked) / 100)
    return max(low, LOWEST), min(high, HIGHEST)


def roundest(low: float, high: float) -> float:
    """The roundest number strictly between `low` and `high`, the nearest to their middle; up to six decimals.

    >>> roundest(0.9062, 0.9281), roundest(-1.0, 0.8931), roundest(0.95301, 0.95309)
    (0.92, -0.1, 0.95305)
    """
    middle = (low + high) / 2
    for digits in range(1, 7):
        tens = float(10**digits)
        for number in sorted(
            (math.floor(middle * tens), math.ceil(middle * tens)), key=lambda n: abs(n - middle * tens)
        ):
            if low < number / tens < high:
                return number / tens
    return middle


def _cut(spans: Iterable[Span], low: float, high: float) -> list[Span]:
    """The parts of spans that lie between two ends."""
    return [(max(a, low), min(b, high)) for a, b in spans if max(a, low) < min(b, high)]


def _union(spans: Iterable[Span]) -> list[Span]:
    """Disjoint, rising spans that cover the same; spans that touch become one."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found
