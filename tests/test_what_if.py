"""What-if: against a plain replay with `Structure` and `group_tasks`, the record reproduced, and honesty about gaps."""

import math
from collections.abc import Iterable
from itertools import combinations, pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from core.events import AnyEvent, SimilarityMeasured, StructureChanged, TasksGrouped
from core.grouping import Rule, group_tasks
from core.runs import find_runs, read_run
from core.structure import Candidate, Node, Partition, Structure
from core.tasks import image_class
from explorer.moments import History
from explorer.what_if.replay import Study, WhatIfError, named, study
from explorer.what_if.trees import HIGHEST, LOWEST, roundest, tree_at, trees
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of

RULES: tuple[Rule, ...] = get_args(Rule)
RECORDED = [
    folder
    for folder in find_runs(Path(__file__).parents[1] / "assets" / "runs")
    if History((run := read_run(folder)).header, run.events).measurements
]
SEVEN = tuple(image_class(f"t{number}", f"Task {number}", 4) for number in range(7))
PLANS = {
    "rooms": Plan(structural_phases=8),
    "digits": Plan(tasks=IMAGE_LEVEL, structural_phases=6, data="digits", seed=3),
    "seven": Plan(tasks=SEVEN, structural_phases=10, seed=2),
    "undefined": Plan(undefined=True, structural_phases=4),
}


def played(plan: Plan) -> History:
    return History(header_of(plan), events_of(plan))


@pytest.fixture(scope="module", params=[*PLANS, *(folder.name for folder in RECORDED)])
def history(request: pytest.FixtureRequest) -> History:
    if request.param in PLANS:
        return played(PLANS[request.param])
    run = read_run(next(folder for folder in RECORDED if folder.name == request.param))
    return History(run.header, run.events)


def test_the_recorded_runs_have_decisions() -> None:
    assert len(RECORDED) >= 2


def similarity_of(history: History, phase: int, candidate: Candidate) -> np.ndarray:
    """The matrix [T, T] of a candidate group, looked up as plainly as the docstring of the replay says it."""
    here = [m.similarity for m in history.measurements if m.similarity.stage == candidate.stage]
    here.sort(key=lambda found: (abs(found.phase - phase), found.phase))

    def read(found: SimilarityMeasured, one: int, other: int) -> float:
        value = found.matrix[found.tasks.index(one)][found.tasks.index(other)]
        return math.nan if value is None else value

    whole = [found for found in here if set(candidate.tasks) <= set(found.tasks)][:1]
    matrix = np.eye(len(candidate.tasks))
    for (row, one), (column, other) in combinations(enumerate(candidate.tasks), 2):
        holders = [found for found in whole or here if {one, other} <= set(found.tasks)]
        matrix[row, column] = matrix[column, row] = read(holders[0], one, other) if holders else math.nan
    return matrix


def plain_replay(history: History, threshold: float, rule: Rule) -> list[dict[Candidate, Partition]]:
    """The decisions of every structural phase, with whole structures, as the engine does it."""
    phases = [phase.number for phase in history.phases if phase.role == "structural-learning"]
    structure = Structure.separate([task.name for task in history.header.tasks], len(history.header.stages))
    found = []
    for phase in phases:
        decided = {}
        for candidate in structure.candidates():
            groups = group_tasks(similarity_of(history, phase, candidate), threshold, rule).fused
            decided[candidate] = named(groups, candidate)
        for candidate, groups in decided.items():
            for group in groups:
                structure = structure.merge(candidate.stage, group)
        found.append(decided)
    return found


def decisions(asked: Study, threshold: float | None, rule: Rule | None) -> list[dict[Candidate, Partition]]:
    steps = asked.replay(threshold, rule).steps
    return [{Candidate(d.stage, d.tasks): d.fused for d in step.decisions if d.fused is not None} for step in steps]


def stages_of(asked: Study, nodes: Iterable[Node]) -> tuple[Partition, ...]:
    return asked.structure(nodes).stages


@pytest.mark.parametrize("rule", RULES)
def test_equals_a_plain_replay_at_many_thresholds(history: History, rule: Rule) -> None:
    asked = study(history)
    thresholds = np.random.default_rng(0).uniform(0.75, 1.0, 12)
    for threshold in (-1.0, 0.0, *thresholds, 1.0):
        assert decisions(asked, threshold, rule) == plain_replay(history, threshold, rule)


