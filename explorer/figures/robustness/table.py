"""The numbers of a family in one table: a row a task, as papers print them."""

from collections.abc import Sequence

from core.robustness.measures import robustness
from core.robustness.records import Suite
from core.runs import RunHeader
from core.tables import Row
from explorer import words


def summary_rows(header: RunHeader, suite: Suite, order: Sequence[int], reference: Suite | None) -> list[Row]:
    """Clean and mean value, degradation, corruption errors and rPC of every task by its key metric; None: undefined."""
    rows: list[Row] = []
    for place in order:
        task = header.tasks[place].task()
        metric = task.metrics[0]
        found = robustness(suite, task.name, metric, reference)
        if found is None:
            continue
        arrow = "↑" if metric.direction == "higher" else "↓"
        row: Row = {
            "Task": header.tasks[place].label,
            "Metric": f"{metric.label} {arrow}",
            "Clean": words.value(found.clean, metric.unit),
            "Mean": words.value(found.mean, metric.unit),
            "Degradation (%)": _rounded(found.degradation),
            "rPC (%)": _rounded(found.relative),
        }
        if reference is not None:
            row |= {
                "rPC of the baseline (%)": _rounded(found.reference_relative),
                "mCE (%)": _rounded(found.corruption_error),
                "Relative mCE (%)": _rounded(found.relative_corruption_error),
            }
        rows.append(row)
    return rows


def _rounded(value: float | None) -> str:
    return words.NOT_DEFINED if value is None else f"{value:.1f}"
