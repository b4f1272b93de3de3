"""One setting on the network: metrics over all images, how sure they are, and a few images to look at."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from core.data.base import DataSplits, TensorData
from core.events import Values
from core.loaders import MEMORY_FORMAT, Loaders
from core.metrics import TaskMetric, build_metrics
from core.network import TaskNet
from core.samples import Array, input_arrays, prediction_arrays
from core.seeds import generator
from core.tasks import Task

RESAMPLES = 200
"""Draws of the bootstrap: enough for a 95 % interval to be read off a figure."""

Intervals = dict[str, dict[str, tuple[float, float]]]
State = dict[str, Tensor]
"""What a metric has summed up."""


@dataclass(frozen=True)
class Found:
    """What a network does on images; a metric that they do not define is left out."""

    metrics: dict[str, Values]
    intervals: Intervals
    previews: dict[str, Array]
    """Of the first images: `image`, the prediction of each task by its name, and `truth.` and its name."""


class Evaluator:
    """A network ready to be evaluated; all that is random is the choice of the bootstrap, by `seed`."""

    def __init__(self, net: TaskNet, data: DataSplits, fabric: Fabric, loaders: Loaders, seed: int) -> None:
        self.net = net.to(fabric.device, memory_format=MEMORY_FORMAT).eval()  # type: ignore[call-overload]
        self.net.requires_grad_(False)
        self.data, self.fabric, self.loaders, self.seed = data, fabric, loaders, seed

    @torch.no_grad()
    def evaluate(self, split: TensorData, previews: int = 0, truths: bool = False) -> Found:
        """Metrics on a split with their 95 % intervals: the middle 95 % over samples of as many images, put back.

        The values are those that training gives for the same images, to the last bit on the same device. `previews` of
        the first images are kept with their predictions, and with `truths` their targets.
        """
        whole, single = self._metrics(), self._metrics()
        parts: dict[str, list[State]] = {task.name: [] for task in self.data.tasks}
        shown: dict[str, Array] = {}
        for images, targets in self.loaders.ordered(split, range(len(split))):
            with self.fabric.autocast():
                predictions = self.net(images).predictions
            if previews and not shown:
                shown = self._previews(images, targets, predictions, previews, truths)
            for index, task in enumerate(self.data.tasks):
                answer, target = predictions[index], targets[task.name]
                whole[task.name].update(answer, target)
                parts[task.name] += _one_by_one(single[task.name], answer, target)
        values = {task.name: _defined(whole[task.name].compute()) for task in self.data.tasks}
        draws = self._draws(len(split))
        intervals = {
            task.name: _intervals(task, single[task.name], parts[task.name], draws, values[task.name])
            for task in self.data.tasks
        }
        return Found(values, intervals, shown)

    @torch.no_grad()
    def each(self, images: Tensor, targets: Mapping[str, Tensor], task: int) -> list[float]:
        """The key metric of a task for every image of a batch on its own; NaN where an image does not define it."""
        name, metric = self.data.tasks[task].name, self._metrics()[self.data.tasks[task].name]
        with self.fabric.autocast():
            answer = self.net(images, tasks=(task,)).predictions[task]
        key, values = self.data.tasks[task].metric.key, []
        for state in _one_by_one(metric, answer, targets[name]):
            values.append(_compute(metric, state)[key])
        return values

    def _metrics(self) -> dict[str, TaskMetric]:
        metrics = build_metrics(self.data.tasks, self.data)
        for metric in metrics.values():
            metric.to(self.fabric.device)
        return metrics

    def _draws(self, count: int) -> Tensor:
        """How often each of `count` images is in each draw; float64 [draws, images], the same for every setting."""
        chosen = torch.randint(count, (RESAMPLES, count), generator=generator(self.seed, "bootstrap", count))
        times = torch.zeros(RESAMPLES, count, dtype=torch.float64)
        return times.scatter_add_(1, chosen, torch.ones_like(times)).to(self.fabric.device)

    def _previews(
        self, images: Tensor, targets: Mapping[str, Tensor], predictions: Mapping[int, Tensor], count: int, truths: bool
    ) -> dict[str, Array]:
        first = {name: target[:count] for name, target in targets.items()}
        inputs = input_arrays(self.data, images[:count], first)
        answers = prediction_arrays(self.data, {index: answer[:count] for index, answer in predictions.items()})
        exact = {task.name for task in self.data.tasks if task.kind in ("segmentation", "class")}
        found = {name: array if name in exact else coarse(array) for name, array in answers.items()}
        found["image"] = coarse(inputs.pop("image"))
        return found | ({f"truth.{name}": array for name, array in inputs.items()} if truths else {})


def coarse(array: Array) -> Array:
    """An array to look at in steps of 4 of 256, or of 1 to 2 % in float16: nobody sees it, and it is half as large.

    >>> coarse(np.array([5, 255], np.uint8)).tolist(), coarse(np.array([-127, 62], np.int8)).tolist()
    ([4, 252], [-124, 60])
    """
    if array.dtype == np.float16:
        return ((array.view(np.uint16) + 8) & 0xFFF0).view(np.float16)  # four of ten digits of the mantissa go
    steps = np.abs(array) // 4 * 4
    return np.asarray(np.sign(array) * steps, dtype=array.dtype)


def _one_by_one(metric: TaskMetric, answer: Tensor, target: Tensor) -> list[State]:
    """What `metric` sums up for each image of a batch."""
    states = []
    for image in range(len(answer)):
        metric.reset()
        metric.update(answer[image : image + 1], target[image : image + 1])
        states.append({name: value.clone() for name, value in _sums(metric).items()})
    return states


def _sums(metric: TaskMetric) -> State:
    return {name: value for name, value in metric.metric_state.items() if isinstance(value, Tensor)}


def _compute(metric: TaskMetric, state: State) -> Values:
    """The values of a metric that has summed up `state`, past the bookkeeping that is made for training."""
    for name, value in state.items():
        setattr(metric, name, value)
    return cast(Values, type(metric).compute(metric))


def _intervals(
    task: Task, metric: TaskMetric, parts: list[State], draws: Tensor, values: Values
) -> dict[str, tuple[float, float]]:
    sums = {}
    for name, first in parts[0].items():
        each = torch.stack([part[name].flatten() for part in parts]).double()  # [images, size of the sum]
        sums[name] = (draws @ each).view(len(draws), *first.shape).to(first.dtype)
    found = [_compute(metric, {name: value[draw] for name, value in sums.items()}) for draw in range(len(draws))]
    intervals = {}
    for key in values:
        drawn = torch.tensor([value[key] for value in found], dtype=torch.float64)
        drawn = drawn[drawn.isfinite()]
        if len(drawn):
            low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
            intervals[key] = (low, high)
    return intervals


def _defined(values: Values) -> Values:
    return {key: value for key, value in values.items() if math.isfinite(value)}
