"""Conversion of torch modules: check values, equal outputs, and the names of what cannot be converted."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from core.backbones import from_module
from core.conversion import Converted, convert
from core.policy import depth_weights, policy_regulariser
from core.policy_ops import PerTask, PolicyOp, convolution_skip
from core.supermodel import AutoMtlNet
from core.tasks import DEPTH, image_class


class Small(nn.Module):
    """A CNN of someone's own, with all that is easily done wrong: writing in place, reuse, functional dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.act = nn.ReLU(inplace=True)
        self.down = nn.Conv2d(12, 8, 5, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(self.act(self.first(x)), 0.5, training=self.training)
        y = self.norm(self.second(self.act(self.second(x))))
        y += x
        y = torch.cat((y.relu_(), x), dim=1)
        y = self.down(y)
        return F.interpolate(y, size=x.shape[2:], mode="bilinear")


def shared(module: Converted) -> Tensor:
    ways = torch.zeros(len(module.ops), 3)
    ways[:, 0] = 1
    return ways


def test_a_users_network_is_converted_as_it_is() -> None:
    module = Small()
    converted = convert(module, 2)
    assert converted.depths == (1, 2, 4)  # the second runs twice and has one policy; the third follows both
    assert converted.depth == 4
    x = torch.randn(4, 3, 16, 16)
    module.eval()
    converted.eval()
    for task in range(2):
        assert torch.equal(converted(task, shared(converted), x), module(x))
    assert module.act.inplace, "the user's module was changed"
    assert not any(getattr(part, "inplace", False) for part in converted.modules())
    before = x.clone()
    all_skipped = torch.tensor([[0.0, 0.0, 1.0]]).expand(3, 3)
    converted(0, all_skipped, x)
    assert torch.equal(x, before)


def test_functional_dropout_follows_the_mode() -> None:
    converted = convert(Small(), 1)
    x, ways = torch.randn(2, 3, 16, 16), shared(converted)
    converted.train()
    assert not torch.equal(converted(0, ways, x), converted(0, ways, x))
    converted.eval()
    assert torch.equal(converted(0, ways, x), converted(0, ways, x))


def test_a_skipped_convolution_hands_on_what_others_still_read() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu_(self.conv(x)) + x

    x = torch.randn(1, 3, 8, 8)
    skipped = convert(Residual(), 1, choices=[["skip"]])
    assert torch.equal(skipped(0, None, x), x.relu() + x)
    assert not list(skipped.parameters())


@pytest.mark.parametrize(
    ("name", "nodes", "longest", "weights", "regulariser"),
    [("resnet18", 20, 17, None, None), ("resnet34", 36, 33, 17.42, 24.155), ("mobilenet_v2", 52, 52, 25.5, None)],
)
def test_networks_of_torchvision(
    name: str, nodes: int, longest: int, weights: float | None, regulariser: float | None
) -> None:
    """The numbers of nodes are the paper's; weights and regulariser of resnet34 are the check values."""
    module = getattr(torchvision.models, name)(weights=None).eval()
    converted = convert(module, 2).eval()
    assert len(converted.ops) == nodes
    assert max(converted.depths) == converted.depth == longest
    found = depth_weights(converted.depths)
    if weights:
        assert found.sum().item() == pytest.approx(weights, abs=5e-3)
    if regulariser:
        uniform = torch.full((nodes, 3), 1 / 3)
        assert policy_regulariser(uniform, found).item() == pytest.approx(regulariser, abs=5e-4)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(converted(1, shared(converted), x), module(x))


def test_norms_and_linear_layers_are_a_tasks_own() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU(), nn.Flatten(), nn.Linear(144, 5))
    converted = convert(module, 3, choices=[["shared"]] * 3)
    sizes = sum(weight.numel() for weight in converted.parameters())
    assert sizes == (4 * 27 + 4) + 3 * (8 + 1 + 144 * 5 + 5)
    assert sum(isinstance(part, PerTask) for part in converted.modules()) == 3


class Unsupported(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(4, 4, 2))
        self.scale = nn.Parameter(torch.ones(1))
        self.inner = Inner()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.body(x)) * self.scale


class Inner(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.matmul(x, x.transpose(2, 3))


def test_every_operation_that_cannot_be_converted_is_named_with_its_place() -> None:
    with pytest.raises(ValueError, match="cannot be converted") as caught:
        convert(Unsupported(), 2)
    message = str(caught.value)
    for named in ("ConvTranspose2d at `body.1`", ".transpose() in `inner`", "matmul() in `inner`", "`scale`"):
        assert named in message


def test_networks_that_cannot_be_traced_or_give_several_answers_are_refused() -> None:
    class Branching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    class Several(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(ValueError, match=r"`module` cannot be traced: .*control flow"):
        convert(Branching(), 2)
    with pytest.raises(ValueError, match=r"an output of several parts \(tuple\)"):
        convert(Several(), 2)
    with pytest.raises(ValueError, match="`module` should read 2 features"):
        convert(nn.Sequential(nn.Conv2d(3, 3, 1)), 2, depths=(0, 0))


@pytest.mark.parametrize(
    ("layer", "same"),
    [
        (nn.Conv2d(4, 4, 3, padding=1), True),
        (nn.Conv2d(4, 4, 3, padding=2, dilation=2), True),
        (nn.Conv2d(4, 4, 5, padding="same"), True),
        (nn.Conv2d(4, 4, 3, padding=1, groups=4), True),
        (nn.Conv2d(4, 4, 3), False),
        (nn.Conv2d(4, 6, 3, padding=1), False),
        (nn.Conv2d(4, 4, 3, padding=1, stride=2), False),
        (nn.Conv2d(4, 6, (1, 7), stride=(1, 3), padding=(2, 0)), False),
    ],
)
def test_the_skip_of_a_convolution_has_its_shape(layer: nn.Conv2d, same: bool) -> None:
    skip = convolution_skip(layer, lambda build: build())
    assert (skip.project is None) == same
    for size in ((8, 8), (9, 13), (7, 10)):
        x = torch.randn(2, 4, *size)
        assert skip(x).shape == layer(x).shape
        assert not same or skip(x) is x


def test_a_users_network_as_a_backbone_is_cut_where_convolutions_are() -> None:
    def build() -> nn.Module:
        return nn.Sequential(*list(torchvision.models.resnet18(weights=None).children())[:-2])

    backbone = from_module(build, name="resnet18")
    assert [stage.neurons for stage in backbone.stages] == [64, 64, 128, 256, 512]
    tasks = (DEPTH, image_class("digit", "Digit", 10))
    net = AutoMtlNet(backbone, tasks, "convolution")
    assert len(net.depths) == 20
    assert max(net.depths) == 17
    assert [len(net.ops(stage)) for stage in range(5)] == [1, 4, 5, 5, 5]
    predictions = net(torch.randn(1, 3, 64, 64)).predictions
    assert predictions[0].shape == (1, 1, 64, 64)
    assert predictions[1].shape == (1, 10)
    assert all(isinstance(op, PolicyOp) for op in net.ops(2))
    with pytest.raises(ValueError, match=r"gives features \[n, neurons, h, w\]"):
        _ = from_module(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())).stages


def test_a_network_that_is_no_sequence_is_one_stage() -> None:
    net = AutoMtlNet(from_module(Small), (DEPTH,), "convolution")
    assert len(net.stages) == 1
    assert net.depths == (1, 2, 4)
