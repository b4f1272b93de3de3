"""Backbones: a network cut into stages that tasks can share one by one.

`small` is for images of a few dozen pixels and a CPU, `paper` is the network of the MTSL paper, `mlp` is for tables.
All are functions of plain settings that return a `Backbone`: the stages in order, each with its neurons and the earlier
stage it reads as a skip; which stages the heads read; and how to build each stage and head. A user's own network of
torch modules becomes a backbone by `from_module`; one with skips between stages or heads of its own is a subclass of
`Backbone` with the same four members, and with `narrowed` if it comes in other widths too.

| | images | stages | heads |
| --- | --- | --- | --- |
| `small` | `[n, channels, H, W]`, any size | stem, residual stages, skip decoders | all decoders or the last stage |
| `paper` | the same, best a multiple of 64 | ResNet-18, two bottlenecks, four skip decoders | the four decoders |
| `mlp` | `[n, columns, 1, 1]` | fully connected layers | the last layer |

A dense head answers `[n, outputs, H, W]`, one at image level `[n, outputs]`; segmentation and edges are logits.

>>> backbone = small(width=8, encoder_stages=2, decoder_stages=1)
>>> [(stage.name, stage.neurons, stage.skip) for stage in backbone.stages]
[('stem', 8, None), ('residual1', 8, None), ('residual2', 16, None), ('decoder1', 8, 1)]
>>> backbone.head_stages
(3,)
>>> sum(p.numel() for p in paper().build_stage(5).parameters())
9191424
"""

from collections.abc import Callable, Sequence
from typing import Literal

from torch import nn

from core.backbones.base import Backbone, DepthActivation, Stage
from core.backbones.mlp import Mlp
from core.backbones.own import Own
from core.backbones.paper import Paper
from core.backbones.small import Small
from core.backbones.weights import PretrainedWeightsError

__all__ = ["Backbone", "DepthActivation", "PretrainedWeightsError", "Stage", "from_module", "mlp", "paper", "small"]


def small(
    image_channels: int = 3,
    width: int = 16,
    encoder_stages: int = 4,
    decoder_stages: int = 3,
    stem_stride: int = 2,
    depth_activation: DepthActivation = "softplus",
) -> Backbone:
    """A narrow network: stem, `encoder_stages` residual stages of `width`, 2x, 4x, 4x… neurons, and a skip decoder.

    With `decoder_stages=0` the heads read the last residual stage. The stem divides the image's sides by
    `stem_stride`, every residual stage after the first halves them again. Softplus is the default for depth since a
    ReLU that is zero everywhere stays so. Raises `ValueError` listing every setting out of range.

    >>> small(width=16).stages[4].neurons
    64
    """
    return Small(image_channels, width, encoder_stages, decoder_stages, stem_stride, depth_activation)


def paper(
    weights: Literal["imagenet"] | None = None, depth_activation: DepthActivation = "sigmoid", image_channels: int = 3
) -> Backbone:
    """The ten stages of the MTSL paper: ResNet-18, two bottlenecks, four decoder blocks (Gurulingan et al. 2023).

    `weights="imagenet"` starts stages 0-4 from torchvision's weights; they are read, or fetched, when a network is
    built. Depth is sigmoid for depth scaled to 0-1 (Cityscapes), ReLU for metres (NYUv2).

    >>> len(paper().stages), paper().head_stages
    (10, (6, 7, 8, 9))
    """
    if weights not in (None, "imagenet"):
        raise ValueError(f"`weights` should be 'imagenet' or None. Found {weights!r}.")
    return Paper(weights, depth_activation, image_channels)


def mlp(image_channels: int, hidden: Sequence[int] = (128, 64), tower: int = 16) -> Backbone:
    """Fully connected layers of `hidden` neurons, each a stage, and heads with a hidden layer of `tower` units.

    Rows of a table are images of one pixel and `image_channels` channels. Raises `ValueError` listing every setting out
    of range.

    >>> [stage.neurons for stage in mlp(10, hidden=(8, 4)).narrowed(0.5).stages]
    [4, 2]
    """
    return Mlp(image_channels, tuple(hidden), tower)


def from_module(build: Callable[[], nn.Module], image_channels: int = 3, name: str = "own") -> Backbone:
    """The network that `build` makes as a backbone, for images [n, image_channels, H, W].

    It should give features [n, neurons, h, w], so leave out its classifier. A `Sequential` is cut into stages, one for
    each part that holds convolutions, with what follows it; any other module is a single stage, which AutoMTL takes
    apart into its convolutions. `build` is called again for every stage and should give fresh weights, or loaded ones.
    Raises `ValueError`, once stages are asked for, if there are no such features.

    >>> parts = (nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU())
    >>> [(stage.name, stage.neurons) for stage in from_module(lambda: nn.Sequential(*parts)).stages]
    [('0', 8), ('2', 16)]
    """
    return Own(build, image_channels, name)
