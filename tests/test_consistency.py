"""Events that do not fit the run they belong to are named by field."""

import pytest

from core.consistency import misfit
from core.events import AffinityUpdated, AnyEvent, PolicyUpdated, SimilarityMeasured, StructureChanged, TasksGrouped
from tests._runs import LARGEST, Plan, events_of

EVENTS = events_of(Plan(structural_phases=1))


def first(kind: type[AnyEvent]) -> AnyEvent:
    return next(event for event in EVENTS if isinstance(event, kind))


def changed(kind: type[AnyEvent], **values: object) -> AnyEvent:
    return first(kind).model_copy(update=values)


@pytest.mark.parametrize("plan", [Plan(), LARGEST], ids=["rooms", "largest"])
def test_events_of_a_good_run_fit(plan: Plan) -> None:
    assert {misfit(event, len(plan.tasks), len(plan.stages)) for event in events_of(plan)} == {None}


def graph_with(**values: object) -> AnyEvent:
    structure = first(StructureChanged)
    assert isinstance(structure, StructureChanged)
    node = structure.graph.nodes[0].model_copy(update=values)
    graph = structure.graph.model_copy(update={"nodes": (node, *structure.graph.nodes[1:])})
    return structure.model_copy(update={"graph": graph})


AT = {"step": 0, "epoch": 0, "phase": 0, "seconds": 0.0}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (changed(SimilarityMeasured, stage=8), "field `stage`: 8, but the run has 8 stages"),
        (changed(SimilarityMeasured, tasks=(0, 5)), "field `tasks`: 5, but the run has 5 tasks"),
        (changed(SimilarityMeasured, undefined=(9,)), "field `undefined`: 9"),
        (changed(SimilarityMeasured, matrix=((1.0, 0.5), (0.5, 1.0))), "field `matrix`: expected 5 rows of 5 numbers"),
        (changed(SimilarityMeasured, matrix=((1.0,),) * 5), "field `matrix`: expected 5 rows of 5 numbers"),
        (changed(TasksGrouped, fused=((0, 7),)), "field `fused`: 7"),
        (changed(TasksGrouped, groups=((-1,),)), "field `groups`: -1"),
        (changed(StructureChanged, partitions=(((0, 6),),)), "field `partitions`: 6"),
        (graph_with(tasks=(8,)), r"field `graph.nodes.tasks`: 8"),
        (graph_with(stage=8), r"field `graph.nodes.stage`: 8"),
        (AffinityUpdated(affinity=((1.0,),), groups=((0,),), **AT), "field `affinity`: expected 5 rows"),
        (PolicyUpdated(stage=0, probabilities=((1.0, 0.0, 0.0),), **AT), "field `probabilities`: 1 rows"),
    ],
)
def test_what_does_not_fit_is_named_by_field(event: AnyEvent, said: str) -> None:
    found = misfit(event, n_tasks=5, n_stages=8)
    assert found is not None
    assert found.startswith(said)
