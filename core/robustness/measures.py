"""What follows from measurements: degradation, corruption error, relative robustness, transfer of attacks (no torch).

An **error** E is what falls as a task improves: a metric whose lower values are better is its own error, and one that
is at best 1 has the error 1 - value, as the paper takes 1 - accuracy. PSNR, which has no best value, has none. Signs
are such that a larger degradation and a larger corruption error are worse, and a larger robustness is better.

Hendrycks & Dietterich (2019), *Benchmarking Neural Network Robustness to Common Corruptions and Perturbations*:
CE_c = sum_s E(s, c) / sum_s E_ref(s, c); relative CE_c takes the clean error from every term; mCE and relative mCE are
their means over the corruptions. In percent, so that the reference has 100. Michaelis et al. (2019), *Benchmarking
Robustness in Object Detection*: rPC = mean corrupted score / clean score.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.delta import relative_gain
from core.events import RobustnessMeasured
from core.robustness.records import Suite
from core.tasks import Metric

Curves = Mapping[str, Sequence[float]]
"""Name of a corruption (or shift) -> the value of a metric at its severities, rising."""


def relative_degradation(value: float, clean: float, metric: Metric) -> float:
    """How much worse than clean in percent of the clean value; below 0 where it is better.

    >>> from core.tasks import MIOU, RMSE
    >>> relative_degradation(0.25, 0.5, MIOU), relative_degradation(0.75, 0.5, RMSE)
    (50.0, 50.0)
    """
    return -relative_gain(value, clean, metric)


def error(value: float, metric: Metric) -> float:
    """The error that a value stands for. Raises `ValueError` for a metric that has none.

    >>> from core.tasks import MIOU, RMSE
    >>> error(0.75, MIOU), error(0.75, RMSE)
    (0.25, 0.75)
    """
    if metric.direction == "lower":
        return value
    if metric.unit:
        raise ValueError(f"{metric.label} has no best value, hence no error.")
    return 1 - value


def corruption_error(errors: Sequence[float], reference: Sequence[float]) -> float:
    """CE of one corruption in percent: the sum of its errors over severities, over that of the reference.

    >>> corruption_error([0.25, 0.5], [0.5, 0.5])
    75.0
    """
    return 100 * sum(errors) / _above_zero(sum(reference))


def relative_corruption_error(
    errors: Sequence[float], clean: float, reference: Sequence[float], reference_clean: float
) -> float:
    """The same of what errors rise above the clean one. A run that starts worse and falls less is the more robust one.

    >>> relative_corruption_error([0.25, 0.5], 0.25, [0.5, 0.5], 0.25)
    50.0
    """
    rise = sum(reference) - len(reference) * reference_clean
    return 100 * (sum(errors) - len(errors) * clean) / _above_zero(rise)


def relative_robustness(curves: Curves, clean: float, metric: Metric) -> float:
    """rPC in percent: how much of the clean score is left on average over corruptions and severities.

    Where lower is better it is turned over: clean / mean corrupted, so that 100 is always "as good as clean".

    >>> from core.tasks import MIOU, RMSE
    >>> relative_robustness({"fog": [0.5, 0.25]}, 0.5, MIOU), relative_robustness({"fog": [1.0, 3.0]}, 1.0, RMSE)
    (75.0, 50.0)
    """
    mean = fmean(value for values in curves.values() for value in values)
    return 100 * (mean / _above_zero(clean) if metric.direction == "higher" else clean / _above_zero(mean))


@dataclass(frozen=True)
class Robustness:
    """One metric of one task over a family; None where it is not defined, or there is no reference."""

    clean: float
    mean: float
    """Mean over names and severities."""
    degradation: float | None
    """Mean relative degradation in percent."""
    relative: float | None
    """rPC in percent."""
    corruption_error: float | None
    """mCE in percent of the reference's."""
    relative_corruption_error: float | None
    """Relative mCE in percent of the reference's."""
    reference_relative: float | None
    """rPC of the reference."""


