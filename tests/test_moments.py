"""Moments: stops at four grains, snapshots, and that neither depends on when the events were read."""

from itertools import pairwise

import pytest

from core.events import (
    AmalgamationProgressed,
    AnyEvent,
    NodeCreated,
    NodesRemoved,
    PhaseStarted,
    SimilarityMeasured,
    StructureChanged,
    TasksGrouped,
)
from core.structure import Node
from explorer.moments import GRAINS, History, Snapshot, group_similarity, task_order
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of

PLANS = {
    "rooms": Plan(structural_phases=5),
    "digits": Plan(tasks=IMAGE_LEVEL, structural_phases=3, data="digits", seed=3),
    "undefined": Plan(undefined=True, structural_phases=2, end="failed"),
    "no structural phase": Plan(structural_phases=0, end="cut"),
}


@pytest.fixture(params=list(PLANS))
def plan(request: pytest.FixtureRequest) -> Plan:
    return PLANS[request.param]


@pytest.fixture
def history(plan: Plan) -> History:
    return History(header_of(plan), events_of(plan))


def positions(history: History, kind: type[AnyEvent]) -> list[int]:
    return [index for index in range(len(history)) if isinstance(history.event(index), kind)]


def test_every_event_is_a_stop_of_the_finest_grain(history: History, plan: Plan) -> None:
    assert history.stops("neuron") == list(range(len(events_of(plan))))


def test_each_grain_holds_the_stops_of_the_coarser_ones(history: History) -> None:
    for coarse, fine in pairwise(GRAINS):
        assert set(history.stops(coarse)) <= set(history.stops(fine))


def test_stops_rise_and_end_with_the_last_event(history: History) -> None:
    for grain in GRAINS:
        stops = history.stops(grain)
        assert stops == sorted(set(stops))
        assert stops[-1] == len(history) - 1


def test_phase_stops_are_the_ends_of_phases(history: History) -> None:
    ends = [index - 1 for index in positions(history, PhaseStarted)] + [len(history) - 1]
    assert history.stops("phase") == ends


def test_stage_stops_are_the_last_events_of_stages_in_a_phase(history: History) -> None:
    last: dict[tuple[int, int], int] = {}
    for index in range(len(history)):
        stage = getattr(history.event(index), "stage", None)
        if stage is not None:
            last[history.event(index).phase, stage] = index
    assert set(history.stops("stage")) == {*history.stops("phase"), *last.values()}


def test_decision_stops_hold_every_measurement_and_grouping(history: History) -> None:
    asked = positions(history, SimilarityMeasured) + positions(history, TasksGrouped)
    assert set(asked) <= set(history.stops("decision"))


def test_stepping_there_and_back_visits_the_same_stops(history: History) -> None:
    for grain in GRAINS:
        stops = history.stops(grain)
        there = [stops[0]]
        while there[-1] != stops[-1]:
            there.append(history.neighbour(grain, there[-1], 1))
        back = [stops[-1]]
        while back[-1] != stops[0]:
            back.append(history.neighbour(grain, back[-1], -1))
        assert there == stops == back[::-1]
        assert history.neighbour(grain, stops[-1], 1) == stops[-1]
        assert history.neighbour(grain, stops[0], -1) == stops[0]


def test_a_step_from_between_two_stops_goes_to_the_nearer_one_of_that_side() -> None:
    history = History(header_of(PLANS["rooms"]), events_of(PLANS["rooms"]))
    first, second = history.stops("phase")[1:3]
    assert history.neighbour("phase", first + 1, 1) == second
    assert history.neighbour("phase", first + 1, -1) == first


def test_events_appended_later_change_no_earlier_moment(history: History, plan: Plan) -> None:
    growing = History(header_of(plan))
    for index, event in enumerate(events_of(plan)):
        growing.extend([event])
        assert growing.snapshot(index) == history.snapshot(index)
    assert [growing.stops(grain) for grain in GRAINS] == [history.stops(grain) for grain in GRAINS]
    assert growing.measurements == history.measurements
    assert growing.phases == history.phases


def test_counts_are_those_of_the_structure_events(history: History) -> None:
    for index in positions(history, StructureChanged):
        event, snapshot = history.event(index), history.snapshot(index)
        assert isinstance(event, StructureChanged)
        assert (snapshot.parameters, snapshot.macs) == (event.parameters, event.macs)
        assert snapshot.births == ()


def test_while_a_group_node_is_born_both_it_and_its_task_nodes_count(history: History) -> None:
    for index in positions(history, NodeCreated):
        event, before, after = history.event(index), history.snapshot(index - 1), history.snapshot(index)
        assert isinstance(event, NodeCreated)
        assert after.neurons == before.neurons + event.neurons
        assert after.parameters == before.parameters + event.parameters
        assert after.nodes == before.nodes + 1
        assert after.macs > before.macs
        assert after.graph == before.graph


