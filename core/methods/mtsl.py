"""Multi-Task Structural Learning (Gurulingan et al., ICML 2023): the sharing is learned while training goes on.

It starts with one identical network a task. Task-learning phases train all jointly, with an alignment loss that pulls
the task nodes of candidate groups together; structural-learning phases measure how similar those task nodes are (CKA),
group the tasks, let a new group node learn what the task nodes of each group know, and remove them: one node deep a
phase, from the earliest stage up. Tasks that stay behind try again in the next phase.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from core import events
from core.amalgamation import Amalgamation, pooled, saved_nodes
from core.config import ConfigError
from core.grouping import group_tasks
from core.methods.base import Method
from core.network import transfer_moments
from core.processes import same_everywhere
from core.schedule import Phase
from core.similarity import cka, mean_pairwise_cka
from core.structure import Candidate, Node, Partition, Structure

if TYPE_CHECKING:
    from core.training import Trainer

REPORTS = 4
"""Events a pass of amalgamation over the data: enough to draw its curve."""


class Mtsl(Method):
    """MTSL with the settings of `config.mtsl`."""

    amalgamation: Amalgamation | None = None

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        """One identical network a task (Algorithm 1, start)."""
        return Structure.separate(tasks, n_stages)

    def held_out(self) -> int:
        """The images that similarity is measured on, unless they come from elsewhere."""
        return self.config.mtsl.similarity_samples if self.config.mtsl.similarity_from == "held-out" else 0

    def watched(self, structure: Structure, epoch: int) -> Collection[Node]:
        """The task nodes of all candidate groups, while alignment acts."""
        settings = self.config.mtsl
        if not settings.alignment_weight or epoch >= settings.alignment_until * self.config.training.epochs:
            return ()
        return task_nodes(structure)

    def extra_loss(self, features: Mapping[Node, Tensor], structure: Structure | None) -> Tensor | None:
        """Weight times the sum over candidate groups of 1 - mean pairwise CKA of their pooled task nodes."""
        if not features or structure is None:
            return None
        terms = [
            1 - mean_pairwise_cka([pooled(features[Node(stage, (task,))]) for task in tasks])
            for stage, tasks in structure.candidates()
        ]
        return self.config.mtsl.alignment_weight * torch.stack(terms).sum()

    def learn_structure(self, trainer: "Trainer", phase: Phase) -> None:
        """Similarity, grouping, neuron creation, amalgamation, neuron removal, for every candidate group."""
        if self.amalgamation is None:
            fused = self._decide(trainer)
            if not fused:
                trainer.skip(phase.epochs)
                return
            self._create(trainer, fused)
            trainer.save()
        assert self.amalgamation is not None
        if self.config.mtsl.fuser == "amalgamation":
            self._amalgamate(trainer, self.amalgamation, phase.epochs)
        else:
            trainer.skip(phase.epochs)
        self._remove(trainer, self.amalgamation)
        self.amalgamation = None

    def _decide(self, trainer: "Trainer") -> list[Node]:
        """Measure every candidate group and group its tasks; returns the group nodes that shall be created."""
        structure, settings = trainer.tree.structure, self.config.mtsl
        features = measured_features(trainer, task_nodes(structure))
        fused = []
        for candidate in structure.candidates():
            columns = [features[Node(candidate.stage, (task,))] for task in candidate.tasks]  # [n, c] each
            matrix = same_everywhere(trainer.fabric, cka(columns).cpu())  # [T, T]
            constant = tuple(
                task
                for task, values in zip(candidate.tasks, columns, strict=True)
                if bool((values == values[:1]).all())
            )
            trainer.write(
                events.SimilarityMeasured,
                stage=candidate.stage,
                tasks=candidate.tasks,
                matrix=tuple(tuple(None if value != value else value for value in row) for row in matrix.tolist()),
                samples=len(columns[0]),
                undefined=constant,
            )
            names = [structure.tasks[task] for task in candidate.tasks]
            grouping = group_tasks(matrix.numpy(), settings.min_similarity, settings.rule, names)
            trainer.write(
                events.TasksGrouped,
                stage=candidate.stage,
                tasks=candidate.tasks,
                candidates=tuple(
                    events.Candidate(k=best.k, groups=_of_run(best.groups, candidate), score=best.score)
                    for best in grouping.candidates
                ),
                min_similarity=settings.min_similarity,
                rule=settings.rule,
                groups=_of_run(grouping.groups, candidate),
                score=grouping.score,
                fused=_of_run(grouping.fused, candidate),
                reason=grouping.reason,
            )
            fused += [Node(candidate.stage, group) for group in _of_run(grouping.fused, candidate)]
        return fused

    def _create(self, trainer: "Trainer", fused: Sequence[Node]) -> None:
        """Neurons are born: one group node for each group that fuses."""
        settings, net = self.config.mtsl, trainer.tree
        start = "average" if settings.fuser == "average" else settings.start
        created = {node: net.start_node(node.stage, node.tasks, start, seed=self.config.seed) for node in fused}
        for node, module in created.items():
            trainer.write(
                events.NodeCreated,
                stage=node.stage,
                tasks=node.tasks,
                neurons=net.backbone.stages[node.stage].neurons,
                parameters=sum(weight.numel() for weight in module.parameters()),
                start=start,
            )
        self.amalgamation = Amalgamation(net, created, settings.amalgamation_learning_rate, self.config.seed)

    def _amalgamate(self, trainer: "Trainer", amalgamation: Amalgamation, epochs: int) -> None:
        """Distil the task nodes into the group nodes; everything else is frozen."""
        trainer.tree.eval()
        for module in amalgamation.created.values():
            module.train()
        at = trainer.at
        while at.done < epochs:
            batches = trainer.batches("amalgamation")
            for images, _ in batches:
                with trainer.fabric.autocast():
                    losses = amalgamation.losses(images)
                amalgamation.optimizer.zero_grad(set_to_none=True)
                trainer.backward(torch.stack(list(losses.values())).sum(), amalgamation.optimizer)
                amalgamation.optimizer.step()
                for (node, task), loss in zip(losses, torch.stack(list(losses.values())).tolist(), strict=True):
                    trainer.check_loss(f"amalgamation of {_label(trainer, node, task)}", loss)
                    trainer.add(f"{node.stage}/{node.tasks}/{task}", loss)
                at.batch += 1
                if at.batch * REPORTS // batches.total > (at.batch - 1) * REPORTS // batches.total:
                    self._report(trainer, amalgamation, (at.done + at.batch / batches.total) / epochs)
                trainer.pulse("amalgamation")
            at.done, at.batch = at.done + 1, 0
            trainer.save()

    def _report(self, trainer: "Trainer", amalgamation: Amalgamation, done: float) -> None:
        names = trainer.tree.structure.tasks
        for node in amalgamation.created:
            losses = {names[task]: trainer.take(f"{node.stage}/{node.tasks}/{task}") for task in node.tasks}
            trainer.write(
                events.AmalgamationProgressed, stage=node.stage, tasks=node.tasks, done=min(1.0, done), losses=losses
            )

    def _remove(self, trainer: "Trainer", amalgamation: Amalgamation) -> None:
        """Neurons are removed: group nodes take the places of their task nodes, in network and optimizer."""
        for node, module in amalgamation.created.items():
            fusion = trainer.tree.fuse(node.stage, node.tasks, module)
            transfer_moments(trainer.optimizer, [fusion])
            if not self.config.mtsl.copy_moments:
                for weight in module.parameters():
                    trainer.optimizer.state.pop(weight, None)
            trainer.write(
                events.NodesRemoved,
                stage=node.stage,
                tasks=node.tasks,
                neurons=trainer.tree.neurons(node),
                parameters=sum(weight.numel() for weight in fusion.removed[0].parameters()),
            )
        trainer.write_structure()

    def state_dict(self) -> dict[str, object] | None:
        """The amalgamation in progress, if there is one."""
        return self.amalgamation.state_dict() if self.amalgamation else None

    def load_state_dict(self, state: dict[str, object], trainer: "Trainer") -> None:
        """Take up the amalgamation that was in progress."""
        created = {node: trainer.tree.start_node(node.stage, node.tasks, "copy") for node in saved_nodes(state)}
        settings = self.config.mtsl
        self.amalgamation = Amalgamation(trainer.tree, created, settings.amalgamation_learning_rate, self.config.seed)
        self.amalgamation.load_state_dict(state)


def task_nodes(structure: Structure) -> list[Node]:
    """The task nodes of all candidate groups.

    >>> task_nodes(Structure.separate(("depth", "edges"), 3))
    [Node(stage=0, tasks=(0,)), Node(stage=0, tasks=(1,))]
    """
    return [Node(stage, (task,)) for stage, tasks in structure.candidates() for task in tasks]


def _of_run(groups: Partition, candidate: Candidate) -> Partition:
    """Groups of places within a candidate group as groups of the run's tasks."""
    return tuple(tuple(candidate.tasks[place] for place in group) for group in groups)


