"""MultiTaskNet: a backbone wired by a structure, its nodes created and removed in place; optimizer moments follow.

A node is (stage, group) as in `core.structure`. Networks start from one set of stages, copied for every node, so the
separate structure is T identical networks; weights depend on the seed and on names of stages and tasks alone, never on
torch's global generator or on the order of the tasks.
"""

import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from core.backbones import Backbone
from core.structure import Node, Structure
from core.tasks import Task

Start = Literal["average", "copy", "fresh"]
"""Weights a group node starts from: mean of the task nodes, copy of the first one, or the network's own start."""


class Outputs(NamedTuple):
    """What one pass gives: an answer per task asked for, and the features of the nodes asked for [n, neurons, h, w]."""

    predictions: dict[int, Tensor]
    features: dict[Node, Tensor]


class Fusion(NamedTuple):
    """A group node that took the place of others, with its module and theirs, in the order of their tasks."""

    node: Node
    module: nn.Module
    removed: tuple[nn.Module, ...]


class TaskNet(nn.Module, ABC):
    """What the training loop needs of a network: one pass gives every task's answer. Methods bring their own kinds."""

    backbone: Backbone
    tasks: tuple[Task, ...]

    @abstractmethod
    def forward(self, images: Tensor, tasks: Sequence[int] | None = None, keep: Collection[Node] = ()) -> Outputs:
        """Answers of `tasks` (all by default) by their index; `keep` only where the network has nodes."""

    def serving(self) -> "TaskNet":
        """The network that answers once training is over: this one, unless its kind can leave out what is idle."""
        return self


