"""How alike each pair of tasks is from phase to phase: one small panel a pair, until the pair parts or shares all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import plotly.graph_objects as go

from core.structure import Group
from core.tables import Row
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.similarity import in_focus
from explorer.figures.similarity import pair as pair_of
from explorer.focus import Focus
from explorer.moments import History
from explorer.theme import Properties, TaskLook

ALT = (
    "Small panels, one a pair of tasks: their similarity in every structural phase that compared them, with the "
    "threshold as a dashed line; filled marks where they fused."
)
MOST_PANELS = 15
COLUMNS = 3
_ROW, _AROUND, _GAP = 118, 76, 34
_BESIDE = 0.06  # share of the width between two columns


@dataclass(frozen=True)
class Point:
    """A pair in one measurement; `value` None: not defined."""

    index: int
    phase: int
    stage: int
    value: float | None
    fused: bool


def pairs_drawing(history: History, index: int, focus: Focus) -> Drawing:
    """The panels of all pairs, or of those with the picked task where there are too many; ready to be exported."""
    shown = shown_pairs(history, focus)
    header = history.header

    def rows() -> list[Row]:
        return [
            {
                "task": header.tasks[one].name,
                "other": header.tasks[other].name,
                "phase": point.phase,
                "stage": words.stage_name(header, point.stage),
                "similarity": point.value,
                "fused": "yes" if point.fused else "no",
            }
            for one, other in shown
            for point in pair_points(history, (one, other))
        ]

    n_pairs = len(header.tasks) * (len(header.tasks) - 1) // 2
    some = f" {len(shown)} of {n_pairs} pairs." if len(shown) < n_pairs else ""
    return Drawing(
        key="pairs",
        title="Each pair over time",
        figure=pairs_figure(history, index, focus),
        alt=ALT,
        caption=f"Similarity of each pair of tasks at the stage that each structural-learning phase compares them at, "
        f"{words.run_title(header)}. Line: colour and dash of the first task; mark: colour and symbol of the second, "
        "filled where they fuse; dashed line: threshold. Later than "
        f"{words.place(history.event(index))} is pale.{some}",
        rows=rows,
    )


def pairs_figure(history: History, index: int, focus: Focus) -> go.Figure:
    """One panel a pair, three beside each other, all on the same axes; values after the event at `index` are pale.

    A line wears the colour and dash of the pair's first task, a mark the colour and symbol of the second; the marks are
    filled where the pair fused. Panels of picked pairs are framed and drawn strong.
    """
    looks = theme.looks(history.header)
    shown = shown_pairs(history, focus)
    points = {one: pair_points(history, one) for one in shown}
    values = [point.value for found in points.values() for point in found if point.value is not None]
    decided = [found.decision.min_similarity for found in history.measurements if found.decision]
    least, most = min([*values, *decided[-1:]], default=0.0), max([*values, *decided[-1:]], default=1.0)
    margin = 0.08 * (most - least) or 0.01
    phases = sorted({point.phase for found in points.values() for point in found}) or [0]
    rows = -(-len(shown) // COLUMNS) or 1
    height = (_ROW + _GAP) * rows + _AROUND
    inside = height - _AROUND
    ends: Properties = {"range": [phases[0] - 0.8, phases[-1] + 0.8]}
    if len(phases) <= 12:
        ends |= {"tickvals": phases}
    layout: Properties = {"annotations": [], "showlegend": False}
    each = (1 + _BESIDE) / COLUMNS
    for column in range(COLUMNS):
        layout[f"xaxis{_number(column)}"] = theme.axis(
            "structural phase" if column < len(shown) else "",
            domain=[each * column, each * (column + 1) - _BESIDE],
            anchor=f"y{_number(rows - 1)}",
            showgrid=False,
            **ends,
        )
    for row in range(rows):
        bottom = 1 - (row + 1) * (_ROW + _GAP) / inside
        layout[f"yaxis{_number(row)}"] = theme.axis(
            "similarity",
            domain=[max(0.0, bottom), bottom + _ROW / inside],
            anchor="x",
            range=[least - margin, most + margin],
            nticks=4,
        )
    traces: list[Properties] = []
    shapes: list[Properties] = []
    notes: list[Properties] = []
    for place, pair in enumerate(shown):
        axes = {"xaxis": f"x{_number(place % COLUMNS)}", "yaxis": f"y{_number(place // COLUMNS)}"}
        strong = in_focus(focus, pair)
        traces += _curves(history, points[pair], pair, index, strong, focus, axes)
        shapes.append(_panel(axes, strong))
        if decided:
            shapes.append(_threshold(axes, decided[-1]))
        notes.append(_title(looks, pair, axes, strong))
    layout["annotations"] = notes
    return theme.figure(traces, layout, height, words.run_title(history.header), shapes)


def shown_pairs(history: History, focus: Focus) -> list[Group]:
    """The pairs that have a panel: all, or where those are too many, those of the first picked (else first) task."""
    order = history.order()
    pairs = [pair_of(one, other) for one, other in combinations(order, 2)]
    if len(pairs) <= MOST_PANELS:
        return pairs
    task = focus.tasks[0] if focus.tasks else order[0]
    return [pair for pair in pairs if task in pair][:MOST_PANELS]


def pair_points(history: History, pair: Group) -> list[Point]:
    """Every measurement of a pair, in order."""
    found = []
    for measurement in history.measurements:
        asked, decision = measurement.similarity, measurement.decision
        if set(pair) <= set(asked.tasks):
            one, other = (asked.tasks.index(task) for task in pair)
            fused = decision is not None and any(set(pair) <= set(group) for group in decision.fused)
            found.append(Point(measurement.index, asked.phase, asked.stage, asked.matrix[one][other], fused))
    return found


def _curves(
    history: History,
    points: Sequence[Point],
    pair: Group,
    index: int,
    strong: bool,
    focus: Focus,
    axes: Mapping[str, str],
) -> list[Properties]:
    """A pair's curve in two traces: from the last point so far on, pale, and up to there."""
    first, second = (theme.looks(history.header)[task] for task in pair)
    so_far = [point for point in points if point.index <= index]
    later = [*so_far[-1:], *(point for point in points if point.index > index)]
    curves: list[Properties] = []
    for name, opacity, kept in (("later", 0.35, later), ("so far", 1.0, so_far)):
        picked = [strong and focus.stage in (None, point.stage) for point in kept]
        curves.append(
            {
                "type": "scatter",
                **axes,
                "x": [point.phase for point in kept],
                "y": [point.value for point in kept],
                "mode": "lines+markers",
                "opacity": opacity,
                "line": {"color": first.colour, "dash": first.dash, "width": 3.5 if strong else 1.8},
                "marker": {
                    "symbol": [second.symbol if point.fused else f"{second.symbol}-open" for point in kept],
                    "size": [12 if found else 8 for found in picked],
                    "color": second.colour,
                    "line": {"width": 1.6, "color": second.colour},
                },
                "customdata": [
                    [
                        Focus(point.stage, pair).mark(),
                        f"{first.label} – {second.label}<br>{words.stage_name(history.header, point.stage)}, phase "
                        f"{point.phase}{' · fused' if point.fused else ''}",
                    ]
                    for point in kept
                ],
                "hovertemplate": "%{customdata[1]}<br>similarity %{y:.4f}<extra></extra>",
                "name": f"{first.label} – {second.label}, {name}",
            }
        )
    return curves


