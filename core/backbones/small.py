"""`small`: a narrow residual network with a skip decoder, for images of a few dozen pixels and training on a CPU."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core.backbones.base import Backbone, DenseHead, DepthActivation, ImageHead, Stage, concatenate, resize
from core.tasks import Task


@dataclass(frozen=True)
class Small(Backbone):
    """The backbone for small images; build it with `core.backbones.small`."""

    image_channels: int = 3
    width: int = 16
    encoder_stages: int = 4
    decoder_stages: int = 3
    stem_stride: int = 2
    depth_activation: DepthActivation = "softplus"
    head_width: int | None = None
    """Channels of a dense head at each scale; none: `width`."""

    name = "small"

    def __post_init__(self) -> None:
        limits = {"image_channels": 1, "width": 1, "encoder_stages": 1, "decoder_stages": 0, "stem_stride": 1}
        problems = [
            f"`{field}` should be at least {least}. Found {getattr(self, field)}."
            for field, least in limits.items()
            if getattr(self, field) < least
        ]
        if self.decoder_stages >= max(self.encoder_stages, 1):
            problems.append(
                f"`decoder_stages` should be less than `encoder_stages` ({self.encoder_stages}): "
                f"each needs an earlier stage of twice its input's size. Found {self.decoder_stages}."
            )
        if problems:
            raise ValueError("backbone `small`: " + " ".join(problems))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Stem; residual stages of w, 2w, 4w, 4w… neurons, all but the first halving the size; decoder stages.

        A decoder stage has the size and the neurons of its skip.
        """
        encoder = [
            Stage("stem", self.width),
            *(Stage(f"residual{k}", self.width * min(2 ** (k - 1), 4)) for k in range(1, self.encoder_stages + 1)),
        ]
        skips = (self.encoder_stages - k for k in range(1, self.decoder_stages + 1))
        decoder = (Stage(f"decoder{k}", encoder[skip].neurons, skip) for k, skip in enumerate(skips, start=1))
        return (*encoder, *decoder)

    @property
    def head_stages(self) -> tuple[int, ...]:
        """All decoder stages, coarse to fine; without any, the last encoder stage."""
        return tuple(range(self.encoder_stages + min(1, self.decoder_stages), len(self.stages)))

    def build_stage(self, stage: int) -> nn.Module:
        """A new stage, its convolutions initialised for ReLU (He et al. 2015)."""
        self.check_stage(stage)
        neurons = self.stages[stage].neurons
        if stage == 0:
            return _convolution(self.image_channels, neurons, stride=self.stem_stride)
        below = self.stages[stage - 1].neurons
        if stage <= self.encoder_stages:
            return ResidualBlock(below, neurons, stride=1 if stage == 1 else 2)
        return SkipBlock(below, neurons)

    def build_head(self, task: Task) -> nn.Module:
        """Each scale to `head_width` channels, then one 3x3 convolution; at image level means and a linear layer."""
        neurons = [self.stages[stage].neurons for stage in self.head_stages]
        if task.dense:
            return DenseHead(neurons, self.head_width or self.width, task, self.depth_activation)
        return ImageHead(neurons, task.outputs)

    def narrowed(self, share: float) -> Backbone:
        """With `share` of the width; a dense head keeps its own channels."""
        return replace(self, width=max(1, round(self.width * share)), head_width=self.head_width or self.width)


def _convolution(channels: int, neurons: int, stride: int = 1, relu: bool = True) -> nn.Sequential:
    convolution = nn.Conv2d(channels, neurons, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    norm = nn.BatchNorm2d(neurons)
    return nn.Sequential(convolution, norm, nn.ReLU(inplace=True)) if relu else nn.Sequential(convolution, norm)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where size or neurons change."""

    def __init__(self, below: int, neurons: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(below, neurons, stride)
        self.second = _convolution(neurons, neurons, relu=False)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or below != neurons:
            self.shortcut = nn.Conv2d(below, neurons, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu_(self.second(self.first(x)) + self.shortcut(x))  # [n, neurons, h, w]


class SkipBlock(nn.Module):
    """Bring `x` to the skip's neurons and size, then one 3x3 convolution over both."""

    def __init__(self, below: int, neurons: int) -> None:
        super().__init__()
        # before upsampling: a 1x1 convolution commutes with it, and there are four times fewer pixels
        self.reduce = nn.Conv2d(below, neurons, 1, bias=False) if below != neurons else nn.Identity()
        self.mix = _convolution(2 * neurons, neurons)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = resize(self.reduce(x), skip.shape[2:])  # [n, neurons, h, w]
        return self.mix(concatenate((x, skip)))  # type: ignore[no-any-return]
