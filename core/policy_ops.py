"""The operations of an AutoMTL network: one for all tasks, which every task shares, has as its own, or skips.

Zhang et al., NeurIPS 2022, section 4.1: every operation becomes a virtual node of three branches. Normalisation is
never shared: every task sees other features, so every task has statistics of its own. A module here is called as
`module(task, ways, *inputs)`, with the number of a task, its probabilities `ways` [nodes, 3] in the order of `CHOICES`
(None where choices are fixed), and the task's features [n, c, h, w].
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn

from core.backbones.base import resize
from core.policy import Choice

NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm)
"""Layers that every task has for itself (batch and instance norms share a base)."""

Shape = tuple[int, int, int]
"""Channels, height and width."""


class PolicyOp(nn.Module):
    """Node `number` of the network: `op` shared by all tasks, a copy of it for each task, and `skip` for each task.

    With `choices` (one a task) it is what they leave of it: branches that no task chose do not exist. All copies start
    with the weights of `op` and `skip`, which become part of this module.
    """

    def __init__(
        self, op: nn.Module, skip: "Skip", n_tasks: int, number: int, choices: Sequence[Choice] | None = None
    ) -> None:
        super().__init__()
        if choices is not None and len(choices) != n_tasks:
            raise ValueError(f"`choices` should name one of {n_tasks} tasks each. Found {len(choices)}.")
        self.number = number
        self.choices = None if choices is None else tuple(choices)
        self.specific = nn.ModuleDict({str(task): deepcopy(op) for task in self.users("specific", n_tasks)})
        self.skip = nn.ModuleDict({str(task): skip.copy() for task in self.users("skip", n_tasks)})
        sharing = self.users("shared", n_tasks)
        self.shared = nn.ModuleDict(
            {str(task): copy for task, copy in zip(sharing, shared_copies(op, len(sharing)), strict=True)}
        )

    def users(self, choice: Choice, n_tasks: int) -> tuple[int, ...]:
        """The tasks that may take a branch: all of them while policies are learned."""
        return tuple(task for task in range(n_tasks) if self.choices is None or self.choices[task] == choice)

    def branches(self) -> dict[Choice, nn.ModuleDict]:
        """The modules of the tasks (by their number as text) of every branch."""
        return {"shared": self.shared, "specific": self.specific, "skip": self.skip}

    def forward(self, task: int, ways: Tensor | None, *inputs: Tensor) -> Tensor:
        """The branch that `task` chose; else the sum of all three, weighted by its `ways`."""
        key = str(task)
        if self.choices is not None:
            return cast(Tensor, self.branches()[self.choices[task]][key](*inputs))
        assert ways is not None
        shared, specific, skip = ways[self.number].unbind()  # scalars
        mixed = shared * self.shared[key](*inputs) + specific * self.specific[key](*inputs)
        return cast(Tensor, mixed + skip * self.skip[key](*inputs))


class PerTask(nn.Module):
    """A layer without a policy that every task has for itself."""

    def __init__(self, layer: nn.Module, n_tasks: int) -> None:
        super().__init__()
        self.copies = nn.ModuleList([layer, *(deepcopy(layer) for _ in range(n_tasks - 1))])

    def forward(self, task: int, ways: Tensor | None, *inputs: Tensor) -> Tensor:
        return cast(Tensor, self.copies[task](*inputs))


class Skip(nn.Module):
    """The branch that leaves an operation out: its first input as it is, or projected to the operation's output.

    Without `project` the input has the output's shape already; else every `stride`-th row and column of it is
    projected, and resized to the height and width that `size` gives, where they differ.
    """

    def __init__(
        self, project: nn.Module | None = None, size: "OutputSize | None" = None, stride: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        self.project = project
        self.size = size
        self.stride = stride

    def copy(self) -> "Skip":
        """Another one, with equal weights."""
        return Skip(deepcopy(self.project), self.size, self.stride)

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        if self.project is None or self.size is None:
            return x
        # not left to the convolution: on some CPUs torch 2.14 writes beyond the gradient of a 1x1 kernel of stride 2
        thinned = x[:, :, :: self.stride[0], :: self.stride[1]]
        return resize(self.project(thinned), self.size(x, *others))


class OutputSize:
    """Height and width of what an operation gives, found without computing anything, once for every size of inputs."""

    def __init__(self, op: nn.Module) -> None:
        self._op = deepcopy(op).to("meta").eval()
        self._known: dict[tuple[torch.Size, ...], torch.Size] = {}

    def __call__(self, *inputs: Tensor) -> torch.Size:
        shapes = tuple(x.shape[1:] for x in inputs)
        if shapes not in self._known:
            with torch.no_grad():
                output = self._op(*(torch.empty(1, *shape, device="meta") for shape in shapes))
            self._known[shapes] = output.shape[2:]
        return self._known[shapes]


def shared_copies(op: nn.Module, count: int) -> list[nn.Module]:
    """`count` modules that are `op`, its weights the very same in all of them, but normalisation layers in each.

    Without such layers all are the same object.
    """
    normalising = {id(weight) for module in op.modules() if isinstance(module, NORMS) for weight in module.parameters()}
    if not any(isinstance(module, NORMS) for module in op.modules()):
        return [op] * count
    kept = {id(weight): weight for weight in op.parameters() if id(weight) not in normalising}
    return [op, *(deepcopy(op, dict(kept)) for _ in range(count - 1))][:count]  # deepcopy takes what it knows as it is


def convolution_skip(convolution: nn.Conv2d, build: Callable[[Callable[[], nn.Module]], nn.Module]) -> Skip:
    """The skip of a convolution: nothing where it keeps its input's shape, else 1x1 with its stride, and BatchNorm.

    `build` calls a function that makes modules, with the random numbers that they should start from.
    """
    below, above = convolution.in_channels, convolution.out_channels
    stride = cast(tuple[int, int], convolution.stride)
    if below == above and stride == (1, 1) and _keeps_size(convolution):
        return Skip()
    return Skip(build(lambda: _projection(below, above)), OutputSize(convolution), stride)


def stage_skip(
    stage: nn.Module, below: Shape, above: Shape, build: Callable[[Callable[[], nn.Module]], nn.Module]
) -> Skip:
    """The skip of a whole stage that makes features of shape `above` from its first input, of shape `below`."""
    if below == above:
        return Skip()
    stride = max(1, round(below[1] / above[1])), max(1, round(below[2] / above[2]))  # 1 where the stage upsamples
    return Skip(build(lambda: _projection(below[0], above[0])), OutputSize(stage), stride)


def _projection(below: int, above: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(below, above, 1, bias=False), nn.BatchNorm2d(above))


def _keeps_size(convolution: nn.Conv2d) -> bool:
    if isinstance(convolution.padding, str):
        return convolution.padding == "same"
    reach = zip(convolution.padding, convolution.dilation, convolution.kernel_size, strict=True)
    return all(2 * padding == dilation * (kernel - 1) for padding, dilation, kernel in reach)
