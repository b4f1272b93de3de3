"""The sharing graph: a tree drawn as nodes and edges, with its costs, and handed to networkx."""

import networkx
import pytest

from core.sharing import SharingEdge, SharingGraph, SharingNode, sharing_graph
from core.structure import Structure


def node(neurons: int, parameters: int, macs: int) -> SharingNode:
    return SharingNode(stage=0, tasks=(0,), kind="specific", neurons=neurons, parameters=parameters, macs=macs)


STAGES = (node(4, 10, 100), node(8, 20, 200))
HEADS = (node(1, 3, 30), node(2, 5, 50), node(3, 7, 70))


def test_a_tree_has_a_node_for_every_group_and_a_head_for_every_task() -> None:
    structure = Structure.separate(("a", "b", "c"), 2).merge(0, (0, 2))
    graph = sharing_graph(structure, STAGES, HEADS)
    assert [(n.stage, n.tasks, n.kind) for n in graph.nodes] == [
        (0, (0, 2), "shared"),
        (0, (1,), "specific"),
        (1, (0,), "specific"),
        (1, (1,), "specific"),
        (1, (2,), "specific"),
        (2, (0,), "head"),
        (2, (1,), "head"),
        (2, (2,), "head"),
    ]
    assert [(e.source, e.target) for e in graph.edges] == [(0, 2), (1, 3), (0, 4), (2, 5), (3, 6), (4, 7)]
    assert (graph.parameters, graph.macs, graph.neurons) == (2 * 10 + 3 * 20 + 15, 2 * 100 + 3 * 200 + 150, 8 + 24)


def test_sharing_saves_what_the_removed_nodes_cost() -> None:
    """Property: fusing a group of g tasks removes g - 1 nodes of that stage, and nothing else changes."""
    start = Structure.separate(("a", "b", "c"), 2)
    before, after = (sharing_graph(s, STAGES, HEADS) for s in (start, start.merge(0, (0, 1, 2))))
    assert before.parameters - after.parameters == 2 * 10
    assert before.macs - after.macs == 2 * 100
    assert before.neurons - after.neurons == 2 * 4


def test_networkx_gets_everything_and_writes_graphml() -> None:
    graph = sharing_graph(Structure.shared(("a", "b"), 2), STAGES, HEADS[:2]).to_networkx()
    assert networkx.is_directed_acyclic_graph(graph)
    assert graph.nodes[0] == {"stage": 0, "tasks": "0,1", "kind": "shared", "neurons": 4, "parameters": 10, "macs": 100}
    assert graph.edges[0, 1] == {"weight": 1.0}
    assert "graphml" in "".join(networkx.generate_graphml(graph))


def test_edges_need_both_ends_and_a_weight_of_a_share() -> None:
    with pytest.raises(ValueError, match=r"edge 0 -> 1: there are 1 nodes"):
        SharingGraph(nodes=STAGES[:1], edges=(SharingEdge(source=0, target=1),))
    with pytest.raises(ValueError, match=r"less than or equal to 1"):
        SharingEdge(source=0, target=0, weight=1.5)
