"""Networks of sub-networks: against plain networks written out, what pruning leaves, and counts worked out by hand."""

import copy

import pytest
import torch
from torch import Tensor, nn

from core.backbones import Backbone, mlp, small
from core.gates import HardConcrete
from core.layout import Layout, Width, count_weights, fitted, full_wiring
from core.network import MultiTaskNet
from core.routing import ConcreteGates, Connections, SoftmaxGates
from core.structure import Structure
from core.subnetwork_graph import subnetwork_graph
from core.subnetworks import SubnetworkNet
from core.tasks import DEPTH, EDGES, Task, image_class, segmentation, value

LAW = HardConcrete()
DENSE: tuple[Task, ...] = (segmentation(5), DEPTH, EDGES)
TABLE: tuple[Task, ...] = (value("delay", "Delay", "min"), image_class("late", "Late", 3))
PYRAMID = small(width=4, encoder_stages=3, decoder_stages=2)  # six stages, two of them decoders with skips
LAYERS = mlp(5, hidden=(4, 3), tower=2)


def layout_of(backbone: Backbone, count: int = 3, transform: bool = True, start: float = 1.0) -> Layout:
    stages = len(backbone.stages)
    return Layout((count,) * stages, tuple(range(stages - 1)), LAW, start, transform)


def network(
    backbone: Backbone, tasks: tuple[Task, ...], count: int = 3, transform: bool = True, start: float = 1.0
) -> SubnetworkNet:
    return SubnetworkNet(backbone, backbone, tasks, layout_of(backbone, count, transform, start), seed=3).eval()


def images(backbone: Backbone, size: tuple[int, int] = (16, 24), count: int = 4) -> Tensor:
    return torch.randn(count, backbone.image_channels, *size, generator=torch.Generator().manual_seed(0))


def set_gates(net: SubnetworkNet, key: str, rows: list[list[float]]) -> None:
    """Make the serving gates of some connections 0 or 1."""
    gates = net.gates[key]
    assert isinstance(gates, ConcreteGates)
    gates.log_alpha.data = torch.where(torch.tensor(rows) > 0, 9.0, -9.0)


def transforms(net: SubnetworkNet, key: str) -> list[Tensor]:
    connections = net.connections[key]
    assert isinstance(connections, Connections)
    assert connections.transforms is not None
    return [part.get_parameter("weight") for part in connections.transforms]


def assert_same_answers(net: nn.Module, other: nn.Module, x: Tensor) -> None:
    for task, answer in net(x).predictions.items():
        torch.testing.assert_close(other(x).predictions[task], answer, atol=2e-5, rtol=1e-4)


# ---- special cases --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backbone", "tasks"), [(PYRAMID, DENSE), (small(width=4, decoder_stages=0), TABLE)])
def test_open_gates_make_one_network_of_concatenated_stages(backbone: Backbone, tasks: tuple[Task, ...]) -> None:
    net, x = network(backbone, tasks, start=9.0), images(backbone)
    outputs: list[list[Tensor]] = []
    for stage, info in enumerate(backbone.stages):
        if stage:
            whole = torch.cat(transforms(net, f"stage{stage - 1}"))  # one 1x1 convolution of all channels to all
            inputs = nn.functional.conv2d(torch.cat(outputs[-1], dim=1), whole).chunk(3, dim=1)
        else:
            inputs = (x, x, x)
        skips = [() if info.skip is None else (outputs[info.skip][number],) for number in range(3)]
        parts = [net.subnetworks[f"stage{stage}_{number}"] for number in range(3)]
        outputs.append([part(v, *skip) for part, v, skip in zip(parts, inputs, skips, strict=True)])
    for task in range(len(tasks)):
        scales = [
            nn.functional.conv2d(torch.cat(outputs[stage], dim=1), transforms(net, f"heads{stage}")[task])
            for stage in backbone.head_stages
        ]
        expected = net.heads[task](scales, (16, 24))
        torch.testing.assert_close(net(x).predictions[task], expected, atol=2e-5, rtol=1e-4)