def _panel(axes: Mapping[str, str], strong: bool) -> Properties:
    return {
        "type": "rect",
        "xref": f"{axes['xaxis']} domain",
        "yref": f"{axes['yaxis']} domain",
        "x0": 0,
        "x1": 1,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"color": theme.ACCENT if strong else theme.FAINT, "width": 2.5 if strong else 1},
        "name": "picked" if strong else "panel",
    }


def _threshold(axes: Mapping[str, str], threshold: float) -> Properties:
    return {
        "type": "line",
        "xref": f"{axes['xaxis']} domain",
        "yref": axes["yaxis"],
        "x0": 0,
        "x1": 1,
        "y0": threshold,
        "y1": threshold,
        "line": {"color": theme.NEUTRAL, "width": 1.4, "dash": "dash"},
        "name": "threshold",
    }


def _title(looks: Sequence[TaskLook], pair: Group, axes: Mapping[str, str], strong: bool) -> Properties:
    """Letters of both tasks in their colours, above the panel."""
    said = " – ".join(f'<span style="color:{looks[task].colour}"><b>{looks[task].letter}</b></span>' for task in pair)
    return {
        "text": f"{said} picked" if strong else said,
        "xref": f"{axes['xaxis']} domain",
        "yref": f"{axes['yaxis']} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
    }


def _number(place: int) -> str:
    """What plotly appends to the name of an axis."""
    return "" if place == 0 else str(place + 1)