class MultiTaskNet(TaskNet):
    """A network of one module per node of `structure` and one head per task; each node runs once in a pass.

    `tasks` are those of the structure, in its order. `load_pretrained=False` skips the backbone's pretrained weights,
    for a network whose state is loaded next. Keys of the state depend on the structure alone, so a checkpoint is a
    structure and a `state_dict`, and parameters are always in the order of `structure.nodes()`, then heads. Raises
    `ValueError` if backbone, structure and tasks do not fit together.

    >>> from core import tasks
    >>> from core.backbones import small
    >>> dense = (tasks.DEPTH, tasks.NORMALS)
    >>> net = MultiTaskNet(small(width=4), Structure.separate(("depth", "normals"), 8), dense)
    >>> outputs = net(torch.zeros(2, 3, 32, 32), keep=[Node(0, (1,))])
    >>> outputs.predictions[1].shape, outputs.features[Node(0, (1,))].shape
    (torch.Size([2, 3, 32, 32]), torch.Size([2, 4, 16, 16]))
    """

    def __init__(
        self,
        backbone: Backbone,
        structure: Structure,
        tasks: Sequence[Task],
        seed: int = 0,
        load_pretrained: bool = True,
    ) -> None:
        super().__init__()
        backbone.check()
        if structure.n_stages != len(backbone.stages):
            raise ValueError(
                f"`structure` should have the {len(backbone.stages)} stages of `{backbone.name}`. "
                f"Found {structure.n_stages}."
            )
        names = tuple(task.name for task in tasks)
        if names != structure.tasks:
            raise ValueError(f"`tasks` should be those of the structure, {structure.tasks}. Found {names}.")
        self.backbone = backbone
        self.structure = structure
        self.tasks = tuple(tasks)
        first = first_stages(backbone, range(structure.n_stages), seed, load_pretrained)
        self.nodes = nn.ModuleDict({_key(node): deepcopy(first[node.stage]) for node in structure.nodes()})
        self.heads = nn.ModuleList(seeded(partial(backbone.build_head, task), seed, task.name) for task in tasks)

    def forward(self, images: Tensor, tasks: Sequence[int] | None = None, keep: Collection[Node] = ()) -> Outputs:
        """Answers of `tasks` (all by default) and features of the nodes `keep`, from one pass over what they need.

        `images` are [n, image_channels, H, W]; a dense answer is [n, outputs, H, W], one at image level [n, outputs].
        Raises `ValueError` for images of another shape, or for an unknown task or node.
        """
        asked = range(len(self.tasks)) if tasks is None else tasks
        for task in asked:
            if not 0 <= task < len(self.tasks):
                raise ValueError(f"`tasks` should be in 0..{len(self.tasks) - 1}. Found {task}.")
        read = {task: [self.structure.node(stage, task) for stage in self.backbone.head_stages] for task in asked}
        features = self._evaluate(images, {*keep, *(node for nodes in read.values() for node in nodes)})
        size = (images.shape[2], images.shape[3])
        predictions = {task: self.heads[task]([features[node] for node in nodes], size) for task, nodes in read.items()}
        return Outputs(predictions, {node: features[node] for node in keep})

    def features(self, images: Tensor, nodes: Collection[Node]) -> dict[Node, Tensor]:
        """Outputs [n, neurons, h, w] of `nodes`, from one pass over them and the nodes below them; no head runs.

        Raises `ValueError` for images of another shape, or for an unknown node.
        """
        return self._evaluate(images, nodes)

    def _evaluate(self, images: Tensor, wanted: Collection[Node]) -> dict[Node, Tensor]:
        if images.ndim != 4 or images.shape[1] != self.backbone.image_channels:
            raise ValueError(
                f"`images` should be [n, {self.backbone.image_channels}, H, W]. Found shape {tuple(images.shape)}."
            )
        for node in wanted:
            self._check(node)
        sources: dict[Node, tuple[Node, ...]] = {}
        todo = list(wanted)
        while todo:
            node = todo.pop()
            if node not in sources:
                sources[node] = self.sources(node)
                todo.extend(sources[node])
        readers = Counter(source for found in sources.values() for source in found)
        features: dict[Node, Tensor] = {}
        for node in sorted(sources):  # by stage: everything a node reads has run
            inputs = [features[source] for source in sources[node]] or [images]
            features[node] = self.module(node)(*inputs)
            readers.subtract(sources[node])
            for source in sources[node]:
                if not readers[source] and source not in wanted:
                    features.pop(source, None)  # nobody reads it any more; without gradients this frees its memory
        return features

    def module(self, node: Node) -> nn.Module:
        """The module of `node`. Raises `ValueError` if the structure has no such node."""
        self._check(node)
        return self.nodes[_key(node)]

    def sources(self, node: Node) -> tuple[Node, ...]:
        """The nodes whose outputs `node` is called with: parent, then skip; none at stage 0, which reads the images."""
        return tuple(self.structure.node(stage, node.tasks[0]) for stage in self.backbone.sources(node.stage))

    def neurons(self, node: Node) -> int:
        """Output channels of `node`."""
        self._check(node)
        return self.backbone.stages[node.stage].neurons

    def _check(self, node: Node) -> None:
        if not 0 <= node.stage < self.structure.n_stages:
            raise ValueError(f"`node.stage` should be in 0..{self.structure.n_stages - 1}. Found {node.stage}.")
        if node.tasks not in self.structure.stages[node.stage]:
            raise ValueError(
                f"{self.backbone.describe(node.stage)}: no node of tasks {node.tasks}; "
                f"there are {self.structure.describe(node.stage)}."
            )

    def start_node(self, stage: int, group: Iterable[int], start: Start = "average", seed: int = 0) -> nn.Module:
        """A new module for the group node that may replace the nodes of `group` at `stage` (MTSL, neuron creation).

        "average" is the mean of their weights and statistics, "copy" those of the node of the group's first task,
        "fresh" what a network starts from: pretrained where the backbone is, else random by `seed`. Device, dtype,
        memory format and mode are those of the nodes. Nothing is changed; `fuse` puts a module in place.
        """
        removed = [self.module(node) for node in self._replaced(stage, group)]
        if start == "average":
            return average(removed)
        module = deepcopy(removed[0])
        if start == "fresh":
            module.load_state_dict(first_stages(self.backbone, [stage], seed, load_pretrained=True)[stage].state_dict())
        return module

    def fuse(self, stage: int, group: Iterable[int], module: nn.Module) -> Fusion:
        """Put `module` in the place of the nodes of `group` at `stage` (MTSL, neuron removal); updates `structure`.

        `module` takes the network's mode (train or eval). Every other module stays the same object. Raises
        `ValueError` if the structure cannot merge the group, or the module's parameters are not those of a node there.
        """
        group = tuple(group)
        after = self.structure.merge(stage, group)
        replaced = self._replaced(stage, group)
        removed = tuple(self.module(node) for node in replaced)
        expected, found = (
            {name: tuple(p.shape) for name, p in part.named_parameters()} for part in (removed[0], module)
        )
        if expected != found:
            wrong = sorted(expected.items() ^ found.items())[0][0]
            raise ValueError(
                f"{self.backbone.describe(stage)}: `module` should have the parameters of a node there. "
                f"Found `{wrong}` {found.get(wrong, 'missing')} instead of {expected.get(wrong, 'nothing')}."
            )
        created = after.node(stage, min(group))
        modules = {node: self.module(node) for node in self.structure.nodes() if node not in replaced}
        modules[created] = module.train(self.training)
        self.structure = after
        self.nodes = nn.ModuleDict({_key(node): modules[node] for node in after.nodes()})
        return Fusion(created, module, removed)

    def _replaced(self, stage: int, group: Iterable[int]) -> tuple[Node, ...]:
        group = tuple(group)
        merged = set(self.structure.merge(stage, group).node(stage, min(group)).tasks)
        replaced = tuple(Node(stage, old) for old in self.structure.stages[stage] if set(old) <= merged)
        if len(replaced) < 2:
            raise ValueError(
                f"{self.backbone.describe(stage)}: `group` should join at least two nodes. "
                f"Found {self.structure.label(group)}, which is one."
            )
        return replaced