def test_open_gates_make_a_shared_bottom_of_dense_layers() -> None:
    net, x = network(LAYERS, TABLE, count=2, start=9.0), images(LAYERS, (1, 1))

    def dense(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        layer.weight.data = weight.detach().clone()
        if bias is not None:
            layer.bias.data = bias.detach().clone()
        return layer

    def parts(stage: int, name: str) -> list[Tensor]:
        return [net.subnetworks[f"stage{stage}_{number}"].get_parameter(f"linear.{name}") for number in range(2)]

    first = dense(torch.cat(parts(0, "weight")).flatten(1), torch.cat(parts(0, "bias")))
    between = dense(torch.cat(transforms(net, "stage0")).flatten(1))
    weights = [weight.flatten(1) for weight in parts(1, "weight")]
    second = dense(torch.block_diag(*weights), torch.cat(parts(1, "bias")))
    bottom = nn.Sequential(first, nn.ReLU(), between, second, nn.ReLU())
    for task in range(2):
        tower = nn.Sequential(dense(transforms(net, "heads1")[task].flatten(1)), net.heads[task].first, nn.ReLU())  # type: ignore[arg-type]
        expected = net.heads[task].last(tower(bottom(x.flatten(1))))  # type: ignore[operator]
        torch.testing.assert_close(net(x).predictions[task], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("backbone", "tasks"), [(PYRAMID, DENSE), (LAYERS, (*TABLE, value("x", "X", "")))])
def test_diagonal_gates_make_separate_networks(backbone: Backbone, tasks: tuple[Task, ...]) -> None:
    net = network(backbone, tasks, count=3, transform=False)
    for key in net.gates:
        set_gates(net, key, torch.eye(3).tolist())
    structure = Structure.separate(tuple(task.name for task in tasks), len(backbone.stages))
    separate = MultiTaskNet(backbone, structure, tasks).eval()
    separate.heads.load_state_dict(net.heads.state_dict())
    for node in structure.nodes():
        separate.module(node).load_state_dict(net.subnetworks[f"stage{node.stage}_{node.tasks[0]}"].state_dict())
    assert_same_answers(separate, net, images(backbone))
    assert net.pruned().served() == [{task: (task,) for task in range(3)}] * len(backbone.stages)


def test_sub_networks_start_out_different_and_by_name() -> None:
    net, again = network(LAYERS, TABLE), network(LAYERS, TABLE[::-1])
    first, second = (net.subnetworks[f"stage0_{number}"].get_parameter("linear.weight") for number in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first, again.subnetworks["stage0_0"].get_parameter("linear.weight"))
    assert torch.equal(transforms(net, "heads1")[0], transforms(again, "heads1")[1])


# ---- noise, penalty, order of tasks ---------------------------------------------------------------------------------


def test_noise_is_one_for_a_batch_and_new_for_the_next() -> None:
    net, x = network(PYRAMID, DENSE).train(), images(PYRAMID)
    with pytest.raises(ValueError, match=r"gates in training mode need noise\. Call `draw\(seed, step\)`"):
        net(x)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()  # so that answers depend on nothing but weights and gates
    net.draw(0, 7)
    first, second = net(x[:2]).predictions, net(x).predictions
    torch.testing.assert_close(second[0][:2], first[0], atol=2e-5, rtol=1e-4)  # the same gates for every example
    drawn = {key: gates.noise for key, gates in net.gates.items()}
    values = torch.cat([noise.flatten() for noise in drawn.values() if isinstance(noise, Tensor)])
    assert len(values.unique()) == len(values) == 5 * 9 + 2 * 9  # every gate has its own
    net.draw(0, 8)
    assert not torch.allclose(net(x).predictions[0], second[0])
    net.draw(0, 7)
    assert torch.equal(net(x).predictions[0], second[0])


def test_the_penalty_is_the_expected_number_of_open_gates() -> None:
    net = network(LAYERS, TABLE, start=0.0)
    assert net.penalty().item() == pytest.approx((9 + 6) * 0.832, abs=5e-3)
    set_gates(net, "stage0", [[1, 0, 0]] * 3)
    expected = sum(3 / (1 + torch.exp(torch.tensor(-v - LAW.beta * 2.3979))) for v in (9, -9, -9)) + 6 * 0.83185
    assert net.penalty().item() == pytest.approx(float(expected), abs=1e-3)


def test_the_order_of_tasks_changes_nothing_but_the_order_of_their_gates() -> None:
    x = images(PYRAMID)
    found = []
    for tasks in (DENSE, DENSE[::-1]):
        net = network(PYRAMID, tasks).train()
        optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
        for step in range(2):
            net.draw(5, step)
            answers = net(x).predictions
            loss = torch.stack([answer.square().mean() for answer in answers.values()]).sum() + net.penalty()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        named = {task.name: answers[index] for index, task in enumerate(tasks)}
        found.append((named, net.serving_gates()))
    (answers, gates), (others, turned) = found
    for name, answer in answers.items():
        torch.testing.assert_close(others[name], answer, atol=1e-4, rtol=1e-3)
    for key, rows in gates.items():
        expected = turned[key].flip(0) if key.startswith("heads") else turned[key]
        torch.testing.assert_close(expected, rows, atol=1e-4, rtol=1e-3)


# ---- pruning and cost -----------------------------------------------------------------------------------------------


def thinned(backbone: Backbone, tasks: tuple[Task, ...], transform: bool, seed: int) -> SubnetworkNet:
    """A network with about half of its gates closed, and statistics of its norms that are no longer new."""
    net, shuffle = network(backbone, tasks, 4, transform), torch.Generator().manual_seed(seed)
    for gates in net.gates.values():
        assert isinstance(gates, ConcreteGates)
        gates.log_alpha.data = 6 * torch.rand(gates.log_alpha.shape, generator=shuffle) - 5.4
    for name, buffer in net.named_buffers():
        if "running" in name:
            buffer.copy_(torch.rand(buffer.shape, generator=shuffle) + 0.5)
    return net


@pytest.mark.parametrize("transform", [True, False])
@pytest.mark.parametrize(("backbone", "tasks"), [(PYRAMID, DENSE), (LAYERS, TABLE)])
@pytest.mark.parametrize("seed", range(4))
def test_pruning_keeps_the_answers(backbone: Backbone, tasks: tuple[Task, ...], transform: bool, seed: int) -> None:
    net, x = thinned(backbone, tasks, transform, seed), images(backbone)
    before = copy.deepcopy(net.state_dict())
    pruned = net.pruned()
    assert_same_answers(net, pruned, x)
    assert sum(weight.numel() for weight in pruned.parameters()) <= count_weights(backbone, tasks, net.layout)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert_same_answers(pruned, pruned.pruned(), x)
    one = net(x, tasks=[1]).predictions
    torch.testing.assert_close(pruned(x, tasks=[1]).predictions[1], one[1], atol=2e-5, rtol=1e-4)
    graph = subnetwork_graph(net, (16, 24))
    assert graph.parameters == sum(weight.numel() for weight in pruned.parameters())
    assert graph == subnetwork_graph(net, (16, 24))


def test_what_is_left_is_counted_by_hand() -> None:
    """Layers of 4 and 3 neurons on 5 columns, 3 sub-networks each: 0 -> 0, 1 -> 0, 0 -> 1; delay reads 0, late 0 and 1.

    Sub-network 2 is read at neither level; it reads everything, which no longer matters.
    """
    net = network(LAYERS, TABLE)
    set_gates(net, "stage0", [[1, 1, 0], [1, 0, 0], [1, 1, 1]])
    set_gates(net, "heads1", [[1, 0, 0], [1, 1, 0]])
    kept = net.kept()
    assert kept.alive == ((0, 1), (0, 1))
    assert kept.reads == (((), ()), ((0, 1), (0,)))
    assert kept.heads == (((0,), (0, 1)),)
    pruned = net.pruned()
    assert pruned.served() == [{0: (0, 1), 1: (0, 1)}, {0: (0, 1), 1: (1,)}]
    graph = subnetwork_graph(net, (1, 1))
    first, second, between, to_heads = 5 * 4 + 4, 4 * 3 + 3, 4 * 4, 3 * 3
    delay, late = (3 * 2 + 2) + (2 * 1 + 1), (3 * 2 + 2) + (2 * 3 + 3)
    assert [node.parameters for node in graph.nodes] == [
        *(first, first),
        *(second + 2 * between, second + between),
        *(delay + to_heads, late + 2 * to_heads),
    ]
    assert [node.macs for node in graph.nodes] == [
        *(5 * 4, 5 * 4),
        *(4 * 3 + 2 * between, 4 * 3 + between),
        *(3 * 2 + 2 + to_heads, 3 * 2 + 6 + 2 * to_heads),
    ]
    assert [(node.stage, node.tasks, node.kind) for node in graph.nodes] == [
        *((0, (0, 1), "shared"), (0, (0, 1), "shared"), (1, (0, 1), "shared"), (1, (1,), "specific")),
        *((2, (0,), "head"), (2, (1,), "head")),
    ]
    assert {(edge.source, edge.target, edge.weight) for edge in graph.edges} == {
        *((0, 2, 1.0), (1, 2, 1.0), (0, 3, 1.0), (2, 4, 1.0), (2, 5, 1.0), (3, 5, 1.0)),
    }
    pixels = subnetwork_graph(net, (3, 2))
    assert pixels.nodes[2].macs == 6 * graph.nodes[2].macs
    assert pixels.parameters == graph.parameters


@pytest.mark.parametrize("transform", [True, False])
def test_a_reader_that_is_cut_off_keeps_its_strongest_connection(transform: bool) -> None:
    net = network(LAYERS, TABLE, transform=transform)
    set_gates(net, "stage0", [[0, 0, 0]] * 3)
    set_gates(net, "heads1", [[0, 0, 0], [0, 1, 0]])
    gates = net.gates["heads1"]
    assert isinstance(gates, ConcreteGates)
    gates.log_alpha.data[0, 2] = -5
    assert net.kept().heads == (((2,), (1,)),)
    pruned = net.pruned()
    assert_same_answers(net, pruned, images(LAYERS, (1, 1)))
    assert [edge.weight for edge in subnetwork_graph(net, (1, 1)).edges] == [0, 0, 0, 1]


def test_a_skip_keeps_what_nobody_else_reads() -> None:
    net = network(PYRAMID, DENSE, count=2)
    for key in net.gates:
        readers = 3 if key.startswith("heads") else 2
        set_gates(net, key, [[1, 0]] * readers)
    set_gates(net, f"heads{PYRAMID.head_stages[-1]}", [[0, 1]] * 3)
    skip = PYRAMID.stages[5].skip
    assert skip == 1
    assert net.kept().alive == ((0,), (0, 1), (0,), (0,), (0,), (1,))
    assert_same_answers(net, net.pruned(), images(PYRAMID))


# ---- mixtures of experts --------------------------------------------------------------------------------------------


def test_a_mixture_of_experts_is_what_a_plain_one_is() -> None:
    layout = Layout((1, 4), (), source=0)
    net, x = SubnetworkNet(LAYERS, LAYERS, TABLE, layout).eval(), images(LAYERS, (1, 1))
    gates = net.gates["heads"]
    assert isinstance(gates, SoftmaxGates)
    for weight in gates.parameters():
        weight.data = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    bottom = net.subnetworks["stage0_0"](x)
    for task in range(2):
        linear = gates.linears[task]
        share = linear(bottom.flatten(1)).softmax(1)  # [n, 4]
        torch.testing.assert_close(share.sum(1), torch.ones(4))
        experts = [net.subnetworks[f"stage1_{number}"](bottom) for number in range(4)]
        mixed = torch.stack([share[:, k].view(-1, 1, 1, 1) * expert for k, expert in enumerate(experts)]).sum(0)
        torch.testing.assert_close(net(x).predictions[task], net.heads[task]([mixed], (1, 1)))
    assert_same_answers(net, net.pruned(), x)
    linears = 4 * 4 + 4
    assert subnetwork_graph(net, (1, 1)).parameters == sum(weight.numel() for weight in net.parameters())
    assert [sum(p.numel() for part in net.head_parts(0) for p in part.parameters())] == [8 + 3 + linears]


def test_two_levels_of_experts_look_at_the_images_and_their_gates_sum_to_one() -> None:
    backbone = small(width=4, encoder_stages=2, decoder_stages=1)  # stem, two residual stages, a decoder
    layout = Layout((1, 3, 3, 3), (1,), grid=2)
    net, x = SubnetworkNet(backbone, backbone, DENSE, layout), images(backbone)
    for gates in net.gates.values():
        for weight in gates.parameters():
            weight.data = 0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2))
    net.train()
    net(x)
    assert {key: tuple(seen.shape) for key, seen in net.seen.items()} == {"stage1": (3, 3), "heads": (3, 3)}
    for seen in net.seen.values():
        torch.testing.assert_close(seen.sum(1), torch.ones(3))
    net.eval()
    pooled = nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)
    upper = net.gates["stage1"](x)  # [n, 3, 3]
    torch.testing.assert_close(upper[:, 1], net.gates["stage1"].linears[1](pooled).softmax(1))  # type: ignore[index]
    stem = net.subnetworks["stage0_0"](x)
    lower = [net.subnetworks[f"stage1_{number}"](stem) for number in range(3)]
    experts, decoded = [], []
    for number in range(3):
        mixed = sum(upper[:, number, k].view(-1, 1, 1, 1) * lower[k] for k in range(3))
        experts.append(net.subnetworks[f"stage2_{number}"](mixed))
        decoded.append(net.subnetworks[f"stage3_{number}"](experts[-1], lower[number]))
    share = net.gates["heads"](x)
    for task in range(3):
        mixed = sum(share[:, task, k].view(-1, 1, 1, 1) * decoded[k] for k in range(3))
        expected = net.heads[task]([mixed], (16, 24))
        torch.testing.assert_close(net(x).predictions[task], expected, atol=1e-5, rtol=1e-4)


