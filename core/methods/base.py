"""What a method may do in the loop that all methods share: build its network, train a batch, change the structure.

The defaults are those of a tree of shared stages that is trained jointly: a method says with which structure it starts,
and overrides what it does otherwise.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from core.backbones import Backbone
from core.config import Config
from core.cost import measure_cost
from core.loaders import Batches
from core.network import MultiTaskNet, TaskNet
from core.optimizer import FusedAdam
from core.position import Position
from core.schedule import Phase, planned
from core.sharing import SharingGraph
from core.structure import Node, Partition, Structure
from core.tasks import Task

if TYPE_CHECKING:
    from core.training import Trainer


class Method(ABC):
    """One way to a structure; made anew for every run from its config."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        """The structure that training begins with; for networks that are no trees, the one they come closest to."""

    def check(self, backbone: Backbone, tasks: Sequence[Task]) -> None:
        """Raise `ConfigError` for settings that cannot be trained, before anything is written."""
        self.plan(len(backbone.stages))
        self.start(tuple(task.name for task in tasks), len(backbone.stages))

    def build(self, backbone: Backbone, tasks: Sequence[Task], load_pretrained: bool = True) -> TaskNet:
        """The network that training begins with, on the CPU."""
        names = tuple(task.name for task in tasks)
        return MultiTaskNet(backbone, self.start(names, len(backbone.stages)), tasks, self.config.seed, load_pretrained)

    def describe(self, net: TaskNet) -> object:
        """What `rebuild` must know to build an empty network of the same form, in plain values for a checkpoint."""
        assert isinstance(net, MultiTaskNet)
        return [[list(group) for group in partition] for partition in net.structure.stages]

    def rebuild(self, backbone: Backbone, tasks: Sequence[Task], description: object) -> TaskNet:
        """A network of the form that was described, whose weights are loaded next."""
        stages = cast(list[list[list[int]]], description)
        partitions = tuple(tuple(tuple(group) for group in partition) for partition in stages)
        structure = Structure(tuple(task.name for task in tasks), partitions)
        return MultiTaskNet(backbone, structure, tasks, self.config.seed, load_pretrained=False)

    def optimizer(self, net: TaskNet) -> torch.optim.Optimizer:
        """The optimizer of all weights of `net`; the loop multiplies each group's rate by its `factor` (default 1)."""
        training = self.config.training
        return FusedAdam(net.parameters(), training.learning_rate, training.weight_decay)

    def drawn(self, net: TaskNet, size: tuple[int, int]) -> tuple[SharingGraph, tuple[Partition, ...] | None]:
        """The sharing graph of `net` with its costs on images of `size`, and its partitions if it is a tree."""
        assert isinstance(net, MultiTaskNet)
        return measure_cost(net.backbone, net.structure, net.tasks, size), net.structure.stages

    def run_phase(self, trainer: "Trainer", phase: Phase) -> None:
        """One phase of the plan, resumable where `trainer.at` says."""
        if phase.role == "structural-learning":
            self.learn_structure(trainer, phase)
        else:
            trainer.train_epochs(phase.epochs)

    def train_batch(self, trainer: "Trainer", images: Tensor, targets: dict[str, Tensor]) -> None:
        """Learn from one batch; by default one joint step on the sum of all losses."""
        trainer.joint_step(images, targets)

    def after_epoch(self, trainer: "Trainer") -> None:  # noqa: B027 - most methods have nothing to say here
        """Called after every epoch, before it is evaluated; a place for events."""

    def epochs(self) -> int:
        """How many epochs of the whole run are trained and evaluated."""
        return self.config.training.epochs

    def learning_rate(self, at: Position, phase: Phase) -> float:
        """The learning rate of the epoch that begins; by default by the share of all epochs that are done."""
        return dropped_rate(self.config, at.epoch)

    def epoch_batches(self, trainer: "Trainer") -> Batches:
        """The batches of the epoch under way; by default one pass over the shuffled training images."""
        return trainer.batches("training")

    def plan(self, n_stages: int) -> tuple[Phase, ...]:
        """The phases of the run."""
        return planned(self.config, n_stages)

    def held_out(self) -> int:
        """How many training images, the last ones, this method keeps for itself."""
        return 0

    def watched(self, structure: Structure, epoch: int) -> Collection[Node]:
        """Nodes whose outputs `extra_loss` wants to see in this epoch."""
        return ()

    def extra_loss(self, features: Mapping[Node, Tensor], structure: Structure | None) -> Tensor | None:
        """A term beside the tasks' losses, from the outputs of the watched nodes; None: no such term."""
        return None

    def learn_structure(self, trainer: "Trainer", phase: Phase) -> None:
        """A whole structural-learning phase, resumable where `trainer.at` says."""
        raise AssertionError(f"{type(self).__name__} plans no structural phases")

    def state_dict(self) -> dict[str, object] | None:
        """What a checkpoint must hold of this method, in plain values and tensors."""
        return None

    def load_state_dict(self, state: dict[str, object], trainer: "Trainer") -> None:
        """Take over a saved state."""
        raise AssertionError(f"{type(self).__name__} saves no state")


def dropped_rate(config: Config, epoch: int) -> float:
    """The learning rate once `epoch` of the config's epochs are done: a tenth after each milestone."""
    training = config.training
    return training.learning_rate * 0.1 ** sum(epoch >= share * training.epochs for share in training.milestones)
