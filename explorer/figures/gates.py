"""The gates of a network of sub-networks at a moment: who reads which sub-network, and how widely the gate is open."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.config import METHOD_SETTINGS
from core.events import GatesUpdated
from core.runs import RunHeader
from core.tables import Row
from explorer import theme, words
from explorer.figures.curves.panels import cells
from explorer.figures.drawing import Drawing
from explorer.focus import Focus
from explorer.moments import History
from explorer.theme import Properties

ALT = (
    "Heat maps of gates, one for each stage from left to right: columns are its sub-networks, rows are who reads them, "
    "the tasks' heads above and the sub-networks of the next stage below."
)
_READING = (
    "A column is a sub-network of the stage below it; a row is who reads it: above the head of a task, below a "
    "sub-network of the next stage."
)
_OF_ROUTING = "A cross is a gate that is closed: pruned when the network serves."
_OF_EXPERTS = "The gates of a row sum to 1; they differ from example to example, and these are means over an epoch."
_ROW_PIXELS, _AROUND, _GAP = 24, 104, 1.0
_FEW = 5  # names of stages that fit side by side on a phone
_NOTHING = Focus()
Readers = tuple[int, str]
"""A stage, and who reads it: "stage" or "heads"."""


class _Spot(NamedTuple):
    """One gate in the figure; NaN where there is none."""

    x: float
    y: float
    gate: float
    mark: str
    said: str


def gates_at(history: History, index: int) -> dict[Readers, GatesUpdated]:
    """The latest gates of every stage and its readers up to the event at `index`, by stage."""
    past = bisect_right(history.gates, index, key=lambda found: found[0])
    found: dict[Readers, GatesUpdated] = {}
    for at in range(past - 1, -1, -1):
        event = history.gates[at][1]
        if (event.stage, event.readers) in found:
            break  # all are written one after the other, so here begins the update before
        found[event.stage, event.readers] = event
    return dict(sorted(found.items()))


def reading(header: RunHeader) -> str:
    """How to read the gates of a run."""
    return f"{_READING} {_OF_EXPERTS if _experts(header) else _OF_ROUTING}"


def _experts(header: RunHeader) -> bool:
    """Whether gates are shares of a whole, as those of mixtures of experts."""
    return METHOD_SETTINGS.get(header.method) == "mmoe"


def gate_rows(history: History, index: int) -> list[Row]:
    """Every gate at a moment; sub-networks are counted from 1."""
    header = history.header
    return [
        {
            "stage": words.stage_name(header, stage),
            "sub-network": lower + 1,
            "read by": _reader(history, stage, readers, reader),
            "gate": gate,
        }
        for (stage, readers), event in gates_at(history, index).items()
        for reader, row in enumerate(event.gates)
        for lower, gate in enumerate(row)
    ]


def gates_drawing(history: History, index: int, focus: Focus = _NOTHING) -> Drawing:
    """All gates up to the event at `index`, ready to be shown and exported."""
    what = (
        "Softmax gates, mean over the training examples of an epoch"
        if _experts(history.header)
        else "Gates without noise, as the trained network uses them"
    )
    return Drawing(
        key="gates",
        title="Gates",
        figure=gates_figure(history, index, focus),
        alt=ALT,
        caption=f"{what}, of {words.run_title(history.header)} at {words.place(history.event(index))}. "
        f"{reading(history.header)}",
        rows=lambda: gate_rows(history, index),
    )


def gates_figure(history: History, index: int, focus: Focus = _NOTHING) -> go.Figure:
    """A heat map a stage: columns are its sub-networks, rows who reads them, heads above sub-networks."""
    header, order = history.header, history.order()
    found = gates_at(history, index)
    between = max((len(event.gates) for (_, readers), event in found.items() if readers == "stage"), default=0)
    places = _places(found)
    most, scale = 1.0, "gate: 0 closed, 1 open"
    if _experts(header):  # as shares of a whole they may all be small: the largest of the run gets the strongest colour
        scale = "gate: share of 1"
        most = max(gate or 0.0 for _, event in history.gates for row in event.gates for gate in row) or 1.0
    traces: list[Properties] = []
    base = between + (_GAP if between else 0)
    tasks = {task: base + len(order) - 1 - at for at, task in enumerate(order)}  # their rows
    spots: list[_Spot] = []
    for (stage, readers), event in found.items():
        rows = [(float(between - 1 - row), row) for row in range(len(event.gates))]
        if readers == "heads":
            rows = [(y, task) for task, y in tasks.items()]
        values = np.array([[np.nan if gate is None else gate for gate in event.gates[row]] for _, row in rows])
        traces.append(_heat(values, places[stage], [y for y, _ in rows], most, "" if traces else scale))
        for line, (y, row) in zip(values, rows, strict=True):
            mark = Focus(stage, (row,) if readers == "heads" else ()).mark()
            for lower, gate in enumerate(line):
                said = f"{words.stage_name(header, stage)}, sub-network {lower + 1} → "
                said += f"{_reader(history, stage, readers, row)}: {'no gate' if np.isnan(gate) else f'{gate:.3f}'}"
                spots.append(_Spot(places[stage] + lower, y, float(gate), mark, said))
    traces.append(_crosses([spot for spot in spots if spot.gate == 0]))
    traces.append(_unseen(spots))
    looks = theme.looks(header)
    widths = {stage: _width(found, stage) for stage in places}
    layout: Properties = {
        # names of many stages stand aslant where the page is narrow
        "margin": {"l": 8, "r": 8, "t": 12, "b": 58 if len(places) <= _FEW else 92},
        "xaxis": theme.axis(
            "stage that is read, with its sub-networks side by side",
            tickvals=[x + (widths[stage] - 1) / 2 for stage, x in places.items()],
            ticktext=[words.stage_name(header, stage) for stage in places],
            range=[-0.8, max((x + widths[stage] for stage, x in places.items()), default=1) - 0.2],
            showgrid=False,
        ),
        "yaxis": theme.axis(
            "who reads it",
            tickvals=[*range(between), *tasks.values()],
            ticktext=[
                *(f"sub-network {row + 1}" for row in reversed(range(between))),
                *(f"<b>{looks[task].letter}</b> {looks[task].label}" for task in tasks),
            ],
            range=[-0.8, base + len(order) - 0.2],
            showgrid=False,
        ),
    }
    tall = round(_ROW_PIXELS * (base + len(order))) + _AROUND
    caption = f"{words.run_title(header)} · {words.place(history.event(index))}"
    return theme.figure(traces, layout, tall, caption, _picked(focus, places, widths, tasks))


def _places(found: Mapping[Readers, GatesUpdated]) -> dict[int, float]:
    """Where the first column of every stage with gates lies."""
    places: dict[int, float] = {}
    x = 0.0
    for stage in dict.fromkeys(stage for stage, _ in found):
        places[stage] = x
        x += _width(found, stage) + _GAP
    return places


def _width(found: Mapping[Readers, GatesUpdated], stage: int) -> int:
    return max(len(row) for (of, _), event in found.items() if of == stage for row in event.gates)


def _reader(history: History, stage: int, readers: str, row: int) -> str:
    header = history.header
    if readers == "heads":
        return f"head of {header.tasks[row].label}"
    return f"{words.stage_name(header, stage + 1)}, sub-network {row + 1}"


def _heat(values: NDArray[np.float64], left: float, ys: Sequence[float], most: float, said: str) -> Properties:
    return {
        "type": "heatmap",
        "x": [left + lower for lower in range(values.shape[1])],
        "y": list(ys),
        "z": values,
        "zmin": 0,
        "zmax": most,
        "colorscale": theme.SIMILARITY_SCALE,
        "xgap": 1,
        "ygap": 1,
        "hoverinfo": "skip",
        "showscale": bool(said),
        "colorbar": {
            "title": {"text": said, "side": "right", "font": {"size": theme.SMALL_TEXT}},
            "tickfont": {"size": theme.SMALL_TEXT},
            "thickness": 10,
            "outlinewidth": 0,
        },
        "name": "gates",
    }


def _crosses(spots: Sequence[_Spot]) -> Properties:
    return {
        "type": "scatter",
        "x": [spot.x for spot in spots],
        "y": [spot.y for spot in spots],
        "mode": "markers",
        "marker": {"symbol": "x-thin", "size": 8, "line": {"width": 1.6, "color": theme.FOUND}},
        "hoverinfo": "skip",
        "name": "closed",
        "showlegend": False,
    }


def _unseen(spots: Sequence[_Spot]) -> Properties:
    """What the pointer finds, and a click picks: the task of a head's gate, else the stage."""
    return {
        "type": "scatter",
        "x": [spot.x for spot in spots],
        "y": [spot.y for spot in spots],
        "mode": "markers",
        "marker": {"symbol": "square", "size": 18, "color": theme.NEUTRAL, "opacity": 0},
        "customdata": cells([(spot.mark, spot.said) for spot in spots]),
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "connections",
        "showlegend": False,
    }


def _picked(
    focus: Focus, places: Mapping[int, float], widths: Mapping[int, int], rows: Mapping[int, float]
) -> list[Properties]:
    """A frame around what is picked: the stage's columns, or the task's row."""
    line = {"line": {"color": theme.ACCENT, "width": 2.5}, "name": "picked", "type": "rect"}
    shapes: list[Properties] = []
    if focus.stage is not None and focus.stage in places:
        left = places[focus.stage] - 0.55
        ends = {"x0": left, "x1": left + widths[focus.stage] + 0.1, "yref": "paper", "y0": 0, "y1": 1}
        shapes.append({**line, **ends})
    for task in focus.tasks:
        ends = {"xref": "paper", "x0": 0, "x1": 1, "y0": rows[task] - 0.52, "y1": rows[task] + 0.52}
        shapes.append({**line, **ends})
    return shapes
