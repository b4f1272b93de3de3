"""The film of a run: its differences, played back, are the run; it is small, and made once."""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import pytest

from core.events import (
    AmalgamationProgressed,
    AnyEvent,
    NodeCreated,
    PhaseStarted,
    RunStarted,
    StructureChanged,
)
from core.sharing import SharingEdge, SharingGraph, SharingNode
from core.structure import Node
from explorer import theme, words
from explorer.figures import layout
from explorer.figures.camera import film
from explorer.figures.facts import node_why, story
from explorer.figures.film import NEW, RISING, STANDS, Film, State, states
from explorer.films import film_of
from explorer.moments import GRAINS, Grain, History, Snapshot
from tests._runs import DENSE, IMAGE_LEVEL, Plan, events_of, header_of

PLANS = {
    "rooms": Plan(structural_phases=4),
    "digits": Plan(tasks=IMAGE_LEVEL, structural_phases=3, data="digits"),
    "undefined": Plan(undefined=True, structural_phases=1, end="failed"),
    "cut": Plan(structural_phases=0, epochs=1, end="cut"),
}
AT = {"step": 0, "epoch": 0, "phase": 0, "seconds": 0.0}


def history_of(plan: Plan) -> History:
    return History(header_of(plan), events_of(plan))


def weighted() -> History:
    """A graph that is no tree: policies and gates whose weights change, nodes that look the same, skips, no heads."""

    def graph(weights: Mapping[tuple[int, int], float], kinds: str) -> SharingGraph:
        letters = {
            "S": ("shared", (0, 1, 2, 3, 4)),
            "a": ("specific", (0,)),
            "b": ("specific", (1, 3)),
            "k": ("skip", (2,)),
        }
        nodes = []
        for stage, row in enumerate(kinds.split("/")):
            for letter in row:
                kind, tasks = letters[letter]
                nodes.append(
                    SharingNode(stage=stage, tasks=tasks, kind=kind, neurons=8, parameters=10 * stage, macs=3)  # type: ignore[arg-type]
                )
        edges = tuple(SharingEdge(source=one, target=two, weight=weight) for (one, two), weight in weights.items())
        return SharingGraph(nodes=tuple(nodes), edges=edges)

    graphs = [
        graph({(0, 2): 0.5, (1, 2): 0.25, (0, 3): 1.0}, "SS/Sk"),
        graph({(0, 2): 0.75, (1, 2): 0.25}, "SS/Sk"),
        graph({(0, 2): 0.75, (1, 3): 0.1}, "Sa/Sb"),
        graph({(0, 1): 0.0}, "S/S"),
    ]
    events: list[AnyEvent] = [RunStarted(**AT), PhaseStarted(role="task-learning", epochs=1, **AT)]
    events += [StructureChanged(graph=found, parameters=found.parameters, macs=found.macs, **AT) for found in graphs]
    born = {"stage": 1, "tasks": (1, 2)}
    events.insert(4, NodeCreated(neurons=8, parameters=20, start="copy", **born, **AT))
    events.insert(5, AmalgamationProgressed(done=0.5, losses={DENSE[1].name: 0.123456}, **born, **AT))
    return History(header_of(Plan(stages=(("low", 8), ("high", 8)))), events)


HISTORIES = {name: history_of(plan) for name, plan in PLANS.items()} | {"weighted": weighted()}


def plays_back(found: Film) -> Iterator[State]:
    """The states as the browser reads them: from the JSON alone."""
    nodes: dict[int, list[float]] = {}
    edges: dict[tuple[int, int], float] = {}
    ghosts: set[int] = set()
    reasons: dict[int, int] = {}
    for _, _, _, *change in json.loads(found.to_json())["frames"]:
        change += [[]] * (4 - len(change))
        for node in change[0]:
            if isinstance(node, int):
                del nodes[node]
            else:
                nodes[node[0]] = node[1:]
        for source, target, weight in change[1]:
            if weight < 0:
                del edges[source, target]
            else:
                edges[source, target] = weight
        for node in change[2]:
            ghosts.symmetric_difference_update({node if node >= 0 else -1 - node})
        reasons.update(zip(change[3][::2], change[3][1::2], strict=True))
        yield State(dict(nodes), dict(edges), frozenset(ghosts), dict(reasons))  # type: ignore[arg-type]


