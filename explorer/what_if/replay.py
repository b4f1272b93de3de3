"""What if the threshold or the rule had been another: a run's structural phases replayed on its recorded matrices.

Nothing is trained. The replay goes through the run's structural phases in order, each as in the algorithm of MTSL
(Gurulingan et al. 2023, structural-learning phase): every candidate group of the hypothetical structure is grouped by
`group_tasks` under the other threshold and rule; the groups that fuse become one node, which makes their tasks a
candidate group one stage further up in the next phase; those that stay behind are asked again there. The similarities
are the recorded ones, as `explorer.what_if.evidence` finds them:

- the matrix of this very group in this phase;
- else the part of a larger group's matrix of this phase;
- else the matrix, or the part of one, of this stage in the nearest other phase;
- else, pair by pair, the nearest measurement at this stage; pairs never measured there count as not similar, so nothing
  ever fuses on similarities that nobody knows. What rests on such pairs is "partly known" or "not measured".

What can be known: up to and in the first phase whose decision differs (`Replay.parted`) the outcome is what the run
would have done. From there on the recorded matrices come from a network that was trained with another structure (and
aligned other candidate groups), so the rest is an estimate.

A candidate group of the recorded structure that the run did not decide on in a phase (it was stopped, or its writer
asked only some) is not decided here either, and a decision under its own threshold and rule is taken as recorded. So
the recorded threshold and rule give the recorded structure.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args
from weakref import WeakKeyDictionary

from core.events import Matrix, TasksGrouped
from core.flips import Flips, find_flips
from core.grouping import Rule
from core.sharing import SharingGraph, SharingNode, sharing_graph
from core.structure import Candidate, Group, Node, Partition, Structure
from explorer.moments import History
from explorer.what_if.evidence import Evidence, Measured


class WhatIfError(ValueError):
    """A run whose decisions cannot be replayed; the message says why."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of a phase, hypothetical and recorded side by side."""

    phase: int
    stage: int
    tasks: Group
    fused: Partition | None
    """What would fuse; None: under this threshold and rule these tasks are no candidate group here."""
    recorded: Partition | None
    """What fused; None: the run did not ask this."""
    evidence: Evidence | None
    """What `fused` rests on."""

    @property
    def changed(self) -> bool:
        """Whether it differs from the record."""
        return self.fused != self.recorded


@dataclass(frozen=True, slots=True)
class Step:
    """A structural phase of the replay; `index` is the position of its last event that was recorded as a decision."""

    phase: int
    index: int
    decisions: tuple[Decision, ...]
    nodes: tuple[Node, ...]
    """Group nodes created up to here, hypothetically."""
    recorded: tuple[Node, ...]
    """Group nodes created up to here, by the record."""