def test_the_recorded_threshold_and_rule_reproduce_the_record(history: History) -> None:
    asked = study(history)
    last = [event for event in events(history) if isinstance(event, StructureChanged)][-1]
    for threshold, rule in ((None, None), (asked.threshold, None), (asked.threshold, asked.rule)):
        replay = asked.replay(threshold, rule)  # type: ignore[arg-type]
        assert replay.parted is None
        assert not any(decision.changed for step in replay.steps for decision in step.decisions)
        assert stages_of(asked, replay.nodes) == stages_of(asked, replay.recorded) == last.partitions
        assert asked.graph(asked.structure(replay.nodes)) == last.graph
        counts = asked.counts(replay.nodes)
        assert (counts.parameters, counts.macs) == (last.parameters, last.macs)
        assert (counts.neurons, counts.nodes) == (history.latest.neurons, history.latest.nodes)
    for found in history.measurements:
        assert found.decision is not None
        candidate = Candidate(found.similarity.stage, found.similarity.tasks)
        flips = asked.flips(found.similarity.phase, candidate)
        assert named(flips.at(asked.threshold), candidate) == found.decision.fused  # from the matrix alone


def events(history: History) -> list[AnyEvent]:
    return [history.event(index) for index in range(len(history))]


def test_each_moment_of_the_record_is_reproduced(history: History) -> None:
    asked = study(history)
    for index in range(0, len(history), 5):
        done = [m for m in history.measurements if m.decision_index is not None and m.decision_index <= index]
        groups = {(m.similarity.phase, m.similarity.stage, g) for m in done if m.decision for g in m.decision.fused}
        so_far = asked.replay().until(index)
        whole = {step.phase for step in so_far.steps}
        assert {Node(stage, group) for phase, stage, group in groups if phase in whole} == set(so_far.nodes)


@pytest.mark.parametrize("rule", RULES)
def test_trees_meet_at_flip_points_and_each_is_what_a_replay_gives(history: History, rule: Rule) -> None:
    asked = study(history)
    found = trees(asked, rule)
    assert (found[0].low, found[-1].high) == (LOWEST, HIGHEST)
    assert len(found) > 2
    for below, above in pairwise(found):
        assert below.high == above.low
        assert below.nodes != above.nodes
    for tree in found:
        for threshold in (tree.low + 1e-9, (tree.low + tree.high) / 2, tree.high - 1e-9):
            if tree.low < threshold < tree.high:
                assert set(asked.replay(threshold, rule).nodes) == set(tree.nodes)
        graph = asked.graph(asked.structure(tree.nodes))
        assert (graph.parameters, graph.macs) == (tree.counts.parameters, tree.counts.macs)
        assert graph.neurons == tree.counts.neurons
        middle = (tree.low + tree.high) / 2
        assert found[tree_at(found, middle)] is tree


def test_at_the_ends_everything_that_is_wholly_known_fuses_or_nothing_does(history: History) -> None:
    asked = study(history)
    for rule in RULES:
        assert trees(asked, rule)[-1].nodes == ()
    for decision in (one for step in asked.replay(-1.0, "best-partition").steps for one in step.decisions):
        if decision.fused is not None and decision.evidence is not None:
            known = not any(value is None for row in decision.evidence.matrix for value in row)
            assert known == (decision.fused == (decision.tasks,))


def test_best_pairs_fuses_no_pair_below_the_threshold(history: History) -> None:
    asked = study(history)
    for found in history.measurements:
        candidate = Candidate(found.similarity.stage, found.similarity.tasks)
        outcomes = asked.flips(found.similarity.phase, candidate, "best-pairs").outcomes
        assert outcomes[-1].fused == ()
        matrix = similarity_of(history, found.similarity.phase, candidate)
        for outcome in outcomes:
            inside = [matrix[pair] for group in outcome.fused for pair in combinations(group, 2)]
            assert min(inside, default=math.inf) >= outcome.high - 1e-9


