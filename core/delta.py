"""How far a run is ahead of a baseline over all tasks: Delta_m (no torch)."""

from collections.abc import Iterable, Mapping

from core.tasks import Metric, Task

Scores = Mapping[str, Mapping[str, float]]
"""Metric values by task name and metric key."""


def relative_gain(value: float, baseline: float, metric: Metric) -> float:
    """(value - baseline) / baseline in percent, its sign turned where lower is better, so that positive is better.

    Undefined for a baseline of 0 or below: `ValueError`.

    >>> from core.tasks import MIOU, RMSE
    >>> relative_gain(0.75, 0.5, MIOU), relative_gain(0.75, 0.5, RMSE)
    (50.0, -50.0)
    """
    if not baseline > 0:
        raise ValueError(f"`baseline` should be above 0 to compare {metric.label} with it. Found {baseline}.")
    change = 100 * (value - baseline) / baseline
    return change if metric.direction == "higher" else -change


def delta_m(metrics: Scores, baseline: Scores, tasks: Iterable[Task], *, all_metrics: bool = False) -> float:
    """Mean over tasks of the relative gain of the key metric, in percent (Maninis et al. 2019).

    `baseline` is usually one network a task on the same backbone. With `all_metrics` a task's gain is the mean over all
    of its metrics first (as AutoMTL and LibMTL do). Raises `ValueError` for no task, a missing value, or a baseline of
    0 or below.

    >>> from core.tasks import DEPTH, NORMALS
    >>> ours = {"depth": {"rmse": 0.9}, "normals": {"mean_angle": 22.0}}
    >>> theirs = {"depth": {"rmse": 1.0}, "normals": {"mean_angle": 20.0}}
    >>> abs(delta_m(ours, theirs, [DEPTH, NORMALS])) < 1e-9
    True
    """
    gains = []
    for task in tasks:
        judged = task.metrics if all_metrics else (task.metric,)
        values = [
            relative_gain(_value(metrics, task, metric, "metrics"), _value(baseline, task, metric, "baseline"), metric)
            for metric in judged
        ]
        gains.append(sum(values) / len(values))
    if not gains:
        raise ValueError("`tasks` should hold at least one task. Found none.")
    return sum(gains) / len(gains)


def _value(scores: Scores, task: Task, metric: Metric, argument: str) -> float:
    """One value, or a `ValueError` that says where it is missing."""
    try:
        return scores[task.name][metric.key]
    except KeyError:
        raise ValueError(f"`{argument}` should hold {metric.key!r} of task {task.name!r}. Found none.") from None
