"""Parameters and MACs: the published numbers, torch's own counter, and no work done for them."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from core.backbones import Backbone, paper, small
from core.backbones.small import Small
from core.cost import measure_cost
from core.network import MultiTaskNet
from core.structure import Structure
from core.tasks import DEPTH, EDGES, NORMALS, RECONSTRUCTION, Task, image_class, segmentation

CITYSCAPES = (segmentation(19), DEPTH, EDGES, NORMALS, RECONSTRUCTION)
NYUV2 = (segmentation(40), *CITYSCAPES[1:])
NAMES = tuple(task.name for task in CITYSCAPES)
ALL = ((0, 1, 2, 3, 4),)


def learned(*decoder: tuple[tuple[int, ...], ...]) -> Structure:
    """The whole encoder shared, as in all published structures, and the decoder stages as given."""
    return Structure(NAMES, (ALL,) * 6 + decoder)


S, D, E, N, A = range(5)
ONE, SEPARATE = Structure.shared(NAMES, 10), Structure.separate(NAMES, 10)
CITYSCAPES_1 = learned(*(((S, E, A), (D, N)),) * 2, *(((S, E, A), (D,), (N,)),) * 2)
CITYSCAPES_2 = learned(*(((S, E), (D, N, A)),) * 2, *(((S, E), (D,), (N,), (A,)),) * 2)
CITYSCAPES_3 = learned(*(((S, E), (D, N, A)),) * 3, ((S, E), (D, N), (A,)))
NYUV2_1 = learned(*(((S, E), (D, N, A)),) * 3, ((S, E), (D,), (N,), (A,)))
NYUV2_2 = learned(*(((D, A), (S, E, N)),) * 3, ((D, A), (S,), (E,), (N,)))
NYUV2_3 = learned(*(((D, N, A), (S, E)),) * 3, ((D, N, A), (S,), (E,)))


@pytest.mark.parametrize(
    ("tasks", "size", "structure", "millions", "gmacs"),
    [
        (CITYSCAPES, (256, 512), ONE, 21.70, 7.02),
        (CITYSCAPES, (256, 512), SEPARATE, 107.10, 30.86),
        (CITYSCAPES, (256, 512), CITYSCAPES_1, 22.83, 8.69),
        (CITYSCAPES, (256, 512), CITYSCAPES_2, 22.99, 9.45),
        (CITYSCAPES, (256, 512), CITYSCAPES_3, 22.76, 8.53),
        (NYUV2, (320, 448), ONE, 21.70, 7.73),
        (NYUV2, (320, 448), SEPARATE, 107.10, 33.80),
        (NYUV2, (320, 448), NYUV2_1, 22.84, 10.04),
        (NYUV2, (320, 448), NYUV2_2, 22.84, 10.04),
        (NYUV2, (320, 448), NYUV2_3, 22.76, 9.38),
    ],
)
def test_published_structures_cost_what_is_published(
    tasks: tuple[Task, ...], size: tuple[int, int], structure: Structure, millions: float, gmacs: float
) -> None:
    graph = measure_cost(paper(), structure, tasks, size)
    assert (round(graph.parameters / 1e6, 2), round(graph.macs / 1e9, 2)) == (millions, gmacs)


def test_each_stage_of_paper_costs_what_is_published() -> None:
    graph = measure_cost(paper(), ONE, CITYSCAPES, (256, 512))
    gmacs = [round(node.macs / 1e9, 3) for node in graph.nodes[:10]]
    assert gmacs == [0.308, 1.208, 1.074, 1.074, 1.074, 0.319, 0.095, 0.044, 0.159, 0.604]
    assert measure_cost(paper(), SEPARATE, CITYSCAPES, (256, 512)).parameters == 107_099_227


@pytest.mark.parametrize(
    ("backbone", "size"), [(small(width=8), (64, 64)), (small(1, 8, 3, 0, 1), (13, 9)), (paper(), (65, 97))]
)
def test_agrees_with_torchs_own_counter_on_a_real_pass(backbone: Backbone, size: tuple[int, int]) -> None:
    tasks = (segmentation(7), NORMALS, image_class("scene", "Scene", 5))
    n_stages = len(backbone.stages)
    structure = Structure.separate(tuple(task.name for task in tasks), n_stages).merge(0, (0, 2))
    net = MultiTaskNet(backbone, structure, tasks).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        net(torch.zeros(1, backbone.image_channels, *size))
    graph = measure_cost(backbone, structure, tasks, size)
    assert 2 * graph.macs == counter.get_total_flops()
    assert graph.parameters == sum(weight.numel() for weight in net.parameters())


def test_costs_are_measured_once_and_without_weights() -> None:
    """Nothing is built again for another structure, nothing drawn from the generator, no weights looked for."""

    class Counting(Small):
        built = 0

        def build_stage(self, stage: int) -> nn.Module:
            Counting.built += 1
            return super().build_stage(stage)

    backbone, state = Counting(width=4), torch.get_rng_state()
    separate = Structure.separate(("depth", "edges"), len(backbone.stages))
    costs = [
        measure_cost(backbone, structure, (DEPTH, EDGES), (32, 32))
        for structure in (separate, separate.merge(0, (0, 1)))
    ]
    assert Counting.built == len(backbone.stages)
    assert costs[0].macs - costs[1].macs == costs[1].nodes[0].macs
    assert torch.equal(torch.get_rng_state(), state)
    measure_cost(paper(weights="imagenet"), ONE, CITYSCAPES, (64, 64))