def check(found: Film, state: State, history: History, snapshot: Snapshot) -> None:
    """A played state is the snapshot: nodes in their places, births, edges with weights, ghosts and reasons."""
    most = max(stage.neurons for stage in history.header.stages)
    boxes = layout.boxes(snapshot.graph, history.order(), most)
    born = {birth.node.tasks: birth for birth in snapshot.births}
    expected = [
        (box.node.stage, box.tasks, box.node.kind, round(box.x, 4), round(box.width, 4),
         NEW if Node(box.node.stage, box.node.tasks) in snapshot.created else STANDS)
        for box in boxes
    ]  # fmt: skip
    raised = [layout.raised_box(birth.node, history.order(), most) for birth in snapshot.births]
    expected += [(box.node.stage, box.tasks, "shared", round(box.x, 4), round(box.width, 4), RISING) for box in raised]
    shown = [
        (found.nodes[node].stage, found.nodes[node].tasks, found.nodes[node].kind,
         round(there.x, 4), round(found.nodes[node].width, 4), there.status)
        for node, there in state.nodes.items()
    ]  # fmt: skip
    assert sorted(shown) == sorted(expected)

    names = [task.name for task in history.header.tasks]
    for node, there in state.nodes.items():
        if there.status == RISING:
            birth = born[tuple(sorted(found.nodes[node].tasks))]
            assert there.done == birth.done
            wanted = [birth.losses.get(names[task]) for task in found.nodes[node].tasks] if birth.losses else []
            assert list(there.losses) == wanted
        text = found.reasons[state.reasons[node]]
        place = Node(found.nodes[node].stage, tuple(sorted(found.nodes[node].tasks)))
        head = found.nodes[node].kind == "head"
        assert text == ("never shared" if head else node_why(history, place, snapshot.index))

    def ends(node: SharingNode, other: SharingNode) -> tuple[object, ...]:
        return node.stage, node.tasks, node.kind, other.stage, other.tasks, other.kind

    graph = snapshot.graph
    edges = sorted((*ends(graph.nodes[edge.source], graph.nodes[edge.target]), edge.weight) for edge in graph.edges)
    table = [(node.stage, tuple(sorted(node.tasks)), node.kind) for node in found.nodes]
    assert sorted((*table[one], *table[two], weight) for (one, two), weight in state.edges.items()) == edges
    ghosts = {Node(found.nodes[node].stage, tuple(sorted(found.nodes[node].tasks))) for node in state.ghosts}
    assert ghosts == set(snapshot.ghosts)


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("name", list(HISTORIES))
def test_the_differences_played_back_are_the_run(name: str, grain: Grain) -> None:
    history = HISTORIES[name]
    found = film(history, grain)
    assert [frame.index for frame in found.frames] == history.stops(grain)
    for frame, state in zip(found.frames, states(found), strict=True):
        snapshot = history.snapshot(frame.index)
        check(found, state, history, snapshot)
        assert frame.where == words.when(snapshot)
        assert frame.what == story(history, frame.index, grain)


@pytest.mark.parametrize("name", list(HISTORIES))
def test_the_json_holds_the_same_states(name: str) -> None:
    found = film(HISTORIES[name], "neuron")
    for played, read in zip(states(found), plays_back(found), strict=True):
        assert read.edges == {edge: round(weight, 4) for edge, weight in played.edges.items()}
        assert (read.ghosts, read.reasons) == (played.ghosts, dict(played.reasons))
        assert set(read.nodes) == set(played.nodes)
        for node, there in played.nodes.items():
            x, status, *rest = read.nodes[node]  # type: ignore[misc]
            assert (x, status) == (round(there.x, 4), there.status)
            assert len(rest) == (1 + len(there.losses) if there.status == RISING else 0)


