"""The network: every node once, exact sizes, and fusing that changes nothing it should not."""

import copy
import itertools
from collections import Counter

import pytest
import torch
from torch import nn

from core.backbones import paper, small
from core.cost import measure_cost
from core.network import MultiTaskNet, average, transfer_moments
from core.structure import Node, Structure
from core.tasks import DEPTH, EDGES, NORMALS, RECONSTRUCTION, Task, image_class, segmentation

MIXED = (segmentation(5), DEPTH, image_class("kind", "Kind", 4), NORMALS)
NAMES = tuple(task.name for task in MIXED)
SMALL = small(width=4, encoder_stages=2, decoder_stages=1)
CITYSCAPES = (segmentation(19), DEPTH, EDGES, NORMALS, RECONSTRUCTION)

STRUCTURES = [
    Structure.separate(NAMES, 4),
    Structure.shared(NAMES, 4),
    Structure.separate(NAMES, 4).merge(0, (0, 1, 2, 3)).merge(1, (0, 3)).merge(2, (0, 3)),
    Structure.separate(NAMES, 4).merge(0, (0, 2)).merge(0, (1, 3)).merge(1, (1, 3)),
]


def shaken(structure: Structure, tasks: tuple[Task, ...] = MIXED) -> MultiTaskNet:
    """A network in evaluation mode whose nodes all differ."""
    net = MultiTaskNet(SMALL, structure, tasks).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=generator)
    return net


def images(n: int = 3, height: int = 16, width: int = 16) -> torch.Tensor:
    return torch.randn(n, 3, height, width, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_node_runs_once_and_gives_what_running_each_path_alone_gives(structure: Structure) -> None:
    net, calls = shaken(structure), Counter[nn.Module]()
    for node in structure.nodes():
        net.module(node).register_forward_hook(lambda module, _, __: calls.update([module]))
    with torch.no_grad():
        found = net(images()).predictions
        assert calls == Counter({net.module(node): 1 for node in structure.nodes()})
        for task in range(len(MIXED)):
            outputs: list[torch.Tensor] = []
            for stage, node in enumerate(structure.path(task)):
                inputs = [outputs[source] for source in SMALL.sources(stage)] or [images()]
                outputs.append(net.module(node)(*inputs))
            plain = net.heads[task]([outputs[stage] for stage in SMALL.head_stages], (16, 16))
            assert torch.equal(found[task], plain)


def test_only_what_is_asked_for_runs() -> None:
    structure = STRUCTURES[2]
    net, ran = shaken(structure), []
    for node in structure.nodes():
        net.module(node).register_forward_hook(lambda _, __, ___, node=node: ran.append(node))
    net(images(), tasks=[1])
    assert ran == list(structure.path(1))
    ran.clear()
    assert set(net.features(images(), [Node(1, (0, 3))])) == {Node(1, (0, 3))}
    assert ran == list(structure.path(0)[:2])


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_order_of_the_tasks_does_not_matter(structure: Structure) -> None:
    with torch.no_grad():
        expected = MultiTaskNet(SMALL, structure, MIXED).eval()(images()).predictions
        for order in itertools.islice(itertools.permutations(range(4)), 1, 24, 7):
            place = {task: index for index, task in enumerate(order)}
            stages = tuple(tuple(tuple(place[t] for t in group) for group in p) for p in structure.stages)
            turned = Structure(tuple(NAMES[task] for task in order), stages)
            net = MultiTaskNet(SMALL, turned, tuple(MIXED[task] for task in order)).eval()
            found = net(images()).predictions
            assert all(torch.equal(found[place[task]], expected[task]) for task in range(4))


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (9, 40)])
def test_answers_have_the_images_size(size: tuple[int, int]) -> None:
    found = shaken(STRUCTURES[2])(images(2, *size)).predictions
    assert [tuple(found[task].shape) for task in range(4)] == [(2, 5, *size), (2, 1, *size), (2, 4), (2, 3, *size)]


