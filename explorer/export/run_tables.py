"""The tables of a whole run, as the report shows them and the export of a run writes them."""

from dataclasses import dataclass

from core.events import RobustnessMeasured
from core.tables import Row
from explorer import words
from explorer.figures.tables import (
    count_rows,
    curve_rows,
    group_rows,
    measurement_rows,
    metric_rows,
    node_rows,
)
from explorer.moments import History


@dataclass(frozen=True)
class RunTable:
    """One table: `key` names its files."""

    key: str
    title: str
    rows: list[Row]


def run_tables(history: History, index: int) -> list[RunTable]:
    """Every table of the run that has rows, at the event at `index` where they depend on a moment."""
    if not len(history):
        return []
    snapshot = history.snapshot(index)
    found = [
        RunTable("metrics", "Key metric of every task", metric_rows(history, index, "metric")),
        RunTable("second-metrics", "Second metric of every task", metric_rows(history, index, "second")),
        RunTable("losses", "Training loss of every task", metric_rows(history, index, "loss")),
        RunTable("groups", "Who shares each stage", group_rows(history, snapshot)),
        RunTable("nodes", "All nodes", node_rows(history, snapshot)),
        RunTable("decisions", "All decisions", decision_rows(history)),
        RunTable("similarities", "All measured similarities", measurement_rows(history)),
        RunTable("curves", "All losses and metrics", curve_rows(history)),
        RunTable("robustness", "Robustness", robustness_rows(history)),
        RunTable("moments", "All moments", count_rows(history)),
    ]
    return [table for table in found if table.rows]


def decision_rows(history: History) -> list[Row]:
    """Every decision with what it was taken from, in the order of the run."""
    header = history.header
    rows: list[Row] = []
    for found in history.measurements:
        decision = found.decision
        if decision is not None:
            rows.append(
                {
                    "Phase": decision.phase,
                    "Stage": words.stage_name(header, decision.stage),
                    "Tasks": words.task_names(header, decision.tasks),
                    "Chosen groups": " | ".join(words.task_names(header, group) for group in decision.groups),
                    "Score": decision.score,
                    "Threshold": decision.min_similarity,
                    "Fused": " | ".join(words.task_names(header, group) for group in decision.fused) or "nothing",
                    "Reason": decision.reason,
                }
            )
    return rows


def robustness_rows(history: History) -> list[Row]:
    """Every metric under a corruption, shift or attack; none if the run measured none."""
    header = history.header
    rows: list[Row] = []
    for index in range(len(history)):
        event = history.event(index)
        if isinstance(event, RobustnessMeasured):
            for task in header.tasks:
                for metric in task.metrics:
                    value = event.metrics.get(task.name, {}).get(metric.key)
                    if value is not None:
                        rows.append(
                            {
                                "Family": event.family,
                                "Name": event.name,
                                "Severity": event.severity,
                                "Task": task.label,
                                "Metric": words.metric_title(metric),
                                "Value": value,
                            }
                        )
    return rows