def test_nodes_that_look_the_same_stay_apart_and_weights_change() -> None:
    history = HISTORIES["weighted"]
    found = film(history, "neuron")
    played = list(states(found))
    twins = [node for node, there in enumerate(found.nodes) if there.stage == 0 and len(there.tasks) == 5]
    assert len(twins) == 2
    assert len({played[2].nodes[node].x for node in twins}) == 2
    weights = [sorted(state.edges.values()) for state in played[2:]]
    assert weights[0] == [0.25, 0.5, 1.0]
    assert weights[-1] == [0.0]


def test_what_does_not_change_is_not_told_again() -> None:
    found = film(HISTORIES["rooms"], "neuron")
    played = list(states(found))
    for frame, (before, after) in zip(found.frames[1:], pairwise(played), strict=True):
        for node, there in frame.change.nodes.items():
            assert before.nodes.get(node) != there
        if not frame.change.nodes:
            assert before.nodes is after.nodes
    quiet = [frame for frame in found.frames if not (frame.change.nodes or frame.change.edges or frame.change.ghosts)]
    assert len(quiet) > len(found.frames) / 3


def test_a_cursor_between_the_stops_gets_a_frame_of_its_own() -> None:
    history = HISTORIES["rooms"]
    stops = history.stops("phase")
    between = stops[2] + 1
    assert between not in stops
    assert [frame.index for frame in film(history, "phase", between).frames] == sorted([*stops, between])
    assert film(history, "phase", stops[2]) == film(history, "phase")


def test_tasks_and_stages_are_named_and_coloured_as_everywhere() -> None:
    history = HISTORIES["digits"]
    found = film(history, "phase")
    looks = theme.looks(history.header)
    assert [(task.label, task.letter, task.colour, task.dash) for task in found.tasks] == [
        (look.label, look.letter, look.colour, look.dash) for look in looks
    ]
    assert found.order == history.order()
    assert [name for name, _ in found.stages] == [stage.name for stage in history.header.stages]


def test_hover_lines_name_similarity_threshold_and_what_stood_before() -> None:
    found = film(HISTORIES["rooms"], "neuron")
    last = list(states(found))[-1]
    shared = [node for node in last.nodes if len(found.nodes[node].tasks) > 1]
    assert shared
    for node in shared:
        fused, before = found.reasons[last.reasons[node]].split("\n")
        assert "mean similarity 0." in fused
        assert "threshold 0.950" in fused
        assert before.startswith("before: ")
        assert "neurons" in before
        assert "parameters" in before
        assert found.nodes[node].size.endswith("MACs")


def test_packing_gives_the_film_again_and_is_kept_until_the_run_grows() -> None:
    plan = PLANS["rooms"]
    events = events_of(plan)
    history = History(header_of(plan), events[:40])
    packed = film_of(history, "decision")
    assert json.loads(zlib.decompress(base64.b64decode(packed.text))) == json.loads(packed.json)
    assert film_of(history, "decision") is packed
    assert film_of(history, "decision", history.stops("decision")[0]) is packed
    assert film_of(history, "neuron").key != packed.key
    history.extend(events[40:])
    grown = film_of(history, "decision")
    assert grown.key != packed.key
    assert len(packed.film.frames) < len(grown.film.frames)
    assert grown.film == film(History(header_of(plan), events), "decision")


def test_payload_of_the_largest_run() -> None:
    """Twelve tasks, thirty stages, two hundred phases: far below a page's two megabytes, every event kept."""
    tasks = tuple(replace(DENSE[4], name=f"task{number}", label=f"Task {number}") for number in range(12))
    stages = tuple((f"stage{number}", 16 + number) for number in range(30))
    history = history_of(Plan(tasks=tasks, stages=stages, structural_phases=100))
    packed = film_of(history, "neuron")
    assert len(packed.film.frames) == len(history) > 1000
    assert len(packed.text) < 300_000
    assert len(packed.json) < 1_000_000
