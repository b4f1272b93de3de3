"""Comparing runs: locks, who shares what against brute force, numbers by hand, the Pareto front, the figures."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from core.delta import delta_m
from core.events import AnyEvent, EpochFinished, Evaluated, PhaseStarted, RunStarted, StructureChanged
from core.runs import RunHeader, read_run
from core.sharing import SharingGraph, SharingNode, sharing_graph
from core.structure import Node, Structure
from core.tasks import DEPTH, EDGES, NORMALS
from explorer import theme
from explorer.figures import compare
from explorer.figures.compare import Lock, Member, gather
from explorer.figures.compare.cells import apart
from explorer.figures.compare.difference import PALE
from explorer.figures.compare.front import pareto_front
from explorer.figures.compare.members import locked_index, method_symbols, share_of
from explorer.figures.compare.pairs import STRENGTH
from explorer.figures.compare.quality import placed_members
from explorer.figures.compare.scores import common_tasks, course, delta, gain, scores_at
from explorer.figures.compare.sharing import agreements, common_ground, difference, shared_pairs
from explorer.figures.compare.table import score_rows, table_rows
from explorer.focus import Focus
from explorer.moments import History
from explorer.names import get_name
from tests._runs import DENSE, IMAGE_LEVEL, Plan, events_of, header_of

RECORDED = Path(__file__).parents[1] / "assets" / "runs"
EVERYTHING = Focus()
THREE = (DEPTH, NORMALS, EDGES)


def history_of(plan: Plan, method: str = "mtsl") -> History:
    return History(header_of(plan).model_copy(update={"method": method}), events_of(plan))


def gathered(*histories: History, index: int | None = None, lock: Lock = "share") -> list[Member]:
    runs = [(f"runs.r{number}", f"r{number}", history) for number, history in enumerate(histories)]
    return gather(runs, len(histories[0]) - 1 if index is None else index, lock)


def standing(structure: Structure, header: RunHeader | None = None, scores: dict[str, Any] | None = None) -> History:
    """A run that has this structure from start to end, and these metrics."""
    stages = [SharingNode(stage=0, tasks=(0,), kind="shared", neurons=8, parameters=10, macs=100)] * structure.n_stages
    heads = [SharingNode(stage=0, tasks=(0,), kind="head", neurons=1, parameters=1, macs=1)] * len(structure.tasks)
    graph = sharing_graph(structure, stages, heads)
    plan = Plan(tasks=THREE, stages=tuple((f"s{number}", 8) for number in range(structure.n_stages)))
    place = {"step": 0, "epoch": 0, "phase": 0, "seconds": 0}
    events: list[AnyEvent] = [RunStarted(**place), StructureChanged(graph=graph, parameters=9, macs=9, **place)]
    if scores:
        events.append(Evaluated(split="validation", metrics=scores, samples=4, **(place | {"epoch": 1})))
    return History(header or header_of(plan), events)


def random_structure(rng: random.Random, n_tasks: int, n_stages: int) -> Structure:
    structure = Structure.separate([f"t{task}" for task in range(n_tasks)], n_stages)
    for _ in range(rng.randrange(12)):
        candidates = structure.candidates()
        if not candidates:
            break
        chosen = rng.choice(candidates)
        group = rng.sample(chosen.tasks, rng.randint(2, len(chosen.tasks)))
        structure = structure.merge(chosen.stage, group)
    return structure


@pytest.fixture(scope="module")
def recorded() -> list[History]:
    runs = [read_run(RECORDED / name) for name in ("mtsl-rooms", "one-rooms", "separate-rooms")]
    return [History(run.header, run.events) for run in runs]


def trace(figure: go.Figure, name: str) -> Any:
    return next(found for found in figure.data if found.name == name)


# where the runs stand


def timed(*events: tuple[int, int, float]) -> History:
    """A run of events (phase, epoch, seconds); each new phase begins with its start."""
    made: list[AnyEvent] = []
    for phase, epoch, seconds in events:
        place = {"step": 0, "epoch": epoch, "phase": phase, "seconds": seconds}
        if not made or made[-1].phase != phase or isinstance(made[-1], RunStarted):
            made.append(PhaseStarted(role="task-learning", epochs=1, **place))
        else:
            made.append(EpochFinished(losses={}, learning_rate=1, samples_per_second=1, **place))
    return History(header_of(Plan(tasks=THREE)), made)


LEADER = timed((0, 0, 0), (0, 1, 10), (0, 2, 20), (1, 2, 20), (1, 3, 30), (2, 3, 35), (2, 4, 40))
OTHER = timed((0, 0, 0), (0, 1, 5), (0, 2, 10), (0, 3, 12), (1, 3, 15), (1, 4, 18), (1, 5, 20))


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        (
            "share",
            [0, 1, 2, 2, 4, 4, 6],
        ),  # shares 0, .25, .5, .5, .75, .875, 1; of the other 0, .25, .5, .6, .75, .9, 1
        ("epoch", [0, 1, 2, 2, 4, 4, 5]),
        ("phase", [0, 1, 3, 4, 6, 6, 6]),  # half of four events is the second; there is no phase 2
    ],
)
def test_locks_by_hand(lock: Lock, expected: list[int]) -> None:
    assert [locked_index(LEADER, index, OTHER, lock) for index in range(len(LEADER))] == expected


@pytest.mark.parametrize("lock", ["share", "phase", "epoch"])
def test_a_lock_never_looks_ahead_and_never_goes_back(lock: Lock) -> None:
    leader, other = history_of(Plan(structural_phases=3)), history_of(Plan(structural_phases=5, epochs=1, seed=2))
    found = [locked_index(leader, index, other, lock) for index in range(len(leader))]
    assert found == sorted(found)
    for index, position in enumerate(found):
        if lock == "share":
            assert share_of(other, position) <= share_of(leader, index) + 1e-9
            if position + 1 < len(other):
                assert share_of(other, position + 1) > share_of(leader, index)
        else:
            assert getattr(other.event(position), lock) <= getattr(leader.event(index), lock)


@pytest.mark.parametrize("lock", ["share", "phase", "epoch"])
def test_a_run_locked_to_itself_stands_at_the_same_place(lock: Lock) -> None:
    history = history_of(Plan(structural_phases=2))
    for index in range(len(history)):
        position = locked_index(history, index, history, lock)
        assert position >= index
        if lock == "phase":
            assert position == index
        elif lock == "share":
            assert history.event(position).seconds == history.event(index).seconds
        else:
            assert history.event(position).epoch == history.event(index).epoch


def test_without_times_the_share_is_one_of_events() -> None:
    still = timed((0, 0, 0), (0, 1, 0), (0, 2, 0), (0, 3, 0), (0, 4, 0))
    assert [share_of(still, index) for index in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert locked_index(LEADER, 1, still, "share") == 1


def test_members_have_letters_dashes_and_the_symbol_of_their_method(recorded: list[History]) -> None:
    members = gathered(*recorded, index=100)
    assert [member.label for member in members] == ["A r0", "B r1", "C r2"]
    assert len({member.dash for member in members}) == 3
    assert len(set(method_symbols(members).values())) == 3
    assert method_symbols([members[0], replace(members[0], place=1)]) == {"mtsl": "circle"}
    assert "phase 11 · structural-learning · epoch 6" in compare.where(members[0])
    assert re.search(r" [34]\d % of the run", compare.where(members[0]))


# who shares what


def test_pairs_against_brute_force() -> None:
    rng = random.Random(5)
    for _ in range(40):
        n_tasks, n_stages = rng.randint(2, 6), rng.randint(1, 5)
        one, other = (random_structure(rng, n_tasks, n_stages) for _ in range(2))
        graphs = [standing_graph(structure) for structure in (one, other)]
        tasks, stages = range(n_tasks), range(n_stages)
        pairs = list(combinations(tasks, 2))
        for structure, graph in zip((one, other), graphs, strict=True):
            expected = [[structure.node(stage, a) == structure.node(stage, b) for a, b in pairs] for stage in stages]
            assert shared_pairs(graph, tasks, stages).tolist() == expected
        ground = compare.sharing.Ground((tuple(tasks),) * 2, (tuple(stages),) * 2)
        found = difference(*graphs, ground)
        mine, theirs = set(one.nodes()), set(other.nodes())
        sides = {"both": mine & theirs, "one": mine - theirs, "other": theirs - mine}
        for side, nodes in sides.items():
            assert {Node(node.stage, node.tasks) for node in found.nodes if node.side == side} == nodes
        agree = [[(a in one_of(one, s, b)) == (a in one_of(other, s, b)) for a, b in pairs] for s in stages]
        assert found.agreement == pytest.approx(np.mean(agree))
        assert found.rand == pytest.approx(np.mean(agree, axis=1))
        assert sum(found.counts.values()) == len(pairs) * n_stages


def one_of(structure: Structure, stage: int, task: int) -> Sequence[int]:
    return structure.node(stage, task).tasks


def standing_graph(structure: Structure) -> SharingGraph:
    node = SharingNode(stage=0, tasks=(0,), kind="shared", neurons=8, parameters=10, macs=100)
    return sharing_graph(structure, [node] * structure.n_stages, [node] * len(structure.tasks))


def test_agreement_by_hand() -> None:
    names = [task.name for task in THREE]
    start = Structure.separate(names, 2)
    one, other = start.merge(0, (0, 1, 2)).merge(1, (0, 1)), start.merge(0, (0, 1))
    members = gathered(standing(one), standing(other))
    found = difference(members[0].snapshot.graph, members[1].snapshot.graph, common_ground(members))
    # pairs DN, DE, NE: stage 0 all three against DN; stage 1 DN against nothing
    assert found.counts == {"both": 1, "one": 3, "other": 0, "neither": 2}
    assert found.rand.tolist() == pytest.approx([1 / 3, 2 / 3])
    assert found.agreement == pytest.approx(0.5)
    assert "agree on 50 % of 6 entries" in compare.difference_sentence(*members)
    assert agreements(members) == [[1.0, 0.5], [0.5, 1.0]]


def test_a_run_agrees_with_itself_and_all_shared_with_nothing_shared_nowhere(recorded: list[History]) -> None:
    mtsl, one, separate = recorded
    found = agreements(gathered(mtsl, mtsl, one, separate))
    assert found[0][1] == 1.0
    assert found[2][3] == 0.0
    assert found[0][2] == pytest.approx(
        1 - (found[0][3] or 0)
    )  # what is shared agrees with the one, the rest with the other


def test_policies_share_where_a_node_serves_both_and_skips_do_not_count() -> None:
    cost = {"neurons": 8, "parameters": 10, "macs": 100}
    nodes = (
        SharingNode(stage=0, tasks=(0, 1), kind="shared", **cost),
        SharingNode(stage=0, tasks=(0,), kind="specific", **cost),
        SharingNode(stage=1, tasks=(0, 1), kind="skip", **cost),
    )
    assert shared_pairs(SharingGraph(nodes=nodes, edges=()), (0, 1), (0, 1)).tolist() == [[True], [False]]


def test_tasks_and_stages_are_matched_by_name_in_any_order() -> None:
    one = Plan(tasks=DENSE, stages=(("stem", 8), ("body", 8), ("extra", 8)))
    other = Plan(tasks=(DENSE[3], DENSE[1], DENSE[0]), stages=(("stem", 8), ("body", 16)))
    members = gathered(history_of(one), history_of(other))
    ground = common_ground(members)
    assert ground.tasks == ((0, 1, 3), (2, 1, 0))
    assert ground.stages == ((0, 1), (0, 1))
    notes = " ".join(ground.notes)
    assert "Tasks edges, reconstruction are only in A." in notes
    assert "Stage extra is only in A." in notes
    assert "numbers of neurons" in notes


def test_stages_of_other_names_are_matched_by_position_and_never_if_their_number_differs() -> None:
    plans = [Plan(stages=(("a", 8), ("b", 8))), Plan(stages=(("x", 8), ("y", 8))), Plan(stages=(("x", 8),) * 3)]
    one, other, third = (history_of(plan) for plan in plans)
    ground = common_ground(gathered(one, other))
    assert ground.stages == ((0, 1), (0, 1))
    assert "by their position" in " ".join(ground.notes)
    assert common_ground(gathered(one, third)).empty
    assert len(compare.comparable(gathered(one, third, other))) == 2


def test_runs_on_other_tasks_cannot_be_compared(recorded: list[History]) -> None:
    members = gathered(recorded[0], history_of(Plan(tasks=IMAGE_LEVEL)))
    with pytest.raises(ValueError, match=r"should have two tasks and a stage in common. Found 1"):
        compare.difference_figure(*members, EVERYTHING)
    assert agreements(members)[0][1] is None
    assert len(compare.comparable(members)) == 1


# metrics, size and speed


def metrics(depth: float, normals: float, edges: float) -> dict[str, dict[str, float]]:
    return {"depth": {"rmse": depth}, "normals": {"mean_angle": normals}, "edges": {"f_measure": edges}}


def scored() -> list[Member]:
    shared, alone = Structure.shared([t.name for t in THREE], 2), Structure.separate([t.name for t in THREE], 2)
    histories = [standing(shared, scores=metrics(0.9, 22, 0.5)), standing(alone, scores=metrics(1.0, 20, 0.4))]
    return gathered(*histories)


def test_gains_and_delta_are_those_of_the_engine() -> None:
    members = scored()
    ours, theirs = scores_at(members[0]), scores_at(members[1])
    tasks = common_tasks(members)
    assert [gain(ours, theirs, task) for task in tasks] == pytest.approx([10, -10, 25])
    assert delta(ours, theirs, tasks) == delta_m(ours, theirs, THREE) == pytest.approx(25 / 3)
    assert delta(theirs, theirs, tasks) == 0


def test_delta_of_the_recorded_runs_is_the_engines(recorded: list[History]) -> None:
    members = gathered(*recorded)
    last = [history.evaluations[-1][1].metrics for history in recorded]
    tasks = [task.task() for task in recorded[0].header.tasks]
    rows = score_rows(members, members[2])
    for row, found in zip(rows, last, strict=True):
        assert row["Δm against C [%] ↑"] == delta_m(found, last[2], tasks)
    assert compare.default_baseline(members) == members[2]
    assert compare.default_baseline(members[:2]) == members[0]


def test_nothing_is_invented_where_a_value_is_missing_or_the_baseline_is_zero() -> None:
    names = [task.name for task in THREE]
    zero = standing(Structure.separate(names, 2), scores=metrics(0.0, 20, 0.4))
    members = gathered(standing(Structure.shared(names, 2), scores=metrics(0.9, 22, 0.5)), zero)
    assert delta(scores_at(members[0]), scores_at(members[1]), common_tasks(members)) is None
    blank = gathered(standing(Structure.shared(names, 2)), zero)
    assert scores_at(blank[0]) == {}
    assert score_rows(blank, blank[1])[0]["Δm against B [%] ↑"] is None
    assert table_rows(blank, blank[1])[1]["A r0"] == "n/a"
    assert placed_members(blank, blank[1], None, "macs") == []
    compare.quality_figure(blank, blank[1], None, "macs")
    compare.curves_figure(blank, blank[1], None)
    compare.gains_figure(blank, blank[1], EVERYTHING)


def test_the_best_is_marked_once_in_each_row() -> None:
    members = scored()
    rows = {row["Measure"]: row for row in table_rows(members, members[1])}
    assert rows["Depth RMSE [m] ↓"]["A r0"] == f"{compare.BEST} 0.900 m (+10.0 %)"
    assert rows["Depth RMSE [m] ↓"]["B r1"] == "1.00 m"
    assert rows["Normals mean angle [°] ↓"]["B r1"] == f"{compare.BEST} 20.0°"
    assert rows["Parameters"]["A r0"] == f"{compare.BEST} 23"
    assert rows["Shared nodes"] == {"Measure": "Shared nodes", "A r0": "2", "B r1": "0"}
    exported = score_rows(members, members[1])
    assert exported[0]["Depth RMSE [m] ↓"] == 0.9
    assert "Edges F-measure ↑" in str(exported[0]["Best at"])
    assert exported[1]["Best at"] == "Normals mean angle [°] ↓"


def test_metrics_are_those_of_the_moment(recorded: list[History]) -> None:
    for index in range(0, 183, 20):
        for member in gathered(*recorded, index=index, lock="epoch"):
            past = [event for position, event in member.history.evaluations if position <= member.index]
            assert scores_at(member) == (past[-1].metrics if past else {})


def test_other_conditions_are_said(recorded: list[History]) -> None:
    header = recorded[1].header
    config = header.config | {"training": {"epochs": 16, "threads": 4}}
    other = header.model_copy(
        update={"versions": header.versions | {"torch": "9.9"}, "config": config, "data": "nyuv2"}
    )
    members = gathered(recorded[0], History(other, [recorded[1].event(i) for i in range(len(recorded[1]))]))
    said = " ".join(compare.other_conditions(members))
    assert "torch A 2.14.1, B 9.9" in said
    assert "threads A 1, B 4" in said
    assert "numpy" not in said
    assert "nyuv2" in said
    assert compare.other_conditions(gathered(*recorded)) == []


def test_the_course_of_delta_is_taken_at_the_same_epoch(recorded: list[History]) -> None:
    members = gathered(*recorded)
    tasks = [task.task() for task in recorded[0].header.tasks]
    at_epoch = {event.epoch: event.metrics for _, event in recorded[2].evaluations}
    for position, value in course(members[0], members[2], None):
        event = recorded[0].event(position)
        assert isinstance(event, Evaluated)
        assert value == delta_m(event.metrics, at_epoch[event.epoch], tasks)
    assert {value for _, value in course(members[2], members[2], None)} == {0.0}


# the Pareto front


@pytest.mark.parametrize("higher", [True, False])
def test_the_front_against_brute_force(higher: bool) -> None:
    rng = random.Random(3)
    for _ in range(300):
        points = [(rng.randrange(5), rng.randrange(5)) for _ in range(rng.randrange(8))]
        sign = 1 if higher else -1

        def beats(one: tuple[float, float], other: tuple[float, float], sign: int = sign) -> bool:
            no_worse = one[0] <= other[0] and sign * one[1] >= sign * other[1]
            return no_worse and one != other

        expected = {i for i, point in enumerate(points) if not any(beats(other, point) for other in points)}
        front = pareto_front(points, higher)
        assert set(front) == expected
        assert len(front) == len(expected)
        assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)


def test_quality_marks_the_front_and_names_every_run(recorded: list[History]) -> None:
    members = gathered(*recorded)
    rmse = recorded[0].header.tasks[1]
    for task, size in ((None, "parameters"), (rmse, "macs")):
        figure = compare.quality_figure(members, members[2], task, size)  # type: ignore[arg-type]
        placed = placed_members(members, members[2], task, size)  # type: ignore[arg-type]
        front = pareto_front([(cost, value) for _, cost, value in placed], task is None)
        for place, (member, cost, value) in enumerate(placed):
            mark = trace(figure, f"{member.letter} {get_name(member.header.method)}")
            assert (mark.x[0], mark.y[0]) == (cost, value)
            assert mark.marker.symbol.endswith("-open") == (place not in front)
            assert any(member.name in note.text for note in figure.layout.annotations)
            way = trace(figure, f"path of {member.label}")
            assert (way.x[-1], way.y[-1]) == (cost, value)
        staircase = trace(figure, "Pareto front")
        steps = [(placed[place][1], placed[place][2]) for place in front]
        assert list(zip(staircase.x, staircase.y, strict=True))[:-1] == steps  # by rising size, then on to the right
        assert list(staircase.x) == sorted(staircase.x)
        low, high = figure.layout.yaxis.range
        assert (low < high) == (task is None)  # better is always further up


def test_letters_move_apart_only_where_they_must() -> None:
    assert apart([0.0, 0.5, 1.0], 0, 1, 260) == [0, 0, 0]
    places = [0.5 + shift / 260 for shift in apart([0.5] * 4, 0, 1, 260)]
    assert np.diff(sorted(places)) * 260 == pytest.approx([13] * 3)


# the figures


def test_the_difference_shows_every_node_once_in_its_half(recorded: list[History]) -> None:
    for index in (0, 40, 100, 182):
        one, other = gathered(*recorded[:2], index=index)
        if not one.snapshot.graph.nodes:
            continue
        found = difference(one.snapshot.graph, other.snapshot.graph, common_ground([one, other]))
        figure = compare.difference_figure(one, other, EVERYTHING)
        for name, side in (("both", "both"), ("A only", "one"), ("B only", "other")):
            outline = trace(figure, name)
            expected = sum(node.side == side for node in found.nodes)
            assert sum(np.isnan(np.asarray(outline.x, dtype=float))) == max(expected, outline.x[0] is None)
        assert len({trace(figure, name).line.dash for name in ("both", "A only", "B only")}) == 3
        marks = [point[0] for point in trace(figure, "nodes").customdata]
        assert len(marks) == sum(len(node.tasks) for node in found.nodes)
        rows = compare.difference_drawing(one, other, EVERYTHING).rows()
        assert len(rows) == len(found.nodes)


def test_nodes_whose_tasks_cannot_stand_side_by_side_are_joined() -> None:
    plan = Plan(tasks=DENSE[:4], stages=(("s0", 8),))
    start = Structure.separate([task.name for task in DENSE[:4]], 1)
    halves = start.merge(0, (0, 1)).merge(0, (2, 3)), start.merge(0, (0, 2)).merge(0, (1, 3))
    figure = compare.difference_figure(*gathered(*(standing(one, header_of(plan)) for one in halves)), EVERYTHING)
    assert sorted(trace(figure, "letters of one").text) == sorted([f"<b>{letter}</b>" for letter in "SDEN"] * 2)
    assert trace(figure, "bridges, one").x[0] is None  # the first run's groups always stand together
    assert trace(figure, "bridges, other").x[0] is not None


def test_what_is_picked_is_framed(recorded: list[History]) -> None:
    one, other = gathered(*recorded[:2])
    for focus, framed in ((EVERYTHING, False), (Focus(0, (0, 1)), True), (Focus(None, (1,)), False)):
        x = trace(compare.difference_figure(one, other, focus), "picked").x
        assert (x[0] is not None) == framed
        frames = [s for s in compare.pairs_figure([one, other], focus).layout.shapes if s.name == "picked"]
        assert bool(frames) == framed
    strong = compare.difference_figure(one, other, Focus(None, (1,)))
    assert trace(strong, "strand Depth").line.width > trace(strong, "strand Edges").line.width


def test_pairs_say_in_which_runs(recorded: list[History]) -> None:
    members = gathered(*recorded)
    figure = compare.pairs_figure(members, EVERYTHING)
    texts = list(trace(figure, "letters").text)
    counts = np.asarray(trace(figure, "runs that share").z)
    assert counts.shape == (8, 10)
    assert set(texts) == {"AB", "B"}  # everything is shared in B, nothing in C
    assert texts.count("AB") == (counts == 2).sum() == shared_pairs(members[0].snapshot.graph, range(5), range(8)).sum()
    rows = compare.pairs_drawing(members, EVERYTHING).rows()
    assert [row["runs that share"] for row in rows] == counts.ravel().tolist()
    many = gathered(*recorded, recorded[0])
    assert set(trace(compare.pairs_figure(many, EVERYTHING), "letters").text) == {"3", "1"}


def test_gains_are_drawn_with_the_letters_of_runs_and_the_colours_of_tasks(recorded: list[History]) -> None:
    members = gathered(*recorded)
    figure = compare.gains_figure(members, members[2], EVERYTHING)
    drawn = trace(figure, "A r0 (MTSL)")
    tasks = common_tasks(members)
    expected = [gain(scores_at(members[0]), scores_at(members[2]), task) for task in tasks]
    assert list(drawn.x) == pytest.approx([*expected, np.mean(expected)])
    assert set(drawn.text) == {"<b>A</b>"}
    assert not [found for found in figure.data if "separate" in found.name]


def test_curves_split_where_each_run_stands(recorded: list[History]) -> None:
    members = gathered(*recorded, index=100)
    task = recorded[0].header.tasks[1]
    figure = compare.curves_figure(members, members[2], task)
    for member in members:
        so_far, later = trace(figure, member.label), trace(figure, f"{member.label}, later")
        assert max(so_far.x) <= member.event.epoch
        assert so_far.x[-1] == later.x[0] == trace(figure, f"{member.letter} stands here").x[0]
        assert len(so_far.x) + len(later.x) - 1 == len(course(member, members[2], task))
        assert so_far.line.dash == member.dash
    assert len({trace(figure, member.label).line.color for member in members}) == 1


def test_small_graphs_keep_letters_only_where_they_fit(recorded: list[History]) -> None:
    members = gathered(*recorded)
    one = compare.side_drawing(members[1]).figure
    assert set(trace(one, "beside").text) == {"all"}
    assert len(trace(one, "letters").text) == 5  # the heads
    keys = [compare.side_drawing(member).key for member in members]
    assert keys == ["sharing-a", "sharing-b", "sharing-c"]
    assert one.layout.height <= 430


def test_every_drawing_of_a_comparison_is_complete(recorded: list[History]) -> None:
    for members in (gathered(*recorded, index=100), gathered(*[history_of(Plan(seed=seed)) for seed in range(6)])):
        baseline = compare.default_baseline(members)
        drawings = [
            *(compare.side_drawing(member) for member in members),
            compare.difference_drawing(members[0], members[1], EVERYTHING),
            compare.pairs_drawing(members, EVERYTHING),
            compare.agreement_drawing(members),
            compare.gains_drawing(members, baseline, EVERYTHING),
            compare.quality_drawing(members, baseline, None, "parameters"),
            compare.curves_drawing(members, baseline, members[0].header.tasks[0]),
        ]
        assert len({drawing.key for drawing in drawings}) == len(drawings)
        for drawing in drawings:
            assert len(drawing.alt) > 40
            assert len(drawing.caption) > 60
            assert drawing.rows()
            assert drawing.csv()
            layout = drawing.figure.layout
            assert layout.paper_bgcolor is layout.plot_bgcolor is layout.font.color is None
            for name in layout:
                if name.startswith(("xaxis", "yaxis")):
                    assert layout[name].title.text or layout[name].ticktext


@pytest.mark.parametrize(("page", "text"), [("#ffffff", "#1c2026"), ("#14171c", "#e6e9ee")])
def test_letters_read_on_pale_nodes_and_grey_cells_on_both_themes(page: str, text: str) -> None:
    def over(colour: str, opacity: float) -> str:
        parts = [[int(found[start : start + 2], 16) for start in (1, 3, 5)] for found in (colour, page)]
        mixed = [round(opacity * one + (1 - opacity) * other) for one, other in zip(*parts, strict=True)]
        return "#" + "".join(f"{part:02x}" for part in mixed)

    for colour in theme.TASK_COLOURS:
        assert theme.contrast(text, over(colour, PALE)) >= 4.5, colour
    for strength in STRENGTH:
        assert theme.contrast(text, over(theme.NEUTRAL, strength)) >= 4.5


# ---- over seeds -----------------------------------------------------------------------------------------------------


def seeded(method: str, seed: int, *values: float) -> History:
    """A run that reached these values of depth, normals and edges."""
    header = header_of(Plan(tasks=THREE, stages=(("s0", 8), ("s1", 8)), seed=seed))
    header = header.model_copy(update={"method": method})
    return standing(Structure.separate([task.name for task in THREE], 2), header, metrics(*values))


def test_runs_of_one_method_and_several_seeds_are_one_column() -> None:
    """Depth 0.4 and 0.6: mean 0.5, sd 0.1414. Δm: 0.5 to 0.4 and 0.5 to 0.6 of RMSE are +20 and -20 %, over 3 tasks."""
    runs = [("mtsl", 0, 0.4), ("mtsl", 1, 0.6), ("separate", 0, 0.5), ("separate", 1, 0.5)]
    members = gathered(*(seeded(method, seed, depth, 20.0, 0.5) for method, seed, depth in runs))
    rows = {str(row["Measure"]): row for row in compare.seed_rows(members, members[2])}
    assert list(rows["Parameters"]) == ["Measure", "mtsl (n = 2)", "separate (n = 2)"]
    depth = next(row for title, row in rows.items() if title.startswith("Depth"))
    assert depth["mtsl (n = 2)"] == "0.50 ± 0.14"
    assert rows["Δm over separate, paired by seed (%) ↑"] == {
        "Measure": "Δm over separate, paired by seed (%) ↑",
        "mtsl (n = 2)": "0.0 ± 9.4",
        "separate (n = 2)": "0 ± 0",
    }
    assert rows["Parameters"]["mtsl (n = 2)"] == "63"


def test_a_seed_without_its_partner_has_no_delta_and_single_seeds_no_table() -> None:
    runs = [("mtsl", 0), ("mtsl", 1), ("separate", 1)]
    members = gathered(*(seeded(method, seed, 0.5, 20.0, 0.5) for method, seed in runs))
    assert compare.seed_rows(members, members[2])[0]["mtsl (n = 2)"] == "0 (1 of 2 defined)"
    assert compare.seed_rows(members[1:], members[2]) == []
    assert compare.seed_rows([members[0], members[0]], members[0]) == []