def curves(settings: Iterable[RobustnessMeasured], task: str, metric: Metric) -> dict[str, list[float]]:
    """The values of a metric by name, severities rising; a name that lacks a value at a severity is left out.

    Attacks on different tasks are different curves; their names end in the tasks attacked.
    """
    found: dict[str, list[tuple[float, float | None]]] = {}
    for setting in settings:
        name = setting.name + "".join(f" {attacked}" for attacked in setting.attacked)
        value = setting.metrics.get(task, {}).get(metric.key)
        found.setdefault(name, []).append((setting.severity, value))
    return {
        name: [value for _, value in sorted(values, key=lambda pair: pair[0]) if value is not None]
        for name, values in found.items()
        if all(value is not None for _, value in values)
    }


def robustness(suite: Suite, task: str, metric: Metric, reference: Suite | None = None) -> Robustness | None:
    """One metric of one task over all that a suite holds; None as long as there is nothing.

    With a reference, only what both have measured is compared. Raises `ValueError` if they are not comparable.
    """
    if reference is not None and not suite.comparable(reference):
        raise ValueError("the two runs were not measured on the same images in the same way")
    clean, ours = _clean(suite, task, metric), curves(suite.settings, task, metric)
    if clean is None or not ours:
        return None
    values = [value for curve in ours.values() for value in curve]
    defined = clean > 0
    theirs, their_clean = {}, None
    if reference is not None:
        theirs, their_clean = curves(reference.settings, task, metric), _clean(reference, task, metric)
    both = [name for name in ours if len(ours[name]) == len(theirs.get(name, ()))]
    measurable = bool(both) and their_clean is not None and not (metric.direction == "higher" and metric.unit)
    plain, relative = [], []
    for name in both if measurable else ():
        assert their_clean is not None
        errors, other = ([error(value, metric) for value in curve[name]] for curve in (ours, theirs))
        plain.append(_or_none(corruption_error, errors, other))
        relative.append(
            _or_none(relative_corruption_error, errors, error(clean, metric), other, error(their_clean, metric))
        )
    return Robustness(
        clean=clean,
        mean=fmean(values),
        degradation=fmean(relative_degradation(value, clean, metric) for value in values) if defined else None,
        relative=_or_none(relative_robustness, ours, clean, metric),
        corruption_error=_mean(plain),
        relative_corruption_error=_mean(relative),
        reference_relative=_or_none(relative_robustness, theirs, their_clean, metric)
        if theirs and their_clean is not None
        else None,
    )


def transfer(suite: Suite, attack: str, radius: float, metrics: Mapping[str, Metric]) -> dict[str, dict[str, float]]:
    """How far each task falls when another is attacked: attacked task -> watched task -> relative degradation (%).

    `metrics` are the key metrics by task name, in the order of the run's tasks; "all" is the attack on all tasks.
    """
    names = list(metrics)
    found: dict[str, dict[str, float]] = {}
    for setting in suite.settings:
        if (setting.name, setting.severity) != (attack, radius) or not setting.attacked:
            continue
        label = names[setting.attacked[0]] if len(setting.attacked) == 1 else "all"
        row = {}
        for task, metric in metrics.items():
            clean, value = _clean(suite, task, metric), setting.metrics.get(task, {}).get(metric.key)
            if clean and value is not None:
                row[task] = relative_degradation(value, clean, metric)
        found[label] = row
    return found


def _clean(suite: Suite, task: str, metric: Metric) -> float | None:
    return None if suite.clean is None else suite.clean.metrics.get(task, {}).get(metric.key)


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean, None if one is not defined: a mean over fewer corruptions is another measure."""
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _or_none(measure: Callable[..., float], *arguments: object) -> float | None:
    """What a measure gives, None where it is not defined."""
    try:
        return measure(*arguments)
    except ValueError:
        return None


def _above_zero(value: float) -> float:
    if not value > 0:
        raise ValueError(f"expected something above 0 to compare with. Found {value}.")
    return value
