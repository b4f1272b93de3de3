"""What is drawn over the epochs: losses and metrics of a task as points, smoothed, and compared with a baseline run.

A point is the position of an event and a value there. A baseline is another run with the same tasks and metrics; a
value is compared with the baseline's at the same epoch (its last one up to there, so its final one after it ended).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.delta import delta_m, relative_gain
from core.events import Evaluated
from core.runs import MetricInfo, RunHeader
from core.tasks import Metric
from explorer import words
from explorer.moments import History

Show = Literal["metric", "second", "loss", "all"]
"""The key metric of each task, its second metric (the key one where there is none), its training loss, or everything:
all its metrics and its loss."""

Point = tuple[int, float]
"""Position of an event, and a value there."""
Gap = tuple[int, float | None]
"""The same where a value may not be defined."""

_LOSS = MetricInfo(key="loss", label="training loss", direction="lower")


@dataclass(frozen=True)
class Measure:
    """One curve: a metric of a task on validation images, or its loss in training."""

    task: int
    metric: MetricInfo
    loss: bool = False

    @property
    def title(self) -> str:
        """With unit and direction, for axes and tables."""
        return words.metric_title(self.metric)

    @property
    def in_engine(self) -> Metric:
        """The metric as the engine's functions take it."""
        return Metric(**self.metric.model_dump())


@dataclass(frozen=True)
class Baseline:
    """A run that others are compared with, and what it is called."""

    history: History
    name: str

    @property
    def title(self) -> str:
        """Its name, method, data and seed."""
        return f"{self.name} ({words.run_title(self.history.header)})"


@dataclass(frozen=True)
class Delta:
    """Δm at the evaluation at `index` in percent, or why it is not defined."""

    index: int
    value: float | None
    reason: str = ""


def measures(header: RunHeader, task: int, show: Show) -> tuple[Measure, ...]:
    """The curves of a task under a choice."""
    metrics = header.tasks[task].metrics
    loss = Measure(task, _LOSS, loss=True)
    match show:
        case "loss":
            return (loss,)
        case "second":
            return (Measure(task, metrics[min(1, len(metrics) - 1)]),)
        case "all":
            return (*(Measure(task, metric) for metric in metrics), loss)
    return (Measure(task, metrics[0]),)


def points(history: History, measure: Measure) -> list[Point]:
    """The values of a measure, in order."""
    name, key = history.header.tasks[measure.task].name, measure.metric.key
    if measure.loss:
        return [(index, event.losses[name]) for index, event in history.epochs if name in event.losses]
    return [
        (index, event.metrics[name][key]) for index, event in validations(history) if key in event.metrics.get(name, {})
    ]


def series(history: History, task: int, show: Show) -> list[Point]:
    """The values of the first measure of a task under a choice, in order."""
    return points(history, measures(history.header, task, show)[0])


def series_title(header: RunHeader, task: int, show: Show) -> str:
    """What `series` holds, with unit and direction."""
    return measures(header, task, show)[0].title


def validations(history: History) -> list[tuple[int, Evaluated]]:
    """Evaluations on validation images, with their positions."""
    return [(index, event) for index, event in history.evaluations if event.split == "validation"]


def smoothed(values: Sequence[float | None], weight: float) -> list[float | None]:
    """Exponential moving average with `weight` in [0, 1) of the past, corrected for its start, as TensorBoard has it.

    m_i = w m_{i-1} + (1 - w) x_i from m_0 = 0, divided by 1 - w^i. A value that is not defined stays so and changes
    nothing.

    >>> smoothed([1.0, 1.0, 4.0], 0.5)
    [1.0, 1.0, 2.7142857142857144]
    """
    mean, seen, found = 0.0, 0, []
    for value in values:
        if value is not None:
            mean, seen = weight * mean + (1 - weight) * value, seen + 1
        found.append(None if value is None else mean / (1 - weight**seen))
    return found


def gains(history: History, measure: Measure, baseline: Baseline) -> list[Gap]:
    """How far each value is ahead of the baseline's at the same epoch, in percent; positive is better.

    None where the baseline has no value up to that epoch, or one of 0 or below, to which nothing is relative.
    """
    other = _counterpart(history.header, measure, baseline.history.header)
    theirs = points(baseline.history, other) if other else []
    epochs = [baseline.history.event(index).epoch for index, _ in theirs]
    found: list[Gap] = []
    for index, value in points(history, measure):
        place = bisect_right(epochs, history.event(index).epoch) - 1
        found.append((index, _gain(value, theirs[place][1], measure.in_engine) if place >= 0 else None))
    return found


def deltas(history: History, baseline: Baseline) -> list[Delta]:
    """Δm of the key metrics at every evaluation of a run against the baseline's evaluation at the same epoch."""
    tasks = [task.task() for task in history.header.tasks]
    theirs = validations(baseline.history)
    epochs = [event.epoch for _, event in theirs]
    found = []
    for index, event in validations(history):
        place = bisect_right(epochs, event.epoch) - 1
        if place < 0:
            found.append(Delta(index, None, f"the baseline has no evaluation up to epoch {event.epoch}"))
            continue
        try:
            found.append(Delta(index, delta_m(event.metrics, theirs[place][1].metrics, tasks)))
        except ValueError as error:
            found.append(Delta(index, None, str(error).removesuffix(".")))
    return found


def change(history: History, found: Sequence[Gap]) -> list[float | None]:
    """For each value, how much it differs from the last one before the structural-learning phase that came last.

    None before the first structural-learning phase and where either value is not defined.
    """
    starts = [phase.first for phase in history.phases if phase.role == "structural-learning"]
    places = [index for index, _ in found]
    differences: list[float | None] = []
    for index, value in found:
        latest = bisect_right(starts, index) - 1
        before = bisect_right(places, starts[latest]) - 1 if latest >= 0 else -1
        old = found[before][1] if before >= 0 else None
        differences.append(None if value is None or old is None else value - old)
    return differences


def comparable(header: RunHeader, other: RunHeader) -> bool:
    """Whether `other` can be a baseline: it has every task and metric of the run, in the same direction."""
    theirs = {task.name: {(metric.key, metric.direction) for metric in task.metrics} for task in other.tasks}
    return all(
        {(metric.key, metric.direction) for metric in task.metrics} <= theirs.get(task.name, set())
        for task in header.tasks
    )


def _counterpart(header: RunHeader, measure: Measure, other: RunHeader) -> Measure | None:
    """The same measure in a run that may list its tasks in another order."""
    name = header.tasks[measure.task].name
    found = next((task for task, info in enumerate(other.tasks) if info.name == name), None)
    return None if found is None else Measure(found, measure.metric, measure.loss)


def _gain(value: float, baseline: float, metric: Metric) -> float | None:
    try:
        return relative_gain(value, baseline, metric)
    except ValueError:
        return None