def average(modules: Sequence[nn.Module]) -> nn.Module:
    """A new module whose parameters and statistics are the mean of those of `modules`, which are of one kind.

    The mean is taken in float64, so that of identical float32 modules is theirs bit for bit; whole numbers (the count
    of batches seen) are those of the first. Nothing is changed (MTSL, fuser "average").
    """
    if not modules:
        raise ValueError("`modules` should hold at least one module. Found none.")
    states = [module.state_dict() for module in modules]
    result = deepcopy(modules[0])
    with torch.no_grad():
        for name, value in result.state_dict().items():  # the very tensors of `result`
            if value.is_floating_point():
                value.copy_(_mean([state[name] for state in states]))
    return result


def transfer_moments(optimizer: torch.optim.Optimizer, fusions: Sequence[Fusion]) -> None:
    """Let the group nodes of `fusions` take the removed nodes' places in `optimizer`, which is changed in place.

    Every moment (Adam's two, SGD's momentum) is the mean of the removed nodes' (zero where one has none yet), the step
    is the largest of theirs. A group node's parameter stands where the first removed one stood, in the same
    group with the same settings; all other parameters keep their state. Raises `ValueError` if a parameter that needs
    gradients replaces none of the optimizer's.
    """
    for fusion in fusions:
        for name, created in fusion.module.named_parameters():
            removed = [module.get_parameter(name) for module in fusion.removed]
            places = {id(parameter) for parameter in removed}  # by object: equal values are no sign of identity
            found = False
            for group in optimizer.param_groups:
                kept: list[Tensor] = []
                for parameter in group["params"]:
                    if id(parameter) not in places:
                        kept.append(parameter)
                    elif not found:
                        kept.append(created)
                        found = True
                group["params"][:] = kept
            if created.requires_grad and not found:
                raise ValueError(
                    f"`optimizer` should hold the parameters of the removed nodes. Found none for `{name}` of "
                    f"stage {fusion.node.stage}, tasks {fusion.node.tasks}."
                )
            states = [optimizer.state.pop(parameter) for parameter in removed if parameter in optimizer.state]
            if states and found:
                optimizer.state[created] = _mean_state(states, removed, created)


def _mean_state(states: Sequence[dict[str, object]], removed: Sequence[Tensor], created: Tensor) -> dict[str, object]:
    merged: dict[str, object] = {}
    for key in dict.fromkeys(key for state in states for key in state):
        values = [state[key] for state in states if state.get(key) is not None]
        tensors = [value for value in values if isinstance(value, Tensor)]
        if key == "step":
            merged[key] = deepcopy(max(values, key=float))  # type: ignore[arg-type]
        else:
            # laid out as the weights are, which torch's fused kernels take for granted
            merged[key] = torch.empty_like(created).copy_(_mean(tensors, len(removed))) if tensors else None
    return merged


def _mean(tensors: Sequence[Tensor], count: int | None = None) -> Tensor:
    """Sum over `count` (the number of tensors by default), in float64 and the layout and dtype of the first."""
    total = tensors[0].to(torch.float64, copy=True)
    for tensor in tensors[1:]:
        total += tensor
    return (total / (count or len(tensors))).to(tensors[0].dtype)


def first_stages(backbone: Backbone, stages: Iterable[int], seed: int, load_pretrained: bool) -> dict[int, nn.Module]:
    """One new module per stage, on the CPU: what every node of a new network is a copy of."""
    pretrained = backbone.pretrained() if load_pretrained else {}
    return {stage: new_stage(backbone, stage, seed, backbone.stages[stage].name, pretrained) for stage in stages}


def new_stage(
    backbone: Backbone, stage: int, seed: int, name: str, pretrained: Mapping[int, Mapping[str, Tensor]]
) -> nn.Module:
    """A new module of `stage`, on the CPU: random by seed and name, or pretrained if the stage is among those."""
    module = seeded(partial(backbone.build_stage, stage), seed, name)
    if stage in pretrained:
        result = module.load_state_dict(pretrained[stage], strict=False)
        # counts of batches seen are not in older files, and nothing is computed from them
        missing = [key for key in result.missing_keys if not key.endswith("num_batches_tracked")]
        if missing or result.unexpected_keys:
            raise ValueError(
                f"{backbone.describe(stage)}: the pretrained weights do not fit: missing {missing}, "
                f"unexpected {result.unexpected_keys}."
            )
    return module


def seeded(build: Callable[[], nn.Module], seed: int, name: str) -> nn.Module:
    """What `build` makes on the CPU with torch's generator at a state that depends on seed and name; then put back."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(zlib.crc32(f"{seed} {name}".encode()))  # no CUDA generator is touched
        return build()


def _key(node: Node) -> str:
    """Name of a node's module in the state; never parsed back."""
    return f"stage{node.stage}_tasks{'_'.join(map(str, node.tasks))}"
