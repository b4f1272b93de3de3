"""What a backbone is: ordered stages with skips, the stages its heads read, and how to build each of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from core.tasks import Task

DepthActivation = Literal["sigmoid", "relu", "softplus"]
"""Range of a depth head: (0, 1) for scaled targets, [0, ∞) or (0, ∞) for metres."""


@dataclass(frozen=True)
class Stage:
    """One stage: its name, its neurons (output channels), and the earlier stage read as second input, if any."""

    name: str
    neurons: int
    skip: int | None = None


class Backbone(ABC):
    """An ordered list of stages that can be shared one by one, and heads that never are.

    A stage is called as `stage(x)`, or `stage(x, skip)` where `Stage.skip` names an earlier stage, on features
    [n, neurons, h, w]; stage 0 reads the images [n, image_channels, H, W]. A head is called as
    `head(features, output_size)` with the outputs of `head_stages`, in that order. Subclasses are hashable, and equal
    when they build the same modules (a frozen dataclass is both): costs are remembered by backbone.
    """

    name: str
    image_channels: int

    @property
    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The stages, first to last."""

    @property
    @abstractmethod
    def head_stages(self) -> tuple[int, ...]:
        """Indices of the stages whose outputs the heads read."""

    @abstractmethod
    def build_stage(self, stage: int) -> nn.Module:
        """A new stage with random weights from torch's global generator, on the default device."""

    @abstractmethod
    def build_head(self, task: Task) -> nn.Module:
        """A new head: [n, outputs, *output_size] for a dense task, [n, outputs] for one at image level."""

    def narrowed(self, share: float) -> "Backbone":
        """A backbone of the same form with about `share`, in (0, 1], of the neurons of every stage.

        What belongs to the heads alone keeps its size. Raises `ValueError` for a backbone that comes in one width only.
        """
        if share != 1:
            raise ValueError(f"backbone `{self.name}` comes in one width only: its stages cannot be narrowed.")
        return self

    def pretrained(self) -> Mapping[int, Mapping[str, Tensor]]:
        """State of the stages that start from weights learned elsewhere; stages not listed start at random."""
        return {}

    def sources(self, stage: int) -> tuple[int, ...]:
        """The stages that `stage` reads: the one before it, then its skip; none for stage 0, which reads the images."""
        skip = self.stages[stage].skip
        before = (stage - 1,) if stage else ()
        return before if skip is None else (*before, skip)

    def describe(self, stage: int) -> str:
        """A stage in words, for messages.

        >>> from core.backbones import paper
        >>> paper().describe(6)
        'stage 6 (decoder1)'
        """
        return f"stage {stage} ({self.stages[stage].name})"

    def check(self) -> None:
        """Raise `ValueError`, naming the stage, if the stages cannot be run one after another."""
        if not self.stages:
            raise ValueError(f"backbone `{self.name}` should have at least one stage. Found none.")
        for index, stage in enumerate(self.stages):
            if stage.neurons < 1:
                raise ValueError(f"{self.describe(index)}: `neurons` should be at least 1. Found {stage.neurons}.")
            if stage.skip is not None and not 0 <= stage.skip < index:
                raise ValueError(f"{self.describe(index)}: `skip` should be an earlier stage. Found {stage.skip}.")
        if not self.head_stages:
            raise ValueError(f"backbone `{self.name}`: `head_stages` should name at least one stage. Found none.")
        for index in self.head_stages:
            if not 0 <= index < len(self.stages):
                raise ValueError(
                    f"backbone `{self.name}`: `head_stages` should be in 0..{len(self.stages) - 1}. Found {index}."
                )

    def check_stage(self, stage: int) -> None:
        """Raise `ValueError` unless `stage` is one of this backbone's."""
        if not 0 <= stage < len(self.stages):
            raise ValueError(f"`stage` should be in 0..{len(self.stages) - 1} of `{self.name}`. Found {stage}.")


class ImageHead(nn.Module):
    """Head of a task at image level: global mean of every feature it reads, then one linear layer [n, outputs].

    With `hidden` there is a layer of so many ReLU units before it.
    """

    def __init__(self, neurons: Sequence[int], outputs: int, hidden: int | None = None) -> None:
        super().__init__()
        self.first = nn.Linear(sum(neurons), hidden) if hidden else None
        self.last = nn.Linear(hidden or sum(neurons), outputs)

    def forward(self, features: Sequence[Tensor], output_size: tuple[int, int]) -> Tensor:
        x = concatenate([feature.mean((2, 3)) for feature in features])  # [n, sum of neurons]
        if self.first is not None:
            x = self.first(x).relu_()
        return full_precision(self.last(x))  # [n, outputs]


class DenseHead(nn.Module):
    """Head of a dense task: each scale to `width` channels, resized to the finest, together to `outputs`, upsampled.

    Normals end in tanh, depth in `depth_activation`; segmentation, edges and reconstruction are left as they are
    (logits, or the normalised image): [n, outputs, *output_size]. `kernel` is the last convolution's, `bias` is for
    the convolutions per scale.
    """

    def __init__(
        self,
        neurons: Sequence[int],
        width: int,
        task: Task,
        depth_activation: DepthActivation,
        kernel: Literal[1, 3] = 3,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(nn.Conv2d(channels, width, 1, bias=bias) for channels in neurons)
        self.last = nn.Conv2d(width * len(neurons), task.outputs, kernel, padding=kernel // 2)
        self.activation = _activation(task, depth_activation)

    def forward(self, features: Sequence[Tensor], output_size: tuple[int, int]) -> Tensor:
        finest = max((feature.shape[2:] for feature in features), key=lambda size: size[0] * size[1])
        scales = [
            resize(scale(feature), finest) for scale, feature in zip(self.scales, features, strict=True)
        ]  # [n, width, h, w] each
        answer = full_precision(self.last(concatenate(scales)))  # [n, outputs, h, w]
        return self.activation(resize(answer, output_size))  # type: ignore[no-any-return]


def _activation(task: Task, depth_activation: DepthActivation) -> nn.Module:
    if task.kind == "normals":
        return nn.Tanh()
    if task.kind == "depth":
        return {"sigmoid": nn.Sigmoid(), "relu": nn.ReLU(), "softplus": nn.Softplus()}[depth_activation]
    return nn.Identity()


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear resize of [n, c, h, w] to `size`; the very same tensor where it has that size already."""
    if tuple(x.shape[2:]) == tuple(size):
        return x
    resized: Tensor = _EvenGradient.apply(F.interpolate(x, tuple(size), mode="bilinear"))
    return resized


class _EvenGradient(torch.autograd.Function):
    """Nothing on the way there; on the way back the gradient is laid out in one piece, as the features were.

    Gradients of concatenated features come as slices; from those torch resizes back ten times slower.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        channels_last = x.is_contiguous(memory_format=torch.channels_last)
        ctx.layout = torch.channels_last if channels_last else torch.contiguous_format  # type: ignore[attr-defined]
        return x.view_as(x)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        return gradients[0].contiguous(memory_format=ctx.layout)  # type: ignore[attr-defined]


def concatenate(features: Sequence[Tensor]) -> Tensor:
    """Features side by side along the channels; the very same tensor where there is only one."""
    return features[0] if len(features) == 1 else torch.cat(tuple(features), dim=1)


def full_precision(x: Tensor) -> Tensor:
    """At least float32, so that an answer made under bf16 autocast is upsampled and activated without more rounding."""
    return x if x.dtype.itemsize >= torch.float32.itemsize else x.float()