@pytest.mark.parametrize("start", ["average", "copy", "fresh"])
def test_tasks_outside_a_fused_group_answer_bit_for_bit_as_before(start: str) -> None:
    net = shaken(Structure.separate(NAMES, 4))
    with torch.no_grad():
        before = net(images()).predictions
        module = net.start_node(0, (0, 2), start)  # type: ignore[arg-type]
        fusion = net.fuse(0, (0, 2), module)
        after = net(images()).predictions
    assert fusion.node == Node(0, (0, 2))
    assert len(fusion.removed) == 2
    assert net.structure.stages[0] == ((0, 2), (1,), (3,))
    # the node of task 0 is the one that "copy" copies
    assert [torch.equal(before[task], after[task]) for task in range(4)] == [start == "copy", True, False, True]


def test_averaging_identical_networks_changes_nothing() -> None:
    net = MultiTaskNet(SMALL, Structure.separate(NAMES, 4), MIXED).eval()
    with torch.no_grad():
        before = net(images()).predictions
        for stage in range(4):
            net.fuse(stage, range(4), net.start_node(stage, range(4), "average"))
        after = net(images()).predictions
    assert net.structure == Structure.shared(NAMES, 4)
    assert all(torch.equal(before[task], after[task]) for task in range(4))


def test_average_is_the_mean_of_weights_and_statistics() -> None:
    modules = [SMALL.build_stage(1) for _ in range(3)]
    for index, module in enumerate(modules):
        for buffer in module.buffers():
            buffer += index
    states = [module.state_dict() for module in modules]
    for name, value in average(modules).state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, torch.stack([state[name] for state in states]).mean(0))


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_moments_follow_by_parameter(kind: str) -> None:
    """Mean of the removed nodes' for the group node, the very same tensors for all others, also if equal."""
    net = MultiTaskNet(SMALL, Structure.separate(NAMES, 4), MIXED)  # identical nodes: values cannot tell them apart
    weights = list(net.parameters())
    optimizer = torch.optim.Adam(weights, lr=1e-3) if kind == "adam" else torch.optim.SGD(weights, 1e-3, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        sum(answer.square().mean() for answer in net(images(8)).predictions.values()).backward()
        optimizer.step()
    keys = ("exp_avg", "exp_avg_sq") if kind == "adam" else ("momentum_buffer",)
    state = {weight: copy.copy(values) for weight, values in optimizer.state.items()}
    fusion = net.fuse(0, (0, 3), net.start_node(0, (0, 3), "average"))
    transfer_moments(optimizer, [fusion])
    for name, created in fusion.module.named_parameters():
        for key in keys:
            old = [state[module.get_parameter(name)][key] for module in fusion.removed]
            torch.testing.assert_close(optimizer.state[created][key], (old[0] + old[1]) / 2)
    held = [weight for group in optimizer.param_groups for weight in group["params"]]
    assert [id(weight) for weight in held] == [id(weight) for weight in net.parameters()]
    created = {id(weight) for weight in fusion.module.parameters()}
    for weight in held:
        if id(weight) not in created and weight in state:
            assert all(optimizer.state[weight][key] is state[weight][key] for key in keys)
    optimizer.zero_grad()
    sum(answer.square().mean() for answer in net(images(8)).predictions.values()).backward()
    optimizer.step()


def test_weights_depend_on_the_seed_alone() -> None:
    state = torch.get_rng_state()
    nets = [MultiTaskNet(SMALL, STRUCTURES[0], MIXED, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), state)
    first, again, other = (nn.utils.parameters_to_vector(net.parameters()) for net in nets)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    nodes = [nets[0].module(Node(1, (task,))).state_dict() for task in range(4)]
    assert all(torch.equal(nodes[0][name], node[name]) for node in nodes for name in node)


def test_gradients_stay_on_the_path_of_the_task() -> None:
    net = shaken(STRUCTURES[3])
    net(images(), tasks=[1]).predictions[1].sum().backward()
    path = {id(weight) for node in STRUCTURES[3].path(1) for weight in net.module(node).parameters()}
    reached = {
        id(weight)
        for node in STRUCTURES[3].nodes()
        for weight in net.module(node).parameters()
        if weight.grad is not None
    }
    assert reached == path


def test_a_checkpoint_is_a_structure_and_a_state() -> None:
    net = shaken(STRUCTURES[2])
    other = MultiTaskNet(SMALL, STRUCTURES[2], MIXED, seed=9).eval()
    other.load_state_dict(net.state_dict())
    with torch.no_grad():
        mine, theirs = net(images()).predictions, other(images()).predictions
    assert all(torch.equal(mine[task], theirs[task]) for task in mine)


def test_errors_say_what_was_expected() -> None:
    net = shaken(STRUCTURES[2])
    with pytest.raises(ValueError, match=r"`structure` should have the 4 stages of `small`\. Found 3"):
        MultiTaskNet(SMALL, Structure.separate(NAMES, 3), MIXED)
    with pytest.raises(ValueError, match=r"`tasks` should be those of the structure"):
        MultiTaskNet(SMALL, STRUCTURES[0], MIXED[:2])
    with pytest.raises(ValueError, match=r"`images` should be \[n, 3, H, W\]\. Found shape \(2, 1, 8, 8\)"):
        net(torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match=r"stage 1 \(residual1\): no node of tasks \(0,\)"):
        net.features(images(), [Node(1, (0,))])
    with pytest.raises(ValueError, match=r"stage 0 \(stem\): `module` should have the parameters of a node there"):
        shaken(STRUCTURES[0]).fuse(0, (0, 1), SMALL.build_stage(1))
    with pytest.raises(ValueError, match=r"share a node, but not the node below"):
        net.fuse(2, (1, 2), SMALL.build_stage(2))


def test_cost_is_what_the_modules_hold_and_adds_up() -> None:
    """Parameters against real modules; MACs of a structure are those of its nodes and heads."""
    for structure in STRUCTURES:
        net = shaken(structure)
        graph = measure_cost(SMALL, structure, MIXED, (16, 16))
        assert graph.parameters == sum(weight.numel() for weight in net.parameters())
        assert [node.tasks for node in graph.nodes[: len(structure.nodes())]] == [n.tasks for n in structure.nodes()]
    # by hand: the stem is one 3x3 convolution from 3 to 4 channels at stride 2
    assert measure_cost(SMALL, STRUCTURES[1], MIXED, (16, 16)).nodes[0].macs == 8 * 8 * 4 * 3 * 9


def test_the_papers_sizes_to_the_last_digit() -> None:
    """Parameters of every stage and head, and GMACs of the learned structures (method of the published configs)."""
    shared = Structure.shared(tuple(task.name for task in CITYSCAPES), 10)
    graph = measure_cost(paper(), shared, CITYSCAPES, (256, 512))
    stages = [9_536, 147_968, 525_568, 2_099_712, 8_393_728, 9_191_424, 742_144, 86_784, 78_592, 74_496]
    heads = [70_675, 67_841, 66_049, 72_451, 72_451]
    gmacs = [0.308, 1.208, 1.074, 1.074, 1.074, 0.319, 0.095, 0.044, 0.159, 0.604]
    assert [node.parameters for node in graph.nodes] == stages + heads
    assert [round(node.macs / 1e9, 3) for node in graph.nodes[:10]] == gmacs
    nyu = measure_cost(paper(), shared, (segmentation(40), *CITYSCAPES[1:]), (320, 448))
    assert nyu.nodes[10].parameters == 76_072

    def learned(*decoder: tuple[tuple[int, ...], ...]) -> tuple[float, float]:
        structure = Structure(shared.tasks, (*shared.stages[:6], *decoder))
        graph = measure_cost(paper(), structure, CITYSCAPES, (256, 512))
        return round(graph.parameters / 1e6, 2), round(graph.macs / 1e9, 2)

    first = (((0, 2, 4), (1, 3)),) * 2 + (((0, 2, 4), (1,), (3,)),) * 2
    second = (((0, 2), (1, 3, 4)),) * 2 + (((0, 2), (1,), (3,), (4,)),) * 2
    third = (((0, 2), (1, 3, 4)),) * 3 + (((0, 2), (1, 3), (4,)),)
    assert [learned(*d) for d in (first, second, third)] == [(22.83, 8.69), (22.99, 9.45), (22.76, 8.53)]