def test_what_was_never_measured_is_said_and_never_fuses(history: History) -> None:
    asked = study(history)
    for threshold in (-1.0, 0.88, 0.99):
        replay = asked.replay(threshold)
        for decision in (one for step in replay.steps for one in step.decisions if one.fused is not None):
            evidence = decision.evidence
            assert evidence is not None
            at_stage = [m.similarity for m in history.measurements if m.similarity.stage == decision.stage]
            for pair in combinations(decision.tasks, 2):
                known = any(set(pair) <= set(found.tasks) for found in at_stage)
                assert (pair in evidence.missing) == (not known)
                assert known or not any(set(pair) <= set(group) for group in decision.fused or ())
            holders = [found for found in at_stage if set(decision.tasks) <= set(found.tasks)]
            same = [found for found in holders if found.phase == decision.phase]
            expected = (
                ("measured" if any(found.tasks == decision.tasks for found in same) else "part")
                if same
                else "moved"
                if holders
                else "mixed"
                if not evidence.missing
                else "partly"
                if evidence.phases
                else "unmeasured"
            )
            assert evidence.kind == expected
            assert set(evidence.phases) <= {found.phase for found in at_stage}


def test_a_lower_threshold_leaves_unsure_nodes_where_the_run_never_looked() -> None:
    run = read_run(next(folder for folder in RECORDED if folder.name == "mtsl-rooms"))
    asked = study(History(run.header, run.events))
    replay = asked.replay(0.89)
    structure = asked.structure(replay.nodes)
    assert replay.parted == 3  # where the run kept all five apart at residual1
    assert Node(1, (0, 1, 2, 3, 4)) in structure.nodes()
    assert Node(2, (0, 2, 4)) in replay.unsure(structure)  # with 1 and 3 it was never measured at stage 2
    assert replay.unsure(structure) <= set(structure.nodes())
    assert asked.replay().unsure(asked.structure(asked.replay().nodes)) == frozenset()


def test_a_run_stopped_within_a_phase_is_reproduced() -> None:
    plan = PLANS["digits"]
    whole = events_of(plan)
    for end in range(12, len(whole), 3):
        history = History(header_of(plan), whole[:end])
        if not any(found.decision for found in history.measurements):
            continue
        replay = study(history).replay()
        assert replay.parted is None
        fused = {Node(m.similarity.stage, g) for m in history.measurements if m.decision for g in m.decision.fused}
        assert set(replay.nodes) == fused


def test_the_study_is_kept_until_the_run_decides_again() -> None:
    plan = PLANS["rooms"]
    whole = events_of(plan)
    second = [index for index, event in enumerate(whole) if isinstance(event, TasksGrouped)][1]
    history = History(header_of(plan), whole[:second])
    first = study(history)
    assert study(history) is first
    history.extend(whole[second : second + 1])
    assert study(history) is not first
    assert len(study(history).replay().steps) == 2


def test_a_record_that_is_no_tree_is_refused_with_the_reason() -> None:
    plan = PLANS["rooms"]
    whole = events_of(plan)
    wrong = [
        event.model_copy(update={"stage": 5}) if isinstance(event, SimilarityMeasured | TasksGrouped) else event
        for event in whole[:12]
    ]
    with pytest.raises(WhatIfError, match="stage 5, where they do not meet"):
        study(History(header_of(plan), wrong))
    without = [event for event in whole if not isinstance(event, StructureChanged)]
    with pytest.raises(WhatIfError, match="recorded no structure"):
        study(History(header_of(plan), without))


def test_a_rule_that_we_do_not_know_is_taken_as_recorded() -> None:
    plan = PLANS["rooms"]
    foreign = [
        event.model_copy(update={"rule": "by hand"}) if isinstance(event, TasksGrouped) else event
        for event in events_of(plan)
    ]
    asked = study(History(header_of(plan), foreign))
    assert asked.rule == "by hand"
    assert asked.replay().parted is None
    assert decisions(asked, 0.9, None) == decisions(asked, 0.9, "best-partition")


@pytest.mark.parametrize("span", [(0.1, 0.9), (0.9062, 0.9281), (0.953012, 0.953094), (-1.0, 0.5), (0.97, 1.0)])
def test_the_roundest_number_lies_between(span: tuple[float, float]) -> None:
    low, high = span
    found = roundest(low, high)
    assert low < found < high
    digits = len(f"{found:g}".partition(".")[2])
    assert digits <= 1 or not any(low < n / 10 ** (digits - 1) < high for n in range(10**digits))
