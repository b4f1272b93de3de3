"""AutoMtlNet: all shared is One, all specific is Separate, what nobody chose does not exist, and what it costs."""

import copy

import pytest
import torch
from torch import Tensor

from core.backbones import Backbone, paper, small
from core.network import MultiTaskNet
from core.policy import Choice
from core.policy_graph import policy_graph
from core.policy_ops import shared_copies, stage_skip
from core.structure import Structure
from core.supermodel import AutoMtlNet, Grain
from core.tasks import DEPTH, NORMALS, Task, segmentation

TASKS: tuple[Task, ...] = (segmentation(4), DEPTH, NORMALS)
NAMES = tuple(task.name for task in TASKS)
BACKBONE = small(width=4, encoder_stages=3, decoder_stages=2)  # six stages; skips at every kind of change of shape
GRAINS: tuple[Grain, ...] = ("stage", "convolution")


def nodes_of(backbone: Backbone, grain: Grain) -> int:
    return len(AutoMtlNet(backbone, TASKS[:1], grain).depths)


def uniform_choices(choice: Choice, grain: Grain) -> list[list[Choice]]:
    return [[choice] * nodes_of(BACKBONE, grain) for _ in TASKS]


def images(count: int = 4) -> Tensor:
    return torch.randn(count, 3, 32, 32)


