"""How every task fares over the epochs, with the structural phases and the cursor marked."""

from typing import Literal

import plotly.graph_objects as go

from core.runs import MetricInfo, RunHeader
from core.structure import Group
from explorer import theme, words
from explorer.figures.axis import RunAxis, epoch_axis, run_axis
from explorer.figures.drawing import Drawing
from explorer.figures.rows import Row
from explorer.moments import History
from explorer.theme import Properties

ALT = "One curve a task over the epochs of the run, with structural-learning phases as bands and the cursor as a line."
_ROW, _AROUND, _GAP = 132, 96, 18

Show = Literal["metric", "second", "loss"]
"""The key metric of each task, its second metric (the key one where there is none), or its training loss."""


def metrics_drawing(history: History, index: int, show: Show, only: Group = ()) -> Drawing:
    """The curves of all tasks or of `only` some, ready to be shown and exported."""
    header = history.header
    measure = {"metric": "Key metric", "second": "Second metric", "loss": "Training loss"}[show]
    tasks = [task for task in history.order() if not only or task in only]

    def rows() -> list[Row]:
        return [
            {
                "task": header.tasks[task].name,
                "measure": series_title(header, task, show),
                "epoch": history.event(position).epoch,
                "phase": history.event(position).phase,
                "value": value,
            }
            for task in tasks
            for position, value in series(history, task, show)
        ]

    return Drawing(
        key="metrics",
        title=f"{measure} of every task",
        figure=metrics_figure(history, index, show, only),
        alt=ALT,
        caption=f"{measure} of every task over the epochs of {words.run_title(header)}. Bands are "
        f"structural-learning phases; values after {words.place(history.event(index))} are pale.",
        rows=rows,
    )


def metrics_figure(history: History, index: int, show: Show, only: Group = ()) -> go.Figure:
    """One row a task (or only those in `only`): values up to the event at `index` strong, later ones pale."""
    header = history.header
    tasks = [task for task in history.order() if not only or task in only]
    axis = run_axis(history)
    height = _ROW * max(len(tasks), 1) + _AROUND
    gap = _GAP / height
    each = (1 + gap) / max(len(tasks), 1)
    layout: Properties = {
        "xaxis": epoch_axis(axis, "bands", anchor=f"y{len(tasks)}" if len(tasks) > 1 else "y"),
        "showlegend": False,
    }
    traces = []
    for row, task in enumerate(tasks):
        place = "" if row == 0 else str(row + 1)
        layout[f"yaxis{place}"] = theme.axis(
            f"<b>{header.tasks[task].label}</b><br>{series_title(header, task, show)}",
            domain=[max(0.0, 1 - each * (row + 1) + gap), 1 - each * row],
            nticks=5,
            anchor="x",
        )
        traces += _curves(history, axis, task, index, show, f"y{place}")
    band = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0}}
    shapes: list[Properties] = [
        {
            **band,
            "type": "rect",
            "x0": span.start,
            "x1": span.end,
            "fillcolor": theme.see_through(theme.ACCENT, 0.13),
            "name": "structural",
        }
        for span in axis.spans
        if span.role == "structural-learning"
    ]
    now = float(axis.positions[index]) if len(history) else 0.0
    line = {"color": theme.ACCENT, "width": 2}
    shapes.append({**band, "type": "line", "x0": now, "x1": now, "line": line, "layer": "above", "name": "cursor"})
    return theme.figure(traces, layout, height, words.run_title(header), shapes)


def _curves(history: History, axis: RunAxis, task: int, index: int, show: Show, row: str) -> list[Properties]:
    """The curve of a task in two traces: up to the event at `index`, and from there on."""
    look = theme.looks(history.header)[task]
    points = series(history, task, show)
    title = series_title(history.header, task, show)
    reached = max((position for position, _ in points if position <= index), default=-1)
    curves: list[Properties] = []
    for name, opacity, kept in (
        ("later", 0.35, [point for point in points if point[0] >= reached]),
        ("so far", 1.0, [point for point in points if point[0] <= reached]),
    ):
        events = [history.event(position) for position, _ in kept]
        curves.append(
            {
                "type": "scatter",
                "x": [float(axis.positions[position]) for position, _ in kept],
                "y": [found for _, found in kept],
                "yaxis": row,
                "mode": "lines+markers",
                "line": {"color": look.colour, "dash": look.dash, "width": 2},
                "marker": {"symbol": look.symbol, "size": 6, "color": look.colour},
                "opacity": opacity,
                "customdata": [[event.epoch, event.phase] for event in events],
                "hovertemplate": f"{look.label}<br>{title} %{{y:.4g}}<br>"
                "epoch %{customdata[0]}, phase %{customdata[1]}<extra></extra>",
                "name": f"{look.label}, {name}",
            }
        )
    return curves


def series(history: History, task: int, show: Show) -> list[tuple[int, float]]:
    """Positions of events and the task's values there, in order; metrics on validation images."""
    name = history.header.tasks[task].name
    if show == "loss":
        return [(index, event.losses[name]) for index, event in history.epochs if name in event.losses]
    key = _metric(history.header, task, show).key
    return [
        (index, event.metrics[name][key])
        for index, event in history.evaluations
        if event.split == "validation" and key in event.metrics.get(name, {})
    ]


def series_title(header: RunHeader, task: int, show: Show) -> str:
    """What `series` holds, with unit and direction."""
    return "training loss ↓" if show == "loss" else words.metric_title(_metric(header, task, show))


def _metric(header: RunHeader, task: int, show: Show) -> MetricInfo:
    metrics = header.tasks[task].metrics
    return metrics[min(1, len(metrics) - 1)] if show == "second" else metrics[0]
