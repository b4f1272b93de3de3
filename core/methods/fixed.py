"""Structures that stay as they are: One and Separate, the reference models of the MTSL paper, and two controls.

Retrain trains a structure that was given, from scratch: that of a finished run, to see whether the way there mattered.
Random trains a random tree of a given size, to see whether anything but the size mattered.
"""

from collections.abc import Sequence

from core.backbones import Backbone
from core.config import ConfigError
from core.cost import stage_costs
from core.methods.base import Method
from core.network import MultiTaskNet, TaskNet
from core.random_structure import random_structure
from core.structure import Partition, Structure
from core.tasks import Task


class One(Method):
    """One shared network, with a head for each task."""

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        return Structure.shared(tasks, n_stages)


class Separate(Method):
    """A network for each task: the single-task models that other methods are measured against."""

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        return Structure.separate(tasks, n_stages)


class Retrain(Method):
    """The structure of `config.retrain`, from scratch."""

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        """The given one. Raises `ConfigError` if there is none, or it is not one of these tasks and stages."""
        given = self.config.retrain.partitions
        if given is None:
            raise ConfigError("`retrain.partitions`: expected stage -> groups of tasks, found none. Use --like RUN.")
        return given_structure(given, tasks, n_stages, "retrain.partitions")


def given_structure(given: tuple[Partition, ...], tasks: Sequence[str], n_stages: int, field: str) -> Structure:
    """The tree that a setting gives, stage by stage. Raises `ConfigError` naming `field` if it does not fit."""
    if len(given) != n_stages:
        raise ConfigError(f"`{field}`: expected {n_stages} stages, found {len(given)}.")
    try:
        return Structure(tuple(tasks), given)
    except ValueError as error:
        raise ConfigError(f"`{field}`: {error}") from None


class Random(Method):
    """A random tree of the size that `config.random` asks for, by the run's seed."""

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        """One shared network; `build` draws the tree, once the sizes of stages are known.

        Raises `ConfigError` if no size is given.
        """
        self._wanted()
        return Structure.shared(tasks, n_stages)

    def _wanted(self) -> int:
        if self.config.random.parameters is None:
            raise ConfigError("`random.parameters`: expected a number of weights, found none. Use --like RUN.")
        return self.config.random.parameters

    def build(self, backbone: Backbone, tasks: Sequence[Task], load_pretrained: bool = True) -> TaskNet:
        """A network wired by the random tree. Raises `ConfigError` if no size is given."""
        stages, heads = stage_costs(backbone, tuple(tasks), (64, 64))  # weights do not depend on the images' size
        rest = self._wanted() - sum(head.parameters for head in heads)
        names = tuple(task.name for task in tasks)
        structure = random_structure(names, [stage.parameters for stage in stages], rest, self.config.seed)
        return MultiTaskNet(backbone, structure, tasks, self.config.seed, load_pretrained)