def _label(trainer: "Trainer", node: Node, task: int) -> str:
    """A task's part in a group node in words, for messages."""
    structure = trainer.tree.structure
    return f"{structure.tasks[task]} into {structure.label(node.tasks)} at stage {node.stage}"


@torch.no_grad()
def measured_features(trainer: "Trainer", nodes: Sequence[Node]) -> dict[Node, Tensor]:
    """Pooled outputs [n, c] of `nodes` over the images that similarity is measured on, in evaluation mode."""
    settings, net = trainer.config.mtsl, trainer.tree
    split, last = {
        "held-out": (trainer.data.train, True),
        "train": (trainer.data.train, False),
        "validation": (trainer.data.val, False),
    }[settings.similarity_from]
    count = settings.similarity_samples
    if count > len(split):
        raise ConfigError(
            f"`mtsl.similarity_samples` should be at most {len(split)}, the images there are. Found {count}."
        )
    chosen = range(len(split) - count, len(split)) if last else range(count)
    net.eval()
    found: dict[Node, list[Tensor]] = {node: [] for node in nodes}
    for images, _ in trainer.loaders.ordered(split, chosen):
        with trainer.fabric.autocast():
            outputs = net.features(images, nodes)
        for node in nodes:
            found[node].append(pooled(outputs[node]).float())  # [b, c]
        trainer.pulse("measuring similarity", counts=False)
    return {node: torch.cat(parts) for node, parts in found.items()}  # [n, c]
