"""Small pictures of structures: well-formed, small, escaped, and of the right strands."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from core.events import StructureChanged
from core.sharing import SharingEdge, SharingGraph, SharingNode
from explorer import theme
from explorer.figures.thumbnail import MOST_BYTES, thumbnail_svg
from explorer.theme import TaskLook
from tests._runs import IMAGE_LEVEL, LARGEST, Plan, events_of, header_of

PLANS = {
    "rooms": Plan(structural_phases=4),
    "digits": Plan(tasks=IMAGE_LEVEL, structural_phases=3, data="digits"),
    "one task": Plan(tasks=IMAGE_LEVEL[:1], structural_phases=0),
    "largest": LARGEST,
}
NAMESPACE = "{http://www.w3.org/2000/svg}"


def graphs(plan: Plan) -> list[SharingGraph]:
    return [event.graph for event in events_of(plan) if isinstance(event, StructureChanged)]


@pytest.mark.parametrize("name", list(PLANS))
def test_every_structure_is_a_small_svg_with_a_strand_and_a_letter_a_task(name: str) -> None:
    plan = PLANS[name]
    looks = theme.looks(header_of(plan))
    for graph in graphs(plan)[:: 12 if name == "largest" else 1]:
        svg = thumbnail_svg(graph, looks, len(plan.stages))
        assert len(svg.encode()) <= MOST_BYTES
        root = ElementTree.fromstring(svg)
        assert [path.get("stroke") for path in root.iter(f"{NAMESPACE}path")] == [
            look.colour for look in _in_order(svg, looks)
        ]
        assert {text.text for text in root.iter(f"{NAMESPACE}text")} == {look.letter for look in looks}


def _in_order(svg: str, looks: tuple[TaskLook, ...]) -> list[TaskLook]:
    letters = re.findall(r">([^<]+)</text>", svg)
    return [next(look for look in looks if look.letter == letter) for letter in letters]


def test_there_is_a_capsule_for_each_stretch_of_shared_stages() -> None:
    plan = PLANS["rooms"]
    last = graphs(plan)[-1]
    groups = {node.tasks for node in last.nodes if node.kind == "shared"}
    svg = thumbnail_svg(last, theme.looks(header_of(plan)), len(plan.stages))
    assert svg.count("<rect") == len(groups)
    assert thumbnail_svg(graphs(plan)[0], theme.looks(header_of(plan)), len(plan.stages)).count("<rect") == 0


def test_strands_that_share_lie_closer_than_those_that_do_not() -> None:
    plan = PLANS["rooms"]
    looks, apart = theme.looks(header_of(plan)), {}
    for name, graph in (("separate", graphs(plan)[0]), ("shared", graphs(plan)[-1])):
        starts = [int(x) for x in re.findall(r'd="M(\d+) ', thumbnail_svg(graph, looks, len(plan.stages)))]
        apart[name] = max(starts) - min(starts)
    assert apart["shared"] < 0.5 * apart["separate"]


def test_letters_are_escaped() -> None:
    plan = PLANS["digits"]
    looks = tuple(replace(look, letter="<&") for look in theme.looks(header_of(plan)))
    svg = thumbnail_svg(graphs(plan)[0], looks, len(plan.stages))
    assert "&lt;&amp;" in svg
    assert [text.text for text in ElementTree.fromstring(svg).iter(f"{NAMESPACE}text")] == ["<&"] * 4


@pytest.mark.parametrize(("n_tasks", "n_stages"), [(12, 30), (40, 60), (200, 8)])
def test_structures_that_change_at_every_stage_stay_small(n_tasks: int, n_stages: int) -> None:
    nodes = [
        SharingNode(
            stage=stage,
            tasks=tuple(task for task in range(n_tasks) if (task // (1 + stage % 5)) % 2 == part),
            kind="shared",
            neurons=8,
            parameters=1,
            macs=1,
        )
        for stage in range(n_stages)
        for part in (0, 1)
        if any((task // (1 + stage % 5)) % 2 == part for task in range(n_tasks))
    ]
    graph = SharingGraph(nodes=tuple(nodes), edges=(SharingEdge(source=0, target=1, weight=0.5),))
    look = theme.looks(header_of(Plan()))[0]
    svg = thumbnail_svg(graph, [look] * n_tasks, n_stages)
    assert len(svg.encode()) <= MOST_BYTES
    assert svg.count("<path") == min(n_tasks, 40)
    ElementTree.fromstring(svg)
