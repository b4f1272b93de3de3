"""A user's own convolutional network as a backbone: cut into stages where it is a sequence."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import nn

from core.backbones.base import Backbone, DenseHead, ImageHead, Stage
from core.tasks import Task

_WIDEST_HEAD = 64
_PROBE = 256  # side of the image that tells the channels of features


@dataclass(frozen=True)
class Own(Backbone):
    """A network that `build` makes; see `core.backbones.from_module`."""

    build: Callable[[], nn.Module]
    image_channels: int = 3
    name: str = "own"

    @property
    def stages(self) -> tuple[Stage, ...]:
        """A stage for each part that holds convolutions."""
        return _stages(self.build, self.image_channels)

    @property
    def head_stages(self) -> tuple[int, ...]:
        """The last stage."""
        return (len(self.stages) - 1,)

    def build_stage(self, stage: int) -> nn.Module:
        """A new stage with the weights that `build` gives it."""
        self.check_stage(stage)
        return _cut(self.build())[stage][1]

    def build_head(self, task: Task) -> nn.Module:
        """A 1x1 and a 3x3 convolution, upsampled to the image; at image level global means and a linear layer."""
        neurons = [self.stages[-1].neurons]
        if task.dense:
            return DenseHead(neurons, min(_WIDEST_HEAD, neurons[0]), task, "softplus")
        return ImageHead(neurons, task.outputs)


def _cut(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The stages of a network and their names: in a sequence one begins wherever a part holds a convolution."""
    if not isinstance(module, nn.Sequential):
        return [(type(module).__name__, module)]
    children = list(module.named_children())
    begins = [place for place, (_, child) in enumerate(children) if _convolves(child)] or [0]
    ends = [0, *begins[1:], len(children)]
    return [
        (children[begin][0], nn.Sequential(*(child for _, child in children[first:last])))
        for begin, (first, last) in zip(begins, pairwise(ends), strict=True)
    ]


def _convolves(module: nn.Module) -> bool:
    return any(isinstance(part, nn.Conv2d) for part in module.modules())


@lru_cache(maxsize=16)
@torch.no_grad()
def _stages(build: Callable[[], nn.Module], image_channels: int) -> tuple[Stage, ...]:
    x = torch.empty(1, image_channels, _PROBE, _PROBE, device="meta")
    found = []
    with torch.random.fork_rng(devices=[]):
        parts = _cut(build())
    for name, part in parts:
        x = part.to("meta").eval()(x)
        if not isinstance(x, torch.Tensor) or x.ndim != 4:
            raise ValueError(
                f"`build` should make a network that gives features [n, neurons, h, w], without its classifier. "
                f"Found {tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__} after `{name}`."
            )
        found.append(Stage(name, x.shape[1]))
    return tuple(found)
