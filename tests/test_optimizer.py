"""The fused Adam in every layout, and moments that follow the structure."""

import copy

import pytest
import torch
from torch import Tensor, nn

from core.backbones import small
from core.network import Fusion, MultiTaskNet, transfer_moments
from core.optimizer import FusedAdam
from core.structure import Node, Structure
from core.tasks import DEPTH, EDGES, NORMALS

TASKS = (DEPTH, EDGES, NORMALS)
BACKBONE = small(width=4, encoder_stages=2, decoder_stages=1)
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def weights(layout: torch.memory_format) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 4, 3, 3), (5, 4, 1, 1), (6, 5), (7,), ()]
    values = [torch.randn(shape, generator=generator) for shape in shapes]
    return [nn.Parameter(x.contiguous(memory_format=layout) if x.ndim == 4 else x) for x in values]


def take_steps(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], first: int, last: int) -> None:
    for step in range(first, last):
        generator = torch.Generator().manual_seed(step)
        for parameter in parameters:
            gradient = torch.randn(parameter.shape, generator=generator)
            parameter.grad = torch.empty_like(parameter).copy_(gradient)  # autograd lays gradients out as weights
        optimizer.step()


def assert_same(found: list[nn.Parameter], expected: list[nn.Parameter]) -> None:
    for mine, plain in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.detach(), plain.detach(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_equals_the_plain_adam_in_every_layout(layout: torch.memory_format) -> None:
    plain, mine = weights(torch.contiguous_format), weights(layout)
    take_steps(torch.optim.Adam(plain, lr=0.1, weight_decay=0.01, foreach=False), plain, 0, 5)
    optimizer = FusedAdam(mine, lr=0.1, weight_decay=0.01)
    take_steps(optimizer, mine, 0, 5)
    assert_same(mine, plain)
    assert all(optimizer.state[weight]["exp_avg"].shape == weight.shape for weight in mine)


@pytest.mark.parametrize(("before", "after"), [LAYOUTS, LAYOUTS[::-1]])
def test_goes_on_from_moments_of_another_layout(before: torch.memory_format, after: torch.memory_format) -> None:
    """A checkpoint of a channels-last network goes on as a contiguous one, and the other way round."""
    plain, first = weights(torch.contiguous_format), weights(before)
    take_steps(torch.optim.Adam(plain, lr=0.1, foreach=False), plain, 0, 6)
    saved = FusedAdam(first, lr=0.1)
    take_steps(saved, first, 0, 3)
    second = [
        nn.Parameter(w.detach().contiguous(memory_format=after) if w.ndim == 4 else w.detach().clone()) for w in first
    ]
    optimizer = FusedAdam(second, lr=0.1)
    optimizer.load_state_dict(copy.deepcopy(saved.state_dict()))
    take_steps(optimizer, second, 3, 6)
    assert_same(second, plain)
    assert optimizer.state[second[0]]["exp_avg"].stride() == second[0].stride()


def test_a_layout_it_cannot_walk_over_is_refused() -> None:
    odd = nn.Parameter(torch.randn(4, 5, 3, 3).transpose(0, 1))
    odd.grad = torch.zeros_like(odd)
    with pytest.raises(ValueError, match=r"`parameters` should be contiguous or channels-last. Found strides"):
        FusedAdam([odd]).step()


# ---- moments ---------------------------------------------------------------------------------------------------------


def separate(layout: torch.memory_format = torch.contiguous_format) -> MultiTaskNet:
    net = MultiTaskNet(BACKBONE, Structure.separate(("depth", "edges", "normals"), 4), TASKS)
    return net.to(memory_format=layout)


def train(net: MultiTaskNet, optimizer: torch.optim.Optimizer, tasks: tuple[int, ...] = (0, 1, 2)) -> None:
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    images = images.contiguous(memory_format=torch.channels_last)
    optimizer.zero_grad()
    answers = net(images, tasks=tasks).predictions
    torch.stack([(task + 1) * answers[task].square().mean() for task in tasks]).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def held(optimizer: torch.optim.Optimizer) -> list[int]:
    return [id(weight) for group in optimizer.param_groups for weight in group["params"]]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_moments_are_the_mean_and_lie_as_the_weights_do(layout: torch.memory_format) -> None:
    net = separate(layout)
    optimizer = FusedAdam(net.parameters())
    train(net, optimizer)
    train(net, optimizer)
    fusion = net.fuse(0, (0, 2), net.start_node(0, (0, 2)))
    before = [[optimizer.state[w] for w in module.parameters()] for module in fusion.removed]
    transfer_moments(optimizer, [fusion])
    for created, *old in zip(fusion.module.parameters(), *before, strict=True):
        state = optimizer.state[created]
        assert state["step"] == 2
        for key in ("exp_avg", "exp_avg_sq"):
            torch.testing.assert_close(state[key], (old[0][key] + old[1][key]) / 2)
            assert state[key].stride() == created.stride()
    assert held(optimizer) == [id(weight) for weight in net.parameters()]
    train(net, optimizer)
    assert all(optimizer.state[weight]["step"] == 3 for weight in net.parameters())


def test_a_node_that_never_learned_counts_as_zero() -> None:
    net = separate()
    optimizer = FusedAdam(net.parameters())
    train(net, optimizer, tasks=(0, 1))
    moment = optimizer.state[next(net.module(Node(0, (0,))).parameters())]["exp_avg"].clone()
    fusion = net.fuse(0, (0, 2), net.start_node(0, (0, 2)))
    transfer_moments(optimizer, [fusion])
    torch.testing.assert_close(optimizer.state[next(fusion.module.parameters())]["exp_avg"], moment / 2)


@pytest.mark.parametrize("kind", ["before the first step", "without momentum"])
def test_nothing_to_transfer_is_no_error(kind: str) -> None:
    net = separate()
    optimizer: torch.optim.Optimizer = FusedAdam(net.parameters())
    if kind == "without momentum":
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        train(net, optimizer)
    transfer_moments(optimizer, [net.fuse(0, (0, 1, 2), net.start_node(0, (0, 1, 2)))])
    assert held(optimizer) == [id(weight) for weight in net.parameters()]
    train(net, optimizer)


def test_groups_keep_their_settings_and_order() -> None:
    """Weights and the rest decay differently; a group node's parameters go where the removed ones were."""
    net = separate()
    split: list[list[Tensor]] = [[], []]
    for weight in net.parameters():
        split[weight.ndim < 2].append(weight)
    optimizer = torch.optim.AdamW([{"params": split[0], "weight_decay": 0.1}, {"params": split[1], "lr": 0.5}])
    train(net, optimizer)
    groups = optimizer.param_groups
    settings = [{key: value for key, value in group.items() if key != "params"} for group in groups]
    transfer_moments(optimizer, [net.fuse(0, (1, 2), net.start_node(0, (1, 2)))])
    assert optimizer.param_groups is groups
    assert [{key: value for key, value in group.items() if key != "params"} for group in groups] == settings
    for group, small_ones in zip(groups, (False, True), strict=True):
        assert [id(w) for w in group["params"]] == [id(w) for w in net.parameters() if (w.ndim < 2) is small_ones]
    assert set(map(id, optimizer.state)) == set(held(optimizer))


def test_an_optimizer_of_other_weights_is_refused() -> None:
    net = separate()
    optimizer = FusedAdam(net.heads.parameters())
    fusion = net.fuse(0, (0, 1), net.start_node(0, (0, 1)))
    with pytest.raises(ValueError, match=r"Found none for `0.weight` of stage 0, tasks \(0, 1\)"):
        transfer_moments(optimizer, [fusion])
    fusion.module.requires_grad_(False)
    transfer_moments(optimizer, [fusion])  # a frozen part that the optimizer never had
    assert held(optimizer) == [id(weight) for weight in net.heads.parameters()]


def test_several_group_nodes_at_once() -> None:
    net = MultiTaskNet(BACKBONE, Structure.separate(("depth", "edges", "normals"), 4), TASKS)
    optimizer = FusedAdam(net.parameters())
    train(net, optimizer)
    fusions: list[Fusion] = [net.fuse(stage, (0, 1, 2), net.start_node(stage, (0, 1, 2))) for stage in range(3)]
    transfer_moments(optimizer, fusions)
    assert held(optimizer) == [id(weight) for weight in net.parameters()]
    assert set(map(id, optimizer.state)) == set(held(optimizer))
