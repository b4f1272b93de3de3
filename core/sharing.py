"""The general sharing graph that every method can draw itself as: nodes, the tasks they serve, weighted edges.

MTSL's tree, AutoMTL's policies, SNR's gates and the groups of selective updates all become one `SharingGraph`. It is a
frozen record, travels inside events, and turns into a networkx graph for layout and for GraphML, DOT and JSON.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.structure import Group, Structure

if TYPE_CHECKING:
    import networkx

NodeKind = Literal["shared", "specific", "skip", "head"]
"""Serves several tasks, serves one task, passes its input on, or is a task's head (never shared)."""


class SharingNode(BaseModel):
    """One module of the network: its stage (heads: one above the last), the tasks it serves and what it costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: int = Field(ge=0, description="stage it belongs to; heads stand one stage above the last")
    tasks: Group = Field(min_length=1, description="sorted indices of the tasks it serves")
    kind: NodeKind
    neurons: int = Field(ge=0, description="output channels")
    parameters: int = Field(ge=0, description="trainable weights")
    macs: int = Field(ge=0, description="multiply-accumulates for one image")


class SharingEdge(BaseModel):
    """Activations that flow from node `source` to node `target` (positions in `nodes`), weighted in [0, 1]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: int = Field(ge=0)
    target: int = Field(ge=0)
    weight: float = Field(default=1.0, ge=0, le=1, description="policy probability, gate, or 1 for a plain tree")


class SharingGraph(BaseModel):
    """Nodes in an order in which they can be evaluated, and the edges between them.

    Raises `ValueError` for an edge whose ends do not exist.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodes: tuple[SharingNode, ...]
    edges: tuple[SharingEdge, ...]

    @model_validator(mode="after")
    def _check_edges(self) -> "SharingGraph":
        for edge in self.edges:
            if max(edge.source, edge.target) >= len(self.nodes):
                raise ValueError(f"edge {edge.source} -> {edge.target}: there are {len(self.nodes)} nodes.")
        return self

    @property
    def parameters(self) -> int:
        """Weights of the whole network, each counted once."""
        return sum(node.parameters for node in self.nodes)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole network for one image."""
        return sum(node.macs for node in self.nodes)

    @property
    def neurons(self) -> int:
        """Output channels of all nodes, heads left out."""
        return sum(node.neurons for node in self.nodes if node.kind != "head")

    def to_networkx(self) -> "networkx.DiGraph[int]":
        """A directed graph with the fields of nodes and edges as attributes (tuples as text, as GraphML needs)."""
        import networkx

        graph: networkx.DiGraph[int] = networkx.DiGraph()
        for index, node in enumerate(self.nodes):
            graph.add_node(index, **node.model_dump(exclude={"tasks"}), tasks=",".join(map(str, node.tasks)))
        graph.add_edges_from((edge.source, edge.target, {"weight": edge.weight}) for edge in self.edges)
        return graph


def sharing_graph(structure: Structure, stages: Sequence[SharingNode], heads: Sequence[SharingNode]) -> SharingGraph:
    """The sharing graph of a tree: one node a structure node, one head a task.

    `stages` [S] holds one node of each stage with its neurons, parameters and MACs (all nodes of a stage cost the
    same); `heads` [T] one node a task. Their `tasks` and `kind` are set here.
    """
    order = structure.nodes()
    position = {node: index for index, node in enumerate(order)}
    nodes = [
        stages[node.stage].model_copy(
            update={
                "stage": node.stage,
                "tasks": node.tasks,
                "kind": "shared" if len(node.tasks) > 1 else "specific",
            }
        )
        for node in order
    ]
    edges = []
    for node in order:
        parent = structure.parent(node)
        if parent is not None:
            edges.append(SharingEdge(source=position[parent], target=position[node]))
    for task, head in enumerate(heads):
        edges.append(SharingEdge(source=position[structure.path(task)[-1]], target=len(nodes)))
        nodes.append(head.model_copy(update={"stage": structure.n_stages, "tasks": (task,), "kind": "head"}))
    return SharingGraph(nodes=tuple(nodes), edges=tuple(edges))