def size(net: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("choice", ["shared", "specific"])
def test_all_shared_is_one_and_all_specific_is_separate(grain: Grain, choice: Choice) -> None:
    structure = (Structure.shared if choice == "shared" else Structure.separate)(NAMES, 6)
    net = AutoMtlNet(BACKBONE, TASKS, grain, uniform_choices(choice, grain))
    plain = MultiTaskNet(BACKBONE, structure, TASKS)
    x = images()
    for mode in (True, False, True):
        net.train(mode)
        plain.train(mode)
        found, expected = net(x).predictions, plain(x).predictions
        assert all(torch.equal(found[task], expected[task]) for task in range(3))


@pytest.mark.parametrize("grain", GRAINS)
def test_one_hot_probabilities_are_the_choices(grain: Grain) -> None:
    """The supermodel at a corner of its policies is the network that is left once they are chosen."""
    n_nodes = nodes_of(BACKBONE, grain)
    draw = torch.randint(3, (3, n_nodes), generator=torch.Generator().manual_seed(1))
    names: tuple[Choice, ...] = ("shared", "specific", "skip")
    fixed = AutoMtlNet(BACKBONE, TASKS, grain, [[names[choice] for choice in row] for row in draw.tolist()]).eval()
    soft = AutoMtlNet(BACKBONE, TASKS, grain).eval()
    x = images()
    found = soft(x, probabilities=torch.nn.functional.one_hot(draw, 3).float()).predictions
    for task, expected in fixed(x).predictions.items():
        torch.testing.assert_close(found[task], expected, atol=1e-5, rtol=0)


def test_untrained_policies_give_the_plain_mean() -> None:
    net = AutoMtlNet(BACKBONE, TASKS).eval()
    op = net.ops(2)[0]
    x = torch.randn(2, 4, 16, 16)
    branches = [modules["1"](x) for modules in op.branches().values()]
    ways = net.probabilities()
    assert ways is not None
    torch.testing.assert_close(op(1, ways[1], x), torch.stack(branches).mean(0))


def _shared_gradients(net: torch.nn.Module, prefix: str) -> dict[str, Tensor]:
    """Gradients of the convolutions in stages, by stage and place in it."""
    found = {}
    for name, weight in net.named_parameters():
        if name.startswith(prefix) and weight.ndim == 4:
            stage, _, path = name.removeprefix(prefix).partition(".")
            for part in ("shared.0.", "graph."):
                path = path.replace(part, "")
            assert weight.grad is not None
            found[f"{stage.partition('_')[0]}.{path}"] = weight.grad
    return found


@pytest.mark.parametrize("grain", GRAINS)
def test_after_a_step_shared_weights_move_as_in_one_and_norms_part(grain: Grain) -> None:
    """Of a shared weight the gradient is One's; of its norms each task has its part, which together are One's."""
    net = AutoMtlNet(BACKBONE, TASKS, grain, uniform_choices("shared", grain))
    plain = MultiTaskNet(BACKBONE, Structure.shared(NAMES, 6), TASKS)
    x = images()
    for model in (net, plain):
        torch.stack([answer.square().mean() for answer in model(x).predictions.values()]).sum().backward()
    own, one = _shared_gradients(net, "stages."), _shared_gradients(plain, "nodes.stage")
    assert own.keys() == one.keys()
    for name, gradient in own.items():
        torch.testing.assert_close(gradient, one[name], atol=1e-5, rtol=1e-4)
    norms = [module.weight.grad for module in net.stages[0].modules() if isinstance(module, torch.nn.BatchNorm2d)]
    whole = next(module for module in plain.modules() if isinstance(module, torch.nn.BatchNorm2d)).weight.grad
    assert len(norms) == 3
    assert not torch.allclose(norms[0], norms[1])
    torch.testing.assert_close(torch.stack(norms).sum(0), whole, atol=1e-5, rtol=1e-4)


def test_copies_of_a_shared_operation_share_all_but_their_norms() -> None:
    first, second = shared_copies(BACKBONE.build_stage(2), 2)
    mine, theirs = dict(first.named_parameters()), dict(second.named_parameters())
    for name, weight in mine.items():
        assert (weight is theirs[name]) == (weight.ndim == 4), name
    both = torch.nn.ModuleList([first, second])
    assert size(copy.deepcopy(both)) == size(both)


def test_what_nobody_chose_does_not_exist() -> None:
    """By hand, at the stem: 3*4*9 weights of a convolution, 8 of a norm; its skip 3*4 weights and 8 of a norm."""
    rows: list[list[Choice]] = [["shared"] * 6, ["specific", *["shared"] * 5], ["skip", *["shared"] * 5]]
    net = AutoMtlNet(BACKBONE, TASKS, "stage", rows)
    op = net.ops(0)[0]
    assert {name: [*modules] for name, modules in op.branches().items()} == {
        "shared": ["0"],
        "specific": ["1"],
        "skip": ["2"],
    }
    assert size(op) == (108 + 8) + (108 + 8) + (12 + 8)
    assert size(AutoMtlNet(BACKBONE, TASKS, "stage", uniform_choices("shared", "stage")).stages[0]) == 108 + 3 * 8
    assert net.policies is None
    assert net.probabilities() is None


def test_a_skip_is_nothing_where_shapes_match_and_a_projection_elsewhere() -> None:
    net = AutoMtlNet(BACKBONE, TASKS)
    projected = [net.ops(stage)[0].skip["0"].project is not None for stage in range(6)]
    assert projected == [True, False, True, True, True, True]
    for height, width in ((32, 32), (40, 24), (30, 22)):
        rows: list[list[Choice]] = [["skip"] * 6 for _ in TASKS]
        skipped = AutoMtlNet(BACKBONE, TASKS, "stage", rows)
        answer = skipped(torch.randn(2, 3, height, width)).predictions[1]
        assert answer.shape == (2, 1, height, width)
    decoder = BACKBONE.build_stage(4)
    skip = stage_skip(decoder, (16, 8, 8), (8, 16, 16), lambda build: build())
    x, source = torch.randn(2, 16, 5, 7), torch.randn(2, 8, 10, 13)
    assert skip(x, source).shape == decoder(x, source).shape == (2, 8, 10, 13)


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("kind", ["soft", "mixed", "shared", "specific", "skip"])
def test_the_graph_counts_every_weight_once(grain: Grain, kind: str) -> None:
    n_nodes = nodes_of(BACKBONE, grain)
    names: tuple[Choice, ...] = ("shared", "specific", "skip")
    rows = {
        "soft": None,
        "mixed": [[names[(task + node) % 3] for node in range(n_nodes)] for task in range(3)],
    }.get(kind, [[kind] * n_nodes for _ in TASKS])  # type: ignore[list-item]
    net = AutoMtlNet(BACKBONE, TASKS, grain, rows)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    graph = policy_graph(net, (32, 32))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert graph.parameters == sum(weight.numel() for weight in net.weights())
    assert net.training
    assert not any(module._forward_hooks for module in net.modules())
    for task in range(3):  # what flows into a stage of a task is all of it
        for stage in range(1, 7):
            into = [
                edge.weight
                for edge in graph.edges
                if graph.nodes[edge.target].stage == stage
                and task in graph.nodes[edge.target].tasks
                and task in graph.nodes[edge.source].tasks
            ]
            if kind != "mixed":
                assert sum(into) == pytest.approx(1, abs=1e-3)
            assert into
    assert {node.kind for node in graph.nodes} <= {"shared", "specific", "skip", "head"}


def test_macs_are_those_of_separate_networks_whatever_is_shared() -> None:
    """Norms are a task's own, so what follows them is computed for each task, also with shared weights."""
    one, own = (
        policy_graph(AutoMtlNet(BACKBONE, TASKS, "stage", uniform_choices(choice, "stage")), (32, 32))
        for choice in ("shared", "specific")
    )
    assert one.macs == own.macs
    stem = next(node for node in one.nodes if node.stage == 0)
    assert (stem.kind, stem.tasks, stem.macs) == ("shared", (0, 1, 2), 3 * 16 * 16 * 4 * 27)
    assert len(one.nodes) == 9
    assert len(own.nodes) == 21


def test_depths_of_stages_and_of_convolutions() -> None:
    assert AutoMtlNet(BACKBONE, TASKS).depths == (1, 2, 3, 4, 5, 6)
    # stem, residual blocks (two each and, where they project, one beside them), decoders (one to reduce, one to mix)
    assert AutoMtlNet(BACKBONE, TASKS, "convolution").depths == (1, 2, 3, 4, 5, 4, 6, 7, 6, 8, 9, 10, 11)


def test_the_paper_backbone_is_converted_too() -> None:
    net = AutoMtlNet(paper(), (DEPTH,), "convolution")
    assert len(net.depths) == 20 + 7 + 3 * 4 + 1


def test_choices_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`choices` should name one of 3 tasks each. Found 2"):
        AutoMtlNet(BACKBONE, TASKS, "stage", [["shared"] * 6] * 2)
    with pytest.raises(ValueError, match=r"`choices` should name 6 nodes a task"):
        AutoMtlNet(BACKBONE, TASKS, "stage", [["shared"] * 7] * 3)
    with pytest.raises(ValueError, match=r"`images` should be \[n, 3, H, W\]"):
        AutoMtlNet(BACKBONE, TASKS)(torch.zeros(1, 1, 8, 8))
