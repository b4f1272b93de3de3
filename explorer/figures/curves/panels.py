"""Panels one under the other on the axis of a run: structural-learning phases are bands, the cursor is a line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer import theme, words
from explorer.figures.axis import RunAxis, epoch_axis
from explorer.figures.curves.series import Gap
from explorer.moments import History
from explorer.theme import Properties

_AROUND, _LINE, _GAP = 96, 15, 18
_LEFT = 82  # so wide that the labels of all panels fit and every figure on this axis begins where the timeline does
_MANY = 60  # from so many points on, marks would hide the line


@dataclass(frozen=True)
class Panel:
    """One panel: the title of its axis, its traces, and more properties of the axis; `zero` draws a line at 0."""

    title: str
    traces: Sequence[Properties]
    axis: Properties = field(default_factory=dict)
    zero: bool = False


def panels_figure(
    history: History, axis: RunAxis, index: int, panels: Sequence[Panel], row: int, caption: str, note: str = ""
) -> go.Figure:
    """The panels, each `row` pixels high, with the cursor at the event `index`; `note` stands small above them."""
    count = max(len(panels), 1)
    lines = note.count("<br>") + 1 if note else 0
    height = row * count + _AROUND + _LINE * lines
    gap = _GAP / height
    each = (1 + gap) / count
    layout: Properties = {
        "xaxis": epoch_axis(axis, "bands", anchor=f"y{count}" if count > 1 else "y"),
        "showlegend": False,
        "margin": {"l": _LEFT, "r": 8, "t": 12 + _LINE * lines, "b": 58},
    }
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
    traces: list[Properties] = []
    for position, panel in enumerate(panels):
        place = "" if position == 0 else str(position + 1)
        low = max(0.0, 1 - each * (position + 1) + gap)
        layout[f"yaxis{place}"] = theme.axis(
            panel.title, **{"domain": [low, 1 - each * position], "nticks": 5, "anchor": "x", **panel.axis}
        )
        traces += [{**trace, "yaxis": f"y{place}"} for trace in panel.traces]
        if panel.zero:
            line = {"color": theme.NEUTRAL, "width": 1.4, "dash": "dot"}
            ends = {"xref": "paper", "x0": 0, "x1": 1, "yref": f"y{place}", "y0": 0, "y1": 0}
            shapes.append({**ends, "type": "line", "line": line, "layer": "below", "name": "zero"})
    now = float(axis.positions[index]) if len(history) else 0.0
    line = {"color": theme.ACCENT, "width": 2}
    shapes.append({**band, "type": "line", "x0": now, "x1": now, "line": line, "layer": "above", "name": "cursor"})
    if note:
        layout["annotations"] = [
            {
                "text": note,
                "xref": "paper",
                "x": 0,
                "xanchor": "left",
                "yref": "paper",
                "y": 1,
                "yanchor": "bottom",
                "align": "left",
                "showarrow": False,
                "font": {"size": theme.SMALL_TEXT, "color": theme.NEUTRAL},
                "name": "note",
            }
        ]
    return theme.figure(traces, layout, height, caption, shapes)


@dataclass(frozen=True)
class Curve:
    """A curve of a panel: its values, how its line and marks look, and what its hover text says.

    `head` opens the hover text; `told` is the value in words and how it changed since before the last
    structural-learning phase, for each point.
    """

    name: str
    head: str
    values: Sequence[Gap]
    told: Sequence[tuple[str, str]]
    line: Properties
    symbol: str = "circle"


def two_parts(history: History, axis: RunAxis, index: int, curve: Curve) -> list[Properties]:
    """A curve in two traces: up to the event at `index` strong, and from there on pale.

    A click gives the position of the point's event.
    """
    found = curve.values
    reached = max((position for position, _ in found if position <= index), default=-1)
    marker = {"symbol": curve.symbol, "size": 6 if len(found) <= _MANY else 3, "color": curve.line["color"]}
    changes = any(change for _, change in curve.told)
    template = f"{curve.head} %{{customdata[3]}}<br>epoch %{{customdata[1]}}, phase %{{customdata[2]}}"
    if changes:
        template += "<br>since before the last structural phase: %{customdata[4]}"
    traces: list[Properties] = []
    for part, opacity, kept in (
        ("later", 0.35, [at for at, (position, _) in enumerate(found) if position >= reached]),
        ("so far", 1.0, [at for at, (position, _) in enumerate(found) if position <= reached]),
    ):
        events = [history.event(found[at][0]) for at in kept]
        traces.append(
            {
                "type": "scatter",
                "x": axis.positions[[found[at][0] for at in kept]],
                "y": [found[at][1] for at in kept],
                "mode": "lines+markers",
                "line": curve.line,
                "marker": marker,
                "opacity": opacity,
                "customdata": cells(
                    [found[at][0], event.epoch, event.phase, *curve.told[at][: 2 if changes else 1]]
                    for at, event in zip(kept, events, strict=True)
                ),
                "hovertemplate": f"{template}<extra></extra>",
                "name": f"{curve.name}, {part}",
            }
        )
    return traces


def cells(rows: Iterable[Sequence[object]]) -> NDArray[np.object_]:
    """Rows [n, columns] as an array of objects: plotly checks nested lists value by value, which takes far longer.

    >>> cells([[3, "0.5 m"]]).shape
    (1, 2)
    """
    found = [tuple(row) for row in rows]
    table = np.empty((len(found), len(found[0]) if found else 0), dtype=object)
    for at, row in enumerate(found):
        table[at] = row
    return table


def told(found: Sequence[Gap], changes: Sequence[float | None], unit: str) -> list[tuple[str, str]]:
    """Values and changes in words, with their unit; "" where there is no change to tell."""
    return [
        (said(value, unit), "" if step is None else f"{'+' if step > 0 else ''}{words.value(step, unit)}")
        for (_, value), step in zip(found, changes, strict=True)
    ]


def said(number: float | None, unit: str) -> str:
    """A value with its unit, or that it is not defined."""
    return words.NOT_DEFINED if number is None else words.value(number, unit)