@dataclass(frozen=True)
class Replay:
    """All structural phases under one threshold and rule; None: the recorded ones."""

    threshold: float | None
    rule: Rule | None
    steps: tuple[Step, ...]

    @property
    def parted(self) -> int | None:
        """The first phase with a decision that differs; what comes later is an estimate. None: nothing differs."""
        return next((step.phase for step in self.steps if any(one.changed for one in step.decisions)), None)

    def until(self, index: int) -> "Replay":
        """The same up to the moment after the event at `index`."""
        steps = self.steps[: bisect_right(self.steps, index, key=lambda step: step.index)]
        return Replay(self.threshold, self.rule, steps)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Group nodes created, hypothetically."""
        return self.steps[-1].nodes if self.steps else ()

    @property
    def recorded(self) -> tuple[Node, ...]:
        """Group nodes created, by the record."""
        return self.steps[-1].recorded if self.steps else ()

    def unsure(self, structure: Structure) -> frozenset[Node]:
        """The nodes of `structure` that stand apart from another one only for pairs that were never measured."""
        found = set()
        for decision in (one for step in self.steps for one in step.decisions):
            for pair in decision.evidence.missing if decision.evidence and decision.fused is not None else ():
                one, other = (structure.node(decision.stage, task) for task in pair)
                if one != other:
                    found |= {one, other}
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Counts:
    """The size of a network: heads count for parameters and MACs only."""

    neurons: int
    parameters: int
    macs: int
    nodes: int


class Study:
    """What-if questions about one run as far as it was read. Raises `WhatIfError` if its decisions make no tree."""

    def __init__(self, history: History) -> None:
        header = history.header
        if history.start is None:
            raise WhatIfError("The run has recorded no structure.")
        graph = history.start.graph
        self.n_tasks, self.n_stages = len(header.tasks), len(header.stages)
        try:
            self.start = Structure(
                tuple(task.name for task in header.tasks),
                tuple(
                    tuple(node.tasks for node in graph.nodes if node.kind != "head" and node.stage == stage)
                    for stage in range(self.n_stages)
                ),
            )
        except ValueError as error:
            raise WhatIfError(f"The recorded structure is no tree: {error}") from None
        self._stages = [next(node for node in graph.nodes if node.stage == stage) for stage in range(self.n_stages)]
        self._heads = sorted((node for node in graph.nodes if node.kind == "head"), key=lambda node: node.tasks)
        self.decided: dict[int, dict[Candidate, TasksGrouped]] = {}  # by phase
        self._last: list[tuple[int, TasksGrouped]] = []
        self.indices: dict[int, int] = {phase.number: phase.first for phase in history.phases}
        for found in history.measurements:
            if found.decision is not None and found.decision_index is not None:
                asked = found.similarity
                self.decided.setdefault(asked.phase, {})[Candidate(asked.stage, asked.tasks)] = found.decision
                self._last.append((asked.phase, found.decision))
                self.indices[asked.phase] = max(self.indices.get(asked.phase, 0), found.decision_index)
        self._last.sort(key=lambda one: one[0])
        self.measured = Measured(history.measurements)
        self._silent: set[tuple[int, Candidate]] = set()
        structural = {phase.number for phase in history.phases if phase.role == "structural-learning"}
        self.phases = self._walk(sorted(structural | set(self.decided)))

    @property
    def threshold(self) -> float:
        """The recorded threshold: that of the last decision."""
        return self._last[-1][1].min_similarity

    @property
    def rule(self) -> str:
        """The recorded rule: that of the last decision."""
        return self._last[-1][1].rule

    @property
    def several(self) -> bool:
        """Whether the run itself changed threshold or rule."""
        return len({(one.min_similarity, one.rule) for _, one in self._last}) > 1

    def replay(self, threshold: float | None = None, rule: Rule | None = None) -> Replay:
        """The run's structural phases under another threshold or rule; None leaves the recorded one."""
        steps: list[Step] = []
        candidates = self.start.candidates()
        nodes: list[Node] = []
        recorded: list[Node] = []
        for phase in self.phases:
            decisions = []
            fused: dict[Candidate, Partition] = {}
            for candidate in candidates:
                if not self.silent(phase, candidate):
                    decision = self._decide(phase, candidate, threshold, rule)
                    decisions.append(decision)
                    fused[candidate] = decision.fused or ()
            for asked, found in self.decided.get(phase, {}).items():
                recorded += [Node(asked.stage, group) for group in found.fused]
                if asked not in candidates:
                    decisions.append(Decision(phase, *asked, None, found.fused, None))
            nodes += [Node(stage, group) for (stage, _), groups in fused.items() for group in groups]
            candidates = self._advance(candidates, fused)
            decisions.sort(key=lambda one: (one.stage, one.tasks))
            steps.append(Step(phase, self.indices[phase], tuple(decisions), tuple(nodes), tuple(recorded)))
        return Replay(threshold, rule, tuple(steps))

    def flips(self, phase: int, candidate: Candidate, rule: Rule | None = None) -> Flips:
        """All outcomes of a decision over the threshold, in places of the candidate's tasks; see `named`."""
        return find_all_flips(self.measured.find(phase, *candidate).matrix, rule or self._rule(phase))

    def structure(self, nodes: Iterable[Node]) -> Structure:
        """The starting structure with these group nodes."""
        stages = [list(partition) for partition in self.start.stages]
        for stage, group in nodes:
            stages[stage] = [old for old in stages[stage] if not set(old) <= set(group)] + [group]
        try:
            return Structure(self.start.tasks, tuple(map(tuple, stages)))
        except ValueError as error:
            raise WhatIfError(f"The recorded decisions make no tree: {error}") from None

    def graph(self, structure: Structure) -> SharingGraph:
        """The sharing graph of a structure, at the recorded cost of each stage."""
        return sharing_graph(structure, self._stages, self._heads)

    def counts(self, nodes: Iterable[Node]) -> Counts:
        """The size of the network with these group nodes, at the recorded cost of each stage."""
        standing = [len(partition) for partition in self.start.stages]
        for stage, group in nodes:
            standing[stage] -= len(group) - 1

        def total(field: str, heads: Iterable[SharingNode]) -> int:
            inside = sum(n * getattr(cost, field) for n, cost in zip(standing, self._stages, strict=True))
            return int(inside + sum(getattr(head, field) for head in heads))

        return Counts(total("neurons", ()), total("parameters", self._heads), total("macs", self._heads), sum(standing))

    def silent(self, phase: int, candidate: Candidate) -> bool:
        """Whether the run had this candidate group in a phase, but did not decide on it."""
        return (phase, candidate) in self._silent

    def after(self, candidate: Candidate, fused: Partition) -> list[Candidate]:
        """What becomes of a candidate group: each fused group moves one stage up, the others stay together."""
        stage, tasks = candidate
        left = tuple(task for task in tasks if not any(task in group for group in fused))
        found = [Candidate(stage + 1, group) for group in fused if stage + 1 < self.n_stages]
        return [*found, Candidate(stage, left)] if len(left) > 1 else found

    def _settings(self, phase: int) -> TasksGrouped:
        """The last decision up to a phase, for its threshold and rule."""
        return self._last[max(bisect_right(self._last, phase, key=lambda one: one[0]) - 1, 0)][1]

    def _rule(self, phase: int) -> Rule:
        """The rule in force in a phase; for one that we do not know, that of the paper."""
        return next((rule for rule in get_args(Rule) if rule == self._settings(phase).rule), "best-partition")

    def _decide(self, phase: int, candidate: Candidate, threshold: float | None, rule: Rule | None) -> Decision:
        asked = self.decided.get(phase, {}).get(candidate)
        if asked and threshold in (None, asked.min_similarity) and rule in (None, asked.rule):
            fused = asked.fused
        else:
            flips = self.flips(phase, candidate, rule)
            fused = named(flips.at(self._settings(phase).min_similarity if threshold is None else threshold), candidate)
        evidence = self.measured.find(phase, *candidate)
        return Decision(phase, *candidate, fused, asked.fused if asked else None, evidence)

    def _walk(self, phases: list[int]) -> list[int]:
        """The phases that take part: those with a decision, and those in which the record had nobody left to ask."""
        part = []
        candidates = self.start.candidates()
        for phase in phases:
            decided = self.decided.get(phase, {})
            for stage, tasks in decided:
                if (stage, tasks) not in candidates:
                    group = self.start.label(tasks)
                    raise WhatIfError(f"Phase {phase} decides on {group} at stage {stage}, where they do not meet.")
            if decided or not candidates:
                part.append(phase)
                self._silent |= {(phase, one) for one in candidates if one not in decided}
            candidates = self._advance(candidates, {one: found.fused for one, found in decided.items()})
        return part

    def _advance(self, candidates: Iterable[Candidate], fused: Mapping[Candidate, Partition]) -> tuple[Candidate, ...]:
        """The candidate groups of the next phase."""
        return tuple(sorted(following for one in candidates for following in self.after(one, fused.get(one, ()))))


_studies: "WeakKeyDictionary[History, tuple[tuple[int, int], Study]]" = WeakKeyDictionary()


def study(history: History) -> Study:
    """The study of a run; kept until the run decides again or a phase begins."""
    decided = sum(found.decision is not None for found in history.measurements)
    stamp = (decided, len(history.phases))
    kept = _studies.get(history)
    if kept is None or kept[0] != stamp:
        kept = _studies[history] = (stamp, Study(history))
    return kept[1]


@lru_cache(maxsize=4096)
def find_all_flips(matrix: Matrix, rule: Rule) -> Flips:
    """All outcomes for a recorded matrix; kept, as a move of the threshold asks for the same matrices again."""
    return find_flips([[math.nan if value is None else value for value in row] for row in matrix], rule)


def named(groups: Partition, candidate: Candidate) -> Partition:
    """Groups of places within a candidate group as groups of the run's tasks."""
    return tuple(tuple(candidate.tasks[place] for place in group) for group in groups)
