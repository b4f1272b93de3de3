"""An AutoMTL network as a sharing graph: shared, task-specific and skipped parts of every stage, and what they cost.

While policies are learned there are all three for every task, and an edge weighs the probability that a task takes this
way; once choices are made, only what was chosen is left. Where a stage holds several nodes (at the grain of
convolutions), those of the same kind and the same tasks are one part, weighted by their share of the stage's nodes.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import torch
from torch import Tensor, nn

from core.policy import CHOICES
from core.policy_ops import PerTask, Skip
from core.sharing import NodeKind, SharingEdge, SharingGraph, SharingNode
from core.structure import Group
from core.supermodel import AutoMtlNet

_DIGITS = 4  # of an edge's weight, so that a graph of hundreds of edges stays small on disk


@dataclass
class _Part:
    """A node on its way: its modules, and how much of its stage each of its tasks takes from it, in [0, 1]."""

    stage: int
    kind: NodeKind
    tasks: Group
    weights: dict[int, float]
    modules: list[nn.Module] = field(default_factory=list)


def policy_graph(net: AutoMtlNet, size: tuple[int, int]) -> SharingGraph:
    """The sharing graph of `net` for images of `size` (height, width); nothing is computed or changed.

    Parameters are exact, each counted once, policies not. MACs count a shared part once for each of its tasks: their
    normalisation differs, so each computes it anew.
    """
    stages = [_parts(net, stage) for stage in range(len(net.stages))]
    n_stages = len(stages)
    heads = [_Part(n_stages, "head", (task,), {task: 1.0}, [head]) for task, head in enumerate(net.heads)]
    macs = _macs(net, size)
    parts = [*chain.from_iterable(stages), *heads]
    place = {id(part): index for index, part in enumerate(parts)}
    edges = []
    for below, above in zip(stages, [*stages[1:], heads], strict=True):
        for one in below:
            for other in above:
                common = [task for task in one.tasks if task in other.tasks]
                if common:
                    weight = sum(one.weights[task] * other.weights[task] for task in common) / len(common)
                    edges.append(
                        SharingEdge(
                            source=place[id(one)],
                            target=place[id(other)],
                            weight=min(1.0, round(weight, _DIGITS)),
                        )
                    )
    return SharingGraph(nodes=tuple(_node(net, part, macs) for part in parts), edges=tuple(edges))


def _parts(net: AutoMtlNet, stage: int) -> list[_Part]:
    """The parts of a stage: shared ones first, then those of single tasks."""
    ways = net.probabilities()
    ops, n_tasks = net.ops(stage), len(net.tasks)
    found: dict[tuple[NodeKind, Group], _Part] = {}

    def part(kind: NodeKind, tasks: Group) -> _Part:
        return found.setdefault((kind, tasks), _Part(stage, kind, tasks, dict.fromkeys(tasks, 0.0)))

    for op in ops:
        for number, (choice, modules) in enumerate(op.branches().items()):
            users = op.users(choice, n_tasks)
            groups = [users] if choice == "shared" and users else [(task,) for task in users]
            for group in groups:
                kind: NodeKind = "skip" if choice == "skip" else "shared" if len(group) > 1 else "specific"
                added = part(kind, group)
                added.modules += [modules[str(task)] for task in group]
                for task in group:
                    taken = 1.0 if ways is None else float(ways[task, op.number, number])
                    added.weights[task] += taken / len(ops)
    for task in range(n_tasks):
        own = next((part for part in found.values() if task in part.tasks), None) or part("skip", (task,))
        if not ops:
            own.weights[task] = 1.0
        # layers without a policy belong to the first part of their task
        own.modules += [layer.copies[task] for layer in _per_task(net.stages[stage])]
    order: tuple[NodeKind, ...] = ("shared", *CHOICES[1:])
    return sorted(found.values(), key=lambda part: (order.index(part.kind), part.tasks))


def _per_task(stage: nn.Module) -> Iterator[PerTask]:
    return (module for module in stage.modules() if isinstance(module, PerTask))


def _node(net: AutoMtlNet, part: _Part, macs: dict[nn.Module, int]) -> SharingNode:
    weights = {id(weight): weight.numel() for module in part.modules for weight in module.parameters()}
    layers = {layer for module in part.modules for layer in module.modules()}
    if part.kind == "head":
        neurons = net.tasks[part.tasks[0]].outputs
    else:
        idle = part.kind == "skip" and all(isinstance(m, Skip) and m.project is None for m in part.modules)
        neurons = 0 if idle else net.backbone.stages[part.stage].neurons
    return SharingNode(
        stage=part.stage,
        tasks=part.tasks,
        kind=part.kind,
        neurons=neurons,
        parameters=sum(weights.values()),
        macs=sum(macs.get(layer, 0) for layer in layers),
    )


@torch.no_grad()
def _macs(net: AutoMtlNet, size: tuple[int, int]) -> dict[nn.Module, int]:
    """MACs of every convolution and linear layer in a pass over one image of `size`, on the meta device."""
    macs: dict[nn.Module, int] = {}

    def count(original: nn.Module, layer: nn.Module, _: object, output: Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, Tensor)
        macs[original] = macs.get(original, 0) + output.numel() * weight.numel() // weight.shape[0]

    # deepcopy takes what it knows already, here tensors without values, for a copy
    empty = {id(weight): nn.Parameter(weight.to("meta")) for weight in net.parameters()}
    copy = deepcopy(net, {**empty, **{id(buffer): buffer.to("meta") for buffer in net.buffers()}})
    for original, layer in zip(net.modules(), copy.modules(), strict=True):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(partial(count, original))
    copy.eval()(torch.empty(1, net.backbone.image_channels, *size, device="meta"))
    return macs
