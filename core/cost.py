"""What a network costs: parameters and multiply-accumulates of every node and head, without computing anything."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from core.backbones import Backbone
from core.sharing import SharingGraph, SharingNode, sharing_graph
from core.structure import Structure
from core.tasks import Task


def measure_cost(
    backbone: Backbone, structure: Structure, tasks: Sequence[Task], size: tuple[int, int]
) -> SharingGraph:
    """The sharing graph of a tree on `backbone`, each node with its neurons, parameters and MACs of one image.

    MACs are those of convolutions and linear layers at images of `size` (height, width). All nodes of a stage cost the
    same, so this is measured once a backbone and remembered; nothing is computed or allocated (meta device).
    """
    stages, heads = stage_costs(backbone, tuple(tasks), size)
    return sharing_graph(structure, stages, heads)


@lru_cache(maxsize=64)
def stage_costs(
    backbone: Backbone, tasks: tuple[Task, ...], size: tuple[int, int]
) -> tuple[tuple[SharingNode, ...], tuple[SharingNode, ...]]:
    """What one node of each stage [S] and each task's head [T] costs, as `measure_cost` counts it."""
    with torch.device("meta"):
        outputs: list[Tensor] = []
        stages = []
        image = torch.empty(1, backbone.image_channels, *size)
        for index, stage in enumerate(backbone.stages):
            module = backbone.build_stage(index).eval()
            inputs = [outputs[source] for source in backbone.sources(index)] or [image]
            output, macs = _run(module, *inputs)
            outputs.append(output)
            stages.append(_node(module, stage.neurons, macs))
        read = [outputs[stage] for stage in backbone.head_stages]
        heads = []
        for task in tasks:
            module = backbone.build_head(task).eval()
            _, macs = _run(module, read, size)
            heads.append(_node(module, task.outputs, macs))
    return tuple(stages), tuple(heads)


def _node(module: nn.Module, neurons: int, macs: int) -> SharingNode:
    parameters = sum(weight.numel() for weight in module.parameters())
    return SharingNode(stage=0, tasks=(0,), kind="specific", neurons=neurons, parameters=parameters, macs=macs)


def _run(module: nn.Module, *inputs: object) -> tuple[Tensor, int]:
    """The output of `module` on meta tensors, and the MACs of its convolutions and linear layers."""
    output, macs = count_macs(module, *inputs)
    assert isinstance(output, Tensor)
    return output, sum(macs.values())


@torch.no_grad()
def count_macs(module: nn.Module, *inputs: object) -> tuple[object, dict[nn.Module, int]]:
    """The output of `module`, and the MACs of each of its convolutions and linear layers.

    Tensors may be on the meta device; then nothing is computed.
    """
    macs: dict[nn.Module, int] = {}

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, Tensor)
        macs[layer] = macs.get(layer, 0) + output.numel() * weight.numel() // weight.shape[0]  # a filter an output

    hooks = [
        layer.register_forward_hook(count) for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    try:
        output = module(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return output, macs
