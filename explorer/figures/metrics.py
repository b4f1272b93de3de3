"""How every task fares over the epochs, with the structural phases and the cursor marked."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.structure import Group
from core.tables import Row
from explorer import theme, words
from explorer.figures.axis import RunAxis, run_axis
from explorer.figures.curves.panels import Curve, Panel, panels_figure, said, told, two_parts
from explorer.figures.curves.series import Baseline, Gap, Measure, Show, change, gains, measures, points, smoothed
from explorer.figures.drawing import Drawing
from explorer.moments import History
from explorer.theme import Properties

ALT = "One curve a task over the epochs of the run, with structural-learning phases as bands and the cursor as a line."
NAMES: dict[Show, str] = {
    "metric": "Key metric",
    "second": "Second metric",
    "loss": "Training loss",
    "all": "Every metric and loss",
}
"""What is shown -> its name."""
_ROW, _LOW_ROW, _FEW_ROWS = 132, 98, 6


def metrics_drawing(
    history: History,
    index: int,
    show: Show,
    only: Group = (),
    smooth: float = 0.0,
    baseline: Baseline | None = None,
) -> Drawing:
    """The curves of all tasks or of `only` some, ready to be shown and exported."""
    header = history.header

    def rows() -> list[Row]:
        found: list[Row] = []
        for measure in _measures(history, show, only):
            curve = _curve(history, measure, baseline)
            flat = smoothed([value for _, value in curve], smooth)
            for (position, value), mean in zip(curve, flat, strict=True):
                event = history.event(position)
                row: Row = {
                    "task": header.tasks[measure.task].name,
                    "measure": _title(measure, baseline),
                    "epoch": event.epoch,
                    "phase": event.phase,
                    "value": value,
                }
                found.append(row | {"smoothed": mean} if smooth else row)
        return found

    relative = (
        f" Values are gains in percent over {baseline.title} at the same epoch; the sign is "
        "turned so that up is better."
        if baseline
        else ""
    )
    flattened = (
        f" Curves are smoothed by an exponential moving average with weight {smooth:g} of the past, corrected for its "
        "start; values as measured are pale behind."
        if smooth
        else ""
    )
    return Drawing(
        key="metrics",
        title=f"{NAMES[show]} of every task" + (", relative to a baseline" if baseline else ""),
        figure=metrics_figure(history, index, show, only, smooth, baseline),
        alt=ALT,
        caption=f"{NAMES[show]} of every task over the epochs of {words.run_title(header)}.{relative}{flattened} Bands "
        f"are structural-learning phases; values after {words.place(history.event(index))} are pale.",
        rows=rows,
    )


def metrics_figure(
    history: History,
    index: int,
    show: Show,
    only: Group = (),
    smooth: float = 0.0,
    baseline: Baseline | None = None,
) -> go.Figure:
    """One row a measure (or only those of the tasks `only`): up to the event at `index` strong, later ones pale.

    With a weight `smooth` the curves are smoothed and the values as measured are drawn pale behind them; with a
    `baseline` every value is the gain over it in percent.
    """
    axis = run_axis(history)
    chosen = _measures(history, show, only)
    panels = [
        Panel(
            f"<b>{history.header.tasks[measure.task].label}</b><br>{_title(measure, baseline)}",
            _traces(history, axis, measure, index, smooth, baseline, with_measure=show == "all"),
            axis={"rangemode": "tozero"} if baseline else {},
            zero=baseline is not None,
        )
        for measure in chosen
    ]
    notes = []
    if baseline:
        notes.append(f"relative to {baseline.name} at the same epoch")
    if smooth:
        notes.append(f"smoothed: exponential, weight {smooth:g}, bias-corrected")
    row = _ROW if len(panels) <= _FEW_ROWS else _LOW_ROW
    return panels_figure(history, axis, index, panels, row, words.run_title(history.header), "<br>".join(notes))


def _measures(history: History, show: Show, only: Group) -> list[Measure]:
    return [
        measure
        for task in history.order()
        if not only or task in only
        for measure in measures(history.header, task, show)
    ]


def _curve(history: History, measure: Measure, baseline: Baseline | None) -> Sequence[Gap]:
    return gains(history, measure, baseline) if baseline else points(history, measure)


def _title(measure: Measure, baseline: Baseline | None) -> str:
    return f"{measure.metric.label}, gain [%] ↑" if baseline else measure.title


def _traces(
    history: History,
    axis: RunAxis,
    measure: Measure,
    index: int,
    smooth: float,
    baseline: Baseline | None,
    with_measure: bool,
) -> list[Properties]:
    """The curve of a measure, and behind it the values as measured if it is smoothed."""
    look = theme.looks(history.header)[measure.task]
    name = f"{look.label} {measure.metric.label}" if with_measure else look.label
    found = _curve(history, measure, baseline)
    unit = "%" if baseline else measure.metric.unit
    flat = smoothed([value for _, value in found], smooth)
    texts = told(found, change(history, found), unit)
    if smooth:
        texts = [
            (f"{value} (smoothed {said(mean, unit)})", step) for (value, step), mean in zip(texts, flat, strict=True)
        ]
    curve = Curve(
        name,
        f"<b>{look.label}</b> · {_title(measure, baseline)}<br>",
        [(position, mean) for (position, _), mean in zip(found, flat, strict=True)],
        texts,
        {"color": look.colour, "dash": look.dash, "width": 2},
        look.symbol,
    )
    curves = two_parts(history, axis, index, curve)
    if not smooth:
        return curves
    measured: Properties = {
        "type": "scatter",
        "x": axis.positions[[position for position, _ in found]],
        "y": [value for _, value in found],
        "mode": "lines",
        "line": {"color": look.colour, "width": 1},
        "opacity": 0.4,
        "hoverinfo": "skip",
        "name": f"{name}, as measured",
    }
    return [measured, *curves]
