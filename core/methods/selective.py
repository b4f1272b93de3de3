"""Selective Task Group Updates: tasks that help each other step together, the others in turn.

Jeong and Yoon, "Selective Task Group Updates for Multi-Task Optimization", ICLR 2025. Every batch is worked through
group by group, with one optimizer step for each group's losses on all weights. The losses of the next group's pass on
the same batch tell what the last step did to every task; the running mean of that, the proximal inter-task affinity,
makes the groups by affinity propagation (`core.affinity`). The structure, by default one shared network, stays.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from core import events
from core.affinity import affinity_groups, decayed, step_affinity
from core.config import Config
from core.methods.base import Method
from core.methods.fixed import given_structure
from core.network import TaskNet
from core.optimizer import FusedAdam
from core.processes import same_everywhere
from core.seeds import generator
from core.structure import Partition, Structure

if TYPE_CHECKING:
    from core.training import Trainer


class Selective(Method):
    """Selective updates with the settings of `config.selective`."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        n_tasks = len(config.data.tasks)
        self.affinity = np.zeros((n_tasks, n_tasks))
        self.groups: Partition = tuple((task,) for task in range(n_tasks))
        self.batches = 0

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        """One shared encoder, separate networks, or a tree that was given.

        Raises `ConfigError` for one that is not of these tasks and stages.
        """
        if (given := self.config.selective.partitions) is not None:
            return given_structure(given, tasks, n_stages, "selective.partitions")
        shared = self.config.selective.structure == "one"
        return Structure.shared(tasks, n_stages) if shared else Structure.separate(tasks, n_stages)

    def optimizer(self, net: TaskNet) -> torch.optim.Optimizer:
        """Adam with a rate of its own for the heads (section 3.3 of the settings: K times that of the rest)."""
        training, factor = self.config.training, self.config.selective.head_factor or float(len(net.tasks))
        heads = [weight for name, weight in net.named_parameters() if name.startswith("heads.")]
        known = {id(weight) for weight in heads}
        rest = [weight for weight in net.parameters() if id(weight) not in known]
        optimizer = FusedAdam(rest, training.learning_rate, training.weight_decay)
        optimizer.add_param_group({"params": heads, "lr": training.learning_rate * factor, "factor": factor})
        return optimizer

    def train_batch(self, trainer: "Trainer", images: Tensor, targets: dict[str, Tensor]) -> None:
        """One step for each group on the same batch, and the affinities that their losses tell (Algorithm 1)."""
        settings = self.config.selective
        if self.batches >= settings.single_iterations:
            self.groups = affinity_groups(self.affinity, self.groups, self.config.seed)
        turn = generator(self.config.seed, "groups", self.batches)
        order = [self.groups[place] for place in torch.randperm(len(self.groups), generator=turn).tolist()]
        if len(order) == 1:
            order *= 2  # a second step, or there would be nothing to compare its losses with
        before: list[float] | None = None
        for position, group in enumerate(order):
            losses = self._losses(trainer, images, targets)
            values = trainer.count_losses(losses) if position == 0 else trainer.check_losses(losses)
            if before is not None:
                stepped = order[position - 1] if settings.attribution == "stepped" else group
                self.affinity = decayed(self.affinity, step_affinity(stepped, before, values), settings.decay)
            before = values
            self._step(trainer, [losses[trainer.data.tasks[task].name] for task in group])
        trainer.at.step += len(order) - 1
        self.batches += 1

    def _losses(self, trainer: "Trainer", images: Tensor, targets: dict[str, Tensor]) -> dict[str, Tensor]:
        with trainer.fabric.autocast():
            outputs = trainer.net(images)
        return trainer.task_losses(outputs.predictions, targets)

    def _step(self, trainer: "Trainer", losses: Sequence[Tensor]) -> None:
        loss = torch.stack(list(losses)).sum()
        if self.config.selective.group_loss == "mean":
            loss = loss / len(losses)
        trainer.optimizer.zero_grad(set_to_none=True)  # without gradients, other tasks' heads stay where they are
        trainer.backward(loss, trainer.optimizer)
        trainer.optimizer.step()

    def after_epoch(self, trainer: "Trainer") -> None:
        """Write the affinities so far and the groups they give now."""
        affinity = same_everywhere(trainer.fabric, torch.from_numpy(self.affinity)).numpy()
        rows = tuple(tuple(float(value) for value in row) for row in affinity)
        trainer.write(events.AffinityUpdated, affinity=rows, groups=self.groups)

    def state_dict(self) -> dict[str, object] | None:
        """Affinities, groups and the number of batches so far."""
        return {
            "affinity": torch.from_numpy(self.affinity.copy()),
            "groups": [list(group) for group in self.groups],
            "batches": self.batches,
        }

    def load_state_dict(self, state: dict[str, object], trainer: "Trainer") -> None:
        """Take over a saved state."""
        self.affinity = cast(Tensor, state["affinity"]).numpy().copy()
        self.groups = tuple(tuple(group) for group in cast(list[list[int]], state["groups"]))
        self.batches = cast(int, state["batches"])