def test_amalgamation_fills_only_its_own_group_node(history: History) -> None:
    for index in positions(history, AmalgamationProgressed):
        event = history.event(index)
        assert isinstance(event, AmalgamationProgressed)
        before = {Node(b.node.stage, b.node.tasks): b for b in history.snapshot(index - 1).births}
        after = {Node(b.node.stage, b.node.tasks): b for b in history.snapshot(index).births}
        own = Node(event.stage, event.tasks)
        assert after.pop(own).done == event.done
        assert own in before
        assert all(before[node] == birth for node, birth in after.items())


def test_removal_puts_the_group_node_in_place_before_the_structure_says_so(history: History) -> None:
    for index in positions(history, NodesRemoved):
        if not isinstance(history.event(index + 1), StructureChanged):
            continue
        now, confirmed = history.snapshot(index), history.snapshot(index + 1)
        assert {(n.stage, n.tasks, n.kind) for n in now.graph.nodes} == {
            (n.stage, n.tasks, n.kind) for n in confirmed.graph.nodes
        }
        assert edges(now) == edges(confirmed)
        assert now.parameters == confirmed.parameters


def edges(snapshot: Snapshot) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    nodes = snapshot.graph.nodes
    return {
        ((nodes[edge.source].stage, *nodes[edge.source].tasks), (nodes[edge.target].stage, *nodes[edge.target].tasks))
        for edge in snapshot.graph.edges
    }


def test_created_and_removed_nodes_are_remembered_to_the_end_of_their_phase(history: History) -> None:
    for index in positions(history, NodesRemoved):
        event = history.event(index)
        assert isinstance(event, NodesRemoved)
        phase = next(phase for phase in history.phases if phase.number == event.phase)
        last = history.snapshot(phase.last)
        assert Node(event.stage, event.tasks) in last.created
        assert {Node(event.stage, (task,)) for task in event.tasks} <= set(last.ghosts)
        following = history.snapshot(phase.last + 1)
        assert following.created == following.ghosts == ()


def test_a_decision_is_not_known_before_it_fell(history: History) -> None:
    for found in history.measurements:
        assert found.decision is not None
        assert found.decision_index is not None
        assert history.measured(found.index)[-1].decision is None
        assert history.measured(found.decision_index)[-1] == found
        for group in found.decision.fused:
            node = Node(found.similarity.stage, group)
            assert history.fusion(node, found.decision_index - 1) is None
            assert history.fusion(node, found.decision_index) == found


def test_tasks_that_share_stand_side_by_side_at_every_moment(history: History) -> None:
    order = history.order()
    assert sorted(order) == list(range(len(history.header.tasks)))
    for index in range(len(history)):
        snapshot = history.snapshot(index)
        for node in [*snapshot.graph.nodes, *(birth.node for birth in snapshot.births)]:
            places = sorted(order.index(task) for task in node.tasks)
            assert places == list(range(places[0], places[0] + len(places)))


def test_group_similarity_is_the_mean_over_pairs_and_undefined_with_one_undefined() -> None:
    history = History(header_of(PLANS["undefined"]), events_of(PLANS["undefined"]))
    found = history.measurements[0]
    matrix = found.similarity.matrix
    assert group_similarity(found, (0, 1, 2)) == pytest.approx((matrix[0][1] + matrix[0][2] + matrix[1][2]) / 3)  # type: ignore[operator]
    assert group_similarity(found, (0, len(matrix) - 1)) is None
    assert group_similarity(found, (0,)) is None


def test_an_empty_run_has_no_stops() -> None:
    history = History(header_of(Plan()))
    assert len(history) == 0
    assert [history.stops(grain) for grain in GRAINS] == [[], [], [], []]
    assert history.order() == tuple(range(5))
    assert task_order([], 3) == (0, 1, 2)


def test_an_event_for_a_stage_or_task_that_does_not_exist_is_refused() -> None:
    plan = PLANS["rooms"]
    history = History(header_of(plan))
    measured = next(event for event in events_of(plan) if isinstance(event, SimilarityMeasured))
    with pytest.raises(
        ValueError, match=r"event 0 \(similarity_measured\): field `stage`: 8, but the run has 8 stages"
    ):
        history.extend([measured.model_copy(update={"stage": 8})])
    with pytest.raises(ValueError, match=r"field `tasks`: 5, but the run has 5 tasks"):
        history.extend([measured.model_copy(update={"tasks": (0, 5)})])
