"""The loop that all methods share: batches, joint training, evaluation, checkpoints, stopping and going on.

A run is a list of phases. `Trainer.at` says exactly where in it the run stands; together with weights, optimizer and
the method's own state it is the checkpoint. All randomness comes from the seed and from where the run stands, never
from generators that carry on, so a run that goes on from a checkpoint makes the very same numbers.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TypeVar, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from core import events
from core.backbones import Backbone
from core.checkpoints import Checkpoints, State
from core.config import Config, ConfigError
from core.data.base import DataSplits, Split
from core.loaders import MEMORY_FORMAT, Batches, Loaders
from core.losses import build_losses
from core.methods.base import Method
from core.metrics import build_metrics
from core.network import MultiTaskNet, TaskNet
from core.position import ASKED, Position, StopTraining, Tick, TrainingError
from core.processes import average_gradients, average_statistics, same_everywhere
from core.runs import RunWriter
from core.samples import save_inputs, save_predictions
from core.seeds import generator

E = TypeVar("E", bound=events.Event)
EXPLODED = 1e4
"""A loss this many times its first value (and at least this large) counts as exploding."""
_OF_SETTINGS = ("weight_decay", "factor")  # what of an optimizer's groups comes from settings, not from training


class Trainer:
    """One run in training. `run` goes from where it stands to the end; `stop_asked` is looked at after every batch."""

    def __init__(
        self,
        config: Config,
        method: Method,
        data: DataSplits,
        backbone: Backbone,
        writer: RunWriter,
        fabric: Fabric,
        tick: Callable[[Tick], None] = lambda tick: None,
        tell: Callable[[events.Event], None] = lambda event: None,
        stop_asked: Callable[[], str] = lambda: "",
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.config, self.method, self.data, self.writer, self.fabric = config, method, data, writer, fabric
        self.tick, self.tell, self.stop_asked = tick, tell, stop_asked
        self.at = Position()
        self.plan = method.plan(len(backbone.stages))
        settings = config.training
        self.checkpoints = Checkpoints(writer.folder, settings.keep_checkpoints == "phases", warn)
        self.loaders = Loaders(settings.batch_size, settings.workers, fabric.device)
        self.losses = build_losses(data.tasks, data, device=fabric.device)
        self.trained_on = len(data.train) - method.held_out()
        least = settings.batch_size * fabric.world_size
        if self.trained_on < least:
            raise ConfigError(
                f"{len(data.train)} training images less {method.held_out()} for similarity leave {self.trained_on}; "
                f"expected at least {least}, a batch for each of {fabric.world_size} devices. Raise the number of "
                "training images."
            )
        self.use(method.build(backbone, data.tasks))
        self._begun, self._work_begun = time.monotonic(), 0

    def use(self, net: TaskNet) -> None:
        """Train this network from here on, with a new optimizer."""
        self.net: TaskNet = net.to(self.fabric.device, memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]
        self.optimizer = self.method.optimizer(self.net)

    @property
    def tree(self) -> MultiTaskNet:
        """The network of a method whose structure is a tree."""
        assert isinstance(self.net, MultiTaskNet)
        return self.net

    # ---- the run ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Train to the end. Raises `StopTraining` when asked to stop (after a checkpoint) and `TrainingError`."""
        try:
            if not self.at.begun:
                self.write(events.RunStarted)
                self.write_structure()
                save_inputs(self)
                self.at.begun = True
                self.save()
            while self.at.phase < len(self.plan):
                self._phase()
            self.save()
            self.write(events.RunFinished)
        except StopTraining:
            self.save()
            raise

    def _phase(self) -> None:
        phase, at = self.plan[self.at.phase], self.at
        if not at.started:
            if at.phase and self.fabric.is_global_zero:  # phase 0 starts like any new run
                self.checkpoints.keep(at.phase)
            self.write(events.PhaseStarted, role=phase.role, epochs=phase.epochs)
            at.started = True
        self.method.run_phase(self, phase)
        save_predictions(self)
        at.phase, at.started, at.done, at.batch = at.phase + 1, False, 0, 0
        self.save()

    def train_epochs(self, epochs: int) -> None:
        """Train and evaluate until `epochs` of this phase are done, with a checkpoint after each."""
        while self.at.done < epochs:
            self._epoch()
            self.save()

    def _epoch(self) -> None:
        """One pass over the training images, then evaluation."""
        at, settings = self.at, self.config.training
        rate = self.method.learning_rate(at, self.plan[at.phase])
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)
        self.net.train()
        began, first = time.monotonic(), at.batch
        for images, targets in self.method.epoch_batches(self):
            self.method.train_batch(self, images, targets)
            at.batch += 1
            at.step += 1
            self.pulse(f"epoch {at.epoch + 1} of {self.method.epochs()}")
        trained = (at.batch - first) * settings.batch_size / max(time.monotonic() - began, 1e-9)
        alignment, penalty = (self.take(name) if name in at.sums else None for name in ("alignment", "penalty"))
        losses = {task.name: self.take(task.name) for task in self.data.tasks}
        at.epoch, at.done, at.batch = at.epoch + 1, at.done + 1, 0
        average_statistics(self.fabric, self.net)
        self.write(
            events.EpochFinished,
            losses=losses,
            alignment=alignment,
            penalty=penalty,
            learning_rate=rate,
            samples_per_second=trained,
        )
        self.method.after_epoch(self)
        self.write(
            events.Evaluated, split="validation", metrics=self.evaluate(self.data.val), samples=len(self.data.val)
        )

    def joint_step(self, images: Tensor, targets: dict[str, Tensor], penalty: Tensor | None = None) -> None:
        """One optimizer step on the sum of all tasks' losses, the method's extra loss, and a penalty on structure."""
        structure = self.net.structure if isinstance(self.net, MultiTaskNet) else None
        keep = self.method.watched(structure, self.at.epoch) if structure else ()
        with self.fabric.autocast():
            outputs = self.net(images, keep=keep)
        losses = self.task_losses(outputs.predictions, targets)
        extra = self.method.extra_loss(outputs.features, structure)
        if extra is not None:
            losses["alignment"] = extra
        if penalty is not None:
            losses["penalty"] = penalty
        self.count_losses(losses)
        self.optimizer.zero_grad(set_to_none=True)
        self.backward(torch.stack(list(losses.values())).sum(), self.optimizer)
        self.optimizer.step()

    def task_losses(self, predictions: Mapping[int, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The loss of every task that has a prediction, by its name, in the order of the run's tasks."""
        return {
            task.name: self.losses[task.name](predictions[index], targets[task.name])
            for index, task in enumerate(self.data.tasks)
            if index in predictions
        }

    def count_losses(self, losses: Mapping[str, Tensor]) -> list[float]:
        """Check losses and count them into the epoch's means; returns their values. Raises `TrainingError`."""
        values = self.check_losses(losses)
        for name, value in zip(losses, values, strict=True):
            self.add(name, value)
        return values

    def check_losses(self, losses: Mapping[str, Tensor]) -> list[float]:
        """The values of losses. Raises `TrainingError` for one that is NaN, infinite, or exploding."""
        values: list[float] = torch.stack([loss.detach() for loss in losses.values()]).tolist()
        for name, value in zip(losses, values, strict=True):
            self.check_loss(name, value)
        return values

    @torch.no_grad()
    def evaluate(self, split: Split) -> dict[str, dict[str, float]]:
        """Metrics of every task over a whole split; a metric that the split does not define is left out."""
        self.net.eval()
        metrics = build_metrics(self.data.tasks, self.data)
        for metric in metrics.values():
            metric.to(self.fabric.device)
        for images, targets in self.loaders.ordered(split, range(len(split))):
            with self.fabric.autocast():
                predictions = self.net(images).predictions
            for index, task in enumerate(self.data.tasks):
                metrics[task.name].update(predictions[index], targets[task.name])
            self.pulse("evaluating", counts=False)
        found = {name: metric.compute() for name, metric in metrics.items()}
        return {name: {key: v for key, v in values.items() if math.isfinite(v)} for name, values in found.items()}

    # ---- what methods use -------------------------------------------------------------------------------------------

    def batches(self, purpose: str) -> Batches:
        """Shuffled training batches of the epoch under way, from where the run stands."""
        at, fabric = self.at, self.fabric
        shuffle = generator(self.config.seed, purpose, at.phase, at.done)
        return self.loaders.shuffled(
            self.data.train, self.trained_on, shuffle, at.batch, fabric.global_rank, fabric.world_size
        )

    def backward(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """Gradients of `loss` for the weights of `optimizer`; with several processes, their mean over all of them."""
        self.fabric.backward(loss)
        average_gradients(self.fabric, optimizer)

    def check_loss(self, name: str, value: float) -> None:
        """Raise `TrainingError` for a loss that is NaN, infinite, or exploding."""
        first = self.at.first_losses.setdefault(name, value)
        where = f"at step {self.at.step} (epoch {self.at.epoch + 1})"
        if not math.isfinite(value):
            raise TrainingError(f"the loss of {name} is {value} {where}. A smaller `training.learning_rate` may help.")
        if value > EXPLODED * max(1.0, abs(first)):
            raise TrainingError(
                f"the loss of {name} exploded from {first:.3g} to {value:.3g} {where}. "
                "A smaller `training.learning_rate` may help."
            )

    def add(self, name: str, value: float) -> None:
        """Count a value into the mean that `take` gives."""
        running = self.at.sums.setdefault(name, [0.0, 0.0])
        running[0] += value
        running[1] += 1

    def take(self, name: str) -> float:
        """The mean of the values added since it was last taken."""
        total, count = self.at.sums.pop(name)
        return total / count

    def pulse(self, message: str, counts: bool = True) -> None:
        """Renew heartbeat and progress bar; raises `StopTraining` when a stop is asked for and the state is whole."""
        self.at.work += counts
        done = min(1.0, self.at.work / self._total_work())
        elapsed, ahead = time.monotonic() - self._begun, self._total_work() - self.at.work
        done_here = self.at.work - self._work_begun
        eta = elapsed / done_here * ahead if done_here > 5 and ahead >= 0 else None
        message = f"phase {self.at.phase + 1} of {len(self.plan)} · {message}"
        self.writer.beat(message, done, eta)
        self.tick(Tick(message, done, eta))
        if counts:
            reason = self.stop_asked() or (ASKED if self.writer.stop_requested() else "")
            reason = same_everywhere(self.fabric, reason)
            if reason:
                raise StopTraining(reason)

    def skip(self, epochs: int) -> None:
        """Count planned epochs that are not needed as done, for the sake of the time left."""
        self.at.work += epochs * self.batches_per_epoch()

    def batches_per_epoch(self) -> int:
        """Batches of one pass over the training images, in every process."""
        return self.trained_on // (self.loaders.batch_size * int(self.fabric.world_size))

    def _total_work(self) -> int:
        """Batches of the whole run, amalgamation included."""
        return max(1, self.batches_per_epoch() * sum(phase.epochs for phase in self.plan))

    # ---- events and checkpoints -------------------------------------------------------------------------------------

    def write(self, kind: type[E], **values: object) -> None:
        """Write an event of `kind` with where the run stands now."""
        at = self.at
        event = kind.model_validate(
            {"step": at.step, "epoch": at.epoch, "phase": min(at.phase, len(self.plan) - 1), "seconds": self._seconds()}
            | values
        )
        self.writer.write(cast(events.AnyEvent, event))
        self.tell(event)

    def write_structure(self, net: TaskNet | None = None) -> None:
        """Write the structure from here on, that of `net` or of the network in training, with what it costs."""
        _, height, width = self.data.train[0][0].shape
        graph, partitions = self.method.drawn(net or self.net, (height, width))
        self.write(
            events.StructureChanged,
            graph=graph,
            parameters=graph.parameters,
            macs=graph.macs,
            partitions=partitions,
        )

    def _seconds(self) -> float:
        return self.at.seconds + time.monotonic() - self._begun

    def save(self) -> None:
        """Write the whole state as the run's last checkpoint."""
        if not self.fabric.is_global_zero:
            return
        state: State = {
            "events": self.writer.position(),
            "at": asdict(self.at) | {"seconds": self._seconds()},
            "structure": self.method.describe(self.net),
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "method": self.method.state_dict(),
        }
        self.checkpoints.save(state)

    def load(self, state: State) -> None:
        """Take over the state of a checkpoint, so that `run` goes on from there."""
        self.at = Position(**cast(dict[str, float], state["at"]))  # type: ignore[arg-type]
        self.use(self.method.rebuild(self.net.backbone, self.data.tasks, state["structure"]))
        self.net.load_state_dict(cast(dict[str, Tensor], state["net"]))
        wanted = [{key: group[key] for key in _OF_SETTINGS if key in group} for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(cast(dict[str, object], state["optimizer"]))
        for group, settings in zip(self.optimizer.param_groups, wanted, strict=True):
            group.update(settings)  # a fork may have settings of its own
        if not self.at.started:
            self.at.work = self.batches_per_epoch() * sum(phase.epochs for phase in self.plan[: self.at.phase])
        if state["method"] is not None:
            self.method.load_state_dict(cast(dict[str, object], state["method"]), self)
        self._begun, self._work_begun = time.monotonic(), self.at.work
