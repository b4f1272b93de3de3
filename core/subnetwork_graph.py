"""A network of sub-networks as a sharing graph: what is left when it serves, whom that serves, and what it costs."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

from core.cost import count_macs
from core.sharing import SharingEdge, SharingGraph, SharingNode
from core.subnetworks import SubnetworkNet


def subnetwork_graph(
    net: SubnetworkNet, size: tuple[int, int], means: Mapping[str, Tensor] | None = None
) -> SharingGraph:
    """The sharing graph of `net` once it is pruned: its sub-networks, and edges weighted by their serving gates.

    Parameters and MACs are those of the pruned network on images of `size`, nothing left out; weights of connections
    and gates count for who reads them. Edges run between a stage and the next and from every stage that heads read to
    the heads; skips, which are the backbone's own, are left out as in trees. `means` [R, L] stand in for gates that
    depend on the example (default: all alike). `net` is left as it is.
    """
    serving = deepcopy(net.pruned()).to("meta")
    image = torch.empty(1, net.inner.image_channels, *size, device="meta")
    _, macs = count_macs(serving, image)
    gates = dict(net.serving_gates()) | dict(means or {})
    nodes: list[SharingNode] = []
    edges: list[SharingEdge] = []
    place: dict[tuple[int, int], int] = {}
    served, wiring = serving.served(), serving.wiring
    for stage, numbers in enumerate(wiring.alive):
        for row, number in enumerate(numbers):
            place[stage, number] = len(nodes)
            tasks = served[stage][number]
            nodes.append(
                SharingNode(
                    stage=stage,
                    tasks=tasks,
                    kind="shared" if len(tasks) > 1 else "specific",
                    neurons=net.inner.stages[stage].neurons,
                    **_cost(serving.parts(stage, row), macs),
                )
            )
            for lower in wiring.reads[stage][row]:
                weight = 1.0
                if stage - 1 in net.layout.gated:
                    weight = _weight(gates.get(f"stage{stage - 1}"), number, lower, net.layout.counts[stage - 1])
                edges.append(SharingEdge(source=place[stage - 1, lower], target=len(nodes) - 1, weight=weight))
    for index, task in enumerate(net.tasks):
        for stage, reads in zip(net.inner.head_stages, wiring.heads, strict=True):
            for lower in reads[index]:
                weight = _weight(gates.get(net.gates_of(f"heads{stage}")), index, lower, net.layout.counts[stage])
                edges.append(SharingEdge(source=place[stage, lower], target=len(nodes), weight=weight))
        cost = _cost(serving.head_parts(index), macs)
        nodes.append(SharingNode(stage=len(wiring.alive), tasks=(index,), kind="head", neurons=task.outputs, **cost))
    return SharingGraph(nodes=tuple(nodes), edges=tuple(edges))


def _weight(gates: Tensor | None, reader: int, lower: int, lowers: int) -> float:
    """A gate, rounded so that a graph takes little room; without any, one of `lowers` alike."""
    return 1 / lowers if gates is None else round(float(gates[reader, lower]), 4)


def _cost(parts: list[nn.Module], macs: Mapping[nn.Module, int]) -> dict[str, int]:
    weights = {id(weight): weight.numel() for part in parts for weight in part.parameters()}
    return {
        "parameters": sum(weights.values()),
        "macs": sum(macs.get(layer, 0) for part in parts for layer in part.modules()),
    }