# ---- layouts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", ["equal", "split", "full"])
@pytest.mark.parametrize("kind", ["trans", "aver", "mmoe", "ml-mmoe"])
@pytest.mark.parametrize(("backbone", "tasks"), [(small(width=16), DENSE), (mlp(40, hidden=(64, 64, 32)), TABLE)])
def test_weights_are_counted_before_a_network_is_built(
    backbone: Backbone, tasks: tuple[Task, ...], kind: str, width: Width
) -> None:
    stages = len(backbone.stages)
    layout = {
        "trans": layout_of(backbone, 4),
        "aver": layout_of(backbone, 4, transform=False),
        "mmoe": Layout((1, 1, *(4,) * (stages - 2)), (), source=1),
        "ml-mmoe": Layout((1, *(4,) * (stages - 1)), (1,), grid=2),
    }[kind]
    inner = fitted(backbone, tasks, layout, width)
    net = SubnetworkNet(backbone, inner, tasks, layout)
    gates = sum(weight.numel() for weight in net.log_alphas())
    found = sum(weight.numel() for weight in net.parameters()) - gates
    assert count_weights(inner, tasks, layout) == found
    one = MultiTaskNet(backbone, Structure.shared(tuple(task.name for task in tasks), stages), tasks)
    shared = sum(weight.numel() for weight in one.parameters())
    if width == "equal":
        assert found == pytest.approx(shared, rel=0.13)  # widths are whole numbers
    if width == "full":
        assert found > shared


