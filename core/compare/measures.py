"""What is measured of a run, and how values over seeds are written: tables and files are made of these (no torch)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.compare.plan import BASELINE
from core.compare.results import Comparison, Result, kept_of
from core.compare.statistics import Spread, spread
from core.runs import MetricInfo, TaskInfo
from core.tasks import Direction

Table = Literal["quality", "other metrics", "robustness", "size and speed", "budget"]
ARROWS: dict[Direction, str] = {"higher": "↑", "lower": "↓"}
UNDEFINED, NOT_MEASURED = "undefined", "not measured"


@dataclass(frozen=True)
class Measure:
    """One number of a run."""

    key: str
    """Its name in files."""
    title: str
    """Its name for people, with unit and the direction in which it improves."""
    table: Table
    value: Callable[[Result], float | None]
    direction: Direction | None = None
    absent: str = UNDEFINED
    """What stands where there is no value."""


def measures(comparison: Comparison) -> list[Measure]:
    """All that is measured of the runs of a comparison: key metrics, other metrics, robustness, size and so on."""
    tasks = comparison.header.tasks
    found = [_metric(task, task.metrics[0], "quality") for task in tasks]
    found.append(Measure("delta_m", "Δm (%) ↑", "quality", comparison.delta, "higher"))
    found += [_metric(task, metric, "other metrics") for task in tasks for metric in task.metrics[1:]]
    if any(run.corrupted for run in _counted(comparison)):
        found += [_kept(task) for task in tasks]
        found.append(Measure("mce", "mCE (%) ↓", "robustness", comparison.corruption_error, "lower", NOT_MEASURED))
    found += [
        Measure("parameters", "parameters", "size and speed", lambda run: run.parameters),
        Measure("macs", "MACs an image", "size and speed", lambda run: run.macs),
    ]
    for batch in sorted({timed.batch for run in _counted(comparison) if run.latency for timed in run.latency.timed}):
        found.append(_latency(batch))
    found += [
        Measure("images_per_second", "images a second", "size and speed", _throughput, "higher", NOT_MEASURED),
        Measure("epochs", "epochs", "budget", lambda run: run.epochs),
        Measure("steps", "optimizer steps", "budget", lambda run: run.steps),
        Measure("amalgamation", "passes of amalgamation", "budget", lambda run: run.amalgamation),
        Measure("seconds", "training time (s)", "budget", lambda run: run.seconds),
    ]
    return found


def values(comparison: Comparison, method: str, measure: Measure) -> list[float | None]:
    """The values of a method's finished runs by seed; None where one is not defined."""
    return [_finite(measure.value(run)) for run in comparison.of(method) if run.counts]


def over_seeds(found: Sequence[float | None]) -> Spread:
    """Mean and standard deviation of the values that are defined."""
    return spread([value for value in found if value is not None])


def cell(found: Sequence[float | None], absent: str = UNDEFINED) -> str:
    """Values over seeds for people; one that is not defined is told.

    >>> cell([0.52, 0.55, 0.538]), cell([0.5]), cell([0.52, 0.54, None]), cell([None, None])
    ('0.536 ± 0.015', '0.5', '0.530 ± 0.014 (2 of 3 defined)', 'undefined')
    """
    known = over_seeds(found)
    if known.n == len(found) or not known.n:
        return with_deviation(known) or absent
    return f"{with_deviation(known)} ({known.n} of {len(found)} {'defined' if absent == UNDEFINED else 'measured'})"


def steady_cell(found: Sequence[float | None], absent: str = UNDEFINED) -> str:
    """The same of sizes and budgets, which stand alone where all runs have the same.

    >>> steady_cell([63, 63]), steady_cell([63, 65])
    ('63', '64.0 ± 1.4')
    """
    first = found[0] if found else None
    return number(first) if first is not None and len(set(found)) == 1 else cell(found, absent)


def with_deviation(found: Spread) -> str:
    """Mean ± standard deviation, to two digits of the latter; "" without any value.

    >>> with_deviation(Spread(3, 561088.0, 12345.6)), with_deviation(Spread(3, 5.0, 0.0))
    ('561,088 ± 12,346', '5 ± 0')
    """
    if found.mean is None:
        return ""
    if not found.sd:
        return number(found.mean) + ("" if found.sd is None else " ± 0")
    digits = min(1 - _magnitude(found.sd), 5 - _magnitude(found.mean or found.sd))
    return f"{found.mean:,.{max(0, digits)}f} ± {found.sd:,.{max(0, digits)}f}".replace("-", "−")


def number(value: float) -> str:
    """A value with four digits, whole numbers with all of theirs.

    >>> number(561088), number(0.0036512), number(-2.5)
    ('561,088', '0.003651', '−2.5')
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.4g}"
    return text.replace("-", "−")


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _metric(task: TaskInfo, metric: MetricInfo, table: Table) -> Measure:
    unit = f" ({metric.unit})" if metric.unit else ""
    return Measure(
        f"{task.name}.{metric.key}",
        f"{task.label} {metric.label}{unit} {ARROWS[metric.direction]}",
        table,
        lambda run: run.value(task.name, metric.key),
        metric.direction,
    )


def _kept(task: TaskInfo) -> Measure:
    whole = task.task()
    return Measure(
        f"{task.name}.rpc",
        f"{task.label} rPC (%) ↑",
        "robustness",
        lambda run: kept_of(run, whole.name, whole.metric),
        "higher",
        NOT_MEASURED,
    )


def _latency(batch: int) -> Measure:
    def value(run: Result) -> float | None:
        timed = run.latency.timed if run.latency else ()
        return next((1e3 * found.seconds for found in timed if found.batch == batch), None)

    title = f"latency of {batch} image{'' if batch == 1 else 's'} (ms) ↓"
    return Measure(f"latency_{batch}_ms", title, "size and speed", value, "lower", NOT_MEASURED)


def _throughput(run: Result) -> float | None:
    return run.latency.timed[-1].images_per_second if run.latency else None


def _counted(comparison: Comparison) -> list[Result]:
    return [run for run in comparison.results.values() if run.counts]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def default_against(comparison: Comparison) -> str | None:
    """The method that others are tested against if none is named: separate networks, else the first; None for one."""
    if len(comparison.methods) < 2:
        return None
    return BASELINE if BASELINE in comparison.methods else comparison.methods[0]
