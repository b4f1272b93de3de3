"""AutoMTL: policies learn what every task shares, has as its own, or skips; then the network is trained from scratch.

Zhang, Liu, and Guan, "AutoMTL: A Programming Framework for Automating Efficient Multi-Task Learning", NeurIPS 2022.
Three stages (section 4.4 there): pre-training of a supermodel in which every operation gives every task the mean of a
shared, a task-specific and a skipped branch; policy training, in which batches of one half of the data train the
policies, and batches of the other half the network, both on samples of the policies; and post-training of the network
that is left once a choice is drawn for every operation and task, from scratch.

What differs from the authors' code: an optimizer step is taken on the sum of all tasks' losses, as all methods here do,
so that runs of equal epochs have equal steps (`steps="per-task"` takes one a task, as theirs does); Adam has its usual
betas; tasks weigh the same; during policy training the metrics are those of the mixture by the policies' probabilities,
not of their likeliest choices, which nothing has trained on. Options where the paper leaves the outcome to chance: its
authors note that learned policies stay soft, so the seed of the draw says as much as they do; `choose="likeliest"`
takes the best choice everywhere. At the grain of stages a whole stage is one operation; at that of convolutions it is
as in the paper.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from core import events
from core.backbones import Backbone
from core.config import Config, ConfigError
from core.loaders import Batches
from core.methods.base import Method, dropped_rate
from core.network import TaskNet
from core.optimizer import FusedAdam
from core.policy import CHOICES, Choice, sampled_choices
from core.policy_graph import policy_graph
from core.policy_search import PolicySearch, turn_batch
from core.position import Position
from core.processes import same_everywhere
from core.schedule import Phase
from core.seeds import generator
from core.sharing import SharingGraph
from core.structure import Partition, Structure
from core.supermodel import AutoMtlNet
from core.tasks import Task

if TYPE_CHECKING:
    from core.training import Trainer


class AutoMtl(Method):
    """AutoMTL with the settings of `config.automtl`."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.searching = False
        """Whether policies are being learned; then the network has another optimizer."""
        self.search: PolicySearch | None = None
        self.told: list[list[Choice]] | None = None
        """The choices whose structure was written last; a fork may settle others."""

    # ---- network and plan -------------------------------------------------------------------------------------------

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        """Everything shared, which the policies are pulled to."""
        return Structure.shared(tasks, n_stages)

    def check(self, backbone: Backbone, tasks: Sequence[Task]) -> None:
        """Raise `ConfigError` for settings that do not fit this backbone and data, before anything is written."""
        settings, batch = self.config.automtl, self.config.training.batch_size
        try:
            nodes = len(AutoMtlNet(backbone, tasks[:1], settings.grain, load_pretrained=False).depths)
        except ValueError as error:
            raise ConfigError(f"`automtl.grain`: {error}") from None
        if settings.forced_shared > nodes:
            raise ConfigError(
                f"`automtl.forced_shared` should be at most {nodes}, the operations of this backbone. "
                f"Found {settings.forced_shared}."
            )
        given = settings.choices
        if given is not None and (len(given) != len(tasks) or any(len(of_task) != nodes for of_task in given)):
            raise ConfigError(
                f"`automtl.choices` should hold {nodes} choices for each of {len(tasks)} tasks. "
                f"Found {[len(of_task) for of_task in given]}."
            )
        if given is None and self.config.data.train < 2 * batch:
            raise ConfigError(
                f"`data.train` should be at least {2 * batch}, a batch for each half of policy training. "
                f"Found {self.config.data.train}."
            )

    def build(self, backbone: Backbone, tasks: Sequence[Task], load_pretrained: bool = True) -> TaskNet:
        """The supermodel, or the network of the given choices."""
        given = self.config.automtl.choices
        choices = None if given is None else [[CHOICES[choice] for choice in of_task] for of_task in given]
        return self._net(backbone, tasks, choices, load_pretrained)

    def _net(
        self,
        backbone: Backbone,
        tasks: Sequence[Task],
        choices: Sequence[Sequence[Choice]] | None,
        load_pretrained: bool = True,
    ) -> AutoMtlNet:
        return AutoMtlNet(backbone, tasks, self.config.automtl.grain, choices, self.config.seed, load_pretrained)

    def describe(self, net: TaskNet) -> object:
        """The choices, if they are made, and whether policies are being learned."""
        choices = _automtl(net).choices
        return {
            "choices": None if choices is None else _listed(_automtl(net)),
            "search": self.searching,
        }

    def rebuild(self, backbone: Backbone, tasks: Sequence[Task], description: object) -> TaskNet:
        """The supermodel or the network of the choices, as described."""
        described = cast(dict[str, object], description)
        self.searching = bool(described["search"])
        return self._net(backbone, tasks, cast(list[list[Choice]] | None, described["choices"]), load_pretrained=False)

    def optimizer(self, net: TaskNet) -> torch.optim.Optimizer:
        """Adam on all weights, policies left out; while policies are learned what the settings say."""
        training, settings = self.config.training, self.config.automtl
        weights = _automtl(net).weights()
        if not self.searching:
            return FusedAdam(weights, training.learning_rate, training.weight_decay)
        rate, decay = settings.network_learning_rate, settings.network_weight_decay
        if settings.network_optimizer == "adam":
            return FusedAdam(weights, rate, decay)
        return torch.optim.SGD(weights, rate, momentum=0.9, weight_decay=decay)

    def drawn(self, net: TaskNet, size: tuple[int, int]) -> tuple[SharingGraph, tuple[Partition, ...] | None]:
        """Shared, task-specific and skipped parts of every stage; never a tree of computations."""
        return policy_graph(_automtl(net), size), None

    def epochs(self) -> int:
        """Those of all three stages."""
        return sum(phase.epochs for phase in self.plan(0))

    def learning_rate(self, at: Position, phase: Phase) -> float:
        """Constant until post-training, whose milestones count its own epochs."""
        if phase.role == "structural-learning":
            return self.config.automtl.network_learning_rate
        last = at.phase == len(self.plan(0)) - 1
        return dropped_rate(self.config, at.done) if last else self.config.training.learning_rate

    # ---- the three stages -------------------------------------------------------------------------------------------

    def run_phase(self, trainer: "Trainer", phase: Phase) -> None:
        """Pre-training, policy training or post-training."""
        if phase.role == "task-learning" and trainer.at.phase == len(trainer.plan) - 1:
            self._settle(trainer)
        super().run_phase(trainer, phase)

    def learn_structure(self, trainer: "Trainer", phase: Phase) -> None:
        """Policy training; the structure that it ends with is that of the choices."""
        net = _automtl(trainer.net)
        if not self.searching:
            self.searching = True
            trainer.use(net)  # with the optimizer of this stage
            self.search = PolicySearch(self.config.automtl, self.config.seed, net)
            self._report(trainer, self.search)
        trainer.train_epochs(phase.epochs)
        chosen = self._chosen_net(trainer, net)
        self.told = _listed(chosen)
        trainer.write_structure(chosen)

    def _settle(self, trainer: "Trainer") -> None:
        """Put the network of the choices in the supermodel's place, once."""
        net = _automtl(trainer.net)
        if net.policies is None:
            return
        chosen = self._chosen_net(trainer, net)
        if self.config.automtl.post_training == "continue":
            state = net.state_dict()
            chosen.load_state_dict({name: state[name] for name in chosen.state_dict()})
        self.searching, self.search = False, None
        trainer.use(chosen)
        if self.told is not None and _listed(chosen) != self.told:
            trainer.write_structure()

    def _chosen_net(self, trainer: "Trainer", net: AutoMtlNet) -> AutoMtlNet:
        """The network of the choices that follow from the policies, as it starts."""
        assert net.policies is not None
        logits = same_everywhere(trainer.fabric, net.policies.detach().cpu())  # [T, nodes, 3]
        return self._net(net.backbone, net.tasks, self.choices(logits, [task.name for task in net.tasks]))

    def choices(self, logits: Tensor, names: Sequence[str]) -> list[tuple[Choice, ...]]:
        """One choice [T][nodes] for every task and node from `logits` [T, nodes, 3]; draws depend on tasks' names."""
        settings = self.config.automtl
        seed = self.config.seed if settings.sample_seed is None else settings.sample_seed
        found = []
        for name, of_task in zip(names, logits, strict=True):
            if settings.choose == "likeliest":
                # all the probability on the best; the first of equal ones, which is to share
                of_task = torch.log(torch.nn.functional.one_hot(of_task.argmax(-1), len(CHOICES)))
            found.append(sampled_choices(of_task, generator(seed, "choices", name), settings.forced_shared))
        return found

    # ---- batches ----------------------------------------------------------------------------------------------------

    def epoch_batches(self, trainer: "Trainer") -> Batches:
        """Those of all training images; while policies are learned, in turn those of one half and the other."""
        if self.search is None:
            return super().epoch_batches(trainer)
        at, total, fabric = trainer.at, trainer.batches_per_epoch(), trainer.fabric
        turns = [self.search.turn(at.done * total + batch) for batch in range(at.batch, total)]
        images, size, seed = trainer.trained_on, trainer.loaders.batch_size, self.config.seed
        chunks = [turn_batch(turn, images, size, seed, fabric.global_rank, fabric.world_size) for turn in turns]
        return trainer.loaders.chosen(trainer.data.train, chunks, total, generator(seed, "turns", at.done))

    def train_batch(self, trainer: "Trainer", images: Tensor, targets: dict[str, Tensor]) -> None:
        """A step on all weights, or, while policies are learned, on either the policies or the network."""
        tasks = range(len(trainer.data.tasks))
        groups = [list(tasks)] if self.config.automtl.steps == "joint" else [[task] for task in tasks]
        steps = len(groups)
        for group in groups:
            if self.search is None:
                _step(trainer, _loss(trainer, images, targets, group), trainer.optimizer)
            elif self._search_step(trainer, self.search, images, targets, group):
                steps = 0  # the network stays as it is
        trainer.at.step += steps - 1  # the loop counts one for every batch

    def _search_step(
        self,
        trainer: "Trainer",
        search: PolicySearch,
        images: Tensor,
        targets: dict[str, Tensor],
        group: Sequence[int],
    ) -> bool:
        """One step of the policies or of the network, on a sample of the policies; whether it was the policies'."""
        iteration = _iteration(trainer)
        policy = search.turn(iteration).policy
        with search.only(policy):
            loss = _loss(trainer, images, targets, group, search.sample(iteration, "sample"))
            if policy:
                regulariser = search.regulariser(iteration, group)
                trainer.check_losses({"the policies' regulariser": regulariser})
                loss = loss + regulariser
            _step(trainer, loss, search.optimizer if policy else trainer.optimizer)
        return policy

    # ---- events and state -------------------------------------------------------------------------------------------

    def after_epoch(self, trainer: "Trainer") -> None:
        """Write what the policies say by now."""
        if self.search is not None:
            self._report(trainer, self.search)
            trainer.write_structure()

    def _report(self, trainer: "Trainer", search: PolicySearch) -> None:
        net, ways = search.net, search.net.probabilities()  # [T, nodes, 3]
        assert ways is not None
        for stage in range(len(net.stages)):
            numbers = [op.number for op in net.ops(stage)]
            if numbers:
                of_stage = ways[:, numbers].cpu()  # [T, n, 3]
                trainer.write(
                    events.PolicyUpdated,
                    stage=stage,
                    probabilities=of_stage.mean(1).tolist(),
                    nodes=of_stage.transpose(0, 1).tolist() if net.grain == "convolution" else (),
                    temperature=search.temperature(_iteration(trainer)),
                )

    def state_dict(self) -> dict[str, object] | None:
        """The optimizer of the policies, while they are learned, and the choices that were told."""
        return {"policies": self.search.optimizer.state_dict(), "told": self.told} if self.search else None

    def load_state_dict(self, state: dict[str, object], trainer: "Trainer") -> None:
        """Take up policy training where it was."""
        self.search = PolicySearch(self.config.automtl, self.config.seed, _automtl(trainer.net))
        self.search.optimizer.load_state_dict(cast(dict[str, object], state["policies"]))
        self.told = cast("list[list[Choice]] | None", state["told"])


def _listed(net: AutoMtlNet) -> list[list[Choice]]:
    """The choices of a network that has made them, in plain values."""
    assert net.choices is not None
    return [list(of_task) for of_task in net.choices]


def _automtl(net: TaskNet) -> AutoMtlNet:
    assert isinstance(net, AutoMtlNet)
    return net


def _iteration(trainer: "Trainer") -> int:
    """Batches of this phase so far."""
    return trainer.at.done * trainer.batches_per_epoch() + trainer.at.batch


def _loss(
    trainer: "Trainer",
    images: Tensor,
    targets: dict[str, Tensor],
    group: Sequence[int],
    sample: Tensor | None = None,
) -> Tensor:
    """The sum of the losses of the tasks in `group`, counted and checked, with branches mixed by `sample`."""
    with trainer.fabric.autocast():
        outputs = _automtl(trainer.net)(images, tasks=group, probabilities=sample)
    losses = trainer.task_losses(outputs.predictions, targets)
    trainer.count_losses(losses)
    return torch.stack(list(losses.values())).sum()


def _step(trainer: "Trainer", loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=True)
    trainer.backward(loss, optimizer)
    optimizer.step()
