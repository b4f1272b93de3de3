"""Amalgamation: a new group node learns what its task nodes know (MTSL, neuron creation).

For every new group node G and each task i of its group, a small gate s_i looks at the mean of G's channels and scales
them; the loss is the sum over groups and tasks of MSE(F_i, s_i(GAP(G)) * G), where F_i is the task node's output. Only
G and the gates learn; the gates are thrown away afterwards. Everything below is shared already, so G and the task nodes
read the very same input.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from core.network import MultiTaskNet
from core.optimizer import FusedAdam
from core.seeds import generator
from core.structure import Node


def pooled(features: Tensor) -> Tensor:
    """Global average pooling of [n, c, h, w] to [n, c]; features at image level [n, c] stay as they are.

    >>> pooled(torch.ones(2, 3, 4, 4)).shape
    torch.Size([2, 3])
    """
    return features.flatten(2).mean(2) if features.dim() > 2 else features


class ChannelGate(nn.Module):
    """Linear-ReLU-Linear-Sigmoid from c channels to a factor in (0, 1) for each: one task's view of a group node."""

    def __init__(self, neurons: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(neurons, neurons), nn.ReLU(), nn.Linear(neurons, neurons), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        """Scale the channels of `features` [n, c, ...]."""
        scale: Tensor = self.layers(pooled(features))  # [n, c]
        return features * scale.reshape(*scale.shape, *[1] * (features.dim() - 2))


class Amalgamation:
    """The group nodes of one structural phase while they learn; `loss` on a batch, `optimizer` for their weights.

    `created` maps each group node to its module. The network is only read: in evaluation mode and without gradient. The
    gates' first weights depend on `seed` alone.
    """

    def __init__(self, net: MultiTaskNet, created: Mapping[Node, nn.Module], learning_rate: float, seed: int) -> None:
        self.net = net
        self.created = dict(created)
        device = next(net.parameters()).device
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(generator(seed, "gates").initial_seed())
            self.gates = {
                node: nn.ModuleList(ChannelGate(net.backbone.stages[node.stage].neurons) for _ in node.tasks).to(device)
                for node in self.created
            }
        learners = nn.ModuleList([*self.created.values(), *self.gates.values()])
        self.optimizer = FusedAdam(learners.parameters(), lr=learning_rate)

    def losses(self, images: Tensor) -> dict[tuple[Node, int], Tensor]:
        """The mean squared error of every (group node, task), on `images` [n, c, h, w]; their sum is the loss."""
        inputs, teachers = self._frozen(images)
        found = {}
        for node, module in self.created.items():
            features = module(*inputs[node])  # [n, c, h, w]
            for gate, task in zip(self.gates[node], node.tasks, strict=True):
                student = gate(features)
                found[node, task] = nn.functional.mse_loss(student.float(), teachers[node.stage, task].float())
        return found

    @torch.no_grad()
    def _frozen(self, images: Tensor) -> tuple[dict[Node, list[Tensor]], dict[tuple[int, int], Tensor]]:
        """Inputs of every new group node, and the outputs of the task nodes it replaces."""
        task_nodes = [Node(node.stage, (task,)) for node in self.created for task in node.tasks]
        below = {node: self.net.sources(Node(node.stage, node.tasks[:1])) for node in self.created}
        outputs = self.net.features(images, {node for nodes in below.values() for node in nodes} | set(task_nodes))
        inputs = {node: [outputs[lower] for lower in nodes] or [images] for node, nodes in below.items()}
        return inputs, {(node.stage, node.tasks[0]): outputs[node] for node in task_nodes}

    def state_dict(self) -> dict[str, object]:
        """Everything that is needed to go on, in plain values and tensors."""
        return {
            "nodes": [(node.stage, list(node.tasks)) for node in self.created],
            "modules": [module.state_dict() for module in self.created.values()],
            "gates": [gate.state_dict() for gate in self.gates.values()],
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take over a saved state, whose nodes must be this phase's."""
        assert saved_nodes(state) == list(self.created)
        for module, saved in zip(
            self.created.values(), cast(Sequence[dict[str, Tensor]], state["modules"]), strict=True
        ):
            module.load_state_dict(saved)
        for gate, saved in zip(self.gates.values(), cast(Sequence[dict[str, Tensor]], state["gates"]), strict=True):
            gate.load_state_dict(saved)
        self.optimizer.load_state_dict(cast(dict[str, object], state["optimizer"]))


def saved_nodes(state: Mapping[str, object]) -> list[Node]:
    """The group nodes of a saved amalgamation."""
    return [Node(stage, tuple(tasks)) for stage, tasks in cast(Sequence[tuple[int, list[int]]], state["nodes"])]
