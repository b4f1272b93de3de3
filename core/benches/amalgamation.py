"""Amalgamation of one stage: ours against the plain way, which runs every task's network as training does."""

import copy

import torch
from torch import Tensor, nn

from core.amalgamation import Amalgamation, ChannelGate, pooled
from core.backbones import paper
from core.benches import BenchRow, time_ms
from core.network import MultiTaskNet
from core.structure import Node, Structure
from core.tasks import DEPTH, EDGES, NORMALS, RECONSTRUCTION, segmentation

STAGE = 3
TASKS = (segmentation(19), DEPTH, EDGES, NORMALS, RECONSTRUCTION)


def rows() -> list[BenchRow]:
    """One step of amalgamating five task nodes of stage 3 of `paper`, images [4, 3, 128, 192]."""
    everyone = tuple(range(len(TASKS)))
    structure = Structure.separate(tuple(task.name for task in TASKS), 10)
    for stage in range(STAGE):
        structure = structure.merge(stage, everyone)
    net = MultiTaskNet(paper(), structure, TASKS)
    images = torch.randn(4, 3, 128, 192, generator=torch.Generator().manual_seed(0))
    node = Node(STAGE, everyone)
    module = net.start_node(STAGE, everyone, "average")
    ours = Amalgamation(net, {node: copy.deepcopy(module)}, 1e-4, seed=0)
    net.eval()
    plain_module, plain_gates = copy.deepcopy(module), copy.deepcopy(ours.gates[node])
    ours.created[node].train()
    plain_module.train()
    learners = [*plain_module.parameters(), *plain_gates.parameters()]
    plain_optimizer = torch.optim.Adam(learners, lr=1e-4, foreach=False)

    def our_step() -> Tensor:
        loss = torch.stack(list(ours.losses(images).values())).sum()
        ours.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        ours.optimizer.step()
        return loss

    def plain_step() -> Tensor:
        loss = _plain_loss(net, plain_module, plain_gates, images)
        plain_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        plain_optimizer.step()
        return loss

    torch.testing.assert_close(our_step(), plain_step())
    return [
        BenchRow(
            "amalgamation step, five task nodes of stage 3 of `paper`, 4x3x128x192",
            time_ms(our_step),
            time_ms(plain_step),
            "every task's path run on its own, teachers with gradient, unfused Adam (as the published code)",
        )
    ]


def _plain_loss(net: MultiTaskNet, module: nn.Module, gates: nn.ModuleList, images: Tensor) -> Tensor:
    terms = []
    for task, gate in enumerate(gates):
        below = images
        for node in net.structure.path(task)[:STAGE]:
            below = net.module(node)(below)
        teacher = net.module(Node(STAGE, (task,)))(below)
        if task == 0:
            features = module(below.detach())
        assert isinstance(gate, ChannelGate)
        scale = gate.layers(pooled(features))[:, :, None, None]
        terms.append(nn.functional.mse_loss(scale * features, teacher.detach()))
    return torch.stack(terms).sum()