def test_layouts_that_cannot_be_are_named() -> None:
    for layout, message in (
        (Layout((2,), ()), r"`counts` should be 2 numbers of at least 1\. Found \(2,\)"),
        (Layout((2, 3), (0,)), r"stage 0 \(layer1\): there should be 1 or 3 sub-networks\. Found 2"),
        (Layout((2, 1), ()), r"stage 1 \(layer2\): one sub-network cannot read 2"),
        (Layout((2, 2), (1,)), r"`gated` should be stages below the last\. Found \(1,\)"),
        (Layout((2, 2), (0,), transform=True), r"softmax gates read one sub-network and go without transformations"),
    ):
        with pytest.raises(ValueError, match=message):
            SubnetworkNet(LAYERS, LAYERS, TABLE, layout)
    assert full_wiring(Layout((1, 2), ()), LAYERS, 2).reads == (((),), ((0,), (0,)))


def test_wrong_calls_are_named() -> None:
    net = network(LAYERS, TABLE)
    with pytest.raises(ValueError, match=r"`images` should be \[n, 5, H, W\]\. Found shape \(1, 3, 1, 1\)"):
        net(torch.zeros(1, 3, 1, 1))
    with pytest.raises(ValueError, match=r"`tasks` should be in 0\.\.1\. Found 2"):
        net(torch.zeros(1, 5, 1, 1), tasks=[2])
    with pytest.raises(ValueError, match=r"`keep` should be empty: sub-networks are no nodes of a tree"):
        net(torch.zeros(1, 5, 1, 1), keep=[(0, (0,))])
