"""`paper`: ResNet-18, one bottleneck stage and a skip decoder, the ten-stage network of MTSL (Gurulingan et al. 2023).

torchvision takes a second to import and only this backbone needs it, so it is imported where a stage is built.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from core.backbones.base import Backbone, DenseHead, DepthActivation, ImageHead, Stage, concatenate, resize
from core.backbones.convolution import ProductConv2d
from core.backbones.weights import imagenet_resnet18
from core.tasks import Task

_ENCODER = (64, 64, 128, 256, 512)  # neurons of the stem and of ResNet-18's four layers
_CONTEXT = 2048  # of the bottleneck stage: four times its 512 planes
_DECODER = 256
_INNER = 64  # channels of a decoder block's 3x3 convolution, and of a head at each scale


@dataclass(frozen=True)
class Paper(Backbone):
    """The backbone of the MTSL paper; build it with `core.backbones.paper`."""

    weights: Literal["imagenet"] | None = None
    depth_activation: DepthActivation = "sigmoid"
    image_channels: int = 3

    name = "paper"

    def __post_init__(self) -> None:
        if self.weights is not None and self.image_channels != 3:
            raise ValueError(
                f"backbone `paper`: ImageNet weights read colour images of 3 channels. Found {self.image_channels} "
                "`image_channels`; use `weights=None`."
            )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Stem and four residual stages, the context stage, and four decoder stages over skips 4, 3, 2 and 1."""
        encoder = (Stage("stem", _ENCODER[0]), *(Stage(f"layer{k}", _ENCODER[k]) for k in range(1, 5)))
        decoder = (Stage(f"decoder{k}", _DECODER, skip=5 - k) for k in range(1, 5))
        return (*encoder, Stage("context", _CONTEXT), *decoder)

    @property
    def head_stages(self) -> tuple[int, ...]:
        """The four decoder stages, at 1/32, 1/16, 1/8 and 1/4 of the image."""
        return (6, 7, 8, 9)

    def build_stage(self, stage: int) -> nn.Module:
        """A new stage with torchvision's initial weights for residual networks."""
        self.check_stage(stage)
        if stage >= 6:
            below, skip = self.stages[stage - 1].neurons, self.stages[10 - stage].neurons
            module: nn.Module = DecoderBlock(below, skip)
        else:
            module = _encoder_stage(stage, self.image_channels)
        for part in module.modules():  # as in torchvision's ResNet, which initialises the whole network at once
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        return module

    def build_head(self, task: Task) -> nn.Module:
        """Four 1x1 convolutions to 64 channels and a last one at 1/4 resolution: 1x1 for classes, edges, else 3x3."""
        neurons = [self.stages[stage].neurons for stage in self.head_stages]
        if not task.dense:
            return ImageHead(neurons, task.outputs)
        if task.kind in ("segmentation", "edges"):
            return DenseHead(neurons, _INNER, task, self.depth_activation, kernel=1, bias=True)
        return DenseHead(neurons, _INNER, task, self.depth_activation, kernel=3, bias=False)

    def pretrained(self) -> Mapping[int, Mapping[str, Tensor]]:
        """ImageNet weights of stages 0-4 if asked for. Raises `PretrainedWeightsError` if there are none to be had."""
        if self.weights is None:
            return {}
        state = imagenet_resnet18()
        stem = {key: value for key, value in state.items() if key.startswith(("conv1.", "bn1."))}
        layers = {
            k: {key.removeprefix(f"layer{k}."): value for key, value in state.items() if key.startswith(f"layer{k}.")}
            for k in range(1, 5)
        }
        return {0: stem, **layers}


def _encoder_stage(stage: int, image_channels: int) -> nn.Module:
    from torchvision.models.resnet import BasicBlock

    if stage == 0:
        parts: list[tuple[str, nn.Module]] = [
            ("conv1", nn.Conv2d(image_channels, _ENCODER[0], 7, stride=2, padding=3, bias=False)),
            ("bn1", nn.BatchNorm2d(_ENCODER[0])),
            ("relu", nn.ReLU(inplace=True)),
            ("maxpool", nn.MaxPool2d(3, stride=2, padding=1)),
        ]  # torchvision's names, so that its weights fit
        return nn.Sequential(OrderedDict(parts))
    below = _ENCODER[stage - 1]
    if stage == 5:
        return nn.Sequential(Bottleneck(below, stride=2), Bottleneck(_CONTEXT))
    neurons = _ENCODER[stage]
    if stage == 1:
        return nn.Sequential(BasicBlock(below, neurons), BasicBlock(neurons, neurons))
    shortcut = nn.Sequential(nn.Conv2d(below, neurons, 1, stride=2, bias=False), nn.BatchNorm2d(neurons))
    blocks = BasicBlock(below, neurons, 2, shortcut), BasicBlock(neurons, neurons)
    if stage == 4:  # 512 neurons on few pixels
        blocks[0].conv1 = ProductConv2d(below, neurons, 3, stride=2)
        blocks[0].conv2, blocks[1].conv1, blocks[1].conv2 = (ProductConv2d(neurons, neurons, 3) for _ in range(3))
    return nn.Sequential(*blocks)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions from `below` over 512 to 2048 neurons, plus a projected shortcut where needed."""

    def __init__(self, below: int, stride: int = 1) -> None:
        super().__init__()
        planes = _CONTEXT // 4
        self.conv1, self.bn1 = ProductConv2d(below, planes), nn.BatchNorm2d(planes)
        self.conv2 = ProductConv2d(planes, planes, 3, stride)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = ProductConv2d(planes, _CONTEXT), nn.BatchNorm2d(_CONTEXT)
        self.shortcut: nn.Module = nn.Identity()
        if below != _CONTEXT:
            self.shortcut = nn.Sequential(ProductConv2d(below, _CONTEXT, stride=stride), nn.BatchNorm2d(_CONTEXT))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu_(self.bn1(self.conv1(x)))  # [n, 512, h, w]
        y = torch.relu_(self.bn2(self.conv2(y)))
        return torch.relu_(self.bn3(self.conv3(y)) + self.shortcut(x))  # [n, 2048, h, w]


class DecoderBlock(nn.Module):
    """Upsample `x` to the skip's size; 1x1, 3x3 and 1x1 convolutions over both; plus the upsampled `x` itself.

    The residual passes through a 1x1 projection only where `x` does not have the block's 256 neurons already.
    """

    def __init__(self, below: int, skip: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = ProductConv2d(below + skip, _INNER), nn.BatchNorm2d(_INNER)
        self.conv2 = nn.Conv2d(_INNER, _INNER, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_INNER)
        self.conv3, self.bn3 = ProductConv2d(_INNER, _DECODER), nn.BatchNorm2d(_DECODER)
        self.project = nn.Identity() if below == _DECODER else ProductConv2d(below, _DECODER)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = resize(x, skip.shape[2:])  # [n, below, h, w]
        y = torch.relu_(self.bn1(self.conv1(concatenate((x, skip)))))  # [n, 64, h, w]
        y = torch.relu_(self.bn2(self.conv2(y)))
        return torch.relu_(self.bn3(self.conv3(y)) + self.project(x))  # [n, 256, h, w]
