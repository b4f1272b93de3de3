"""Amalgamation: the loss is the paper's, only group nodes and gates learn, and nobody else changes."""

import copy

import pytest
import torch
from torch import nn

from core.amalgamation import Amalgamation, ChannelGate, pooled, saved_nodes
from core.backbones import small
from core.network import MultiTaskNet
from core.structure import Node, Structure
from core.tasks import DEPTH, EDGES, NORMALS

TASKS = (DEPTH, NORMALS, EDGES)
NAMES = tuple(task.name for task in TASKS)


def different_nets(structure: Structure) -> MultiTaskNet:
    """A network whose task nodes differ, as after a task-learning phase."""
    net = MultiTaskNet(small(width=4, encoder_stages=2, decoder_stages=1), structure, TASKS)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=generator)
    return net


def images() -> torch.Tensor:
    return torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_the_loss_is_that_of_the_paper(stage: int) -> None:
    """MSE(F_i, s_i(GAP(G)) * G), written out by hand; stage 3 is a decoder stage with a skip."""
    structure = Structure.separate(NAMES, 4)
    for below in range(stage):
        structure = structure.merge(below, (0, 1, 2))
    net = different_nets(structure).eval()
    node = Node(stage, (0, 2))
    module = net.start_node(stage, node.tasks, "average").eval()
    amalgamation = Amalgamation(net, {node: module}, 1e-3, seed=0)
    found = amalgamation.losses(images())
    assert set(found) == {(node, 0), (node, 2)}
    for place, task in enumerate(node.tasks):
        task_node = Node(stage, (task,))
        inputs = [net.features(images(), [lower])[lower] for lower in net.sources(task_node)] or [images()]
        group_features = module(*inputs)
        layers = amalgamation.gates[node][place].layers
        scale = layers(group_features.mean((2, 3)))[:, :, None, None]
        expected = ((net.module(task_node)(*inputs) - scale * group_features) ** 2).mean()
        torch.testing.assert_close(found[node, task], expected)


def test_only_group_nodes_and_gates_learn() -> None:
    net = different_nets(Structure.separate(NAMES, 4)).eval()
    before = copy.deepcopy(net.state_dict())
    node = Node(0, (0, 1, 2))
    module = net.start_node(0, node.tasks, "average")
    amalgamation = Amalgamation(net, {node: module}, 1e-2, seed=0)
    first = None
    for _ in range(60):
        loss = torch.stack(list(amalgamation.losses(images()).values())).sum()
        first = first or loss.item()
        amalgamation.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        amalgamation.optimizer.step()
    assert loss.item() < 0.5 * first
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(weight.grad is None for weight in net.parameters())


def test_state_goes_on_where_it_was() -> None:
    net = different_nets(Structure.separate(NAMES, 4)).eval()
    node = Node(0, (0, 1))
    one = Amalgamation(net, {node: net.start_node(0, node.tasks, "average")}, 1e-2, seed=0)
    two = Amalgamation(net, {node: net.start_node(0, node.tasks, "copy")}, 1e-2, seed=7)

    def step(amalgamation: Amalgamation) -> torch.Tensor:
        loss = torch.stack(list(amalgamation.losses(images()).values())).sum()
        amalgamation.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        amalgamation.optimizer.step()
        return loss

    step(one)
    state = copy.deepcopy(one.state_dict())
    assert saved_nodes(state) == [node]
    two.load_state_dict(state)
    assert torch.equal(step(one), step(two))
    assert torch.equal(step(one), step(two))


def test_gates_depend_on_the_seed_alone_and_leave_the_generator_alone() -> None:
    net = different_nets(Structure.separate(NAMES, 4))
    node = Node(0, (0, 1))
    state = torch.get_rng_state()
    made = [Amalgamation(net, {node: net.start_node(0, (0, 1))}, 1e-3, seed=seed).gates[node] for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), state)
    weights = [nn.utils.parameters_to_vector(gate.parameters()) for gate in made]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_gates_and_pooling_work_at_image_level_too() -> None:
    features = torch.randn(4, 6)
    assert pooled(features) is features
    gated = ChannelGate(6)(features)
    assert gated.shape == (4, 6)
    assert bool((gated.abs() <= features.abs()).all())
    assert ChannelGate(6)(torch.randn(4, 6, 2, 3)).shape == (4, 6, 2, 3)
