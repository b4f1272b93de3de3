"""What a run knows about the similarity of some tasks at a stage, when another question is asked than it asked itself.

A run measures its own candidate groups only. A group that never was one may have been measured as part of a larger
group, in another phase, in pieces, or not at all; `Measured.find` takes the best that there is and says which it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from core.events import Matrix
from core.structure import Group, Partition
from explorer.moments import Measurement

Kind = Literal["measured", "part", "moved", "mixed", "partly", "unmeasured"]
"""How far the similarities of a candidate group are known:

measured: these tasks, in this phase; part: within a larger group, in this phase; moved: all of them in one matrix of
another phase; mixed: pairs from several matrices; partly: some pairs never were measured at this stage; unmeasured:
none was.
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The similarities of one candidate group."""

    kind: Kind
    matrix: Matrix
    """[T, T] in the order of the group's tasks; None: not defined, or never measured."""
    phases: tuple[int, ...]
    """The phases whose measurements they come from, rising; none: nothing was measured."""
    missing: Partition
    """Pairs of tasks that were never measured at this stage."""


class Measured:
    """The measurements of a run, by stage."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._by_stage: dict[int, list[Measurement]] = {}
        for found in measurements:
            self._by_stage.setdefault(found.similarity.stage, []).append(found)
        self._known: dict[tuple[int, int, Group], Evidence] = {}

    def find(self, phase: int, stage: int, tasks: Group) -> Evidence:
        """What is known about `tasks` at `stage`, for a decision in `phase`.

        One matrix that holds all of them is preferred to several, then the phase nearest to `phase`, then the earlier
        one. Without such a matrix every pair comes from the nearest one that holds it.
        """
        place = (phase, stage, tasks)
        if place not in self._known:
            self._known[place] = self._find(phase, stage, tasks)
        return self._known[place]

    def _find(self, phase: int, stage: int, tasks: Group) -> Evidence:
        nearest = sorted(
            self._by_stage.get(stage, ()),
            key=lambda found: (abs(found.similarity.phase - phase), found.similarity.phase, -found.index),
        )
        whole = next((found for found in nearest if set(tasks) <= set(found.similarity.tasks)), None)
        pairs: dict[Group, float | None] = {}
        phases: set[int] = set()
        for pair in combinations(tasks, 2):
            holders = [whole] if whole else (one for one in nearest if set(pair) <= set(one.similarity.tasks))
            holder = next(iter(holders), None)
            if holder is not None:
                pairs[pair] = _value(holder, pair)
                phases.add(holder.similarity.phase)
        missing = tuple(pair for pair in combinations(tasks, 2) if pair not in pairs)
        matrix = tuple(
            tuple(1.0 if one == other else pairs.get((min(one, other), max(one, other))) for other in tasks)
            for one in tasks
        )
        return Evidence(_kind(phase, tasks, whole, bool(missing), bool(pairs)), matrix, tuple(sorted(phases)), missing)


def _value(measurement: Measurement, pair: Group) -> float | None:
    where = measurement.similarity.tasks
    return measurement.similarity.matrix[where.index(pair[0])][where.index(pair[1])]


def _kind(phase: int, tasks: Group, whole: Measurement | None, missing: bool, any_pair: bool) -> Kind:
    if whole is not None:
        if whole.similarity.phase != phase:
            return "moved"
        return "measured" if whole.similarity.tasks == tasks else "part"
    if not missing:
        return "mixed"
    return "partly" if any_pair else "unmeasured"
