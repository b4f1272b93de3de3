"""AutoMtlNet: a backbone whose operations offer every task three branches, mixed by policies or fixed by choices.

Zhang et al., NeurIPS 2022, sections 4.1 and 4.2. While policies are learned, every operation gives each task the sum of
the shared operation, the task's own and a skip, weighted by the task's probabilities; with all logits at zero that is
their plain mean. Once choices are made, only what was chosen exists.
"""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Literal, cast

import torch
from torch import Tensor, nn

from core.backbones import Backbone
from core.conversion import Converted, convert
from core.network import Outputs, TaskNet, first_stages, seeded
from core.policy import CHOICES, Choice
from core.policy_ops import PolicyOp, Shape, stage_skip
from core.structure import Node
from core.tasks import Task

Grain = Literal["stage", "convolution"]
"""What has a policy: every stage of the backbone, or every convolution in it."""

_PROBE = 1024
"""Side of the image at which strides of stages are measured: so large that no stage is down to a pixel."""


class AutoMtlNet(TaskNet):
    """All tasks in one network of shared, task-specific and skipped operations, and one head per task.

    `policies` [T, nodes, 3] are logits in the order of `CHOICES`, all zero at first; with `choices` [T][nodes] there
    are none, and what nobody chose does not exist. Weights start as those of a `MultiTaskNet` of the same seed: with
    everything shared the answers are those of `One`, with everything specific those of `Separate`. Normalisation is
    always a task's own, so tasks share weights, but never what they compute with them. Raises `ValueError` for choices
    that do not fit, and at the grain of convolutions for a stage that cannot be converted.

    >>> from core import tasks
    >>> from core.backbones import small
    >>> net = AutoMtlNet(small(width=4), (tasks.DEPTH, tasks.NORMALS))
    >>> net(torch.zeros(2, 3, 32, 32)).predictions[1].shape, net.policies.shape
    (torch.Size([2, 3, 32, 32]), torch.Size([2, 8, 3]))
    """

    def __init__(
        self,
        backbone: Backbone,
        tasks: Sequence[Task],
        grain: Grain = "stage",
        choices: Sequence[Sequence[Choice]] | None = None,
        seed: int = 0,
        load_pretrained: bool = True,
    ) -> None:
        super().__init__()
        backbone.check()
        self.backbone = backbone
        self.tasks = tuple(tasks)
        self.grain: Grain = grain
        first = first_stages(backbone, range(len(backbone.stages)), seed, load_pretrained)
        stages, self.depths = (_whole if grain == "stage" else _taken_apart)(backbone, first, len(tasks), choices, seed)
        self.stages = nn.ModuleList(stages)
        if choices is not None and any(len(of_task) != len(self.depths) for of_task in choices):
            raise ValueError(f"`choices` should name {len(self.depths)} nodes a task. Found {[*map(len, choices)]}.")
        self.choices = None if choices is None else tuple(tuple(of_task) for of_task in choices)
        self.policies = None
        if choices is None:
            self.policies = nn.Parameter(torch.zeros(len(tasks), len(self.depths), len(CHOICES)))
        self.heads = nn.ModuleList(seeded(partial(backbone.build_head, task), seed, task.name) for task in tasks)

    def ops(self, stage: int) -> tuple[PolicyOp, ...]:
        """The nodes of a stage that have a policy."""
        module = self.stages[stage]
        return (module,) if isinstance(module, PolicyOp) else cast(Converted, module).ops

    def weights(self) -> list[nn.Parameter]:
        """All weights of the network, each once; policies are none of them."""
        return [weight for weight in self.parameters() if weight is not self.policies]

    def probabilities(self) -> Tensor | None:
        """What the policies say [T, nodes, 3], without a gradient; None once choices are made."""
        return None if self.policies is None else torch.softmax(self.policies.detach(), -1)

    def forward(
        self,
        images: Tensor,
        tasks: Sequence[int] | None = None,
        keep: Collection[Node] = (),
        probabilities: Tensor | None = None,
    ) -> Outputs:
        """Answers of `tasks` (all by default), mixed by `probabilities` [T, nodes, 3], by default the policies' own."""
        if images.ndim != 4 or images.shape[1] != self.backbone.image_channels:
            raise ValueError(
                f"`images` should be [n, {self.backbone.image_channels}, H, W]. Found shape {tuple(images.shape)}."
            )
        if keep:
            raise ValueError(f"`keep` should be empty, as this network is no tree. Found {list(keep)}.")
        ways = self.probabilities() if probabilities is None else probabilities
        predictions = {}
        for task in range(len(self.tasks)) if tasks is None else tasks:
            features: list[Tensor] = []
            for index, stage in enumerate(self.stages):
                inputs = [features[source] for source in self.backbone.sources(index)] or [images]
                features.append(stage(task, None if ways is None else ways[task], *inputs))
            read = [features[stage] for stage in self.backbone.head_stages]
            predictions[task] = self.heads[task](read, (images.shape[2], images.shape[3]))
        return Outputs(predictions, {})


Parts = tuple[list[nn.Module], tuple[int, ...]]
"""The stages of a network, and the depth of every node."""


def _whole(
    backbone: Backbone,
    first: dict[int, nn.Module],
    n_tasks: int,
    choices: Sequence[Sequence[Choice]] | None,
    seed: int,
) -> Parts:
    """Every stage as one node; depths are numbers of stages."""
    shapes = _shapes(backbone)
    stages: list[nn.Module] = []
    for index, stage in first.items():
        build = partial(seeded, seed=seed, name=f"{backbone.stages[index].name} skip")
        below = shapes[index - 1] if index else (backbone.image_channels, _PROBE, _PROBE)
        skip = stage_skip(stage, below, shapes[index], build)
        stages.append(PolicyOp(stage, skip, n_tasks, index, _of_node(choices, index)))
    return stages, tuple(range(1, len(stages) + 1))


def _taken_apart(
    backbone: Backbone,
    first: dict[int, nn.Module],
    n_tasks: int,
    choices: Sequence[Sequence[Choice]] | None,
    seed: int,
) -> Parts:
    """Every convolution in every stage as a node; depths are numbers of convolutions on the longest way."""
    stages: list[Converted] = []
    depths: list[int] = []
    for index, stage in first.items():
        below = [stages[source].depth for source in backbone.sources(index)] or [0]
        name = backbone.stages[index].name
        try:
            stages.append(convert(stage, n_tasks, choices, below, len(depths), seed, name))
        except ValueError as error:
            raise ValueError(f"{backbone.describe(index)}: {error}") from None
        depths += stages[-1].depths
    return list(stages), tuple(depths)


def _of_node(choices: Sequence[Sequence[Choice]] | None, node: int) -> list[Choice] | None:
    return None if choices is None else [of_task[node] for of_task in choices]


@torch.no_grad()
def _shapes(backbone: Backbone) -> list[Shape]:
    """What every stage gives for an image of `_PROBE` pixels a side, found without computing anything."""
    features: list[Tensor] = []
    with torch.device("meta"):
        image = torch.empty(1, backbone.image_channels, _PROBE, _PROBE)
        for index in range(len(backbone.stages)):
            inputs = [features[source] for source in backbone.sources(index)] or [image]
            features.append(backbone.build_stage(index).eval()(*inputs))
    return [(feature.shape[1], feature.shape[2], feature.shape[3]) for feature in features]
